import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.decoding import sound
from prefprop_cli.data.texts import TextRecord, each_text
from prefprop_cli.errors import DataError, PrefpropError


def read_texts(
    source: Path | io.BytesIO, **options: Any
) -> Iterator[tuple[str, Document | PrefpropError]]:
    """The id of each document and the document, or why it cannot be read."""
    return ((record.id, record.found) for record in each_text(source, **options))


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def texts(source: Path | io.BytesIO, **options: object) -> list[str]:
    return [document.text for document in documents(source, **options)]


def documents(source: Path | io.BytesIO, **options: object) -> list[Document]:
    return [sound(found) for _, found in read_texts(source, **options)]  # type: ignore[arg-type]


def test_a_text_file_is_one_document(tmp_path: Path) -> None:
    path = write(tmp_path, "speech.txt", "Fellow citizens,\n\nthe Union…\n".encode())
    assert documents(path) == [Document(str(path), "Fellow citizens,\n\nthe Union…\n", label=None)]


def test_line_ends_and_byte_order_mark_make_no_difference(tmp_path: Path) -> None:
    plain = write(tmp_path, "lf.txt", b"one\ntwo\n")
    other = write(tmp_path, "crlf.txt", b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert texts(plain) == texts(other) == ["one\ntwo\n"]
    assert texts(plain, lines=True) == texts(other, lines=True) == ["one", "two"]


def test_each_line_a_document_and_empty_ones_too(tmp_path: Path) -> None:
    path = write(tmp_path, "lines.txt", b"one\n\nthree")
    assert [(d.id, d.text) for d in documents(path, lines=True)] == [
        (f"{path}:1", "one"),
        (f"{path}:2", ""),
        (f"{path}:3", "three"),
    ]


def test_standard_input() -> None:
    assert documents(io.BytesIO(b"one\ntwo\n")) == [Document("-", "one\ntwo\n", label=None)]
    lines = documents(io.BytesIO(b"one\ntwo\n"), lines=True)
    assert [document.id for document in lines] == ["-:1", "-:2"]


def test_rows_of_a_table(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"body,n\nx,1\ny,2\n")
    assert [(d.id, d.text) for d in documents(path, text_column="body")] == [
        (f"{path}:2", "x"),
        (f"{path}:3", "y"),
    ]
    assert texts(path, lines=True) == ["body,n", "x,1", "y,2"]
    with pytest.raises(DataError, match=r"a.csv: no column 'text'; found 'body', 'n'"):
        texts(path)


def test_rows_are_streamed(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", b'{"text": "x"}\n' * 100_000)
    rows = read_texts(path)
    assert next(rows)[0] == f"{path}:1"
    path.write_bytes(b"")
    assert len([*rows]) < 90_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b'{"text": "x"}\nnot JSON\n{"text": null}\n{"text": "\xff"}\n{"text": "y"}\n'),
        ("a.json", b'{"text": "x"}\nnot JSON\n{"text": null}\n[1]\n{"text": "y"}\n'),
        ("a.csv", b"text,n\nx,1\ny\nx,1,2\n,\ny,2\n"),
    ],
)
def test_a_row_that_cannot_be_read_leaves_the_others(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = write(tmp_path, name, content)
    found = [(id, each) for id, each in read_texts(path) if isinstance(each, DataError)]
    assert texts_of(path) == ["x", *([""] if name == "a.csv" else []), "y"]
    first = 3 if name == "a.csv" else 2
    n = 2 if name == "a.csv" else 3
    assert [id for id, _ in found] == [f"{path}:{first + k}" for k in range(n)]
    assert all(str(error).startswith(id) for id, error in found)


def texts_of(path: Path) -> list[str]:
    """Of the documents that can be read."""
    return [each.text for _, each in read_texts(path) if isinstance(each, Document)]


def test_a_line_that_cannot_be_decoded_leaves_the_others(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", b"one\n\xff\nthree\n")
    first, second, third = read_texts(path, lines=True)
    assert isinstance(second[1], DataError)
    assert "offset 4" in str(second[1])
    assert [sound(first[1]).text, second[0], sound(third[1]).text] == ["one", f"{path}:2", "three"]


@pytest.mark.parametrize("content", [b"", b" ", b"x"])
def test_short_documents_are_documents(tmp_path: Path, content: bytes) -> None:
    assert texts(write(tmp_path, "a.txt", content)) == [content.decode()]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"abc\xff", "byte 0xff at offset 3"),
        (b"\xffa\0", "byte 0xff at offset 0"),
        (b"ab\0\xff", "byte 0x00 at offset 2"),
        (b"ab\xff\0", "byte 0xff at offset 2"),
        (b"abc\xc3", "byte 0xc3 at offset 3"),
        ("\ud800".encode(errors="surrogatepass"), "byte 0xed at offset 0"),
    ],
)
def test_what_is_not_utf8_is_refused_or_replaced(
    tmp_path: Path, content: bytes, place: str
) -> None:
    path = write(tmp_path, "a.txt", content)
    with pytest.raises(
        DataError, match=f"a.txt: {place} is not UTF-8 text.*--errors replace in train and predict"
    ):
        texts(path)
    (replaced,) = texts(path, errors="replace")
    assert "\ufffd" in replaced
    assert "\0" not in replaced


