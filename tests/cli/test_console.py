import errno
import io
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from prefprop_cli.cli.console import Common, Console, OutputClosed
from prefprop_cli.cli.progress import Bar
from prefprop_cli.errors import ResourceError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, "cannot")


@pytest.fixture
def stdout() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def stderr() -> io.StringIO:
    return io.StringIO()


def test_results_go_to_stdout_and_all_else_to_stderr(
    stdout: io.StringIO, stderr: io.StringIO
) -> None:
    console = Console(Common(verbose=True), stdout=stdout, stderr=stderr)
    console.result("answer")
    for say in (console.detail, console.info, console.notice, console.warn, console.error):
        say(f"from {say.__name__}")
    assert stdout.getvalue() == "answer\n"
    assert stderr.getvalue().splitlines() == [
        "from detail",
        "from info",
        "from notice",
        "warning: from warn",
        "error: from error",
    ]


def test_quiet_leaves_the_chatter_out_and_keeps_warnings(stderr: io.StringIO) -> None:
    console = Console(Common(quiet=True), stderr=stderr)
    console.detail("detail")
    console.info("info")
    console.warn("bad")
    assert stderr.getvalue() == "warning: bad\n"


def test_what_is_waited_for_is_told_to_who_watches(stderr: io.StringIO) -> None:
    Console(stderr=stderr).wait("loading")
    assert stderr.getvalue() == ""
    Console(Common(quiet=True), stderr=(quiet := Terminal())).wait("loading")
    assert quiet.getvalue() == ""
    Console(stderr=(terminal := Terminal())).wait("loading")
    assert terminal.getvalue() == "loading\n"


def test_json_is_exact_on_one_line(stdout: io.StringIO) -> None:
    value = {
        "text": "naïve\x1b[31m\n文",
        "scores": [0.5, float("nan"), np.float32("inf"), np.float64(0.25)],
        "counts": np.array([1, 2]),
        "path": Path("a/b"),
        "pair": (True, None),
    }
    Console(stdout=stdout).result_json(value)
    line = stdout.getvalue()
    assert line.count("\n") == 1
    assert "naïve" in line
    assert json.loads(line) == {
        "text": "naïve\x1b[31m\n文",
        "scores": [0.5, None, None, 0.25],
        "counts": [1, 2],
        "path": "a/b",
        "pair": [True, None],
    }


def test_json_holds_names_that_are_not_utf8() -> None:
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="utf-8", errors="strict")
    Console(stdout=stdout).result_json({"path": "x\udce9"})
    assert json.loads(raw.getvalue()) == {"path": "x\udce9"}


def test_json_refuses_what_it_cannot_say(stdout: io.StringIO) -> None:
    with pytest.raises(TypeError, match="set"):
        Console(stdout=stdout).result_json({"labels": {"a"}})


def test_table_in_a_pipe_is_bare_rows_with_tabs(stdout: io.StringIO) -> None:
    Console(stdout=stdout).table([("a", "1"), ("a\nb\tc", "2")], header=("name", "n"))
    assert stdout.getvalue() == "a\t1\na\\nb\\tc\t2\n"


def test_table_on_a_terminal_is_aligned_under_its_header() -> None:
    stdout = Terminal()
    Console(stdout=stdout).table([("文書", "1"), ("ab\x1b[m", "2")], header=("name", "n"))
    assert stdout.getvalue().splitlines() == ["name      n", "文書      1", r"ab\x1b[m  2"]


WIDE = (
    ("prefix-propagation", "3", "81.8 ± 0.3", "[80.3, 83.4]", "of every seed and document"),
    ("fine-tuning", "3", "80.1 ± 1.9", "[78.3, 82.4]", "-"),
)
WIDE_HEADER = ("method", "seeds", "F1", "95 %", "what it is")


def on_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    stdout = Terminal()
    Console(stdout=stdout).table(WIDE, header=WIDE_HEADER)
    return stdout.getvalue().splitlines()


def test_a_table_is_wrapped_within_its_widest_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_a_terminal(60, monkeypatch) == [
        "method        seeds  F1          95 %          what it is",
        "prefix-       3      81.8 ± 0.3  [80.3, 83.4]  of every seed",
        "propagation                                    and document",
        "fine-tuning   3      80.1 ± 1.9  [78.3, 82.4]  -",
    ]


def test_a_table_of_few_rows_that_cannot_be_wrapped_is_turned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert on_a_terminal(40, monkeypatch) == [
        "method      prefix-         fine-tuning",
        "            propagation",
        "seeds       3               3",
        "F1          81.8 ± 0.3      80.1 ± 1.9",
        "95 %        [80.3, 83.4]    [78.3, 82.4]",
        "what it is  of every seed   -",
        "            and document",
    ]


def test_a_table_that_cannot_be_turned_is_a_paragraph_for_each_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert on_a_terminal(34, monkeypatch) == [
        "prefix-propagation",
        "  seeds       3",
        "  F1          81.8 ± 0.3",
        "  95 %        [80.3, 83.4]",
        "  what it is  of every seed and",
        "              document",
        *("fine-tuning", "  seeds       3", "  F1          80.1 ± 1.9"),
        *("  95 %        [78.3, 82.4]", "  what it is  -"),
    ]


