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
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.plan import examples_of, prepare_data, with_documents
from prefprop_cli.experiment.predictor import Predictor
from prefprop_cli.experiment.record import check_data
from prefprop_cli.experiment.stored_logits import SavedLogits, save_logits
from prefprop_cli.notes import progress
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.distributed import world
from prefprop_cli.tasks.batch import Batch, Examples
from prefprop_cli.training.inference import predict_logits
from prefprop_cli.words import listed, plural


def compute_split(
    run: RunFolder, predictor: Predictor, split: str, *, batch_size: int | None, label: str
) -> None:
    """Compute the logits of a split of the run's own data and store them in the run.

    Raises:
        DataError: there is no such split, or the data are not those of the training.
    """
    prepared = prepare_data(predictor.plan, cache=default_cache())
    order = positions(prepared.labels, known=predictor.labels)
    world().on_each(lambda: _check_data(run, predictor, prepared, order))
    examples = examples_of(predictor.plan, prepared, split)
    logits = _logits(predictor, examples, batch_size, label=label)
    found = with_documents(logits, prepared, split)
    if order:
        found = replace(found, labels=np.asarray(order)[found.labels])
    world().on_main(lambda: save_logits(run.evaluation, split, found))


def logits_of_documents(
    predictor: Predictor, documents: Sequence[Document], *, batch_size: int | None
) -> SavedLogits:
    """Compute the logits of labelled documents.

    Raises:
        DataError: a label is one that the run does not know.
    """
    labels = _label_indices(documents, predictor)
    logits = _logits(predictor, _OwnExamples(documents, predictor), batch_size, label="document")
    return SavedLogits(tuple(d.id for d in documents), logits, np.asarray(labels))


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


@dataclass(frozen=True)
class _OwnExamples:
    """Documents that are tokenised as they are needed."""

    documents: Sequence[Document]
    predictor: Predictor

    def __len__(self) -> int:
        return len(self.documents)

    def load(self, indices: Sequence[int]) -> Batch:
        return self.predictor.batch([self.documents[index] for index in indices])[1]


def _logits(
    predictor: Predictor, examples: Examples | _OwnExamples, batch_size: int | None, *, label: str
) -> NDArray[np.float32]:
    with progress(total=len(examples), label=label) as on_progress:
        logits = predict_logits(
            predictor.model,
            examples,
            batch_size=batch_size or predictor.plan.config.eval.batch_size,
            device=predictor.device,
            on_progress=lambda done, total: on_progress(done),
        )
    assert logits is not None  # nobody asks it to stop
    return logits


def _label_indices(documents: Sequence[Document], predictor: Predictor) -> list[int]:
    found, unknown = list[int](), list[Document]()
    for document in documents:
        if document.label is None:
            raise DataError(f"{document.id}: the answer is not given")
        if index := positions([document.label], known=predictor.names_of(document)):
            found += index
        else:
            unknown.append(document)
    if unknown:
        labels = dict.fromkeys(f'"{d.label}"' for d in unknown)
        count = f"{len(unknown)} of {plural(len(documents), 'document')}, " if unknown[1:] else ""
        raise DataError(
            f"{count}{listed([d.id for d in unknown])}: label {listed(list(labels))} was not seen "
            f"in training; it knew {', '.join(predictor.names_of(unknown[0]))}"
        )
    return found
