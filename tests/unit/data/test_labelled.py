"""A labelled copy: what is read back, names, and what is there when it ends too early."""

import csv
import datetime
import errno
import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from prefprop_cli.data import parquet_copy
from prefprop_cli.data.labelled import (
    LabelledCopy,
    SeenColumns,
    free_names,
    part_of,
)
from prefprop_cli.data.parquet_copy import parquet_types
from prefprop_cli.data.texts import each_text
from prefprop_cli.errors import PrefpropError, ResourceError, UsageError

ADDED = ("predicted_label",)
NASTY = [
    'quotes " and , and ; and \t',
    "two\nlines",
    "carriage\rreturn",
    "both\r\nof them\r\n",
    " spaces ",
    "ünï 漢字 🙂",
    "=1+1",
    "",
    "\ufeffmark",
]


def copied(path: Path, rows: Sequence[Mapping[str, object]], **options: Any) -> Path:
    """A copy of rows, each labelled `x`, with the columns they have."""
    columns = SeenColumns(with_types=True)
    for row in rows:
        columns.see(row)
    with LabelledCopy(
        path, columns=columns.names, added=ADDED, types=columns.types(), **options
    ) as copy:
        for row in rows:
            copy.write({**row, "predicted_label": "x"})
    return path


def read_csv(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file, strict=True))


def test_csv_is_read_back_as_it_was(tmp_path: Path) -> None:
    rows = [{"text": text, "a,b": str(n)} for n, text in enumerate(NASTY)]
    path = copied(tmp_path / "a.csv", rows)
    header, *found = read_csv(path)
    assert header == ["text", "a,b", "predicted_label"]
    assert found == [[text, str(n), "x"] for n, text in enumerate(NASTY)]
    assert b"\r\n" not in path.read_bytes().replace(b"both\r\nof them\r\n", b"")
    assert list(tmp_path.iterdir()) == [path]


def test_csv_is_read_by_this_program(tmp_path: Path) -> None:
    rows = [{"text": text} for text in NASTY if "\r" not in text]
    records = list(each_text(copied(tmp_path / "a.csv", rows)))
    assert [record.fields["text"] for record in records] == [row["text"] for row in rows]


def test_json_lines_are_read_back_as_they_were(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": text, "n": n} for n, text in enumerate(NASTY)]
    rows += [{"text": "x", "n": 2.5, "tags": ["a", {"b": None}], "is": True, "nan": float("nan")}]
    path = copied(tmp_path / "a.jsonl", rows)
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    absent = dict.fromkeys(("tags", "is", "nan"))
    assert found == [
        *({**row, **absent, "predicted_label": "x"} for row in rows[:-1]),
        {**rows[-1], "nan": None, "predicted_label": "x"},
    ]


def test_parquet_is_read_back_as_it_was(tmp_path: Path) -> None:
    day = datetime.datetime(2020, 1, 2, 3, 4, 5)
    rows: list[dict[str, object]] = [
        {"text": "a\r\nb", "n": 1, "when": day, "raw": b"\xff", "tags": ["a"], "price": Decimal(1)},
        {"text": "", "n": None, "when": None, "raw": None, "tags": [], "price": None},
    ] * 300  # more than are looked at at a time
    table = parquet.read_table(copied(tmp_path / "a.parquet", rows))
    assert table.to_pylist() == [{**row, "predicted_label": "x"} for row in rows]
    assert table.schema.field("n").type == pa.int64()
    assert table.schema.field("when").type == pa.timestamp("us")


def test_parquet_columns_of_several_kinds_are_text(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"n": 1, "f": 1}] * 300 + [{"n": "one", "f": 0.5, "s": None}]
    table = parquet.read_table(copied(tmp_path / "a.parquet", rows))
    assert [table["n"][k].as_py() for k in (0, 300)] == ["1", "one"]
    assert [table["f"][k].as_py() for k in (0, 300)] == [1.0, 0.5]
    assert table.schema.field("s").type == pa.string()


