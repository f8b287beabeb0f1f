"""The logits that `build/evaluate.py` does not find stored: of a run's model on documents."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.cache import default_cache
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.labels import places
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.data.seen import read_keys, seen
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.evaluate import Evaluator, OwnDocuments
from prefprop_cli.experiment.plan import examples_of, prepare_data, with_documents
from prefprop_cli.experiment.predictor import Run, load_run
from prefprop_cli.experiment.record import check_data
from prefprop_cli.experiment.stored_logits import SavedLogits, save_logits
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.distributed import world
from prefprop_cli.tasks.batch import Batch, Examples, collate
from prefprop_cli.training.inference import predict_logits
from prefprop_cli.words import listed, plural


def compute_split(asked: Evaluator, split: str) -> None:
    """Compute the logits of a split of the run's own data and store them in the run.

    Raises:
        UsageError: there is no such device.
        DataError: there is no such split, or the data are not those of the training.
        CorruptFileError: a file of the run is damaged.
    """
    loaded = _load(asked)
    prepared = prepare_data(loaded.plan, cache=default_cache())
    order = places(prepared.labels, known=loaded.labels)
    world().on_each(lambda: _check_data(asked.run, loaded, prepared, order))
    logits = _predict(asked, loaded, examples_of(loaded.plan, prepared, split))
    found = with_documents(logits, prepared, split)
    if order:
        found = replace(found, labels=np.asarray(order)[found.labels])
    world().on_main(lambda: save_logits(asked.run.evaluation, split, found))


def logits_of_documents(asked: Evaluator, own: OwnDocuments) -> SavedLogits:
    """Compute the logits of labelled documents; see `Evaluator.of_documents`."""
    loaded = _load(asked)
    documents = _read(own, loaded)
    _check_new(asked, documents)
    labels = _label_indices(documents, loaded)
    logits = _predict(asked, loaded, _Documents(documents, loaded))
    return SavedLogits(tuple(d.id for d in documents), logits, np.asarray(labels))


def _load(asked: Evaluator) -> Run:
    return load_run(asked.run.path, device=asked.device, backbone=asked.backbone)


def _check_data(run: RunFolder, loaded: Run, prepared: Prepared, order: list[int] | None) -> None:
    record = {"labels": list(loaded.labels), **run.manifest}
    if order is not None and len(order) == len(loaded.labels):
        # The run may be older than the order in which labels are read now.
        record["labels"] = list(prepared.labels)
    advice = (
        "Give the original, or evaluate on others as new documents: "
        f"prefprop eval {shlex.quote(str(run.path))} --data FILE"
    )
    check_data(record, prepared, of=run.path, advice=advice)


def _check_new(asked: Evaluator, documents: Sequence[Document]) -> None:
    if known := seen(documents, read_keys(asked.run.texts)):
        asked.warn(
            f"leak: {len(known)} of {plural(len(documents), 'document')} have a text that the "
            f"run was trained on or chosen by ({listed(known)}); figures on them are not "
            "those of new documents"
        )


def _predict(
    asked: Evaluator, loaded: Run, examples: "Examples | _Documents"
) -> NDArray[np.float32]:
    logits = predict_logits(
        loaded.model,
        examples,
        batch_size=asked.batch_size or loaded.plan.config.eval.batch_size,
        device=loaded.device,
        on_progress=asked.progress,
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
        unlabelled = [replace(self.documents[index], label=None) for index in indices]
        form = self.loaded.form
        return collate(form, form.encode(unlabelled))


def _read(own: OwnDocuments, loaded: Run) -> list[Document]:
    named = {"text_column": own.text_column, "label_column": own.label_column}
    columns = {key: column for key, column in named.items() if column is not None}
    return loaded.task.read_labelled(own.path, loaded.plan.config.data, columns)


def _label_indices(documents: Sequence[Document], loaded: Run) -> list[int]:
    found = [_label_index(document, loaded.names_of(document)) for document in documents]
    unknown = [d for d, index in zip(documents, found, strict=True) if index is None]
    if unknown:
        labels = dict.fromkeys(f'"{d.label}"' for d in unknown)
        count = f"{len(unknown)} of {plural(len(documents), 'document')}, " if unknown[1:] else ""
        raise DataError(
            f"{count}{listed([d.id for d in unknown])}: label {listed(list(labels))} was not seen "
            f"in training; it knew {', '.join(loaded.names_of(unknown[0]))}"
        )
    return [index for index in found if index is not None]


def _label_index(document: Document, names: Sequence[str]) -> int | None:
    if document.label is None:
        raise DataError(f"{document.id}: the answer is not given")
    place = places([document.label], known=names)
    return place[0] if place else None
