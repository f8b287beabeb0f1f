"""Labels as they stand in files, from training to evaluation, and what is warned of."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from prefprop_cli.experiment.adapter import load_adapter, read_adapter, save_adapter
from prefprop_cli.runs import RunFolder
from tests.helpers import project

Output = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("labels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFPROP_CACHE", str(folder / "cache"))
        yield project.write_backbone(folder / "backbone")


def rows(labels: Sequence[object], *, of: Sequence[int] = range(48)) -> list[dict[str, object]]:
    """Documents of two kinds, each with one of the labels of its kind in turn."""
    n = len(labels) // 2
    return [
        {"text": project.text(number), "label": labels[number % 2 + 2 * (number // 2 % n)]}
        for number in of
    ]


def write_json(path: Path, found: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path


def train(output: Output, backbone: Path, source: Path, *more: str, **settings: object) -> Any:
    """What a training run of a moment says: (exit code, JSON, stderr)."""
    config = project.write_config(
        Path("tiny.toml"), backbone=backbone, documents=source, **{"epochs": 6, **settings}
    )
    still = ["-s", "model.dropout=0", "-s", "method.dropout=0"]
    code, out, err = output("train", "-p", config, "--json", *still, *more)
    return code, json.loads(out) if out else None, err


def test_plus_and_minus_one(output: Output, backbone: Path) -> None:
    source = write_json(Path("pm.jsonl"), rows([-1, 1]))
    code, found, err = train(output, backbone, source, metric="f1_binary")
    assert code == 0, err
    record = json.loads(output("eval", found["run"], "--json")[1])
    predicted = [
        json.loads(line)["label"]
        for line in output("predict", "--run", found["run"], "--json", source)[1].splitlines()
    ]
    assert set(predicted) <= {"-1", "1"}
    assert read_adapter(Path(found["run"]) / "adapter").labels == ("-1", "1")
    assert record["metrics"]["f1_binary"]["value"] >= 0.8


def test_variants_are_one_class_and_that_is_said(output: Output, backbone: Path) -> None:
    folder = Path("mixed")
    folder.mkdir()
    lines = [f"{row['text']},{row['label']}\n" for row in rows(["False", "True"])]
    (folder / "train.csv").write_text("text,label\n" + "".join(lines))
    write_json(folder / "test.jsonl", rows([False, True], of=range(60, 72)))
    code, found, err = train(output, backbone, folder)
    assert code == 0, err
    assert (
        "note: labels that mean the same are read as one class: 'False' and 'false' as 'false', "
        "'True' and 'true' as 'true'"
    ) in err
    assert read_adapter(Path(found["run"]) / "adapter").labels == ("false", "true")


def test_white_space_around_a_label_is_left_out_and_said(output: Output, backbone: Path) -> None:
    source = write_json(Path("spaces.jsonl"), rows(["neg", "pos", "neg ", "pos"]))
    code, found, err = train(output, backbone, source, epochs=1)
    assert code == 0
    assert "note: labels that mean the same are read as one class: 'neg' and 'neg ' as 'neg'" in err
    assert read_adapter(Path(found["run"]) / "adapter").labels == ("neg", "pos")
    assert output("eval", found["run"], "--data", source)[0] == 0


def test_whole_numbers_that_a_gap_made_floats(output: Output, backbone: Path) -> None:
    table = pa.Table.from_pylist(rows([0.0, 1.0]))
    parquet.write_table(table, "floats.parquet")
    code, found, err = train(output, backbone, Path("floats.parquet"), epochs=1)
    assert code == 0, err
    assert read_adapter(Path(found["run"]) / "adapter").labels == ("0", "1")
    assert "numeric labels" not in err
    own = write_json(Path("own.jsonl"), rows(["0", 1, 0.0, "1.0"], of=range(12)))
    code, out, err = output("eval", found["run"], "--data", own, "--json")
    assert code == 0, err
    assert json.loads(out)["n"] == 12


def test_a_run_keeps_the_order_of_labels_it_was_trained_with(
    output: Output, backbone: Path
) -> None:
    source = write_json(Path("pm.jsonl"), rows([-1, 1]))
    run = Path(train(output, backbone, source, epochs=1)[1]["run"])
    before = json.loads(output("eval", run, "--json")[1])["metrics"]
    adapter, _, model = load_adapter(run / "adapter")
    tensors = dict(model.trainable)
    last = [name for name, tensor in tensors.items() if "head" in name and len(tensor) == 2]
    assert last
    turned = tensors | {name: tensors[name].detach().flip(0) for name in last}
    save_adapter(run / "adapter", replace(adapter, labels=("1", "-1")), turned)
    RunFolder(run).update_manifest(labels=["1", "-1"])
    for file in (run / "eval").glob("test*"):
        file.unlink()
    after = json.loads(output("eval", run, "--json")[1])["metrics"]
    assert after["accuracy"] == before["accuracy"]
    assert after["nll"]["value"] == pytest.approx(before["nll"]["value"])


def test_faults_of_the_data_are_told_at_every_place(output: Output, backbone: Path) -> None:
    documents = rows(["neg", "pos"], of=range(40))
    torn = [{**row, "label": "pos"} for row in documents[:10:2]]
    folder = Path("faulty")
    folder.mkdir()
    write_json(folder / "train.jsonl", [*documents, *torn])
    write_json(folder / "dev.jsonl", rows(["neg", "pos"], of=range(40, 56)))
    write_json(folder / "test.jsonl", [documents[3], {"text": " ", "label": "neg"}])
    code, found, err = train(output, backbone, folder, "-q", epochs=1)
    assert code == 0
    warnings = found["warnings"]
    heads = [warning.split(" (")[0] for warning in warnings]
    assert heads[-1] == "texts with more than one label: 5"
    assert "documents without text, which are kept: 1" in heads
    assert any("documents of test: 2; accuracy" in head for head in heads)
    assert any("test that are in train, too: 1 of 2" in head for head in heads)
    assert [f"warning: {warning}" in err for warning in warnings] == [True] * len(warnings)
    manifest = json.loads((Path(found["run"]) / "manifest.json").read_text())
    assert manifest["data_warnings"] == warnings
    (leak,) = manifest["data_leaks"]
    assert leak in warnings
    evaluated = output("eval", found["run"], "--json")[1]
    assert json.loads(evaluated)["warnings"] == [leak]
    # What is prepared already tells them again.
    code, out, err = output("prepare", "-p", "tiny.toml", "--json")
    assert json.loads(out)["warnings"] == warnings
    assert os.environ["PREFPROP_CACHE"] in json.loads(out)["folder"]
    _, out, _ = output("report", found["run"], "--table", "2")
    assert "Leak: documents of test that are in train, too: 1 of 2" in out
    assert output("report", found["run"], "--html", "all.html", "-q")[0] == 0
    assert escape(leak) in Path("all.html").read_text()
