from pathlib import Path

import pytest

from prefprop_cli.data.kinds import TEXT_SUFFIXES, documents_below, refuse_other_kinds
from prefprop_cli.errors import DataError


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.XLSX", "a spreadsheet. Save it as .csv"),
        ("a.pdf", "no plain text. Export it as .txt"),
        ("a.htm", "markup"),
        ("a.jsonl.gz", "an archive. Unpack it"),
        ("a.feather", "a table of another kind"),
    ],
)
def test_other_kinds_are_named(tmp_path: Path, name: str, message: str) -> None:
    path = tmp_path / name
    path.touch()
    with pytest.raises(DataError, match=f"{name}: {message}"):
        refuse_other_kinds(path)


@pytest.mark.parametrize("name", ["a.txt", "a", "a.tex", "a.1956", "a.log"])
def test_any_other_name_may_be_a_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    refuse_other_kinds(path)


def test_a_file_that_is_not_there_is_of_no_kind() -> None:
    refuse_other_kinds(Path("nowhere.pdf"))


def test_documents_of_a_folder_in_order(tmp_path: Path) -> None:
    names = ("b.txt", "a/2.TXT", "a/10", "a/x.csv", "c.png", "a.b/z.md", ".git/c.txt", "a/.x.txt")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, others = documents_below(tmp_path, suffixes=TEXT_SUFFIXES)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        *("a/10", "a/2.TXT", "a/x.csv", "a.b/z.md", "b.txt"),
    ]
    assert others == [tmp_path / "c.png"]
    with pytest.raises(
        DataError, match=r"6 files, and none that is read: a/10, a/2.TXT, .* What is read: .json$"
    ):
        documents_below(tmp_path, suffixes=(".json",))


def test_a_link_back_to_a_folder_above_is_not_followed(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").touch()
    (tmp_path / "first" / "up").symlink_to("..")
    (tmp_path / "first" / "across").symlink_to(Path("..", "second"))
    (tmp_path / "second" / "back").symlink_to(Path("..", "first"))
    found, _ = documents_below(tmp_path / "first", suffixes=TEXT_SUFFIXES)
    names = [path.relative_to(tmp_path / "first").as_posix() for path in found]
    assert names == ["a.txt", "across/a.txt", "up/second/a.txt"]


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(DataError, match="nowhere: cannot be read: No such file"):
        documents_below(Path("nowhere"), suffixes=TEXT_SUFFIXES)
