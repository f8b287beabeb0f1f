import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from prefprop_cli import __version__
from prefprop_cli.cli import app, commands
from prefprop_cli.cli.command import built
from prefprop_cli.cli.console import Common
from prefprop_cli.runs import RunFolder

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

COMMANDS = ["presets", "init", "prepare", "train", "sweep", "runs", "show"]
COMMANDS += ["eval", "calibrate", "report", "predict", "bench", "doctor"]

PRINTS = """
def command(context: Context):
    console = context.obj
    console.info("working")
    for number in range(20000):
        console.result(f"row {number}")
"""


def raising(failure: str) -> str:
    return f"def command(context: Context):\n    raise {failure}\n"


def test_help_lists_the_commands_in_the_order_of_work(cli: Cli) -> None:
    done = cli("--help")
    assert done.returncode == 0
    shown = done.stdout.split("--help")[1]
    listed = [line.split()[0] for line in shown.splitlines() if re.match("  [a-z]", line)]
    assert listed == COMMANDS
    assert "..." not in shown
    assert "-h, --help" in done.stdout


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example_and_the_common_flags(
    command: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main([command, flag]) == 0
    shown = capsys.readouterr().out
    assert f"Example: prefprop {command}" in shown
    for common in ("--json", "-q, --quiet", "-v, --verbose", "--debug", "-h, --help"):
        assert common in shown


def test_alone_it_shows_where_to_begin_and_what_is_here(cli: Cli, tmp_path: Path) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    done = cli(**offline)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    for line in (
        "prefprop train reviews.csv",
        "prefprop train -p demo",
        "prefprop predict new.csv",
        "hub switched off (offline mode)",
        "Backbones on this disk: minilm",
        "Newest run: none in ./runs",
    ):
        assert line in done.stdout


def test_alone_it_names_the_newest_run(cli: Cli, tmp_path: Path) -> None:
    run = RunFolder.create_at(tmp_path / "runs" / "mine\x1b[2J")
    run.update_manifest(status="finished", validation={"accuracy": 0.912})
    assert (
        r"Newest run: runs/mine\x1b[2J (accuracy 0.91 on validation)"
        in cli(HF_HUB_OFFLINE="1").stdout
    )


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"prefprop {__version__}\n"


def test_each_module_of_a_command_is_listed_once() -> None:
    modules = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    assert sorted(modules) == sorted(app.Commands())


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], Common()),
        (["--json", "-v", "--debug"], Common(json=True, verbose=True, debug=True)),
        (["-q"], Common(quiet=True)),
    ],
)
def test_common_flags_reach_the_console(flags: list[str], expected: Common) -> None:
    seen: list[Common] = []

    def command(context: typer.Context, name: str, *, schema: bool = False) -> None:
        assert (name, schema) == ("demo", True)
        seen.append(context.obj.common)

    built("presets", command).main(["demo", "--schema", *flags], standalone_mode=False)
    assert seen == [expected]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--what"], "No such option: --what"),
        (["benhc"], "Did you mean 'bench'?"),
        (["train", "--epohcs", "3"], "No such option: --epohcs"),
        (["eval"], "no run was named, PREFPROP_RUN is not set, and ./runs holds no"),
        (["predict", "--top-k", "0"], "'--top-k'"),
        (["bench", "--lengths", "512,x"], "expected positive integers"),
        (["eval", "runs/a", "--fail-below", "x"], "expected METRIC=NUMBER"),
        (["presets", "a\x1b[2J"], r"preset `a\x1b[2J` was not found"),
    ],
)
def test_usage_errors(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(arguments) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("failure", "code"),
    [("EOFError('cut short')", 1), ("BrokenPipeError(32, 'worker')", 1), ("SystemExit(143)", 143)],
)
def test_failures_that_typer_would_hide_keep_their_code(
    failure: str, code: int, stand_in: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    done = subprocess.run(
        stand_in(raising(failure)), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Aborted" not in done.stderr


def test_traceback_only_with_debug(
    stand_in: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    command = stand_in(raising("ValueError('bug')"))
    quiet, debug = (
        subprocess.run(each, env=environment, capture_output=True, text=True, check=False)
        for each in (command, [*command, "--debug"])
    )
    assert quiet.stderr == (
        "error: internal error: ValueError: bug\nRun it again with --debug to see where.\n"
    )
    assert "Traceback" in debug.stderr
    assert (quiet.returncode, debug.returncode) == (1, 1)


def shell(command: str, environment: dict[str, str], source: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        ["bash", "-c", command],
        env={**environment, "PYTHON": sys.executable, "SOURCE": source},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def printing(stand_in: Callable[..., list[str]], tmp_path: Path) -> str:
    """A shell command that prints a lot."""
    script = tmp_path / "printing.py"
    script.write_text(stand_in(PRINTS)[2])
    return f'"$PYTHON" {script} "$SOURCE"'


def test_reader_that_leaves_is_no_error(printing: str, environment: dict[str, str]) -> None:
    code, out, err = shell(f"{printing} | head -n 1; exit ${{PIPESTATUS[0]}}", environment, PRINTS)
    assert (code, out, err) == (141, "row 0\n", "working\n")


def test_reader_of_stderr_that_leaves_stops_nothing(
    printing: str, environment: dict[str, str]
) -> None:
    command = f"{printing} 2> >(exec true) | tail -n 1; exit ${{PIPESTATUS[0]}}"
    code, out, _ = shell(command, environment, PRINTS)
    assert (code, out) == (0, "row 19999\n")


def test_full_disk(printing: str, environment: dict[str, str]) -> None:
    code, _, err = shell(f"{printing} >/dev/full", environment, PRINTS)
    assert code == 7
    assert err == ("working\nerror: cannot write to the standard output: No space left on device\n")


@pytest.mark.parametrize("flags", ["", "--help", "train --help", "--version"])
@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [
        (">/dev/full", 7, "error: cannot write to the standard output: No space left on device\n"),
        (">&-", 141, ""),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
    ],
)
def test_help_to_a_stream_that_is_full_or_closed(
    flags: str, redirection: str, code: int, message: str, environment: dict[str, str]
) -> None:
    got, _, err = shell(f'"$PYTHON" -m prefprop_cli {flags} {redirection}', environment)
    assert (got, err) == (code, message)


def test_help_to_a_reader_that_leaves(environment: dict[str, str]) -> None:
    command = '"$PYTHON" -m prefprop_cli --help | true; exit ${PIPESTATUS[0]}'
    assert shell(command, environment) == (141, "", "")


@pytest.mark.parametrize(
    ("redirection", "code", "out"), [(">&-", 141, ""), ("2>&-", 0, "row 19999\n")]
)
def test_closed_streams(
    redirection: str, code: int, out: str, printing: str, environment: dict[str, str]
) -> None:
    got, shown, err = shell(
        f"{printing} {redirection} | tail -n 1; exit ${{PIPESTATUS[0]}}", environment, PRINTS
    )
    assert (got, shown) == (code, out)
    assert "Traceback" not in err


OPENS = """
import os, sys
def command(context: Context):
    console = context.obj
    file = os.open("data", os.O_CREAT | os.O_RDWR)
    console.info("for people")
    console.result(f"{file} {sys.stdin.read()!r}")
"""


def test_no_file_becomes_a_standard_stream(
    printing: str, environment: dict[str, str], tmp_path: Path
) -> None:
    code, out, _ = shell(f"cd {tmp_path}; {printing} <&- 2>&-", environment, OPENS)
    number, text = out.split()
    assert (code, text) == (0, "''")
    assert int(number) > 2
    assert (tmp_path / "data").read_bytes() == b""


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
def test_results_are_utf8_whatever_the_locale(
    locale: str, stand_in: Callable[..., list[str]], environment: dict[str, str]
) -> None:
    source = "def command(context: Context):\n    context.obj.result('文 x\\udce9')\n"
    done = subprocess.run(
        stand_in(source),
        env={**environment, "LC_ALL": locale, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == "文 x".encode() + b"\xe9\n"


def test_in_one_process_one_after_the_other(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert app.main(["presets", "no-such-preset"]) == 2
    assert app.main(["presets", "--json"]) == 0
    assert {preset["name"] for preset in json.loads(capsys.readouterr().out)} >= {"demo"}
