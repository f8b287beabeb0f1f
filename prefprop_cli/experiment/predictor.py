"""A finished run as something that predicts: text in, labels and probabilities out.

Axes: N documents, C classes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from prefprop_cli.calibration.calibrators import Calibrator, Identity
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.core.modes import plain_modes, tensors_on_cpu
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.form import Form, Record
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.adapter import Adapter, load_adapter
from prefprop_cli.experiment.model import Classifier
from prefprop_cli.experiment.plan import Plan
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.distributed import world
from prefprop_cli.tasks.base import Task
from prefprop_cli.tasks.batch import Batch, collate
from prefprop_cli.training.inference import batch_logits, batch_size_on


@dataclass(frozen=True)
class Prediction:
    """What the model says of one document."""

    label: str
    prob: float
    """Of `label`."""
    probs: dict[str, float]
    """Of every label."""
    n_tokens: int
    """Tokens of the document before it was cut."""
    truncated: bool


class Predictor:
    """A trained model with its tokenizer, labels and calibrator; see `load_run`."""

    def __init__(self, adapter: Adapter, plan: Plan, model: Classifier, *, device: str) -> None:
        self.adapter, self.plan, self.model, self.device = adapter, plan, model.to(device), device

    @property
    def task(self) -> Task:
        return self.adapter.task

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the logits; none where the task has none."""
        return self.adapter.labels

    @property
    def calibrator(self) -> Calibrator:
        """What `calibrate` stored; changes nothing if it has not been run."""
        return self.adapter.calibrator

    def names_of(self, document: Document) -> tuple[str, ...]:
        """Return what the logits of a document are of: the classes, or its own candidates."""
        return self.task.names_of(document, self.labels)

    def batch(self, documents: Sequence[Document]) -> tuple[list[Record], Batch]:
        """Tokenise documents, and put them together for the model; their labels are not read."""
        records = self.form.encode([replace(document, label=None) for document in documents])
        return records, collate(self.form, records)

    def predict(
        self, documents: Iterable[str | Document], *, calibrated: bool = True
    ) -> list[Prediction]:
        """Classify whole texts, or choose among the candidates of `Question`s, in order.

        What `data.beyond` leaves out of a long text is not read. `calibrated` applies what
        `calibrate` stored, if anything: the probabilities after it decide on the label, which only
        a temperature is sure to keep.

        Raises:
            TypeError: `documents` is one text, or one of them is no text.
            DataError: a text cannot be tokenised, or is none where a question is needed.
        """
        return list(self.stream(documents, calibrated=calibrated))

    def stream(
        self, documents: Iterable[str | Document], *, batch_size: int = 8, calibrated: bool = True
    ) -> Iterator[Prediction]:
        """The same, one by one; a batch at a time on a GPU, a document at a time on a CPU."""
        _check_several(documents)
        return self._stream(documents, batch_size, self.calibrator if calibrated else Identity())

    def _stream(
        self, documents: Iterable[str | Document], batch_size: int, calibrator: Calibrator
    ) -> Iterator[Prediction]:
        rest = iter(documents)
        while chunk := list(islice(rest, batch_size_on(self.device, batch_size))):
            named = [_document(each) for each in chunk]
            with tensors_on_cpu():
                records, batch = self.batch(named)
                raw = batch_logits(self.model, batch, device=self.device)
            rows = zip(calibrator.logits(raw), named, records, strict=True)
            yield from (self._prediction(*row) for row in rows)

    @cached_property
    def form(self) -> Form:
        return self.plan.form(self.labels)

    def _prediction(
        self, logits: NDArray[np.float64], document: Document, record: Record
    ) -> Prediction:
        # Not of the probabilities: a high temperature can make two of them equal.
        best, names = int(logits.argmax()), self.names_of(document)
        probs = softmax(logits)
        return Prediction(
            label=names[best],
            prob=float(probs[best]),
            # A question with fewer candidates than its neighbours has probabilities to spare.
            probs={name: float(prob) for name, prob in zip(names, probs, strict=False)},
            n_tokens=record["n_tokens"],
            truncated=record["n_cut"] > 0,
        )


@plain_modes()
def load_run(
    run_dir: str | Path, *, device: str = "auto", backbone: str | None = None
) -> Predictor:
    """Load a finished run, or a copy of its `adapter` folder, for prediction.

    `device` is `auto`, or as PyTorch names it; `backbone` says where the backbone is now, if not
    where it was in training.

    Raises:
        UsageError: it is neither, the run was not trained to its end, or there is no such device.
        CorruptFileError: a file is missing or damaged.
        DataError: the backbone is missing, or not the one it was trained on.
    """
    folder = Path(run_dir)
    if not (folder / "adapter.json").exists():
        folder = RunFolder.open(folder).trained_adapter
    device = resolve_device(device)
    adapter, plan, model = load_adapter(folder, backbone=backbone)
    return Predictor(adapter, plan, model, device=device)


def resolve_device(name: str) -> str:
    """Return the best device there is for `auto`, else the one named; of several GPUs this rank's.

    Raises:
        UsageError: there is no such device here, or none for this rank.
    """
    if name == "auto":
        return world().own_device("cuda" if torch.cuda.is_available() else "cpu")
    found = re.fullmatch(r"cpu|mps|cuda(?::(\d+))?", name)
    if not found or (name == "mps" and not torch.backends.mps.is_available()):
        raise UsageError(f"--device {name}: no such device here. Use auto, cpu, cuda or cuda:N")
    if name.startswith("cuda") and int(found[1] or 0) >= torch.cuda.device_count():
        n = torch.cuda.device_count()
        raise UsageError(f"--device {name}: PyTorch sees {n} CUDA devices. See `prefprop doctor`")
    return world().own_device(name)


def _check_several(documents: object) -> None:
    # The items of a table or of a mapping are the names of its columns or keys.
    is_table = isinstance(documents, Mapping) or hasattr(documents, "columns")
    if is_table or isinstance(documents, str | bytes) or not isinstance(documents, Iterable):
        raise TypeError(
            f"predict takes several documents, such as a list of texts, and got one "
            f"{type(documents).__name__}. For one text: predict([text])[0]"
        )


def _document(given: object) -> Document:
    if isinstance(given, Document):
        return given
    if isinstance(given, str):
        return Document("-", given, label=None)
    raise TypeError(
        f"a document is a text or, for a run on wikihop, a Question; got {type(given).__name__}"
    )
