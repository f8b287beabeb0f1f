import errno
import io

import pytest

from prefprop_cli import errors
from prefprop_cli.cli.console import Common, Console, OutputClosed
from prefprop_cli.cli.failures import report


class OutOfMemoryError(RuntimeError):
    """Like torch's, which is known by its name."""


def told(failure: BaseException, **flags: bool) -> tuple[int, str]:
    stderr = io.StringIO()
    code = report(failure, Console(Common(**flags), stderr=stderr))
    return code, stderr.getvalue()


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (errors.PrefpropError("a"), 1, "error: a\n"),
        (errors.UsageError("a"), 2, "error: a\n"),
        (errors.DataError("a\nb"), 3, "error: a\nb\n"),
        (errors.CorruptFileError("a"), 4, "error: a\n"),
        (errors.RunLockedError("a"), 5, "error: a\n"),
        (errors.NonFiniteError("a"), 6, "error: a\n"),
        (errors.ResourceError("a"), 7, "error: a\n"),
        (errors.GateError("a"), 8, "error: a\n"),
        (errors.Interrupted("saved", signal_number=1), 129, "saved\n"),
        (errors.Interrupted("saved", signal_number=15), 143, "saved\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (OutputClosed(), 141, ""),
        (MemoryError(), 7, "error: out of memory\n"),
        (OutOfMemoryError("CUDA: 2 GiB\nhints"), 7, "error: out of memory: CUDA: 2 GiB\n"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 4 bytes"),
            7,
            "error: out of memory: DefaultCPUAllocator: can't allocate memory: you tried 4 bytes\n",
        ),
        (OSError(errno.ENOMEM, "Cannot allocate"), 7, "error: out of memory: [Errno 12] Cannot a"),
        (OSError(errno.ENOSPC, "No space", "runs/a"), 7, "error: No space: runs/a\n"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), 1, "error: Permission denied: a"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, "error: Broken pipe\n"),
        (
            ValueError("shape \x1b[2J"),
            1,
            "error: internal error: ValueError: shape \\x1b[2J\n"
            "Run it again with --debug to see where.\n",
        ),
        (EOFError(), 1, "error: internal error: EOFError\n"),
    ],
)
def test_code_and_message(failure: BaseException, code: int, message: str) -> None:
    shown_code, shown = told(failure)
    assert shown_code == code
    assert shown.startswith(message)
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("problems", "summary"),
    [
        (["a.toml:14:1  train.epohcs: unknown key"], "1 error, nothing was started. See x.\n"),
        (["a", "b"], "2 errors, nothing was started. See x.\n"),
    ],
)
def test_configuration_errors_all_at_once(problems: list[str], summary: str) -> None:
    code, shown = told(errors.ConfigError(problems, hint="See x."), quiet=True)
    assert code == 2
    assert shown == "".join(f"error: {problem}\n" for problem in problems) + summary


def test_configuration_errors_without_a_hint() -> None:
    assert told(errors.ConfigError(["a"]))[1].endswith("\n1 error, nothing was started.\n")


def test_debug_shows_where() -> None:
    try:
        raise errors.DataError("bad row")
    except errors.DataError as failure:
        code, shown = told(failure, debug=True)
    assert code == 3
    assert "Traceback" in shown
    assert "in test_debug_shows_where" in shown
    assert shown.endswith("error: bad row\n")
