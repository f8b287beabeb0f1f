import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from prefprop_cli.data.cells import Fields
from prefprop_cli.data.csv_rows import separator_in
from prefprop_cli.data.decoding import sound
from prefprop_cli.data.json_text import holds_json_rows
from prefprop_cli.data.table_rows import TableRow, each_row
from prefprop_cli.errors import CorruptFileError, DataError
from prefprop_cli.tables import Errors


def records(path: Path, errors: Errors = "strict") -> list[tuple[int, Fields]]:
    return [(row.place, sound(row.fields)) for row in each_row(path, errors=errors)]


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


TWO_LINES = b'text,label\r\n"one\r\ntwo ""2""",1\r\nx,2\r\n'
HOSTILE = [b'{"text": "', b'"}', b"\n", b"\r", b'"', b",", b"NaN", b"[", b"\0", b"\\ud800"]


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.jsonl", b'{"text": "x"}\n\n{"text": "y"}', [(1, {"text": "x"}), (3, {"text": "y"})]),
        ("bom.jsonl", b'\xef\xbb\xbf{"text": "x"}\r\n', [(1, {"text": "x"})]),
        ("a.csv", b"a,b\nx,1\n\ny,2\n", [(2, {"a": "x", "b": "1"}), (4, {"a": "y", "b": "2"})]),
        ("bom.csv", b"\xef\xbb\xbftext\r\nx\r\n", [(2, {"text": "x"})]),
        (
            "lines.csv",
            TWO_LINES,
            [(2, {"text": 'one\ntwo "2"', "label": "1"}), (4, {"text": "x", "label": "2"})],
        ),
        ("a.CSV", b"a\nx\n", [(2, {"a": "x"})]),
        ("a.ndjson", b'{"text": "x"}\n', [(1, {"text": "x"})]),
        (
            "a.tsv",
            b'a\tb\n"x\t1"\t2\ny, z\t3\n',
            [(2, {"a": "x\t1", "b": "2"}), (3, {"a": "y, z", "b": "3"})],
        ),
        ("list.json", b'\xef\xbb\xbf[{"a": 1},\n {"a": 2}]\n', [(1, {"a": 1}), (2, {"a": 2})]),
        ("one.json", b'{\n "a": {"b": 1}\n}\n', [(1, {"a": {"b": 1}})]),
        ("lines.json", b'\n{"a": 1}\r\n\n{"a": 2}\n', [(2, {"a": 1}), (4, {"a": 2})]),
        ("long.csv", b"text\n" + b"x" * 200_000, [(2, {"text": "x" * 200_000})]),
    ],
)
def test_rows_with_their_lines(tmp_path: Path, name: str, content: bytes, rows: object) -> None:
    assert records(write(tmp_path, name, content)) == rows


