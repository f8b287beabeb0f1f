"""What TAB offers, and the scripts that ask for it; stdlib only, because TAB is pressed a lot.

`python -m prefprop_cli.cli.completion FOLDER` writes the scripts of bash, zsh and fish.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "_PREFPROP_COMPLETE"
SCRIPTS = {"bash": "prefprop.bash", "zsh": "_prefprop", "fish": "prefprop.fish"}

# zsh evaluates what it is offered: a name or a description from a file must not be a command.
_SAFE_NAME = re.compile(r"[\w.+@%=-]+")
_UNSAFE = re.compile(r"[^\w .,()+%-]+")

_ZSH_REGISTERS = "compdef _prefprop_completion prefprop"
_ZSH_RUNS_OR_REGISTERS = f"""\
# Read by `autoload` from a folder of fpath, this file is the function itself.
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _prefprop_completion "$@"
else
  {_ZSH_REGISTERS}
fi"""


def presets(incomplete: str) -> list[tuple[str, str]]:
    """Names of presets and what they are for."""
    from prefprop_cli.config.presets import list_presets

    return [
        (preset.name, " ".join(_UNSAFE.sub(" ", preset.description).split()))
        for preset in list_presets()
        if preset.name.startswith(incomplete) and _SAFE_NAME.fullmatch(preset.name)
    ]


def runs(incomplete: str) -> list[str]:
    """Run folders under `./runs`, the finished ones first, of each kind the newest."""
    return _offered(incomplete, finished_first=True)


def runs_to_resume(incomplete: str) -> list[str]:
    """The same, the finished ones last."""
    return _offered(incomplete, finished_first=False)


def _offered(incomplete: str, *, finished_first: bool) -> list[str]:
    found = [path for path in newest_runs() if _SAFE_NAME.fullmatch(path.name)]
    paths = [path for path in found if path.as_posix().startswith(incomplete)]
    return [path.as_posix() for path in sorted(paths, key=lambda p: _ended(p) != finished_first)]


def newest_runs(folder: Path = Path("runs")) -> list[Path]:
    """Folders with a manifest in a folder of runs, the newest manifest first."""
    return [path for _, path in sorted(_dated_runs(folder), reverse=True)]


def _dated_runs(folder: Path) -> Iterator[tuple[float, Path]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            written_s = os.stat(Path(entry.path) / "manifest.json").st_mtime
        except OSError:
            continue
        yield written_s, Path(entry.path)


def _ended(run: Path) -> bool:
    """Whether a run is finished; what its manifest says is not verified here."""
    try:
        manifest = json.loads((run / "manifest.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and manifest.get("status") == "finished"


def register_shells() -> None:
    """Let Typer answer the shells."""
    from typer.completion import get_completion_inspect_parameters

    # Typer knows the shells only once it has made its --install-completion, which the program
    # does without.
    get_completion_inspect_parameters()
    # It imports Rich to remove markup from descriptions, which have none, and pydantic to check
    # the values of a line that is not complete, which it forgives. Both are most of a TAB's time.
    for module in ("rich", "pydantic"):
        sys.modules[module] = None  # type: ignore[assignment]


def script(shell: str) -> str:
    """The completion script of a shell, one of `SCRIPTS`."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    text = get_completion_script(prog_name="prefprop", complete_var=VARIABLE, shell=shell)
    return text.replace(_ZSH_REGISTERS, _ZSH_RUNS_OR_REGISTERS) + "\n"


def write_scripts(folder: Path) -> None:
    """Write the scripts of all shells into a folder."""
    for shell, name in SCRIPTS.items():
        (folder / name).write_text(script(shell), encoding="utf-8")


if __name__ == "__main__":
    write_scripts(Path(sys.argv[1]))
