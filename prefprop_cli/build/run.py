"""A finished run as something that predicts: text in, labels and probabilities out.

Axes: N documents, C classes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from prefprop_cli.build.adapter import Adapter, load_adapter
from prefprop_cli.build.model import Classifier
from prefprop_cli.build.plan import Plan
from prefprop_cli.evaluation.calibration import softmax
from prefprop_cli.evaluation.predict import batch_logits, batch_size_on
from prefprop_cli.runs import RunFolder
from prefprop_cli.tasks.classification import collate


@dataclass(frozen=True)
class Prediction:
    """What the model says of one document."""

    label: str
    prob: float
    """Probability of `label`."""
    probs: dict[str, float]
    """Probability of every label."""
    n_tokens: int
    """Tokens of the document before it was cut."""
    truncated: bool


class Run:
    """A trained model with its tokenizer, labels and temperature.

    Args:
        adapter: what its folder says.
        plan: what it was trained by.
        model: in evaluation mode, on `device`.
        device: where it computes.
    """

    def __init__(self, adapter: Adapter, plan: Plan, model: Classifier, *, device: str) -> None:
        self.adapter, self.plan, self.model, self.device = adapter, plan, model.to(device), device

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the logits."""
        return self.adapter.labels

    def predict(self, texts: Iterable[str], *, calibrated: bool = True) -> list[Prediction]:
        """Classify documents.

        Args:
            texts: the documents, whole; tokens beyond the model's length are not read.
            calibrated: divide the logits by the temperature `calibrate` stored, if there is one.

        Returns:
            One record per document, in order.

        Raises:
            DataError: a text cannot be tokenised.
        """
        return list(self.stream(texts, calibrated=calibrated))

    def stream(
        self, texts: Iterable[str], *, batch_size: int = 8, calibrated: bool = True
    ) -> Iterator[Prediction]:
        """The same, one by one; a batch at a time on a GPU, a document at a time on a CPU."""
        temperature = self.adapter.temperature if calibrated else None
        for chunk in _chunks(texts, batch_size_on(self.device, batch_size)):
            encodings = self.plan.tokenizer.encode_batch(chunk, max_tokens=self.plan.max_tokens)
            batch = collate(
                [str(number) for number in range(len(chunk))],
                [encoding.input_ids for encoding in encodings],
                [0] * len(chunk),
            )
            logits = batch_logits(self.model, batch, device=self.device)
            for probs, encoding in zip(
                softmax(logits / (temperature or 1.0)), encodings, strict=True
            ):
                yield self._prediction(probs, encoding.n_tokens, encoding.truncated)

    def _prediction(self, probs: NDArray[np.float64], n_tokens: int, truncated: bool) -> Prediction:
        best = int(probs.argmax())
        return Prediction(
            label=self.labels[best],
            prob=float(probs[best]),
            probs={name: float(prob) for name, prob in zip(self.labels, probs, strict=True)},
            n_tokens=n_tokens,
            truncated=truncated,
        )


def load_run(run_dir: str | Path, *, device: str = "auto", backbone: str | None = None) -> Run:
    """Load a finished run, or a copy of its adapter folder, for prediction.

    Args:
        run_dir: a run folder, or the `adapter` folder of one.
        device: `auto`, or a device as PyTorch names it.
        backbone: where the backbone is now, if not where it was in training.

    Raises:
        UsageError: it is neither.
        CorruptFileError: a file is missing or damaged.
        DataError: the backbone is missing, or not the one it was trained on.
    """
    folder = Path(run_dir)
    if not (folder / "adapter.json").exists():
        folder = RunFolder.open(folder).adapter
    adapter, plan, model = load_adapter(folder, backbone=backbone)
    return Run(adapter, plan, model, device=resolve_device(device))


def resolve_device(name: str) -> str:
    """`auto` as the best device there is; any other name as it is."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def _chunks(texts: Iterable[str], size: int) -> Iterator[Sequence[str]]:
    iterator = iter(texts)
    while chunk := list(islice(iterator, size)):
        yield chunk
