"""Commands with a backbone of the hub: what they say, and what is there when it cannot be had."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prefprop_cli.backbones.load import load_backbone
from prefprop_cli.config.load import load_config
from prefprop_cli.experiment.plan import load_encoder, make_plan
from tests.helpers import project, tiny
from tests.helpers.forms import FORMS, PICKLE, SAFE, in_form
from tests.helpers.hub import Hub

Output = Callable[..., tuple[int, str, str]]
NAME = "bert-of-letters"


@pytest.fixture
def published(hub: Hub, tmp_path: Path) -> Path:
    """A repository with a pickle only, as it lies on this disk."""
    backbone = project.write_backbone(tmp_path / "made")
    published = in_form(backbone, "pickle", tmp_path / "published")
    hub.add_model(NAME, published)
    return published


@pytest.fixture
def config(published: Path, tmp_path: Path) -> Path:
    documents = project.write_documents(tmp_path / "documents.jsonl", range(24))
    return project.write_config(
        tmp_path / "tiny.toml", backbone=Path(NAME), documents=documents, epochs=1
    )


def test_a_pickle_is_told_in_one_line_and_once(
    config: Path, hub: Hub, output: Output, tmp_path: Path
) -> None:
    code, out, err = output("train", "-p", config, "--out", "run")
    assert (code, out) == (0, "run\n")
    lines = err.splitlines()
    assert sum("downloading bert-of-letters: 2 files, " in line for line in lines) == 1
    assert sum("converted once to" in line for line in lines) == 1
    assert "%|" not in err
    hub.fail(status=503, message="maintenance")
    (tmp_path / "new.txt").write_text("a b c a b c")
    code, out, err = output("predict", "--run", "run", "new.txt", "--json")
    assert code == 0, err
    assert "the hub failed (503: maintenance); try again later; the copy in the local" in err
    assert "converted" not in err
    hub.close()
    assert output("predict", "--run", "run", "new.txt", "--json", "-q") == (0, out, "")


def test_hub_and_clone_are_one_backbone(
    config: Path, published: Path, output: Output, tmp_path: Path
) -> None:
    """A clone has files that nobody fetches from the hub."""
    (published / "README.md").write_text("A model of letters.")
    assert output("train", "-p", config, "--out", "run", "-q")[0] == 0
    (tmp_path / "new.txt").write_text("x y z x y z")
    code, by_hub, _ = output("predict", "--run", "run", "new.txt", "--json")
    assert code == 0
    clones = [published, tmp_path / "made", in_form(tmp_path / "made", "shards", tmp_path / "s")]
    for clone in clones:
        found = output("predict", "--run", "run", "new.txt", "--json", "--backbone", clone)
        assert found[:2] == (0, by_hub)


@pytest.mark.parametrize("fault", ["no weights", "unsafe", "damaged", "gated", "does not fit"])
def test_a_backbone_that_is_no_use_is_refused_before_the_data_are_read(
    fault: str, config: Path, published: Path, hub: Hub, output: Output, tmp_path: Path
) -> None:
    if fault == "no weights":
        (published / PICKLE).rename(published / "tf_model.h5")
    elif fault == "unsafe":
        torch.save({"weights": object}, published / PICKLE)
    elif fault == "damaged":
        (published / PICKLE).write_bytes(b"")
        (published / SAFE).write_bytes((tmp_path / "made" / SAFE).read_bytes()[:-1])
    elif fault == "does not fit":
        values = json.loads((published / "config.json").read_text())
        (published / "config.json").write_text(json.dumps(values | {"vocab_size": 41}))
    else:
        hub.fail("/resolve/", status=403, code="GatedRepo", message="Access is restricted.")
    hub.repositories.clear()
    hub.add_model(NAME, published)
    (tmp_path / "documents.jsonl").write_text("never read")
    # Where they are not named, the first rows are read for the columns.
    columns = ["--text-column", "text", "--label-column", "label"]
    code, out, err = output("train", "-p", config, *columns)
    assert code == (3 if fault in ("no weights", "gated") else 4)
    assert out == ""
    assert "documents:" not in err
    assert "internal error" not in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["train", "prepare"])
@pytest.mark.parametrize("data", [[], ["--source", "nowhere.jsonl"], ["-s", 'data.set="wikihop"']])
def test_nothing_is_fetched_where_the_data_are_missing(
    command: str, data: list[str], hub: Hub, output: Output
) -> None:
    code, _, err = output(command, "-p", "base", "-s", f'model.backbone="{NAME}"', *data)
    assert code == 3
    assert "data.source" in err or "nowhere.jsonl: no such file or folder" in err
    assert hub.requests == []


@pytest.mark.parametrize("form", [*FORMS, "conversion"])
def test_the_preset_wikihop_starts_with_each_form_of_its_backbone(
    form: str, hub: Hub, tmp_path: Path
) -> None:
    made = tiny.save(tiny.hugging_face("longformer", n_positions=4098), tmp_path / "made")
    letters = {name: number for number, name in enumerate(("<s>", "<pad>", "</s>", "<unk>", "a"))}
    (made / "vocab.json").write_text(json.dumps(letters))
    (made / "merges.txt").write_text("#version: 0.2\n")
    kind = "pickle" if form == "conversion" else form
    name = "allenai/longformer-base-4096"
    hub.add_model(name, in_form(made, kind, tmp_path / "published"))
    if form == "conversion":
        hub.add_pull_request(name, {SAFE: (made / SAFE).read_bytes()})
    plan = make_plan(load_config(preset="wikihop").config)
    assert plan.config.model.backbone == name
    expected = load_backbone(made).state_dict()
    found = load_encoder(plan).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
