from pathlib import Path

import pytest

from prefprop_cli.hub import is_commit, is_repository, kept_models, split_name
from tests.helpers.hub import Hub


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("roberta-base", ("roberta-base", None)),
        ("owner/name", ("owner/name", None)),
        ("owner/name@refs/pr/1", ("owner/name", "refs/pr/1")),
        ("name@v1.0@x", ("name", "v1.0@x")),
        ("name@", ("name", "")),
    ],
)
def test_a_name_is_split_at_its_first_at(name: str, parts: tuple[str, str | None]) -> None:
    assert split_name(name) == parts


def test_what_may_be_a_repository() -> None:
    assert all(map(is_repository, ("a", "a/b", "bert-base.v1_2", "a--b")))
    assert not any(map(is_repository, ("", "a/b/c", "/a", "a/", "./a", "..", "~/a", "a b", "ä")))


def test_a_commit_is_a_whole_hash() -> None:
    assert is_commit("0123456789abcdef" * 2 + "01234567")
    assert not any(map(is_commit, (None, "main", "0123456", "g" * 40, "A" * 40)))


def keep(home: Path, name: str, files: dict[str, str]) -> None:
    folder = home / "hf" / "hub" / name / "snapshots" / "abc"
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text)


def test_models_with_configuration_and_weights_count(hub: Hub, tmp_path: Path) -> None:
    config = '{"model_type": "bert"}'
    keep(tmp_path, "models--a--whole", {"config.json": config, "model.safetensors": ""})
    keep(tmp_path, "models--a--pickle", {"config.json": config, "pytorch_model.bin": ""})
    keep(tmp_path, "models--a--asked-only", {"config.json": config})
    keep(tmp_path, "models--a--torn", {"config.json": "{", "model.safetensors": ""})
    keep(tmp_path, "models--a--list", {"config.json": "[]", "model.safetensors": ""})
    keep(tmp_path, "datasets--a--set", {"config.json": config, "model.safetensors": ""})
    assert kept_models() == {"a/pickle": "bert", "a/whole": "bert"}


def test_without_a_cache_there_are_none(hub: Hub) -> None:
    assert kept_models() == {}
