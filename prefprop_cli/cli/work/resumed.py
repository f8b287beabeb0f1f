"""A run that is taken up again, held before anything takes time."""

import shlex
from contextlib import ExitStack
from pathlib import Path

from prefprop_cli.errors import UsageError
from prefprop_cli.runs import RunFolder, check_config, is_begun, unfinished
from prefprop_cli.runs.distributed import world


def taken_up(path: Path, held: ExitStack) -> RunFolder:
    """The run to go on with, locked.

    Raises:
        UsageError: it is finished, or its configuration was changed.
        RunLockedError: another process trains it.
    """

    def opened() -> RunFolder:
        folder = RunFolder.open(path)
        manifest = folder.manifest
        if manifest["status"] == "finished":
            raise UsageError(f"{path} is finished; there is nothing to resume")
        if not is_begun(manifest):
            raise unfinished(path, manifest)
        check_config(folder.config, manifest)
        return folder

    folder = world().on_each(opened)
    hold(folder, held)
    return folder


def hold(folder: RunFolder, held: ExitStack) -> None:
    """Lock a run, of several processes in the first."""
    world().on_main(lambda: held.enter_context(folder.lock()))


def advice(folder: RunFolder) -> str:
    """What to do where a run cannot go on with what there is now."""
    again = f"prefprop train -p {shlex.quote(str(folder.config))}"
    return f"Put back what it was, or begin a new run with what there is now: {again}"
