import shutil
import subprocess
from pathlib import Path

import pytest

from prefprop_cli.cli import app
from prefprop_cli.cli.manual import NAME, manual

PAGE = Path(__file__).parents[2] / "completions" / NAME


def shown() -> str:
    """The page as a reader sees it, on one line."""
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-c", "-P-b", "-P-u", "-ww", str(PAGE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return " ".join(done.stdout.replace("-\n", "-").split())


def test_it_is_not_stale() -> None:
    assert PAGE.read_text(encoding="utf-8") == manual(), "run `make completions`"


def test_every_command_and_exit_code_is_in_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in app.Commands():
        assert f'.SS "prefprop {name} ' in page
    for code in ("0", "8", "129, 130, 143", "141"):
        assert f".TP\n\\fB{code}\\fR\n" in page


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_groff_shows_it_without_a_warning() -> None:
    page = shown()
    assert "prefprop - long documents in" in page
    assert "run=$(prefprop train -p demo)" in page
    assert "-s, --set KEY=VALUE Set one key, e.g. train.lr=1e-3; repeatable." in page
    assert page.count("--debug") == 1
