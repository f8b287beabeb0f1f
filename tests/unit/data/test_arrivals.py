"""When a file that appears in a folder is whole."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from prefprop_cli.data.arrivals import EMPTY_S, SETTLED_S, Arrivals
from prefprop_cli.errors import DataError

START_S = 1_000_000.0


@dataclass
class Folder:
    """A folder in which time passes when it is told to."""

    path: Path
    now_s: float = START_S

    def __post_init__(self) -> None:
        self.arrivals = Arrivals(
            self.path, suffixes=(".txt", ""), clock=lambda: self.now_s, now=lambda: self.now_s
        )

    def write(self, name: str, text: str, *, age_s: float = 0.0) -> None:
        """Write a file that was changed so many seconds ago."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (self.now_s - age_s,) * 2)

    def whole(self) -> list[str]:
        return [path.relative_to(self.path).as_posix() for path in self.arrivals.whole()]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_what_is_there_comes_first_each_once_the_oldest_first(folder: Folder) -> None:
    for name, age_s in (("new.txt", 10), ("old.txt", 20), ("deep/er/1", 15)):
        folder.write(name, "x", age_s=age_s)
    for name in (".hidden.txt", ".git/a.txt", "photo.png", "a.txt.part"):
        folder.write(name, "x", age_s=20)
    assert folder.whole() == ["old.txt", "deep/er/1", "new.txt"]
    assert folder.whole() == []


def test_a_file_that_is_moved_there_is_taken_at_once(folder: Folder) -> None:
    folder.write(".a.tmp", "x", age_s=SETTLED_S)
    assert folder.whole() == []
    (folder.path / ".a.tmp").rename(folder.path / "a.txt")
    assert folder.whole() == ["a.txt"]


def test_a_file_that_grows_is_taken_when_it_does_so_no_more(folder: Folder) -> None:
    for length in range(1, 5):
        folder.write("a.txt", "x" * length)
        assert folder.whole() == []
        folder.now_s += 0.9 * SETTLED_S
        assert folder.whole() == []
    folder.now_s += 0.2 * SETTLED_S
    assert folder.whole() == ["a.txt"]


def test_a_file_that_changes_later_comes_again(folder: Folder) -> None:
    folder.write("a.txt", "x", age_s=10)
    assert folder.whole() == ["a.txt"]
    folder.write("a.txt", "xy", age_s=5)
    assert folder.whole() == ["a.txt"]
    (folder.path / "a.txt").unlink()
    assert folder.whole() == []
    folder.write("a.txt", "xy", age_s=5)
    assert folder.whole() == ["a.txt"]


def test_an_empty_file_is_given_time_to_be_filled(folder: Folder) -> None:
    folder.write("a.txt", "")
    folder.now_s += EMPTY_S - 0.1
    assert folder.whole() == []
    folder.now_s += 0.2
    assert folder.whole() == ["a.txt"]


def test_a_disk_whose_clock_is_ahead(folder: Folder) -> None:
    folder.write("a.txt", "x", age_s=-3600)
    assert folder.whole() == []
    folder.now_s += SETTLED_S
    assert folder.whole() == ["a.txt"]


def test_a_folder_that_is_gone_is_an_error(folder: Folder) -> None:
    folder.path.rename(folder.path.with_name("elsewhere"))
    with pytest.raises(DataError, match="the folder is gone"):
        folder.whole()


def test_a_pipe_is_not_waited_for(folder: Folder) -> None:
    os.mkfifo(folder.path / "pipe.txt")
    folder.write("a.txt", "x", age_s=60)
    folder.now_s += 60
    assert folder.whole() == ["a.txt"]
