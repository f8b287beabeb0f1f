"""The logits that `experiment/evaluate.py` does not find stored: of a run's model on documents."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.cache import default_cache
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.labels import positions
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.data.seen import read_keys, seen
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.evaluate import Machine, OwnDocuments
from prefprop_cli.experiment.plan import examples_of, prepare_data, with_documents
from prefprop_cli.experiment.predictor import Predictor, load_run
from prefprop_cli.experiment.record import check_data
from prefprop_cli.experiment.stored_logits import SavedLogits, save_logits
from prefprop_cli.notes import Note, progress
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.distributed import world
from prefprop_cli.tasks.batch import Batch, Examples
from prefprop_cli.training.inference import predict_logits
from prefprop_cli.words import listed, plural


def compute_split(run: RunFolder, split: str, machine: Machine, *, label: str) -> None:
    """Compute the logits of a split of the run's own data and store them in the run.

    Raises:
        UsageError: there is no such device.
        DataError: there is no such split, or the data are not those of the training.
        CorruptFileError: a file of the run is damaged.
    """
    predictor = load_run(run.path, device=machine.device, backbone=machine.backbone)
    prepared = prepare_data(predictor.plan, cache=default_cache())
    order = positions(prepared.labels, known=predictor.labels)
    world().on_each(lambda: _check_data(run, predictor, prepared, order))
    examples = examples_of(predictor.plan, prepared, split)
    found = with_documents(_predict(predictor, examples, machine, label=label), prepared, split)
    if order:
        found = replace(found, labels=np.asarray(order)[found.labels])
    world().on_main(lambda: save_logits(run.evaluation, split, found))


def logits_of_documents(
    run: RunFolder, own: OwnDocuments, machine: Machine
) -> tuple[SavedLogits, list[Note]]:
    """Compute the logits of labelled documents of one's own, with a warning if they are not new.

    Raises:
        UsageError: columns are named, and the run reads questions.
        DataError: they cannot be read, or have a label the run does not know.
    """
    predictor = load_run(run.path, device=machine.device, backbone=machine.backbone)
    named = {"text_column": own.text_column, "label_column": own.label_column}
    columns = {key: column for key, column in named.items() if column is not None}
    documents = predictor.task.read_labelled(own.path, predictor.plan.config.data, columns)
    warnings = []
    if known := seen(documents, read_keys(run.texts)):
        leak = (
            f"leak: {len(known)} of {plural(len(documents), 'document')} have a text that the "
            f"run was trained on or chosen by ({listed(known)}); figures on them are not "
            "those of new documents"
        )
        warnings.append(Note(leak, "warning"))
    labels = _label_indices(documents, predictor)
    logits = _predict(predictor, _OwnExamples(documents, predictor), machine)
    return SavedLogits(tuple(d.id for d in documents), logits, np.asarray(labels)), warnings


def _check_data(
    run: RunFolder, predictor: Predictor, prepared: Prepared, order: list[int] | None
) -> None:
    record = {"labels": list(predictor.labels), **run.manifest}
    if order is not None and len(order) == len(predictor.labels):
        # The run may be older than the order in which labels are read now.
        record["labels"] = list(prepared.labels)
    advice = (
        "Give the original, or evaluate on others as new documents: "
        f"prefprop eval {shlex.quote(str(run.path))} --data FILE"
    )
    check_data(record, prepared, of=run.path, advice=advice)


def _predict(
    predictor: Predictor,
    examples: "Examples | _OwnExamples",
    machine: Machine,
    *,
    label: str = "document",
) -> NDArray[np.float32]:
    with progress(total=len(examples), label=label) as on_progress:
        logits = predict_logits(
            predictor.model,
            examples,
            batch_size=machine.batch_size or predictor.plan.config.eval.batch_size,
            device=predictor.device,
            on_progress=lambda done, total: on_progress(done),
        )
    assert logits is not None  # nobody asks it to stop
    return logits


@dataclass(frozen=True)
class _OwnExamples:
    """Documents that are tokenised as they are needed."""

    documents: Sequence[Document]
    predictor: Predictor

    def __len__(self) -> int:
        return len(self.documents)

    def load(self, indices: Sequence[int]) -> Batch:
        return self.predictor.batch([self.documents[index] for index in indices])[1]


def _label_indices(documents: Sequence[Document], predictor: Predictor) -> list[int]:
    found = []
    unknown = []
    for document in documents:
        if document.label is None:
            raise DataError(f"{document.id}: the answer is not given")
        place = positions([document.label], known=predictor.names_of(document))
        found += place or []
        unknown += [] if place else [document]
    if unknown:
        labels = dict.fromkeys(f'"{d.label}"' for d in unknown)
        count = f"{len(unknown)} of {plural(len(documents), 'document')}, " if unknown[1:] else ""
        raise DataError(
            f"{count}{listed([d.id for d in unknown])}: label {listed(list(labels))} was not seen "
            f"in training; it knew {', '.join(predictor.names_of(unknown[0]))}"
        )
    return found
