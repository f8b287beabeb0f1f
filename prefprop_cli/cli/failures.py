"""From an exception to one clear message and an exit code.

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed while running |
| 2 | usage or configuration, nothing was started |
| 3 | bad input data |
| 4 | corrupt or unsafe file |
| 5 | run folder locked |
| 6 | non-finite training |
| 7 | out of disk or memory |
| 8 | ran, but a `--fail-*` gate was not met |
| 129, 130, 143 | hang-up, Ctrl-C, SIGTERM |
| 141 | nobody reads the output |
"""

import traceback

from prefprop_cli.cli.console import Console, OutputClosed
from prefprop_cli.errors import (
    ConfigError,
    Interrupted,
    PrefpropError,
    ResourceError,
    is_disk_full,
    is_out_of_memory,
)
from prefprop_cli.words import plural


def report(failure: BaseException, console: Console) -> int:
    """Tell what went wrong, with a traceback only if `--debug` asks for it.

    Returns:
        the exit code.
    """
    if isinstance(failure, OutputClosed):
        return failure.exit_code
    if console.common.debug:
        console.notice("".join(traceback.format_exception(failure)).rstrip())
    if isinstance(failure, KeyboardInterrupt):
        console.notice("interrupted")
        return 130
    if isinstance(failure, Interrupted):
        console.notice(str(failure))
    elif isinstance(failure, ConfigError):
        _report_config(failure, console)
    else:
        console.error(_message(failure))
    return exit_code(failure)


def exit_code(failure: BaseException) -> int:
    """The exit code of an exception."""
    if isinstance(failure, PrefpropError):
        return failure.exit_code
    return ResourceError.exit_code if is_out_of_memory(failure) or is_disk_full(failure) else 1


def _report_config(failure: ConfigError, console: Console) -> None:
    for problem in failure.problems:
        console.error(problem)
    count = plural(len(failure.problems), "error")
    console.notice(f"{count}, nothing was started. {failure.hint}".rstrip())


def _message(failure: BaseException) -> str:
    if isinstance(failure, PrefpropError):
        return str(failure)
    if is_out_of_memory(failure):
        first_line = (str(failure).splitlines() or [""])[0]
        return f"out of memory{': ' if first_line else ''}{first_line}"
    if isinstance(failure, OSError) and failure.strerror:
        where = f": {failure.filename}" if failure.filename else ""
        return f"{failure.strerror}{where}"
    what = f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__
    return f"internal error: {what}\nRun it again with --debug to see where."
