"""Questions with candidates: their parts as tokens, from which rows are built when they are needed.

Training puts candidates and supports into a new order each time, so rows are not stored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.forms.base import COUNTS, IDS, Columns
from prefprop_cli.data.question_rows import QuestionRows, question_rows
from prefprop_cli.data.questions import Question
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.data.truncation import Ids
from prefprop_cli.errors import DataError


@dataclass(frozen=True)
class QuestionForm:
    """Columns `id`, `query`, `candidates`, `supports`, `label` and the counts.

    Attributes:
        tokenizer: of the backbone.
        max_tokens: longest row; the counts are those of rows of this length.
    """

    tokenizer: TextTokenizer
    max_tokens: int

    schema = pa.schema(
        [
            ("id", pa.string()),
            ("query", IDS),
            ("candidates", pa.list_(IDS)),
            ("supports", pa.list_(IDS)),
            ("label", pa.int64()),
            *COUNTS,
        ]
    )

    @property
    def settings(self) -> dict[str, object]:
        return {"max_tokens": self.max_tokens, "beyond": "chunk"}

    def encode(self, documents: Sequence[Document]) -> list[Columns]:
        """As `Form.encode`; the documents are questions, `label` is the place of the answer."""
        questions = [_question(document) for document in documents]
        # A space in front, since each part stands in the middle of a row.
        parts = [f" {part}" for q in questions for part in (q.query, *q.candidates, *q.supports)]
        ids = iter(map(list, self.tokenizer.ids(parts)))
        return [self._columns(question, ids) for question in questions]

    def _columns(self, question: Question, ids: Iterator[list[int]]) -> Columns:
        query = next(ids)
        candidates = list(islice(ids, len(question.candidates)))
        supports = list(islice(ids, len(question.supports)))
        built = self._rows(question.id, query, candidates, supports)
        n_rows, n_computed = len(built.rows), sum(map(len, built.rows))
        return {
            "id": question.id,
            "query": query,
            "candidates": candidates,
            "supports": supports,
            "label": -1 if question.label is None else question.candidates.index(question.label),
            "n_tokens": n_computed - (n_rows - 1) * built.n_global + built.n_cut,
            "n_cut": built.n_cut,
            "n_rows": n_rows,
            "n_computed": n_computed,
        }

    def _rows(
        self, id: str, query: Ids, candidates: Sequence[Ids], supports: Sequence[Ids]
    ) -> QuestionRows:
        special = {"cls_id": self.tokenizer.cls_id, "sep_id": self.tokenizer.sep_id}
        try:
            return question_rows(query, candidates, supports, max_tokens=self.max_tokens, **special)
        except DataError as error:
            raise DataError(f"{id}: {error}") from None


def _question(document: Document) -> Question:
    if not isinstance(document, Question):
        raise DataError(f"{document.id}: a text without candidates, where a question is needed")
    return document
