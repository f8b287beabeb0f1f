"""Predict documents from files with a run: the run that fits them, answers, columns of a copy."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BufferedReader
from itertools import islice
from pathlib import Path

from prefprop_cli.config.load import load_config
from prefprop_cli.data.cells import matching
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.inputs import STANDARD_INPUT, Reading
from prefprop_cli.data.kinds import files_below
from prefprop_cli.data.labelled import SeenColumns, free_names
from prefprop_cli.data.table_rows import JSON_SUFFIXES, each_row, is_table
from prefprop_cli.data.texts import TextRecord
from prefprop_cli.errors import CorruptFileError, DataError, PrefpropError, UsageError
from prefprop_cli.experiment.predictor import Prediction, Predictor
from prefprop_cli.notes import heard_by
from prefprop_cli.runs import Choice, RunFolder, choose_run
from prefprop_cli.runs.distributed import world
from prefprop_cli.tables import TASKS
from prefprop_cli.tasks import task_that_recognises
from prefprop_cli.tasks.base import Task

HEAD_BYTES = 2**16
"""So much of a file shows whether it holds questions."""
Answer = Prediction | PrefpropError
"""What the model says of a document, or why it says nothing."""
Answers = Sequence[tuple[TextRecord, Answer]]


def answered(
    predictor: Predictor, records: Sequence[TextRecord], *, calibrated: bool = True
) -> Answers:
    """Predict documents together; each has its prediction, or why there is none."""
    documents = [record.found for record in records if isinstance(record.found, Document)]
    predicted = iter(_predicted(predictor, documents, calibrated=calibrated))
    return [
        (record, next(predicted) if isinstance(record.found, Document) else record.found)
        for record in records
    ]


def _predicted(
    predictor: Predictor, documents: Sequence[Document], *, calibrated: bool
) -> Sequence[Answer]:
    """Predictions of all together; one by one if that fails for some of them."""
    size = max(1, len(documents))
    try:
        return list(predictor.stream(documents, batch_size=size, calibrated=calibrated))
    except DataError as error:
        if len(documents) == 1:
            return [error]
        return [_predicted(predictor, [each], calibrated=calibrated)[0] for each in documents]


def best(answer: Prediction, top_k: int) -> Sequence[tuple[str, float]]:
    """The most probable labels with their probabilities; of two that are equal the answer first."""
    ranked = sorted(answer.probs.items(), key=lambda pair: (-pair[1], pair[0] != answer.label))
    return ranked[:top_k]


@dataclass(frozen=True)
class AnswerColumns:
    """The columns that a labelled copy has behind those of the input."""

    columns: Mapping[str, str]
    """What is added → the name of its column."""
    top_k: int
    """Labels for each document."""

    @classmethod
    def of(cls, predictor: Predictor, seen: SeenColumns, *, top_k: int) -> "AnswerColumns":
        """Name the columns as none of the input is named."""
        top_k = min(top_k, len(predictor.labels)) if predictor.task.has_classes else top_k
        ranked = [name for rank in range(1, top_k + 1) for name in _ranked(rank)]
        wanted = (*ranked, "source_file", "source_row", "error")
        return cls(free_names(wanted, taken=seen.names), top_k)

    @property
    def renamed(self) -> Mapping[str, str]:
        """What could not have the name that it has elsewhere."""
        return {wanted: name for wanted, name in self.columns.items() if name != wanted}

    def types(self, seen: SeenColumns) -> Mapping[str, object]:
        """The Arrow types of all columns that are no text."""
        probs = [_ranked(rank)[1] for rank in range(1, self.top_k + 1)]
        added = {**dict.fromkeys(probs, "float64"), "source_row": "int64"}
        return {**seen.types(), **{self.columns[name]: kind for name, kind in added.items()}}

    def cells(self, record: TextRecord, answer: Answer) -> Mapping[str, object]:
        """The added columns of one document."""
        cells: dict[str, object] = {"source_file": record.file, "source_row": record.row}
        if isinstance(answer, PrefpropError):
            cells["error"] = str(answer)
        else:
            for rank, pair in enumerate(best(answer, self.top_k), start=1):
                cells.update(zip(_ranked(rank), pair, strict=True))
        return {self.columns[wanted]: cell for wanted, cell in cells.items()}


def _ranked(rank: int) -> tuple[str, str]:
    behind = f"_{rank}" if rank > 1 else ""
    return f"predicted_label{behind}", f"predicted_prob{behind}"


def newest_for(sources: Sequence[str], reading: Reading) -> Choice:
    """The newest run that fits the first source; of several processes the first looks.

    It has the task of the source and, if it is a table and no column is named, its column of texts;
    where no run has that, it is the newest of the task, and the text returned says so.

    Raises:
        UsageError: there is none of the task.
    """

    def find() -> Choice:
        source = sources[0]
        task = _task_of(source)
        has_columns = task.has_classes and not reading.text_column
        names = _columns_in(source, reading) if has_columns else ()
        data_of = cache(lambda run: load_config(preset=str(run.config)).config.data)

        def has_task(run: RunFolder) -> bool:
            return TASKS[data_of(run).task] is task

        def fits(run: RunFolder) -> bool:
            return has_task(run) and matching(data_of(run).text_column, names) is not None

        if names:
            with suppress(UsageError):
                return choose_run(None, accept=fits)
        return choose_run(None, accept=has_task, does=f" that {task.does}")

    return world().on_main(find)


def _columns_in(source: str, reading: Reading) -> Sequence[str]:
    """The columns of a table; none of what is no table, or cannot be read."""
    path = Path(source)
    if source == STANDARD_INPUT or not path.is_file() or not is_table(path):
        return ()
    with heard_by(None):
        rows = (row.fields for row in islice(each_row(path, errors=reading.errors), 1))
        try:
            return [name for fields in rows if not isinstance(fields, DataError) for name in fields]
        except (DataError, CorruptFileError):
            return ()


def _task_of(source: str) -> Task:
    """The task for a source; of a folder, for its first JSON file."""
    if source == STANDARD_INPUT:
        stream = sys.stdin.buffer
        head = stream.peek(HEAD_BYTES) if isinstance(stream, BufferedReader) else b""
        return task_that_recognises(head)
    path = Path(source)
    files = files_below(path) if os.path.isdir(path) else (path,)
    first = next((file for file in files if file.suffix.lower() in JSON_SUFFIXES), None)
    if first is None or not os.path.isfile(first):
        return task_that_recognises(b"")
    with first.open("rb") as stream:
        return task_that_recognises(stream.read(HEAD_BYTES))
