"""The run that a command works on: the one that was named, or the newest finished one."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console

if TYPE_CHECKING:
    from prefprop_cli.runs import Choice, RunFolder


def finished_run(console: Console, named: Path | None) -> "RunFolder":
    """Open a run that was trained to its end, before anything large is imported.

    Of several processes the first looks, and all get the run. None stands for the one of
    PREFPROP_RUN, else the newest finished one of `./runs`; the console says which it is.

    Raises:
        UsageError: there is none; or it is no run, not finished, or its configuration was changed.
        CorruptFileError: its manifest is damaged.
    """
    from prefprop_cli.runs import choose_run
    from prefprop_cli.runs.distributed import world

    choice = world().on_main(lambda: choose_run(named))
    if choice.because != "named":
        console.info(f"run: {choice.folder.path} ({choice.because})")
    tell_passed_over(console, choice)
    choice.folder.trained_adapter  # noqa: B018 - says what is wrong with it
    return choice.folder


def tell_passed_over(console: Console, choice: "Choice") -> None:
    """Say that a newer run was not taken, how far it is and how to go on with it."""
    from prefprop_cli.runs.state import again, state_of

    if newer := choice.passed_over:
        state = state_of(newer.path, newer.manifest)
        goes_on = "" if state.process else f". Go on with it: {again(newer.path)}"
        console.info(f"passed over: {newer.path}, newer, {state}{goes_on}")
