"""What was recorded of a run is compared with what there is now."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from prefprop_cli.backbones.load import weight_files_sha256
from prefprop_cli.config.load import load_config
from prefprop_cli.config.sweep import with_values
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.experiment import record as module
from prefprop_cli.experiment.plan import Plan, make_plan, prepare_data
from prefprop_cli.experiment.record import (
    changes,
    check_backbone,
    check_config,
    check_data,
    record_of,
)
from tests.helpers import project

OF = Path("RUN")
Make = Callable[[], tuple[Plan, Prepared]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Plan and data of what lies in the folder now."""
    backbone = project.write_backbone(tmp_path / "backbone")
    documents = project.write_documents(tmp_path / "documents.jsonl", range(24))
    config = project.write_config(tmp_path / "tiny.toml", backbone=backbone, documents=documents)

    def made() -> tuple[Plan, Prepared]:
        plan = make_plan(with_values(load_config(preset=str(config)).config, {}))
        return plan, prepare_data(plan, cache=tmp_path / "cache")

    return made


def check(record: Mapping[str, Any], plan: Plan, prepared: Prepared) -> None:
    record = json.loads(json.dumps(record))  # as it comes from a manifest
    check_config(record, plan.config, of=OF, advice="Do.")
    check_backbone(record, plan, of=OF, advice="Do.")
    check_data(record, prepared, of=OF, advice="Do.")


def test_the_same_is_the_same(make: Make) -> None:
    record = record_of(*make())
    check(record, *make())
    assert changes(json.loads(json.dumps(record)), record_of(*make())) == []


def test_another_configuration_is_named_key_by_key(make: Make) -> None:
    plan, prepared = make()
    config = with_values(plan.config, {"train.lr": 0.5, "method.prefix_length": 3})
    with pytest.raises(UsageError) as caught:
        check(record_of(replace(plan, config=config), prepared), plan, prepared)
    assert str(caught.value) == (
        "RUN is of another configuration: method.prefix_length 2, was 3; "
        "train.lr 0.02, was 0.5. Do."
    )
    with pytest.raises(UsageError, match="its sha256 differs"):
        check({"config_sha256": "0"}, plan, prepared)


def test_other_weights(make: Make, tmp_path: Path) -> None:
    record = record_of(*make())
    file = tmp_path / "backbone" / "model.safetensors"
    weights = load_file(file)
    weights["embeddings.word_embeddings.weight"][3, 3] += 1e-3
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"RUN was trained on another backbone than .*: weights: "):
        check(record, *make())


def test_another_tokenizer(make: Make, tmp_path: Path) -> None:
    record = record_of(*make())
    words = list(project.WORDS)
    words[5], words[6] = words[6], words[5]
    (tmp_path / "backbone" / "vocab.txt").write_text("\n".join(words) + "\n")
    with pytest.raises(DataError, match=r": tokenizer: sha256 .{12}…, was .{12}…\. Do"):
        check(record, *make())


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("layer_norm_eps", 0.05, "layer_norm_eps 0.05, was 1e-12"),
        ("hidden_act", "relu", "hidden_act relu, was gelu"),
    ],
)
def test_another_config_of_the_backbone(
    make: Make, tmp_path: Path, key: str, value: object, named: str
) -> None:
    record = record_of(*make())
    file = tmp_path / "backbone" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_bytes()), key: value}))
    with pytest.raises(DataError, match=rf": config\.json: {named}\. Do"):
        check(record, *make())


def test_another_layout_of_its_config_is_the_same(make: Make, tmp_path: Path) -> None:
    record = record_of(*make())
    file = tmp_path / "backbone" / "config.json"
    values = json.loads(file.read_bytes())
    file.write_text(json.dumps({"unread": 1, **dict(sorted(values.items()))}))
    check(record, *make())


def test_appended_documents(make: Make, tmp_path: Path) -> None:
    record = record_of(*make())
    project.write_documents(tmp_path / "documents.jsonl", range(30))
    with pytest.raises(
        DataError, match=r"data are not those of RUN: documents\.jsonl had sha256 .*…, has .*…\. Do"
    ):
        check(record, *make())


def test_a_renamed_label(make: Make, tmp_path: Path) -> None:
    record = record_of(*make())
    file = tmp_path / "documents.jsonl"
    file.write_text(file.read_text().replace('"even"', '"zero"'))
    with pytest.raises(DataError, match="labels odd, zero, were even, odd; documents"):
        check(record, *make())


def test_another_layout_of_the_documents_is_the_same(make: Make, tmp_path: Path) -> None:
    plan, prepared = make()
    record = record_of(plan, prepared)
    file = tmp_path / "documents.jsonl"
    file.write_text(file.read_text().replace('": "', '" :  "'))
    plan, changed = make()
    assert changed.summary["inputs"] != prepared.summary["inputs"]
    check(record, plan, changed)


def test_documents_in_other_splits_though_of_the_same_file(make: Make) -> None:
    plan, prepared = make()
    record = record_of(plan, prepared)
    record["documents_sha256"] = {**record["documents_sha256"], "test": "0" * 64}
    with pytest.raises(DataError, match=r"RUN: the split test had sha256 0{12}…, has "):
        check(record, plan, prepared)


def test_of_an_earlier_version_what_is_there_is_compared(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, prepared = make()
    whole = record_of(plan, prepared)
    check({"status": "finished"}, plan, prepared)
    # Hashes of contents are others than those of files.
    monkeypatch.setattr(module, "weights_sha256", lambda folder: "c" * 64)
    older = {key: whole[key] for key in ("config_sha256", "data_sha256")}
    older["backbone_sha256"] = weight_files_sha256(plan.backbone)
    check(older, plan, prepared)
    check({**older, "tokenizer_sha256": plan.tokenizer.files_sha256}, plan, prepared)
    for key, what in [("backbone_sha256", "weights"), ("tokenizer_sha256", "tokenizer")]:
        with pytest.raises(DataError, match=what):
            check({**older, key: "c" * 64}, plan, prepared)
    shutil.copy(tmp_path / "documents.jsonl", tmp_path / "before.jsonl")
    project.write_documents(tmp_path / "documents.jsonl", range(26))
    with pytest.raises(DataError, match=r"documents\.jsonl had"):
        check(older, *make())
