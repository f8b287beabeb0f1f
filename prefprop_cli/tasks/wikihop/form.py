"""Questions with candidates: their parts as tokens, from which rows are built when they are needed.

Training puts candidates and supports into a new order each time, so rows are not stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.form import Form, Record, Row
from prefprop_cli.data.questions import Question
from prefprop_cli.errors import DataError
from prefprop_cli.tasks.wikihop.rows import question_rows


@dataclass(frozen=True)
class QuestionForm(Form):
    """Questions as the tokens of their parts; `label` is the index of the answer."""

    token_columns: ClassVar[Mapping[str, int]] = {"query": 1, "candidates": 2, "supports": 2}

    @property
    def settings(self) -> dict[str, object]:
        return {"max_tokens": self.max_tokens, "beyond": "chunk"}

    def encode(self, documents: Sequence[Document]) -> list[Record]:
        questions = list(map(as_question, documents))
        # A space in front, since each part stands in the middle of a row.
        parts = [f" {part}" for q in questions for part in (q.query, *q.candidates, *q.supports)]
        ids = iter(map(list, self.tokenizer.ids(parts)))
        return [self._record(question, ids) for question in questions]

    def _record(self, question: Question, ids: Iterator[list[int]]) -> Record:
        record: Record = {
            "id": question.id,
            "query": next(ids),
            "candidates": list(islice(ids, len(question.candidates))),
            "supports": list(islice(ids, len(question.supports))),
            "label": -1 if question.label is None else question.candidates.index(question.label),
        }
        try:
            rows, n_cut = self._built(record)
        except DataError as error:
            raise DataError(f"{question.id}: {error}") from None
        n_computed = sum(len(row.input_ids) for row in rows)
        return record | {
            "n_tokens": n_computed - (len(rows) - 1) * rows[0].n_global + n_cut,
            "n_cut": n_cut,
            "n_rows": len(rows),
            "n_computed": n_computed,
        }

    def rows(self, record: Record) -> list[Row]:
        return self._built(record)[0]

    def _built(self, record: Record) -> tuple[list[Row], int]:
        return question_rows(
            record["query"],
            record["candidates"],
            record["supports"],
            max_tokens=self.max_tokens,
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
        )

    def shuffled(self, record: Record, random: np.random.RandomState) -> Record:
        """Put candidates and supports into another order."""
        order = random.permutation(len(record["candidates"]))
        supports = random.permutation(len(record["supports"]))
        return {
            **record,
            "candidates": [record["candidates"][index] for index in order],
            "supports": [record["supports"][index] for index in supports],
            "label": int(np.flatnonzero(order == record["label"])[0]),
        }


def as_question(document: Document) -> Question:
    """Return the document, which has to be a question; else raise `DataError`."""
    if not isinstance(document, Question):
        raise DataError(f"{document.id}: a text without candidates, where a question is needed")
    return document
