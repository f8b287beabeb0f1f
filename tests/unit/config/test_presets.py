import subprocess
import sys
from pathlib import Path

import pytest

from prefprop_cli.config.presets import find_preset, is_path, list_presets, preset_folders
from prefprop_cli.errors import ConfigError


@pytest.fixture
def user_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "config" / "prefprop" / "presets"
    folder.mkdir(parents=True)
    return folder


def test_the_working_folder_comes_before_the_user_before_the_package(user_folder):
    built_in = find_preset("demo")
    assert built_in.is_absolute()
    (user_folder / "demo.toml").write_text('description = "mine"')
    assert find_preset("demo") == user_folder / "demo.toml"
    Path("presets").mkdir()
    Path("presets/demo.toml").write_text("")
    assert find_preset("demo") == Path("presets/demo.toml")


def test_list_shows_each_name_once_with_its_description(user_folder):
    (user_folder / "demo.toml").write_text('description = "of\\n mine"')
    (user_folder / "broken.toml").write_bytes(b"\xff")
    presets = {preset.name: preset for preset in list_presets()}
    built_in = {path.stem for path in preset_folders()["built-in"].glob("*.toml")}
    assert {"arxiv", "base", "demo", "wikihop"} <= built_in
    assert list(presets) == sorted(built_in | {"broken"})
    assert (presets["demo"].description, presets["demo"].origin) == ("of mine", "user")
    assert presets["broken"].description == "(cannot be read)"
    assert presets["arxiv"].origin == "built-in"


def test_unknown_preset_names_the_nearest():
    with pytest.raises(ConfigError, match="preset `demoo` was not found - did you mean `demo`"):
        find_preset("demoo")


@pytest.mark.parametrize("name", ["", "\0", "x" * 5000, "..", "zzz"])
def test_names_that_cannot_be_files_are_not_found(name):
    with pytest.raises(ConfigError, match="was not found"):
        find_preset(name)


def test_what_is_a_path():
    assert [is_path(text) for text in ("demo", "-", "a.toml", "./demo", "a/b")] == [False] + [
        True
    ] * 4


def test_completion_does_not_wait_for_pydantic():
    code = (
        "import sys; from prefprop_cli.config.presets import list_presets; list_presets();"
        "print({'pydantic', 'torch', 'rich', 'typer'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"