def test_parquet_is_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_copy, "GROUP_BYTES", 1000)
    path = copied(tmp_path / "a.parquet", [{"text": "x" * 300}] * 20)
    assert parquet.ParquetFile(path).num_row_groups == 5


def test_a_value_that_was_not_announced_costs_no_row(tmp_path: Path) -> None:
    """As of a file that changes while it is read."""
    path = tmp_path / "a.parquet"
    with LabelledCopy(path, columns=["n"], added=ADDED, types={"n": pa.int64()}) as copy:
        copy.write({"n": 1, "late": 1})
        copy.write({"n": "text", "predicted_label": "x"})
    assert list(copy.left_out) == ["late"]
    assert parquet.read_table(path).to_pylist() == [
        {"n": 1, "predicted_label": None},
        {"n": None, "predicted_label": "x"},
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_half_of_a_surrogate_pair_stops_nothing(tmp_path: Path, name: str) -> None:
    path = copied(tmp_path / name, [{"text": "a\ud800b"}, {"text": "c"}])
    assert path.exists()


def test_new_columns_take_no_name_of_the_input() -> None:
    taken = {"error", "predicted_label", "predicted_label_new", "label"}
    names = free_names(("predicted_label", "error", "source_file"), taken=taken)
    assert list(names.values()) == ["predicted_label_new_new", "error_new", "source_file"]
    assert list(free_names(("a", "a_new"), taken={"a"}).values()) == ["a_new", "a_new_new"]


def _broken_off(copy: LabelledCopy, *, n_rows: int) -> None:
    with copy:
        for _ in range(n_rows):
            copy.write({"text": "x"})
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_what_ends_too_early_leaves_whole_rows_and_the_old_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("old")
    copy = LabelledCopy(path, columns=["text"], added=ADDED, force=True)
    with pytest.raises(KeyboardInterrupt):
        _broken_off(copy, n_rows=3)
    assert path.read_text() == "old"
    assert copy.part == part_of(path)
    n_rows = {
        "a.csv": lambda: len(read_csv(copy.part)) - 1,
        "a.jsonl": lambda: len(copy.part.read_text().splitlines()),
        "a.parquet": lambda: parquet.read_table(copy.part).num_rows,
    }
    assert n_rows[name]() == 3


def test_without_a_row_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _broken_off(LabelledCopy(tmp_path / "a.csv", columns=["text"], added=ADDED), n_rows=0)
    with LabelledCopy(tmp_path / "b.csv", columns=["text"], added=ADDED) as copy:
        copy.write({"text": "x"})
        copy.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("force", "why"),
    [(False, "is there, which another predict"), (True, ": another predict is writing it")],
)
def test_of_two_that_write_the_same_file_one_is_refused(
    tmp_path: Path, force: bool, why: str
) -> None:
    path = tmp_path / "a.csv"
    with LabelledCopy(path, columns=["text"], added=ADDED) as copy:
        copy.write({"text": "x"})
        with (
            pytest.raises(UsageError, match=rf"a.csv.part ?{why}"),
            LabelledCopy(path, columns=["text"], added=ADDED, force=force),
        ):
            pass
    assert read_csv(path) == [["text", "predicted_label"], ["x", ""]]


