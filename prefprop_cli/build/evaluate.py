"""The logits of a run on a split or on other documents; a split is computed once and stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.build.experiment import examples_of, with_documents
from prefprop_cli.build.plan import prepare_data
from prefprop_cli.build.run import Run, load_run
from prefprop_cli.cache import default_cache
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.questions import read_questions
from prefprop_cli.data.sets.files import labelled_documents
from prefprop_cli.errors import DataError
from prefprop_cli.evaluation.predict import predict_logits
from prefprop_cli.evaluation.results import SavedLogits, load_logits, logits_path, save_logits
from prefprop_cli.parallel import world
from prefprop_cli.runs import RunFolder
from prefprop_cli.tasks.batch import Batch, Examples


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
        stored = logits_path(self.run.evaluation, split)
        if not world().on_main(stored.exists):
            self._compute(split)
        return load_logits(self.run.evaluation, split)

    def of_documents(self, path: Path) -> SavedLogits:
        """Logits of labelled documents of one's own, not stored.

        Raises:
            DataError: they cannot be read, or have a label the run does not know.
        """
        loaded = self._load()
        documents = _read(path, loaded)
        labels = [_label_index(document, loaded) for document in documents]
        logits = self._predict(loaded, _Documents(documents, loaded))
        return SavedLogits(tuple(d.id for d in documents), logits, np.asarray(labels))

    def _compute(self, split: str) -> None:
        loaded = self._load()
        prepared = prepare_data(loaded.plan, cache=default_cache())
        if prepared.labels != loaded.labels:
            raise DataError(
                f"the data now have the labels {', '.join(prepared.labels)}, the run was trained "
                f"on {', '.join(loaded.labels)}. Give the original data, or --data FILE"
            )
        logits = self._predict(loaded, examples_of(loaded.plan, prepared, split))
        found = with_documents(logits, prepared, split)
        world().on_main(lambda: save_logits(self.run.evaluation, split, found))

    def _load(self) -> Run:
        return load_run(self.run.path, device=self.device, backbone=self.backbone)

    def _predict(self, loaded: Run, examples: "Examples | _Documents") -> NDArray[np.float32]:
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
class _Documents:
    """Documents that are tokenised as they are needed."""

    documents: Sequence[Document]
    loaded: Run

    def __len__(self) -> int:
        return len(self.documents)

    def load(self, indices: Sequence[int]) -> Batch:
        return self.loaded.collate(
            self.loaded.form.encode([self.documents[index] for index in indices])
        )


def _read(path: Path, loaded: Run) -> list[Document]:
    table = loaded.plan.config.data
    if loaded.labels:
        return labelled_documents(path, table)
    return list(read_questions(path, errors=table.errors))


def _label_index(document: Document, loaded: Run) -> int:
    names = loaded.names_of(document)
    if document.label is None:
        raise DataError(f"{document.id}: the answer is not given")
    if document.label not in names:
        raise DataError(
            f'{document.id}: label "{document.label}" was not seen in training; '
            f"it knew {', '.join(names)}"
        )
    return names.index(document.label)
