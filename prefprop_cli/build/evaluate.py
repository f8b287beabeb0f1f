"""The logits of a run on a split or on other documents; a split is computed once and stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.build.experiment import examples_of, labels_and_ids
from prefprop_cli.build.plan import prepare_data
from prefprop_cli.build.run import Run, load_run
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.prepare import default_cache
from prefprop_cli.data.sets.files import labelled_documents
from prefprop_cli.errors import DataError
from prefprop_cli.evaluation.predict import predict_logits
from prefprop_cli.evaluation.results import SavedLogits, load_logits, save_logits
from prefprop_cli.runs import RunFolder
from prefprop_cli.tasks.classification import Batch, Examples, collate


@dataclass(frozen=True)
class Evaluator:
    """Gives the logits of one run.

    Args:
        run: its folder.
        device: `auto`, or a device as PyTorch names it.
        batch_size: documents at a time on a GPU; None for what the run says.
        backbone: where the backbone is now, if not where it was in training.
        progress: told how many documents of how many are done.
    """

    run: RunFolder
    device: str = "auto"
    batch_size: int | None = None
    backbone: str | None = None
    progress: Callable[[int, int], None] = lambda done, total: None

    def of_split(self, split: str) -> SavedLogits:
        """Logits of a split of the run's own data, stored in the run.

        Raises:
            DataError: there is no such split, or the data are not those of the training.
        """
        if not (self.run.evaluation / f"{split}.safetensors").exists():
            self._compute(split)
        return load_logits(self.run.evaluation, split)

    def of_documents(self, path: Path) -> SavedLogits:
        """Logits of labelled documents of one's own, not stored.

        Raises:
            DataError: they cannot be read, or have a label the run does not know.
        """
        loaded = self._load()
        documents = labelled_documents(path, loaded.plan.config.data)
        known = {label: number for number, label in enumerate(loaded.labels)}
        labels = [known[_known_label(document, known)] for document in documents]
        examples = _Texts(documents, labels, loaded)
        logits = self._predict(loaded, examples)
        return SavedLogits(tuple(d.id for d in documents), logits, np.asarray(labels))

    def _compute(self, split: str) -> None:
        loaded = self._load()
        prepared = prepare_data(loaded.plan, cache=default_cache())
        if prepared.labels != loaded.labels:
            raise DataError(
                f"the data now have the labels {', '.join(prepared.labels)}, the run was trained "
                f"on {', '.join(loaded.labels)}. Give the original data, or --data FILE"
            )
        logits = self._predict(loaded, examples_of(prepared, split))
        labels, ids = labels_and_ids(prepared, split)
        save_logits(self.run.evaluation, split, ids=ids, logits=logits, labels=labels)

    def _load(self) -> Run:
        return load_run(self.run.path, device=self.device, backbone=self.backbone)

    def _predict(self, loaded: Run, examples: "Examples | _Texts") -> NDArray[np.float32]:
        total = len(examples)
        logits = predict_logits(
            loaded.model,
            examples,
            batch_size=self.batch_size or loaded.plan.config.eval.batch_size,
            device=loaded.device,
            progress=lambda done: self.progress(done, total),
        )
        assert logits is not None  # nobody asks it to stop
        return logits


@dataclass(frozen=True)
class _Texts:
    """Documents that are tokenised as they are needed."""

    documents: Sequence[Document]
    labels: Sequence[int]
    loaded: Run

    def __len__(self) -> int:
        return len(self.documents)

    def load(self, indices: Sequence[int]) -> Batch:
        plan, chosen = self.loaded.plan, [self.documents[index] for index in indices]
        encodings = plan.tokenizer.encode_batch(
            [document.text for document in chosen], max_tokens=plan.max_tokens
        )
        return collate(
            [document.id for document in chosen],
            [encoding.input_ids for encoding in encodings],
            [self.labels[index] for index in indices],
        )


def _known_label(document: Document, known: dict[str, int]) -> str:
    if document.label not in known:
        raise DataError(
            f'{document.id}: label "{document.label}" was not seen in training; '
            f"it knew {', '.join(known)}"
        )
    return document.label
