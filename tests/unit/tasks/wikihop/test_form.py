import io
import json

import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.form import Record
from prefprop_cli.data.prepare import schema_of
from prefprop_cli.data.questions import Question, read_questions
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.errors import DataError
from prefprop_cli.tables import TASKS
from prefprop_cli.tasks.wikihop.rows import question_rows

RECORD = {
    "id": "q1",
    "query": "state the war",
    "candidates": ["peace", "the war", "tax law"],
    "supports": ["the law of war", "the war", "a tax"],
    "answer": "the war",
}


def question(**changes: object) -> Question:
    [read] = read_questions(io.BytesIO(json.dumps(RECORD | changes).encode()))
    return read


def columns(tokenizer: TextTokenizer, *questions: Document, max_tokens: int = 40) -> list[Record]:
    table = DataTable(set="wikihop")
    form = TASKS["wikihop"].form(table, labels=(), tokenizer=tokenizer, max_tokens=max_tokens)
    encoded = form.encode(questions)
    assert all(list(row) == schema_of(form).names for row in encoded)
    return encoded


def test_each_part_is_tokenised_as_in_the_middle_of_a_text(
    tokenizers: tuple[TextTokenizer, ...],
) -> None:
    for tokenizer in tokenizers:
        [row] = columns(tokenizer, question())
        ids = [list(part) for part in tokenizer.ids([" state the war", " the war", " tax law"])]
        assert row["query"] == ids[0]
        assert row["candidates"][1:] == ids[1:]
        assert row["supports"][1] == row["candidates"][1] == ids[1]
        assert row["label"] == 1


@pytest.mark.parametrize("max_tokens", [12_000, 31, 30, 22])
def test_the_counts_are_those_of_the_rows(
    tokenizers: tuple[TextTokenizer, ...], max_tokens: int
) -> None:
    [row] = columns(tokenizers[0], question(), max_tokens=max_tokens)
    special = {"cls_id": tokenizers[0].cls_id, "sep_id": tokenizers[0].sep_id}
    parts = row["query"], row["candidates"], row["supports"]
    rows, n_cut = question_rows(*parts, max_tokens=max_tokens, **special)
    [whole], _ = question_rows(*parts, max_tokens=12_000, **special)
    assert row["n_tokens"] == len(whole.input_ids)
    assert row["n_rows"] == len(rows)
    assert row["n_computed"] == sum(len(each.input_ids) for each in rows)
    assert row["n_cut"] == n_cut
    assert (row["n_rows"] > 1) == (max_tokens < 31)
    assert (row["n_cut"] > 0) == (max_tokens == 22)


def test_a_question_without_answer_or_supports(tokenizers: tuple[TextTokenizer, ...]) -> None:
    [row] = columns(tokenizers[0], question(answer=None, supports=[]))
    assert (row["label"], row["supports"], row["n_rows"]) == (-1, [], 1)


def test_a_batch_is_its_questions(tokenizers: tuple[TextTokenizer, ...]) -> None:
    one, two = question(), question(id="q2", candidates=["tax"], answer=None, supports=["law"])
    both = columns(tokenizers[0], one, two)
    assert both == columns(tokenizers[0], one) + columns(tokenizers[0], two)


def test_what_cannot_be_a_question_is_named(tokenizers: tuple[TextTokenizer, ...]) -> None:
    with pytest.raises(DataError, match=r"q1: 3 candidates need \d+ positions more"):
        columns(tokenizers[0], question(), max_tokens=12)
    with pytest.raises(DataError, match="d1: a text without candidates"):
        columns(tokenizers[0], Document("d1", "the war", None))
