"""The commands of an experiment, one after another, on a small project."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from prefprop_cli import load_run
from prefprop_cli.cli.app import main
from prefprop_cli.data.corpus import Document
from prefprop_cli.runs import RunFolder
from tests.helpers import project


@dataclass(frozen=True)
class Project:
    folder: Path
    backbone: Path
    documents: Path
    config: Path
    run: Path


Output = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    backbone = project.write_backbone(folder / "backbone")
    documents = project.write_documents(folder / "documents.jsonl", range(48))
    config = project.write_config(
        folder / "tiny.toml", backbone=backbone, documents=documents, epochs=8
    )
    run = folder / "run"
    os.environ["PREFPROP_CACHE"] = str(folder / "cache")
    # Without dropout it learns the same on every machine.
    still = ["-s", "model.dropout=0", "-s", "method.dropout=0"]
    assert main(["train", "-p", str(config), "--out", str(run), "-q", *still]) == 0
    yield Project(folder, backbone, documents, config, run)
    del os.environ["PREFPROP_CACHE"]


@pytest.fixture
def copy(trained: Project, tmp_path: Path) -> Path:
    """A copy of the trained run that a test may change."""
    return shutil.copytree(trained.run, tmp_path / "copy")


def test_train_prints_the_run_folder_and_nothing_else(trained: Project, output: Output) -> None:
    code, out, err = output("train", "-p", trained.config, "-s", "train.epochs=1")
    assert code == 0
    (line,) = out.splitlines()
    assert line.startswith("runs/tiny-")
    assert (Path(line) / "adapter" / "trained.safetensors").is_file()
    assert "trained: prefix-propagation 128 (" in err  # 2 layers, 2 vectors, width 32
    assert (Path(line) / "train.log").read_text().count(" step ") >= 6


def test_the_run_folder_says_how_it_was_made(trained: Project) -> None:
    manifest = json.loads((trained.run / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["seed"] == 0
    assert manifest["device"] == "cpu"
    assert manifest["data_sha256"].keys() == {"documents.jsonl"}
    assert len(manifest["backbone_sha256"]) == 64
    rows = [json.loads(line) for line in (trained.run / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 49))
    assert sorted(id for row in steps[:6] for id in row["ids"]) == sorted(
        id for row in steps[6:12] for id in row["ids"]
    )


def test_the_configuration_in_the_run_repeats_it(trained: Project, output: Output) -> None:
    code, out, _ = output("train", "-p", trained.run / "config.toml")
    assert code == 0
    again = Path(out.strip()) / "adapter" / "trained.safetensors"
    assert again.read_bytes() == (trained.run / "adapter" / "trained.safetensors").read_bytes()


def test_dry_run_prints_a_configuration_that_loads(trained: Project, output: Output) -> None:
    code, out, err = output("train", "-p", trained.config, "--dry-run")
    assert code == 0
    assert "memory: about" in err
    assert not Path("runs").exists()
    Path("again.toml").write_text(out)
    assert output("train", "-p", "again.toml", "--dry-run")[1] == out


@pytest.mark.parametrize(
    "method",
    [
        ("fine-tuning", "none"),
        ("head-only", "none"),
        ("prefix-tuning", "none"),
        ("combined", "none"),
        ("prefix-propagation", "exp"),
        ("prefix-tuning", "rbf"),
        ("combined", "poly"),
        ("prefix-propagation", "linear"),
    ],
)
def test_every_method_trains_and_predicts(
    method: tuple[str, str], trained: Project, output: Output
) -> None:
    name, kernel = method
    settings = [f"method.name={name}", f"method.kernel={kernel}", "method.alpha_trainable=true"]
    flags = [flag for setting in settings for flag in ("-s", setting)]
    code, out, err = output(
        "train", "-p", trained.config, *flags, "-s", "train.max_steps=3", "-s", "train.lr=0.001"
    )
    assert code == 0, err
    code, out, _ = output("predict", "--run", out.strip(), "--json", trained.documents)
    assert code == 0
    assert len(out.splitlines()) == 48


def test_eval_prints_each_metric_with_its_interval(trained: Project, output: Output) -> None:
    code, out, err = output("eval", trained.run)
    assert code == 0
    rows = {row[0]: row[1:] for row in (line.split("\t") for line in out.splitlines())}
    assert {"accuracy", "f1_macro", "f1_binary", "ece", "ece_paper", "nll"} <= rows.keys()
    value, low, high = (float(cell) for cell in rows["accuracy"][:3])
    assert 0 <= low <= value <= high <= 1
    assert "12 documents of test" in err


def test_what_it_learnt_shows_in_the_evaluation(trained: Project, output: Output) -> None:
    record = json.loads(output("eval", trained.run, "--json")[1])
    assert record["n"] == 12
    assert record["metrics"]["accuracy"]["value"] >= 0.9
    assert record["majority"] == 0.5


def test_eval_on_own_documents_equals_prediction(trained: Project, output: Output) -> None:
    project.write_documents(Path("own.jsonl"), range(100, 110))
    record = json.loads(output("eval", trained.run, "--data", "own.jsonl", "--json")[1])
    rows = output("predict", "--run", trained.run, "own.jsonl")[1].splitlines()
    right = sum(row.split("\t")[1] == project.LABELS[n % 2] for n, row in enumerate(rows))
    assert record["n"] == len(rows) == 10
    assert record["metrics"]["accuracy"]["value"] == right / 10
    assert record["warnings"] == []


def test_eval_tells_of_own_documents_that_the_run_has_learnt_from(
    trained: Project, output: Output
) -> None:
    project.write_documents(Path("own.jsonl"), range(58))
    code, _, err = output("eval", trained.run, "--data", "own.jsonl", "-q")
    assert code == 0
    # 24 of the 48 were trained on and 12 chose the epoch; ten are new.
    assert "warning: leak: 36 of 58 documents have a text that the run was trained on" in err
    (warning,) = json.loads(output("eval", trained.run, "--data", "own.jsonl", "--json")[1])[
        "warnings"
    ]
    assert warning.startswith("leak: 36 of 58")


def test_eval_says_that_its_figures_are_before_calibration(copy: Path, output: Output) -> None:
    assert "before calibration" not in output("eval", copy)[2]
    assert output("calibrate", copy, "--method", "platt", "-q")[0] == 0
    err = output("eval", copy)[2]
    assert "figures are before calibration; predict applies platt (log-odds times " in err


def test_eval_gates(trained: Project, output: Output) -> None:
    assert output("eval", trained.run, "--fail-below", "accuracy=0.1")[0] == 0
    code, out, err = output("eval", trained.run, "--fail-below", "accuracy=1.01")
    assert code == 8
    assert out
    assert "below 1.01" in err
    assert output("eval", trained.run, "--fail-below", "acuracy=1")[0] == 2


def test_eval_names_a_label_the_run_does_not_know(trained: Project, output: Output) -> None:
    Path("own.jsonl").write_text('{"text": "a b c", "label": "prime"}\n')
    code, _, err = output("eval", trained.run, "--data", "own.jsonl")
    assert code == 3
    assert '"prime" was not seen in training' in err


def test_eval_counts_labels_the_run_does_not_know(trained: Project, output: Output) -> None:
    rows = [{"text": "a b c", "label": label} for label in ("prime", "odd", "big", "prime")]
    Path("own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, _, err = output("eval", trained.run, "--data", "own.jsonl")
    assert code == 3
    assert "3 of 4 documents, own.jsonl:1, own.jsonl:3, own.jsonl:4" in err
    assert 'label "prime", "big" was not seen in training; it knew even, odd' in err


def test_eval_tells_of_a_leak_between_the_splits(copy: Path, output: Output) -> None:
    leak = "leak: documents of test that are in train, too: 1 of 12 (a:1)"
    RunFolder.open(copy).update_manifest(data_leaks=[leak], data_warnings=["few documents", leak])
    code, out, err = output("eval", copy, "-q", "--json")
    assert (code, json.loads(out)["warnings"]) == (0, [leak])
    assert err.count(leak) == 1


def test_a_split_is_computed_once(
    copy: Path, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = output("eval", copy)[1]
    monkeypatch.setattr("prefprop_cli.experiment.predictor.load_run", None)
    assert output("eval", copy)[1] == first


def test_calibrate_stores_a_temperature_that_predict_uses(copy: Path, output: Output) -> None:
    Path("a.txt").write_text("a b x y")
    before = json.loads(output("predict", "--run", copy, "--json", "a.txt")[1])
    code, out, err = output("calibrate", copy, "--json")
    assert code == 0
    report = json.loads(out)
    after = json.loads(output("predict", "--run", copy, "--json", "a.txt")[1])
    raw = json.loads(output("predict", "--run", copy, "--json", "--uncalibrated", "a.txt")[1])
    assert raw["probs"] == before["probs"]
    odds = before["probs"]["even"] / before["probs"]["odd"]
    calibrator = report["calibration"]["calibrator"]
    expected = odds ** (1 / calibrator.get("value", 1))
    assert after["probs"]["even"] / after["probs"]["odd"] == pytest.approx(expected, rel=1e-6)
    assert calibrator["name"] == "temperature" or "do not determine" in err
    assert json.loads((copy / "calibration" / "test.json").read_text())["n"] == 12


def test_calibrate_refuses_the_split_it_fits_on(trained: Project, output: Output) -> None:
    code, out, err = output("calibrate", trained.run, "--split", "validation")
    assert (code, out) == (2, "")
    assert "its documents are those of validation" in err


def test_calibrate_shows_bars_and_gates(copy: Path, output: Output) -> None:
    code, out, err = output("calibrate", copy, "--fail-above", "0")
    assert code == 8
    assert [line.split("\t")[0] for line in out.splitlines()][:2] == ["ece", "accuracy"]
    assert "┃" in err
    first = output("calibrate", copy, "--ece", "paper")[1].split("\t")[0]
    assert first == "ece_paper"


def test_calibrate_draws(copy: Path, output: Output) -> None:
    pytest.importorskip("matplotlib")
    assert output("calibrate", copy, "--plot", "r.svg")[0] == 0
    assert Path("r.svg").read_text().startswith("<?xml")


def test_predict_streams_one_row_per_document_in_order(trained: Project, output: Output) -> None:
    for number in range(3):
        Path(f"{number}.txt").write_text(project.text(number))
    code, out, _ = output("predict", "--run", trained.run, "2.txt", "0.txt", "1.txt")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert [row[0] for row in rows] == ["2.txt", "0.txt", "1.txt"]
    assert all(row[1] in project.LABELS and 0.5 <= float(row[2]) <= 1 for row in rows)


def test_predict_ranks_labels(trained: Project, output: Output) -> None:
    Path("a.txt").write_text("a b c")
    (row,) = output("predict", "--run", trained.run, "--top-k", "2", "a.txt")[1].splitlines()
    _, first, p, second, q = row.split("\t")
    assert {first, second} == set(project.LABELS)
    assert float(p) >= float(q)
    assert float(p) + float(q) == pytest.approx(1, abs=2e-4)


def test_predict_goes_on_after_a_bad_document(trained: Project, output: Output) -> None:
    Path("good.txt").write_text("a b c")
    Path("empty.txt").write_text(" \n")
    Path("latin.txt").write_bytes(b"caf\xe9")
    names = ["good.txt", "empty.txt", "missing.txt", "latin.txt", "good.txt"]
    code, out, err = output("predict", "--run", trained.run, *names)
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 3
    assert [row[0] for row in rows] == names
    assert [row[1] == "ERROR" for row in rows] == [False, True, True, True, False]
    assert "3 of 5 documents could not be read" in err
    code, out, _ = output("predict", "--run", trained.run, "--strict", *names)
    assert code == 3
    assert len(out.splitlines()) == 1
    code, out, _ = output("predict", "--run", trained.run, "--errors", "replace", "latin.txt")
    assert code == 0


def test_a_document_does_not_depend_on_its_neighbours(trained: Project) -> None:
    run = load_run(trained.run)
    texts = [project.text(number) for number in range(7)]
    together = run.predict(texts)
    assert [run.predict([text])[0] for text in texts] == together


def test_special_tokens_in_a_text_are_text(trained: Project) -> None:
    run = load_run(trained.run)
    [record] = run.form.encode([Document("1", "a [SEP] b [CLS] [PAD]", label=None)])
    [ids] = record["rows"]
    assert ids[0] == run.plan.tokenizer.cls_id
    assert ids[-1] == run.plan.tokenizer.sep_id
    assert not {0, 2, 3, 4} & set(ids[1:-1])


def test_load_run_gives_records(trained: Project) -> None:
    (record,) = load_run(trained.run).predict(["a b c " * 40])
    assert record.label in project.LABELS
    assert record.prob == max(record.probs.values())
    assert sum(record.probs.values()) == pytest.approx(1)
    assert record.truncated
    assert record.n_tokens == 122


def test_an_adapter_folder_predicts_on_its_own(trained: Project, tmp_path: Path) -> None:
    moved = shutil.copytree(trained.run / "adapter", tmp_path / "moved")
    assert load_run(moved).predict(["a b c"]) == load_run(trained.run).predict(["a b c"])


def test_another_backbone_is_refused(trained: Project, output: Output) -> None:
    other = project.write_backbone(Path("other"), seed=1)
    code, _, err = output("predict", "--run", trained.run, "--backbone", other, trained.documents)
    assert code == 3
    assert "trained on another backbone" in err


def test_prepare_reports_the_data_and_writes_the_longformer(
    trained: Project, output: Output
) -> None:
    code, out, _ = output("prepare", "-p", trained.config, "--out", "ready", "--json")
    record = json.loads(out)
    assert code == 0
    assert record["labels"] == ["even", "odd"]
    assert record["truncated"].keys() == {"train", "validation", "test"}
    assert Path(record["folder"]).is_dir()
    code, out, err = output(
        "train", "-p", trained.config, "-s", f'model.backbone="{record["backbone"]}"', "--dry-run"
    )
    assert code == 3
    assert "is a Longformer already" in err


def test_bench_measures_the_backbone_of_a_run(trained: Project, output: Output) -> None:
    flags = ["--lengths", "16", "--repeat", "1", "--warmup", "0", "--no-memory"]
    code, out, err = output("bench", trained.run, *flags, "--json")
    assert code == 0, err
    result = json.loads(out)
    assert result["settings"]["model"]["to_long"] == 64
    assert [(row["subject"], row["length"]) for row in result["rows"]] == [("prefprop", 16)]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "-s", "data.source=missing.jsonl"], 3, "no such file"),
        (["train", "-s", "data.source=empty.jsonl"], 3, "holds no documents"),
        (["train", "-s", "train.epohcs=3"], 2, "did you mean `train.epochs`?"),
        (["train", "-s", "train.lr=fast"], 2, "expected a number"),
        (["train", "-p", "nothing"], 2, "nothing"),
        (["train", "-s", "data.max_length=4096", "-s", "model.to_long=128"], 2, "128 positions"),
        (["eval", "nowhere"], 2, "does not exist"),
        (["eval", "."], 2, "is not a run folder"),
        (["predict", "--run", ".", "a.txt"], 2, "is not a run folder"),
        (["predict", "a.txt"], 2, "no run was named"),
    ],
)
def test_bad_input_has_one_clear_message_and_its_code(
    arguments: list[str], code: int, message: str, trained: Project, output: Output
) -> None:
    Path("empty.jsonl").touch()
    Path("a.txt").write_text("a")
    if arguments[0] == "train" and "-p" not in arguments:
        arguments = [*arguments, "-p", str(trained.config)]
    found, out, err = output(*arguments)
    assert (found, out) == (code, ""), err
    assert message in err
    assert "Traceback" not in err


def test_a_metric_for_two_classes_needs_two(trained: Project, output: Output) -> None:
    rows = [{"text": f"{'abc'[n % 3]} {'x ' * n}", "label": str(n % 3)} for n in range(30)]
    Path("three.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ["-s", "train.metric=f1_binary", "--source", "three.jsonl"]
    code, out, err = output("train", "-p", trained.config, *flags)
    assert (code, out) == (2, "")
    assert "needs two classes, and the data have 3" in err
    assert not Path("runs").exists()


def test_a_pickle_with_more_than_tensors_is_refused(trained: Project, output: Output) -> None:
    folder = project.write_backbone(Path("pickled"))
    (folder / "model.safetensors").unlink()
    torch.save({"weights": Path("a.bin")}, folder / "pytorch_model.bin")
    code, _, err = output("train", "-p", trained.config, "-s", "model.backbone=pickled")
    assert code == 4
    assert "holds code or objects (pathlib.PosixPath), not only tensors" in err
    assert "save_pretrained" in err
    assert not Path("runs").exists()


def test_a_damaged_adapter_is_refused(copy: Path, output: Output) -> None:
    file = copy / "adapter" / "trained.safetensors"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(bytes(data))
    Path("a.txt").write_text("a")
    code, _, err = output("predict", "--run", copy, "a.txt")
    assert code == 4
    assert "trained.safetensors is damaged" in err


def test_a_run_stopped_by_a_signal_goes_on_to_the_same_result(
    trained: Project, program: list[str], environment: dict[str, str], output: Output
) -> None:
    settings = ["-p", str(trained.config), "-s", "train.epochs=12"]
    whole = output("train", *settings, "--out", "whole")
    assert whole[0] == 0
    process = subprocess.Popen(
        [*program, "train", *settings, "--out", "stopped"],
        env={**environment, "PREFPROP_CACHE": os.environ["PREFPROP_CACHE"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = Path("stopped/metrics.jsonl")
    while not metrics.exists() or metrics.read_text().count("\n") < 3:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert out == ""
    assert "prefprop train --resume stopped" in err
    code, out, err = output("train", "--resume", "stopped")
    assert (code, out) == (0, "stopped\n"), err
    for name in ("adapter/trained.safetensors", "eval/validation.safetensors"):
        assert Path("stopped", name).read_bytes() == Path("whole", name).read_bytes()


def test_a_locked_run_is_left_alone(
    copy: Path, output: Output, environment: dict[str, str]
) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    holder = (
        "import sys, time; from pathlib import Path; from prefprop_cli.runs import RunFolder\n"
        "run = RunFolder.open(Path(sys.argv[1]))\n"
        "with run.lock():\n    print('held', flush=True)\n    time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(copy)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "held\n"
        code, _, err = output("calibrate", copy)
    finally:
        process.kill()
        process.communicate()
    assert code == 5
    assert str(process.pid) in err
    assert json.loads((copy / "manifest.json").read_text()) == manifest
