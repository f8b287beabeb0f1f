from pathlib import Path

from prefprop_cli.hub import kept_models
from tests.helpers.hub import Hub


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
