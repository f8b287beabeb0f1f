"""The tasks: what each puts on the encoder and makes of prepared documents; one line in the table.

Everything else of a run is the same for all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from prefprop_cli.config.schema import Config
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.tasks import classification, wikihop
from prefprop_cli.tasks.batch import Batch, Head, Record, Shuffle
from prefprop_cli.tasks.head import ClassificationHead

Collate = Callable[[Sequence[Record]], Batch]


@dataclass(frozen=True)
class Task:
    """What a run does not share with those of other tasks."""

    head: Callable[[Config, int, int], Head]
    """Configuration, hidden width and number of labels (0 where there are none) to a head."""
    collate: Callable[[TextTokenizer, int], Collate]
    """Tokenizer and longest row, in tokens, to what makes batches."""
    shuffle: Shuffle | None = None
    """Of what has no order inside a document; in training only."""


def _classification_head(config: Config, width: int, n_labels: int) -> Head:
    return ClassificationHead(width, n_labels, dropout=config.model.dropout)


def _wikihop_collate(tokenizer: TextTokenizer, max_tokens: int) -> Collate:
    return partial(
        wikihop.collate,
        max_tokens=max_tokens,
        cls_id=tokenizer.cls_id,
        sep_id=tokenizer.sep_id,
    )


_CLASSIFICATION = Task(
    head=_classification_head,
    collate=lambda tokenizer, max_tokens: classification.collate,
)
TASKS = {
    "wikihop": Task(
        head=lambda config, width, n_labels: wikihop.CandidateHead(width),
        collate=_wikihop_collate,
        shuffle=wikihop.shuffled,
    )
}
"""By data set; the others are classified."""


def has_candidates(config: Config) -> bool:
    """Whether each document of an experiment brings its candidates, and there are no classes."""
    return config.data.set in TASKS


def task_of(config: Config) -> Task:
    """The task of an experiment, which its data set decides."""
    return TASKS.get(config.data.set, _CLASSIFICATION)
