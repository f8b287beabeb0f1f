"""From an exception to one clear message and an exit code."""

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
from prefprop_cli.words import first_line, plural


def report(failure: BaseException, console: Console) -> int:
    """Tell what went wrong, with a traceback if `--debug` asks for it; return the exit code."""
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
        for problem in failure.problems:
            console.error(problem)
        count = plural(len(failure.problems), "error")
        console.notice(f"{count}, nothing was started. {failure.hint}".rstrip())
    else:
        console.error(_message(failure))
    if isinstance(failure, PrefpropError):
        return failure.exit_code
    return ResourceError.exit_code if is_out_of_memory(failure) or is_disk_full(failure) else 1


def _message(failure: BaseException) -> str:
    if isinstance(failure, PrefpropError):
        return str(failure)
    if is_out_of_memory(failure):
        return f"out of memory: {first_line(failure)}" if str(failure) else "out of memory"
    if isinstance(failure, OSError) and failure.strerror:
        return failure.strerror + (f": {failure.filename}" if failure.filename else "")
    what = f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__
    return f"internal error: {what}\nRun it again with --debug to see where."
