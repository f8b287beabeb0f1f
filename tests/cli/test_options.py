from pathlib import Path

import pytest

from prefprop_cli.cli.options import PICTURES, check_file, gates, integers
from prefprop_cli.errors import UsageError


def test_integers() -> None:
    assert integers("512, 1024,064", flag="--lengths") == (512, 1024, 64)


@pytest.mark.parametrize("text", ["", "512,", "a", "-1", "0", "1.5", "٣", "9" * 5000])
def test_no_integers(text: str) -> None:
    with pytest.raises(UsageError, match=r"--lengths .*: expected positive integers"):
        integers(text, flag="--lengths")


def test_gates() -> None:
    assert gates(["accuracy=0.8", " nll = -1e3 "], flag="--fail-below") == {
        "accuracy": 0.8,
        "nll": -1000.0,
    }
    assert gates(None, flag="--fail-below") == {}


def test_a_metric_has_one_limit() -> None:
    with pytest.raises(UsageError, match="--fail-below accuracy: given 2 times"):
        gates(["accuracy=0.8", "nll=1", "accuracy =0.9"], flag="--fail-below")


def test_a_file_that_can_be_written(tmp_path: Path) -> None:
    check_file(tmp_path / "a.html", flag="--report", endings=(".html", ".htm"))
    (tmp_path / "there.svg").write_text("old")
    check_file(tmp_path / "there.svg", flag="--plot", endings=PICTURES)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.pdf", r"--report .*a\.pdf: use a name that ends in \.html or \.htm"),
        ("a", "use a name that ends in"),
        (".html", "use a name that ends in"),
        ("folder.html", "this is a folder"),
        ("nowhere/a.html", "there is no folder .*nowhere"),
        ("a.txt/a.html", r"there is no folder .*a\.txt"),
    ],
)
def test_a_file_that_cannot(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(UsageError, match=message):
        check_file(tmp_path / name, flag="--report", endings=(".html", ".htm"))


def test_a_folder_that_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(UsageError, match="cannot be written to"):
        check_file(tmp_path / "a.html", flag="--report", endings=(".html",))


@pytest.mark.parametrize("text", ["", "accuracy", "accuracy=", "=0.5", "accuracy=high", "f1=nan"])
def test_no_gates(text: str) -> None:
    with pytest.raises(UsageError, match=r"--fail-below .*: expected METRIC=NUMBER"):
        gates([text], flag="--fail-below")