@pytest.mark.parametrize("errors", ["strict", "replace"])
@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_other_encodings_are_named(tmp_path: Path, encoding: str, errors: str) -> None:
    path = write(tmp_path, "a.txt", "\ufefftext".encode(encoding))
    with pytest.raises(DataError, match=r"a.txt: UTF-32, by its first bytes.*\(iconv -f UTF-32"):
        texts(path, errors=errors)


def test_offset_counts_from_the_start_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", b"\xef\xbb\xbfone\r\ntwo\r\nx\xff\n")
    with pytest.raises(DataError, match=r"a.txt:3: byte 0xff at offset 14"):
        texts(path, lines=True)


def test_a_missing_file() -> None:
    with pytest.raises(DataError, match=r"nowhere.txt: no such file"):
        texts(Path("nowhere.txt"))


def test_objects_on_standard_input_are_rows() -> None:
    rows = documents(io.BytesIO(b'{"body": "x"}\n{"body": "y"}\n'), text_column="body")
    assert [(d.id, d.text) for d in rows] == [("-:1", "x"), ("-:2", "y")]
    assert texts(io.BytesIO(b"[1] a note")) == ["[1] a note"]
    assert texts(io.BytesIO(b'{"a": 1}\n'), lines=True) == ['{"a": 1}']


def test_a_kind_that_is_no_text_is_refused_unless_lines_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, "a.xml", b"<a>\n")
    with pytest.raises(DataError, match=r"a.xml: markup"):
        texts(path)
    assert texts(path, lines=True) == ["<a>"]


@pytest.mark.parametrize("header", ["text,label", "label\ttext", '"id";"text"', "n,Speech"])
def test_a_table_in_a_stream_is_not_one_document(header: str) -> None:
    with pytest.raises(DataError, match=r"-: the first line, .*, is the header of a table"):
        list(read_texts(io.BytesIO(f"{header}\na b,x\n".encode())))


@pytest.mark.parametrize("text", ["text,label", "text\na b\n", "image, text, sound\na b\n"])
def test_a_text_in_a_stream_that_is_no_table(text: str) -> None:
    [(_, document)] = read_texts(io.BytesIO(text.encode()))
    assert isinstance(document, Document)


@pytest.mark.parametrize("errors", ["strict", "replace"])
@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_read(tmp_path: Path, encoding: str, mark: str, errors: str) -> None:
    text = "A caf\u00e9 \u010a 😀\r\nand more\r\n" * 2000  # U+010A has the byte of a line end
    content = (mark + text).encode(encoding)
    plain = text.replace("\r\n", "\n")
    path = write(tmp_path, "a.txt", content)
    assert texts(path, errors=errors) == [plain]
    assert texts(io.BytesIO(content), errors=errors) == [plain]
    assert texts(path, lines=True, errors=errors) == plain.splitlines()


def test_utf16_that_is_cut(tmp_path: Path) -> None:
    whole = "\ufeffone\ntwo\n".encode("utf-16-le")
    path = write(tmp_path, "a.txt", whole + "\ud800x".encode("utf-16-le", "surrogatepass"))
    with pytest.raises(
        DataError, match=r"a.txt: the bytes at offset 18 are not UTF-16 text.*--errors replace"
    ):
        texts(path)
    assert texts(path, errors="replace") == ["one\ntwo\n\ufffdx"]
    path.write_bytes(whole + b"x")
    with pytest.raises(DataError, match="the bytes at offset 18 are not UTF-16 text"):
        texts(path, lines=True)


@pytest.mark.parametrize(
    "content", [b"a\0b\0c\0", b"\0" * 64, b"ab\0\0" * 16, "text".encode("utf-32-le") * 9]
)
def test_zeros_alone_make_no_utf16(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="byte 0x00 at offset"):
        texts(write(tmp_path, "a.txt", content))


def test_texts_with_what_else_stands_in_their_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b'id,text\n7,"one\ntwo"\n\n8\n9,\n')
    first, second, third = each_text(path)
    assert first == TextRecord(
        f"{path}:2",
        Document(f"{path}:2", "one\ntwo", label=None),
        str(path),
        1,
        {"id": "7", "text": "one\ntwo"},
    )
    assert (second.id, second.row, second.fields) == (f"{path}:5", 2, {})
    assert "1 fields, the header has 2" in str(second.found)
    assert (third.id, third.row, third.fields) == (f"{path}:6", 3, {"id": "9", "text": ""})


def test_where_texts_without_columns_come_from(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", b"one\n\ntwo\n")
    (whole,) = each_text(path)
    assert (whole.id, whole.file, whole.row, whole.fields) == (str(path), str(path), None, {})
    assert [(each.file, each.row) for each in each_text(io.BytesIO(b"a\nb\n"), lines=True)] == [
        ("-", 1),
        ("-", 2),
    ]
    rows = [*each_text(io.BytesIO(b'[{"text": "x", "n": 1}, {"text": "y", "n": [2]}]'))]
    assert [(each.file, each.row, each.fields["n"]) for each in rows] == [
        ("-", 1, 1),
        ("-", 2, [2]),
    ]


def test_a_missing_column_is_told_once_for_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", b'{"body": "x"}\n' * 200)
    with pytest.raises(DataError, match=r"a.jsonl: no column 'text'; found 'body'. Did you mean"):
        next(read_texts(path))


def test_the_first_line_of_a_stream_is_cut_in_a_message() -> None:
    content = f"text,{'x' * 2000}\na,b\n".encode()
    with pytest.raises(DataError, match="is the header of a table") as error:
        texts(io.BytesIO(content))
    assert len(str(error.value)) < 250
