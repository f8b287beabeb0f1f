"""What TAB offers, and the scripts that ask for it; stdlib only, because TAB is pressed a lot.

`python -m prefprop_cli.cli.completion FOLDER` writes the scripts of bash, zsh and fish.
"""

import json
import re
import sys
from contextlib import suppress
from pathlib import Path

VARIABLE = "_PREFPROP_COMPLETE"
SCRIPTS = {"bash": "prefprop.bash", "zsh": "_prefprop", "fish": "prefprop.fish"}

# zsh evaluates what it is offered: a name or a description from a file must not be a command.
_SAFE_NAME = re.compile(r"[\w./+@%=-]+")
_UNSAFE = re.compile(r"[^\w .,()+%-]+")

# A `=` parts words for bash; what was typed around one is put together again, and of what comes
# back only what is right of it replaces the word.
_BASH_JOINS = """\
    local words=() word last=-1  # without ${words[-1]}, which bash 3.2 of macOS does not know
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
      if [[ $last -gt 0 && ($word == = || ${words[last]} == *=) ]]; then
        words[last]+=$word
      else
        words[++last]=$word
      fi
    done
    COMPREPLY=("""
_BASH_PARTS = """\
    [[ ${words[last]} == *=* ]] && COMPREPLY=( "${COMPREPLY[@]#*=}" )
    return 0"""

_ZSH_REGISTERS = "compdef _prefprop_completion prefprop"
_ZSH_RUNS_OR_REGISTERS = f"""\
# Read by `autoload` from a folder of fpath, this file is the function itself.
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _prefprop_completion "$@"
else
  {_ZSH_REGISTERS}
fi"""

_CHANGES: dict[str, dict[str, str]] = {
    "bash": {
        _BASH_JOINS: "    COMPREPLY=(",
        'COMP_WORDS="${words[*]}"': 'COMP_WORDS="${COMP_WORDS[*]}"',
        "COMP_CWORD=$last": "COMP_CWORD=$COMP_CWORD",
        _BASH_PARTS: "    return 0",
    },
    "zsh": {_ZSH_RUNS_OR_REGISTERS: _ZSH_REGISTERS},
    "fish": {},
}
"""What of Typer's scripts is replaced: ours by theirs."""


def presets(incomplete: str) -> list[tuple[str, str]]:
    """Names of presets and what they are for."""
    from prefprop_cli.config.presets import list_presets

    return [
        (preset.name, _harmless(preset.description))
        for preset in list_presets()
        if preset.name.startswith(incomplete) and _SAFE_NAME.fullmatch(preset.name)
    ]


def settings(incomplete: str) -> list[tuple[str, str]]:
    """Keys of the configuration as `-s` takes them; of a key that is whole, values or default."""
    from prefprop_cli.config.documented import documented_keys

    key, equals, _ = incomplete.partition("=")
    keys = [each for each in documented_keys() if "." in each.path]
    found = [each for each in keys if each.path == key] if equals else []
    found = found or [each for each in keys if each.path.startswith(incomplete)]
    if len(found) > 1:
        return [(f"{each.path}=", _harmless(each.meaning)) for each in found]
    values = [(each, value) for each in found for value in each.values or (each.default,)]
    offered = [(f"{each.path}={value}", _harmless(each.meaning)) for each, value in values]
    return [o for o in offered if o[0].startswith(incomplete) and _SAFE_NAME.fullmatch(o[0])]


def _harmless(description: str) -> str:
    """A description without what a shell could obey."""
    return " ".join(_UNSAFE.sub(" ", description).split())


def runs(incomplete: str) -> list[str]:
    """Run folders under `./runs`, the finished ones first, of each kind the newest."""
    return _offered(incomplete, finished_first=True)


def runs_to_resume(incomplete: str) -> list[str]:
    """The same, the finished ones last."""
    return _offered(incomplete, finished_first=False)


def _offered(incomplete: str, *, finished_first: bool) -> list[str]:
    """What a manifest says is not verified here: it need not be whole to be offered."""
    found = []
    for file in Path("runs").glob("*/manifest.json"):
        path, manifest = file.parent.as_posix(), None
        if path.startswith(incomplete) and _SAFE_NAME.fullmatch(file.parent.name):
            with suppress(OSError):
                written_s = file.stat().st_mtime
                with suppress(ValueError, RecursionError):
                    manifest = json.loads(file.read_bytes())
                is_finished = isinstance(manifest, dict) and manifest.get("status") == "finished"
                found.append((is_finished == finished_first, written_s, path))
    return [path for *_, path in sorted(found, reverse=True)]


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
    for ours, theirs in _CHANGES[shell].items():
        assert theirs in text, f"Typer's script for {shell} has changed"
        text = text.replace(theirs, ours)
    return text + "\n"


if __name__ == "__main__":
    for shell, name in SCRIPTS.items():
        (Path(sys.argv[1]) / name).write_text(script(shell), encoding="utf-8")
