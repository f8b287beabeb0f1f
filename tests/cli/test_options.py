import pytest

from prefprop_cli.cli.options import gates, integers
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


@pytest.mark.parametrize("text", ["", "accuracy", "accuracy=", "=0.5", "accuracy=high", "f1=nan"])
def test_no_gates(text: str) -> None:
    with pytest.raises(UsageError, match=r"--fail-below .*: expected METRIC=NUMBER"):
        gates([text], flag="--fail-below")
