"""What the model said of documents: counted, and as the columns of a labelled copy."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from prefprop_cli.cli.text import duration
from prefprop_cli.data.seen_columns import SeenColumns, free_names
from prefprop_cli.data.texts import TextRecord
from prefprop_cli.errors import PrefpropError
from prefprop_cli.experiment.predictor import Prediction, Predictor
from prefprop_cli.tasks.base import Task
from prefprop_cli.words import listed, plural

SHOWN_CLASSES = 5
Answer = Prediction | PrefpropError
"""What the model says of a document, or why it says nothing."""
Answers = Sequence[tuple[TextRecord, Answer]]


def best(answer: Prediction, top_k: int) -> Sequence[tuple[str, float]]:
    """The most probable labels with their probabilities; of two that are equal the answer first."""
    ranked = sorted(answer.probs.items(), key=lambda pair: (-pair[1], pair[0] != answer.label))
    return ranked[:top_k]


class Tally:
    """How many documents there were, and what became of them."""

    def __init__(self, task: Task) -> None:
        self._has_classes = task.has_classes
        self.n_documents, self.n_failed = 0, 0
        self._labels: Counter[str] = Counter()
        self._started_s = time.monotonic()

    def add(self, answers: Answers) -> None:
        """Count some more."""
        for _, answer in answers:
            self.n_documents += 1
            if isinstance(answer, PrefpropError):
                self.n_failed += 1
            elif self._has_classes:
                self._labels[answer.label] += 1

    @property
    def n_predicted(self) -> int:
        """Documents that have a label now."""
        return self.n_documents - self.n_failed

    def told(self) -> str:
        """`predicted 118 of 120 documents in 14 s: cars 60, space 58; 2 could not be read`."""
        of = f"{self.n_predicted:,} of " if self.n_failed else ""
        seconds = time.monotonic() - self._started_s
        took = f"{seconds:.0f} s" if seconds < 99.5 else duration(seconds)
        counts = [_counted(name, count) for name, count in self._labels.most_common()]
        labels = f": {listed(counts, shown=SHOWN_CLASSES)}" if counts else ""
        failed = f"; {self.n_failed:,} could not be read" if self.n_failed else ""
        return f"predicted {of}{plural(self.n_documents, 'document')} in {took}{labels}{failed}"

    def record(self) -> dict[str, object]:
        """The counts for a program."""
        return {
            "n_documents": self.n_documents,
            "n_failed": self.n_failed,
            "labels": dict(self._labels.most_common()),
        }


@dataclass(frozen=True)
class Layout:
    """The columns that a labelled copy has behind those of the input.

    Args:
        columns: what is added -> the name of its column.
        top_k: labels for each document.
    """

    columns: Mapping[str, str]
    top_k: int

    @classmethod
    def of(cls, run: Predictor, columns: SeenColumns, *, top_k: int) -> "Layout":
        """The columns for a run, whose names are none of the input's."""
        top_k = min(top_k, len(run.labels)) if run.task.has_classes else top_k
        ranked = [name for rank in range(1, top_k + 1) for name in _ranked(rank)]
        wanted = (*ranked, "source_file", "source_row", "error")
        return cls(free_names(wanted, taken=columns.names), top_k)

    @property
    def names(self) -> Collection[str]:
        """The names, in order."""
        return self.columns.values()

    @property
    def renamed(self) -> Mapping[str, str]:
        """What could not have the name that it has elsewhere."""
        return {wanted: name for wanted, name in self.columns.items() if name != wanted}

    @property
    def error(self) -> str:
        """The column that says why a document has no label."""
        return self.columns["error"]

    def types(self, columns: SeenColumns) -> Mapping[str, object]:
        """The Arrow types of all columns that are no text."""
        probs = [_ranked(rank)[1] for rank in range(1, self.top_k + 1)]
        added = {**dict.fromkeys(probs, "float64"), "source_row": "int64"}
        return {**columns.types(), **{self.columns[name]: kind for name, kind in added.items()}}

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


def _counted(label: str, count: int) -> str:
    return f"{label} ({count:,})" if label[-1:].isdigit() else f"{label} {count:,}"
