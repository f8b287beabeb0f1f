"""What is measured, and what came out, as records that travel between processes as JSON."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from prefprop_cli.bench.measure import Timing
from prefprop_cli.config.schema import Config, MethodTable

Library = Literal["prefprop", "transformers"]
Step = Literal["forward", "prefix", "full"]
DType = Literal["float32", "bfloat16"]


class Record(BaseModel):
    """Shared by all records: no unknown fields, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Subject(Record):
    """One thing to time."""

    library: Library
    method: MethodTable
    step: Step
    """`forward` in evaluation mode; `prefix`: forward and backward that reach the prefix, the
    backbone frozen; `full`: the same that reach every weight. No optimizer step in either."""
    dtype: DType = "float32"
    """bfloat16 is autocast; weights and gradients stay float32."""
    batches: tuple[tuple[int, ...], ...]
    """Text tokens of each document, `[CLS]` included and placeholders not, batch by batch."""
    pad_to: int | None = None
    """Text tokens every document is padded to, for `transformers`; None: the longest of a batch."""

    @property
    def n_documents(self) -> int:
        return sum(map(len, self.batches))

    @property
    def n_text_tokens(self) -> int:
        return sum(map(sum, self.batches))


class Job(Record):
    """The work of one process."""

    config: Config
    """Backbone and dropout; the method is each subject's own."""
    shape: str | None
    """A key of `SHAPES`: that encoder with random weights, in place of the backbone."""
    n_positions: int | None = None
    """Positions of the shape, where its own are too few."""
    subjects: tuple[Subject, ...]
    device: str
    measures: Literal["time", "memory"]
    """`memory`: the peak of the first subject, which does its work once."""
    warmup: int = 0
    repeat: int = 1


class Message(Record):
    """A line the process writes; the last one has a result or an error."""

    done: int | None = None
    """Repetitions of all subjects together, so far."""
    timings: tuple[Timing, ...] | None = None
    peak_bytes: int | None = None
    error: str | None = None
    exit_code: int = 1
    """Of the error."""
