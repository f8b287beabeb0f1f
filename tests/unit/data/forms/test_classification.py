import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.forms import form_of
from prefprop_cli.data.forms.base import Columns
from prefprop_cli.data.tokenizer import TextTokenizer

LONG = "the a state of union war peace tax law"


def columns(
    tokenizer: TextTokenizer, text: str, *, label: str | None = "b", **data: object
) -> Columns:
    table = DataTable.model_validate(data)
    form = form_of(table, labels=("a", "b"), tokenizer=tokenizer, max_tokens=6)
    [encoded] = form.encode([Document("d1", text, label)])
    assert list(encoded) == form.schema.names
    return encoded


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
    rows = [tokenizer.encode(text, max_tokens=99).input_ids for text in read]
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
    assert encoded["rows"] == [tokenizers[0].encode(text, max_tokens=6).input_ids]
    assert encoded["n_cut"] == 0


def test_an_unknown_label(tokenizers: tuple[TextTokenizer, ...]) -> None:
    assert columns(tokenizers[0], "war", label=None)["label"] == -1


def test_a_batch_is_its_documents(tokenizers: tuple[TextTokenizer, ...]) -> None:
    documents = [Document(str(i), text, "a") for i, text in enumerate([LONG, "", "war"])]
    table = DataTable(beyond="chunk")
    form = form_of(table, labels=("a",), tokenizer=tokenizers[1], max_tokens=6)
    assert form.encode(documents) == [form.encode([document])[0] for document in documents]