def test_parquet_rows(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": i} for i in range(600)]
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path)
    assert records(path) == list(enumerate(rows, start=1))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.jsonl", b"", "empty.jsonl: the file holds no documents"),
        ("empty.csv", b"", "empty.csv: the file holds no documents"),
        ("empty.json", b" \n", "empty.json: the file holds no documents"),
        ("none.json", b"[]", "none.json: the file holds no documents"),
        ("words.json", b'["a"]', r"words.json:1: expected an object \{\.\.\.\}, found str"),
        ("bad.json", b'[{"a": 1},\n{"a" 2}]', "bad.json:2:6: not JSON: Expecting ':'"),
        ("line.json", b'{"a": 1}\n{"a" 2}\n', "line.json:2:6: not JSON: Expecting ':'"),
        ("tail.json", b'{"a": 1} and more', "tail.json:1:10: not JSON: Extra data"),
        ("comma.tsv", b"text,label\nx,1\n", r"separated by ','\? A .tsv file must have '\\t'"),
        ("blank.jsonl", b"\n \n", "blank.jsonl: the file holds no documents"),
        ("header.csv", b"text,label\n", "header.csv: the file holds no documents"),
        ("bad.jsonl", b'{"text": "x"}\n{"text": }', r"bad.jsonl:2:10: not JSON: Expecting value"),
        ("list.jsonl", b"[1]", r"list.jsonl:1:1: expected an object \{\.\.\.\}, found list"),
        ("twice.jsonl", b'{"a": 1, "a": 2}', "twice.jsonl:1:1: the same key twice"),
        ("deep.jsonl", b"[" * 100_000, "deep.jsonl:1:1: nested too deeply"),
        ("digits.jsonl", b'{"a": ' + b"1" * 5000 + b"}", "digits.jsonl:1:1: Exceeds the limit"),
        ("utf8.jsonl", b'{"a": 1}\n{"\xff": 1}', r"utf8.jsonl:2: byte 0xff at offset 11 is not"),
        ("utf8.csv", b"text\r\nx\r\n\xe9\r\n", r"utf8.csv:3: byte 0xe9 at offset 9 is not"),
        ("nul.jsonl", b'{"a": "\0"}', r"nul.jsonl:1: byte 0x00 at offset 7 is not"),
        ("fields.csv", b"text,label\nx,1\ny\n", "fields.csv:3: 1 fields, the header has 2"),
        ("header.csv", b"text,text\nx,1\n", "header.csv:1: a column name stands twice"),
        ("quote.csv", b'text,label\n"x"y,1\n', "quote.csv:2: not CSV"),
        ("open.csv", b'text,label\n"x,1\n', "open.csv:2: not CSV: unexpected end of data. A quo"),
        ("mac.csv", b"text,label\rx,1\r", r"Macs: tr '\\r' '\\n' < \S*mac.csv > lines.csv$"),
    ],
)
def test_defects_are_named_with_their_place(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        records(write(tmp_path, name, content))


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"sep=;\r\na;b\r\n1,2;3\r\n", [(3, {"a": "1,2", "b": "3"})]),
        (b"\xef\xbb\xbfsep=,\na,b\n1;2,3\n", [(3, {"a": "1;2", "b": "3"})]),
        (b"SEP=^\na^b\n1^3\n", [(3, {"a": "1", "b": "3"})]),
        (b"\n\na,b\n\n1,3\n", [(5, {"a": "1", "b": "3"})]),
        (b"sep=;b\na;1\n", [(2, {"sep=": "a", "b": "1"})]),
    ],
)
def test_lines_before_the_header(
    tmp_path: Path, content: bytes, rows: list[tuple[int, dict[str, str]]]
) -> None:
    path = write(tmp_path, "a.csv", content)
    assert records(path) == rows


def test_rows_behind_one_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", b'{"a": 1}\n[2]\n{"a": 3}\n')
    first, second, third = each_row(path)
    assert (first, third) == (TableRow(1, 1, {"a": 1}), TableRow(3, 3, {"a": 3}))
    assert isinstance(second.fields, DataError)
    with pytest.raises(DataError, match=r"a.jsonl:2:1: expected an object"):
        records(path)


def test_replace_reads_on(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", b'{"text": "a\xffb\0c"}')
    assert records(path, errors="replace") == [(1, {"text": "a\ufffdb\ufffdc"})]


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone.jsonl: no such file"):
        records(tmp_path / "gone.jsonl")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder.csv: cannot be read: Is a directory"):
        records(tmp_path / "folder.csv")


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="not a readable parquet file"):
        records(write(tmp_path, "a.parquet", b"PAR1 but not much more"))


def test_a_parquet_file_with_a_date_of_no_calendar(tmp_path: Path) -> None:
    """What a flipped bit makes of a date."""
    path = tmp_path / "DATES.PARQUET"
    parquet.write_table(pa.table({"date": pa.array([2**24], pa.date32())}), path)
    with pytest.raises(CorruptFileError, match=r"DATES.PARQUET: not a readable parquet file: date"):
        records(path)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(["fuzz.jsonl", "fuzz.json", "fuzz.csv", "fuzz.tsv", "fuzz.parquet"]),
    st.lists(
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from(HOSTILE),
        ),
        max_size=12,
    ).map(b"".join),
)  # fmt: skip
def test_any_bytes_are_read_or_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = write(tmp_path, name, content)
    refusal = ""
    try:
        rows = records(path)
    except (DataError, CorruptFileError) as error:
        rows, refusal = [], str(error)
    assert rows or refusal.startswith(str(path))


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        (' {"a": 1}', True),
        ('[ {"a": 1}, 2]', True),
        ('{"a": 1}\n{"b": 2}', True),
        ("[1, 2]", False),
        ("{curly} words", False),
        ("[1] a reference", False),
        ("", False),
        ("[" * 100_000, False),
    ],
)
def test_whether_a_text_is_rows_in_json(content: str, holds: bool) -> None:
    assert holds_json_rows(content) == holds


