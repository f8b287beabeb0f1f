"""Commands with a data set of the hub: what they say, and with which exit code."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import project
from tests.helpers.hub import Hub
from tests.helpers.hub_sets import TRAIN, parquet

Output = Callable[..., tuple[int, str, str]]
NAME = "acme/reviews"


@pytest.fixture
def prepare(sets_hub: Hub, output: Output, tmp_path: Path) -> Callable[[str], tuple[int, str, str]]:
    """Prepare a data set of the hub."""
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 20)})
    backbone = project.write_backbone(tmp_path / "backbone")
    config = project.write_config(tmp_path / "tiny.toml", backbone=backbone, documents=Path("x"))
    return lambda source: output(
        "prepare", "-p", config, "-s", "data.set=hub", "--source", source, "--out", "prepared"
    )


def test_a_data_set_is_downloaded_once_and_told(
    prepare: Callable[[str], tuple[int, str, str]], sets_hub: Hub
) -> None:
    code, folder, err = prepare(NAME)
    assert code == 0
    lines = err.splitlines()
    assert lines[0] == "downloading acme/reviews"
    assert lines[1] == "acme/reviews   text ← text   label ← label"
    assert "  40 documents: 20 train, 10 validation, 10 test" in lines
    assert "  2 classes: no 20, yes 20" in lines
    sets_hub.fail(status=503, message="maintenance")
    code, again, err = prepare(NAME)
    assert (code, again) == (0, folder)
    assert err.splitlines()[0] == (
        "acme/reviews: the hub failed (503: maintenance); try again later; the copy in the local "
        "cache is used"
    )


@pytest.mark.parametrize("fault", [{"close": True}, {"portal": True}, {"status": 403}, {}])
def test_what_cannot_be_had_is_one_sentence_and_bad_data(
    prepare: Callable[[str], tuple[int, str, str]], sets_hub: Hub, fault: dict[str, object]
) -> None:
    if fault:
        sets_hub.fail(**fault)
    code, out, err = prepare("acme/other")
    assert (code, out) == (3, "")
    assert err.startswith(
        "error: data.source = acme/other: not to be had from the Hugging Face hub"
    )
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [[NAME], ["-p", "base", "--source", NAME]])
def test_a_name_of_the_hub_is_all_that_train_takes(
    words: list[str], sets_hub: Hub, output: Output, tmp_path: Path
) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 20)})
    backbone = project.write_backbone(tmp_path / "backbone")
    small = [f"model.backbone={backbone}", "data.max_length=32", "method.prefix_length=2"]
    settings = [word for setting in small for word in ("-s", setting)]
    code, out, err = output("train", *words, *settings, "--dry-run")
    assert code == 0, err
    config = tomllib.loads(out)
    assert config["name"] == NAME
    assert config["data"]["set"] == "hub"
    assert config["data"]["label_column"] == "label"
    lines = err.splitlines()
    assert lines[:2] == ["downloading acme/reviews", "acme/reviews   text ← text   label ← label"]
    assert sum("is read at commit" in line for line in lines) == 1
