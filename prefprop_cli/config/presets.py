"""Where presets are and what they are called; small, because a press of TAB waits for it.

A name is looked up in `./presets`, then in the user's configuration folder, then among the
presets that come with the program; the first one found counts.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tomli

from prefprop_cli.errors import ConfigError

Origin = Literal["local", "user", "built-in"]
MAX_CONFIG_BYTES = 1 << 20
BASE = "base"
"""The preset of documents of one's own."""


@dataclass(frozen=True)
class PresetInfo:
    """One line of `prefprop presets`."""

    name: str
    description: str
    path: Path
    origin: Origin


def find_preset(name: str) -> Path:
    """Return the file of a preset; a ConfigError names the nearest one that exists."""
    if paths := preset_paths(name):
        return paths[0]
    raise ConfigError([not_found(name)], hint="See `prefprop presets`.")


def preset_paths(name: str) -> list[Path]:
    """Return every file of that name, the one that counts first."""
    candidates = (folder / f"{name}.toml" for folder in preset_folders().values())
    return [path for path in candidates if name and is_file(path)]


def not_found(name: str) -> str:
    """Say that there is no such preset, and which one may have been meant."""
    from difflib import get_close_matches

    nearest = get_close_matches(name, [preset.name for preset in list_presets()], n=1)
    advice = f"did you mean `{nearest[0]}`?" if nearest else "a file needs a path or ends in .toml"
    return f"preset `{name}` was not found - {advice}"


def list_presets() -> list[PresetInfo]:
    """Return all presets by name; of several with one name the one that counts."""
    found: dict[str, PresetInfo] = {}
    for origin, folder in preset_folders().items():
        for path in folder.glob("*.toml"):
            if path.stem not in found and is_file(path):
                found[path.stem] = PresetInfo(path.stem, _description(path), path, origin)
    return [found[name] for name in sorted(found)]


def preset_folders() -> dict[Origin, Path]:
    """Return the folders in the order of the look-up."""
    from platformdirs import user_config_dir

    package = Path(__file__).parents[1]
    packaged = package / "presets"
    return {
        "local": Path("presets"),
        "user": Path(user_config_dir("prefprop")) / "presets",
        "built-in": packaged if packaged.is_dir() else package.parent / "presets",
    }


def is_path(preset: str) -> bool:
    """Tell whether `-p` was given a file (or `-`) and not a name."""
    return preset == "-" or "/" in preset or os.sep in preset or preset.endswith(".toml")


def is_file(path: Path) -> bool:
    """Tell whether the path is a file, also where it cannot even be a path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _description(path: Path) -> str:
    try:
        with path.open("rb") as file:
            values = tomli.loads(file.read(MAX_CONFIG_BYTES).decode())
    except (OSError, ValueError, RecursionError):
        return "(cannot be read)"
    return " ".join(str(values.get("description", "")).split())