@pytest.mark.parametrize("columns", [20, 40, 60, 80])
def test_nothing_of_a_table_is_lost_or_too_wide(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stdout = Terminal()
    Console(stdout=stdout).table([("文書" * 30, "x" * 99, "a/b-c " * 20)], header=("a", "b", "c"))
    assert max(map(cell_len, stdout.getvalue().splitlines())) <= columns
    letters = "".join(stdout.getvalue().split())
    assert (letters.count("文書"), letters.count("x"), letters.count("a/b-c")) == (30, 99, 20)


def test_messages_on_a_terminal_end_lines_between_words_and_keep_commands_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    stderr = Terminal()
    command = "prefprop train --resume runs/reviews-20261126-054803"
    Console(stderr=stderr).warn(f"the run stopped at step 12 of 400, a while ago; go on: {command}")
    assert stderr.getvalue().splitlines() == [
        "warning: the run stopped at step 12 of",
        "  400, a while ago; go on:",
        f"  {command}",
    ]


def test_sentences_are_wrapped_on_a_terminal_only(
    stdout: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    text = "Precision and recall are\x1b[m of one class."
    terminal = Terminal()
    Console(stdout=stdout).prose(text)
    Console(stdout=terminal).prose(text)
    assert stdout.getvalue() == f"{text}\n"
    assert terminal.getvalue() == "Precision and recall\nare\\x1b[m of one\nclass.\n"


def test_empty_table_on_a_terminal_is_nothing() -> None:
    stdout = Terminal()
    Console(stdout=stdout).table([])
    assert stdout.getvalue() == ""


def test_result_is_exact_in_a_pipe_and_harmless_on_a_terminal(stdout: io.StringIO) -> None:
    terminal = Terminal()
    Console(stdout=stdout).result("runs/\x1b[31m\n")
    Console(stdout=terminal).result("runs/\x1b[31m\n")
    assert stdout.getvalue() == "runs/\x1b[31m\n\n"
    assert terminal.getvalue() == "runs/\\x1b[31m\n\n"


@pytest.mark.parametrize("say", ["info", "warn", "error", "notice"])
def test_messages_show_text_of_users_as_it_is(say: str, stderr: io.StringIO) -> None:
    getattr(Console(stderr=stderr), say)("[red]label[/red] :smile: \x1b[2J " + "long " * 60)
    assert "[red]label[/red] :smile: \\x1b[2J long" in stderr.getvalue()
    assert stderr.getvalue().count("\n") == 1


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EBADF])
def test_closed_stdout(number: int) -> None:
    with pytest.raises(OutputClosed):
        Console(stdout=Broken(number)).result("answer")


def test_full_disk_behind_stdout() -> None:
    with pytest.raises(ResourceError, match="standard output: cannot"):
        Console(stdout=Broken(errno.ENOSPC)).row(["answer"])


def test_losing_stderr_stops_nothing(stdout: io.StringIO) -> None:
    console = Console(stdout=stdout, stderr=Broken(errno.EPIPE))
    console.error("nobody hears this")
    console.result("answer")
    assert stdout.getvalue() == "answer\n"


@pytest.mark.parametrize(
    ("variable", "terminal", "coloured"),
    [
        (None, False, False),
        ("FORCE_COLOR", False, True),
        (None, True, True),
        ("NO_COLOR", True, False),
    ],
)
def test_colour(
    variable: str | None, terminal: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    if variable:
        monkeypatch.setenv(variable, "1")
    stderr = Terminal() if terminal else io.StringIO()
    Console(stderr=stderr).error("bad")
    assert ("31m" in stderr.getvalue()) == coloured


@pytest.mark.parametrize(
    ("terminal", "term", "quiet", "moves"),
    [
        (True, "xterm", False, True),
        (True, "dumb", False, False),
        (True, "xterm", True, False),
        (False, "xterm", False, False),
    ],
)
def test_progress_moves_only_on_a_terminal(
    terminal: bool, term: str, quiet: bool, moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("FORCE_COLOR", "1")
    stderr = Terminal() if terminal else io.StringIO()
    with Console(Common(quiet=quiet), stderr=stderr).progress(total=2) as progress:
        progress.update(1)
    assert ("\x1b[?25l" in stderr.getvalue()) == moves
    assert ("step 1/2 50%" in stderr.getvalue()) != quiet


def test_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("prefprop_cli.cli.progress.INTERVAL_S", 0.0)
    stderr = Terminal()
    with Console(stderr=stderr).progress(total=2) as progress:
        progress.update(1)
        assert stderr.getvalue() == "step 1/2 50% eta 0:00\n"


def test_bar_of_a_loop_that_did_nothing_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stderr = Terminal()
    with Console(stderr=stderr).progress(total=9, done=4):
        pass
    assert "step" not in stderr.getvalue()


def test_result_on_the_same_terminal_takes_the_bar_away_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    console = Console(stdout=terminal, stderr=terminal)
    with console.progress(total=2) as progress:
        progress.update(1)
        console.result("answer")
        progress.update(2)
    before, after = terminal.getvalue().split("answer\n")
    assert before.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")
    assert "\x1b[?25l" in after
    assert "step 2/2 100%" in after


def test_result_in_a_pipe_ends_the_bar_whose_line_its_reader_may_write_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`predict … | cat`: the row appears some time after it was written."""
    monkeypatch.setenv("TERM", "xterm")
    reader, writer = os.pipe()
    terminal = Terminal()
    with open(writer, "w") as pipe, open(reader):
        console = Console(stdout=pipe, stderr=terminal)
        with console.progress(total=2) as progress:
            progress.update(1)
            console.result("answer")
            moved = terminal.getvalue()
            assert moved.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")
            progress.update(2)
            time.sleep(0.6)
        assert terminal.getvalue() == f"{moved}step 2/2 100%\n"


def test_result_in_a_file_leaves_the_bar_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(Bar, "give_way", None)
    with open(tmp_path / "out", "w") as file:
        console = Console(stdout=file, stderr=Terminal())
        with console.progress(total=2):
            console.result("answer")
    assert (tmp_path / "out").read_text() == "answer\n"
