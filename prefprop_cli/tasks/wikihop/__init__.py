"""WikiHop: a question, its candidate answers, and the texts that together hold the answer.

Each candidate has a score, so the logits of a question are of its own candidates.

Source: Welbl et al. 2018 (arXiv 1710.06481); Beltagy et al. 2020, section 6 (arXiv 2004.05150); the
paper, section 4.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.arrays import Ints
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.inputs import Reader, Reading
from prefprop_cli.data.questions import each_question, looks_like_questions, read_questions
from prefprop_cli.data.table_rows import JSON_SUFFIXES
from prefprop_cli.errors import UsageError
from prefprop_cli.tasks.base import Labels, Task
from prefprop_cli.tasks.wikihop.form import QuestionForm, as_question

if TYPE_CHECKING:
    from prefprop_cli.config.schema import DataTable
    from prefprop_cli.data.tokenizer import TextTokenizer
    from prefprop_cli.tasks.wikihop.head import CandidateHead


class CandidateMetrics:
    """The accuracy: the first candidate of one question is no class with that of another."""

    def outcomes(self, logits: NDArray[np.floating], labels: Ints) -> Ints:
        """(N,), 1 where the answer is right."""
        return (logits.argmax(axis=1) == labels).astype(np.int64)

    def scores(self, outcomes: Ints) -> dict[str, float]:
        return {"accuracy": float(outcomes.mean())}

    def shares(self, labels: Ints, predicted: Ints) -> dict[str, tuple[int, int, str]]:
        return {"accuracy": (int((predicted == labels).sum()), len(labels), "documents")}


class WikiHop(Task):
    """Questions, each with candidates of its own."""

    has_classes = False
    does = "answers questions"

    def form(
        self, table: "DataTable", *, labels: Labels, tokenizer: "TextTokenizer", max_tokens: int
    ) -> QuestionForm:
        return QuestionForm(tokenizer, max_tokens)

    def head(self, hidden_size: int, n_classes: int, *, dropout: float) -> "CandidateHead":
        from prefprop_cli.tasks.wikihop.head import CandidateHead

        return CandidateHead(hidden_size)

    def metrics(self, n_classes: int) -> CandidateMetrics:
        return CandidateMetrics()

    def names_of(self, document: Document, labels: Labels) -> Labels:
        return as_question(document).candidates

    def recognises(self, head: bytes) -> bool:
        return looks_like_questions(head)

    def file_reader(self, table: "DataTable", reading: Reading) -> Reader:
        if column := reading.text_column:
            raise UsageError(f"--text-column {column}: the run reads questions, not columns")
        read = partial(each_question, lines=reading.lines, errors=reading.errors)
        return Reader(read, JSON_SUFFIXES, holds_rows=lambda path: True)

    def read_labelled(
        self, source: Path, table: "DataTable", columns: Mapping[str, str]
    ) -> list[Document]:
        if columns:
            raise UsageError(f"{source}: the run reads questions, which have no columns to name")
        return list(read_questions(source, errors=table.errors))


TASK = WikiHop()