def test_rows_have_a_number_and_the_line_on_which_they_begin(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b'text,n\n"one\n\ntwo",1\n\nx,2\ny\nz,3\n')
    read = list(each_row(path))
    assert [(row.number, row.line, row.place) for row in read] == [
        (1, 2, 2),
        (2, 6, 6),
        (3, 7, 7),
        (4, 8, 8),
    ]
    assert str(read[2].fields) == f"{path}:7: 1 fields, the header has 2"
    lines = write(tmp_path, "a.jsonl", b'{"a": 1}\n\n{"a": 2}\n')
    assert [(row.number, row.line) for row in each_row(lines)] == [(1, 1), (2, 3)]
    array = write(tmp_path, "a.json", b'[\n{"a": 1},\n\n{"a": 2}]')
    assert [(row.number, row.line, row.place) for row in each_row(array)] == [
        (1, None, 1),
        (2, None, 2),
    ]


def test_an_open_quote_is_told_where_its_row_begins(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b'text,n\nx,1\n"y,2\nz,3\nz,4\n')
    with pytest.raises(DataError, match=r"a.csv:3: not CSV: unexpected end of data"):
        list(each_row(path))


@pytest.mark.parametrize(
    ("separator", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "pipe"), (",", "")]
)
def test_the_separator_of_a_csv_file_is_found_and_told(
    tmp_path: Path, separator: str, name: str
) -> None:
    content = 'text,n\n"a; b, c\t|\nd",1\ne,2\n'.replace(",", separator)
    content = content.replace(f"b{separator}", "b,")
    path = write(tmp_path, "a.csv", content.encode())
    told: list[str] = []
    assert [row.fields for row in each_row(path, say=told.append)] == [
        {"text": "a; b, c\t|\nd", "n": "1"},
        {"text": "e", "n": "2"},
    ]
    assert told == ([f"a.csv: looks {name}-separated, and is read so"] if name else [])
    assert separator_in(path) == separator


def test_long_tables_are_streamed_behind_their_head(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"text;n\n" + b"x y z;1\n" * 100_000)
    assert len([*each_row(path)]) == 100_000
    rows = each_row(path)
    assert next(rows).fields == {"text": "x y z", "n": "1"}
    path.write_bytes(b"")
    assert 30_000 < len([*rows]) < 90_000


def test_rows_before_a_byte_that_is_no_text_are_read(tmp_path: Path) -> None:
    rows = each_row(write(tmp_path, "a.csv", b"text;n\nx;1\ny\xe9;2\n"))
    assert next(rows).fields == {"text": "x", "n": "1"}
    with pytest.raises(DataError, match=r"a.csv:3: byte 0xe9 at offset 12 is not UTF-8"):
        next(rows)


@pytest.mark.parametrize(("encoding", "name"), [("utf-16-le", ""), ("utf-16-be", r" \(big-end")])
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "json"])
def test_tables_in_utf16(tmp_path: Path, encoding: str, name: str, suffix: str) -> None:
    content = {"csv": "text;n\r\nä;1\r\n", "tsv": "text\tn\r\nä\t1\r\n"}.get(
        suffix, '{"text": "ä", "n": "1"}\r\n'
    )
    path = write(tmp_path, f"a.{suffix}", ("\ufeff" + content).encode(encoding))
    told: list[str] = []
    assert [row.fields for row in each_row(path, say=told.append)] == [{"text": "ä", "n": "1"}]
    assert re.match(rf"a.{suffix}: read as UTF-16{name}.*by its first bytes", told[0])


def test_empty_columns_of_a_sheet_get_names(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"v1,v2,,\nham,x,,\n")
    assert [row.fields for row in each_row(path)] == [
        {"v1": "ham", "v2": "x", "column_3": "", "column_4": ""}
    ]
