import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.form import Record
from prefprop_cli.data.prepare import schema_of
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.tables import TASKS

LONG = "the a state of union war peace tax law"


def columns(
    tokenizer: TextTokenizer,
    text: str,
    *,
    label: str | None = "b",
    max_tokens: int = 6,
    **data: object,
) -> Record:
    table = DataTable.model_validate(data)
    form = TASKS["classification"].form(
        table, labels=("a", "b"), tokenizer=tokenizer, max_tokens=max_tokens
    )
    [encoded] = form.encode([Document("d1", text, label)])
    assert list(encoded) == schema_of(form).names
    return encoded


def row_of(tokenizer: TextTokenizer, text: str) -> list[int]:
    return [tokenizer.cls_id, *tokenizer.ids([text])[0], tokenizer.sep_id]


@pytest.mark.parametrize("text", ["", " ", "Łódź  (the war)", "<s> the [SEP]", "the war " * 500])
def test_a_row_is_the_tokens_of_a_text_between_cls_and_sep(
    tokenizers: tuple[TextTokenizer, ...], text: str
) -> None:
    for tokenizer in tokenizers:
        [row] = columns(tokenizer, text, max_tokens=10_000)["rows"]
        assert row == row_of(tokenizer, text)


@pytest.mark.parametrize(
    ("data", "read", "n_cut"),
    [
        ({}, ["the a state of"], 5),
        ({"beyond": "head+tail"}, ["the a tax law"], 5),
        ({"beyond": "chunk"}, ["the a state", "of union war", "peace tax law"], 0),
        ({"beyond": "chunk", "max_chunks": 2}, ["the a state of", "union war peace tax"], 1),
    ],
)
def test_what_is_read_of_nine_words_in_rows_of_six(
    tokenizers: tuple[TextTokenizer, ...], data: dict[str, object], read: list[str], n_cut: int
) -> None:
    tokenizer = tokenizers[0]
    rows = [row_of(tokenizer, text) for text in read]
    assert columns(tokenizer, LONG, **data) == {
        "id": "d1",
        "rows": rows,
        "label": 1,
        "n_tokens": 11,
        "n_cut": n_cut,
        "n_rows": len(rows),
        "n_computed": sum(map(len, rows)),
    }


@pytest.mark.parametrize("beyond", ["truncate", "head+tail", "chunk"])
@pytest.mark.parametrize("text", ["", "the", "the a state of"])
def test_what_fits_is_one_row(
    tokenizers: tuple[TextTokenizer, ...], text: str, beyond: str
) -> None:
    encoded = columns(tokenizers[0], text, beyond=beyond)
    assert encoded["rows"] == [row_of(tokenizers[0], text)]
    assert encoded["n_cut"] == 0


def test_one_token_too_many_is_cut_and_counted(tokenizers: tuple[TextTokenizer, ...]) -> None:
    whole = columns(tokenizers[0], "the state of the union", max_tokens=7)
    assert (whole["n_computed"], whole["n_tokens"], whole["n_cut"]) == (7, 7, 0)
    cut = columns(tokenizers[0], "the state of the union", max_tokens=6)
    assert (cut["n_computed"], cut["n_tokens"], cut["n_cut"]) == (6, 7, 1)
    assert cut["rows"] == [[*whole["rows"][0][:5], tokenizers[0].sep_id]]


def test_an_unknown_label(tokenizers: tuple[TextTokenizer, ...]) -> None:
    assert columns(tokenizers[0], "war", label=None)["label"] == -1


def test_a_batch_is_its_documents(tokenizers: tuple[TextTokenizer, ...]) -> None:
    documents = [Document(str(i), text, "a") for i, text in enumerate([LONG, "", "war"])]
    table = DataTable(beyond="chunk")
    form = TASKS["classification"].form(table, labels=("a",), tokenizer=tokenizers[1], max_tokens=6)
    assert form.encode(documents) == [form.encode([document])[0] for document in documents]