def test_a_file_that_came_to_be_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"

    def interrupted_by_another() -> None:
        with LabelledCopy(path, columns=["text"], added=ADDED) as copy:
            copy.write({"text": "x"})
            path.write_text("of somebody else")

    with pytest.raises(PrefpropError, match=r"has come to be meanwhile .* the rows are in"):
        interrupted_by_another()
    assert path.read_text() == "of somebody else"
    assert len(read_csv(part_of(path))) == 2
    copied(path, [{"text": "y"}], force=True)
    assert read_csv(path)[1] == ["y", "x"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with LabelledCopy(tmp_path / "a.csv", columns=["text"], added=ADDED) as copy:
        with monkeypatch.context() as patch:
            patch.setattr(copy._rows, "write", full)
            with pytest.raises(ResourceError, match=r"no room to write .*a.csv.part"):
                copy.write({"text": "x"})
        copy.discard()


def test_parquet_keeps_the_types_of_parquet(tmp_path: Path) -> None:
    table = pa.table(
        {
            "i8": pa.array([1, None], pa.int8()),
            "u64": pa.array([2**64 - 1, 0], pa.uint64()),
            "f32": pa.array([0.5, None], pa.float32()),
            "price": pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
            "map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
            "kind": pa.array(["x", None]).dictionary_encode(),
            "long": pa.array(["x", "y"], pa.large_string()),
            "tags": pa.array([[1], None], pa.list_(pa.int16())),
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet")
    columns = SeenColumns(with_types=True)
    columns.see_typed(parquet_types(tmp_path / "in.parquet"))
    path = tmp_path / "out.parquet"
    with LabelledCopy(path, columns=columns.names, added=(), types=columns.types()) as copy:
        for row in table.to_pylist():
            copy.write(row)
    found = parquet.read_table(path)
    assert found.schema.equals(table.schema)
    assert found.to_pylist() == table.to_pylist()


def test_types_of_several_files_have_what_is_common(tmp_path: Path) -> None:
    columns = SeenColumns(with_types=True)
    columns.see_typed({"n": pa.int8(), "s": pa.large_string()})
    columns.see({"n": 2**40, "s": "x"})
    assert columns.types()["n"] == pa.int64()
    columns.see({"n": "many"})
    assert columns.types()["n"] == pa.string()


def test_each_row_is_on_the_disk_when_it_was_written(tmp_path: Path) -> None:
    with LabelledCopy(tmp_path / "a.csv", columns=["text"], added=ADDED) as copy:
        copy.write({"text": "x"})
        assert read_csv(copy.part)[1:] == [["x", ""]]


class _SmallDisk(io.FileIO):
    """A file that has room for 100 bytes."""

    def write(self, data: Any) -> int:
        room = 100 - self.tell()
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(memoryview(data).cast("B")[:room])


def _filled(copy: LabelledCopy) -> None:
    with copy:
        for _ in range(50):
            copy.write({"text": "sixte\nen"})


@pytest.mark.parametrize(("name", "n_rows"), [("a.csv", 6), ("a.jsonl", 2), ("a.parquet", 0)])
def test_a_full_disk_leaves_whole_rows_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, n_rows: int
) -> None:
    def opened(path: Path, mode: str) -> io.BufferedWriter:
        return io.BufferedWriter(_SmallDisk(path, mode))

    copy = LabelledCopy(tmp_path / name, columns=["text"], added=ADDED)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        with pytest.raises(ResourceError, match=r"no room to write"):
            _filled(copy)
    assert copy.n_rows == n_rows
    if not n_rows:
        assert list(tmp_path.iterdir()) == []
    elif name == "a.csv":
        assert len(read_csv(copy.part)) == 1 + n_rows
    else:
        assert len([json.loads(line) for line in copy.part.read_text().splitlines()]) == n_rows


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_signal_between_a_row_and_its_count_leaves_the_rows_that_are_told(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"l.{ending}"
    copy = LabelledCopy(path, columns=["a"], added=["label"])

    def write_two() -> None:
        with copy:
            copy.write({"a": "x", "label": "y"})
            flush = copy._file.flush

            def interrupted() -> None:
                flush()
                raise KeyboardInterrupt

            copy._file.flush = interrupted  # type: ignore[method-assign]
            try:
                copy.write({"a": "z", "label": "y"})
            finally:
                del copy._file.flush

    with pytest.raises(KeyboardInterrupt):
        write_two()
    lines = copy.part.read_text().splitlines()
    assert (copy.n_rows, "z" in copy.part.read_text()) == (1, False)
    assert len(lines) == (2 if ending == "csv" else 1)
