"""`prefprop calibrate` and `eval --compare` on run folders that nobody trained."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from prefprop_cli.calibration.calibrators import METHODS, Identity
from prefprop_cli.calibration.calibrators.vector import Vector
from prefprop_cli.experiment.adapter import read_adapter, set_calibrator
from prefprop_cli.experiment.stored_logits import load_logits, save_logits
from prefprop_cli.runs.atomic import read_verified, save_folder
from tests.cli.conftest import Output
from tests.helpers import finished


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return finished.write(tmp_path / "run", finished.config("prefix-tuning"), quality=0.4)


@pytest.fixture
def rival(tmp_path: Path) -> Path:
    return finished.write(tmp_path / "rival", finished.config(), quality=1.5)


def test_every_score_before_and_after(run: Path, output: Output) -> None:
    code, out, err = output("calibrate", run)
    assert code == 0, err
    rows = {name: cells for name, *cells in (line.split("\t") for line in out.splitlines())}
    assert list(rows)[:2] == ["ece", "accuracy"]
    assert {"ece_paper", "ece_debiased", "smece", "ace", "aurc"} < set(rows)
    assert all(len(cells) == 4 for cells in rows.values())
    low, high = map(float, rows["ece"][1].split("-"))
    assert low <= float(rows["ece"][0]) <= high
    assert rows["mce"][1] == "-"
    assert err.count("a perfectly calibrated model gets") == 2
    assert "┃" in err


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")


@pytest.mark.parametrize("columns", [60, 80])
def test_a_terminal_shows_the_verdict_and_bars_that_fit(
    run: Path, output: Output, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    found = json.loads(output("calibrate", run, "--json")[1])
    before, after = (found[when]["scores"]["ece"]["value"] for when in ("before", "after"))
    nll = [found[when]["scores"]["nll"]["value"] for when in ("before", "after")]
    on_a_terminal(monkeypatch, columns)
    code, out, err = output("calibrate", run)
    assert code == 0
    assert " ".join(out.split()) == (
        f"{read_adapter(run / 'adapter').calibrator} saved. ECE {before:.3f} → {after:.3f}, "
        f"chance alone {found['after']['null']['mean']:.3f}: "
        f"within chance now. NLL {nll[0]:.3f} → {nll[1]:.3f}"
    )
    assert "all 13 scores: --all" in err
    assert "a perfectly calibrated model" not in err
    bars = [line for line in err.splitlines() if "┃" in line and "n " in line]
    assert len(bars) > 4
    assert max(map(cell_len, (*out.splitlines(), *err.splitlines()))) <= columns
    assert max(map(cell_len, bars)) > columns - 20


@pytest.mark.parametrize("flag", ["--all", "-v"])
def test_a_terminal_shows_every_score_if_asked(
    run: Path, output: Output, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    on_a_terminal(monkeypatch)
    _, out, err = output("calibrate", run, flag)
    assert out.startswith("T = ")
    assert "\nscore         before  95 %" in out
    assert "\naurc " in out
    assert "a perfectly calibrated model" in err


def test_what_few_documents_cannot_tell(small: Path, output: Output) -> None:
    assert ": 12 documents cannot tell.  NLL " in output("calibrate", small, "--method", "platt")[2]


def test_bars_that_are_the_same_stand_once(run: Path, output: Output) -> None:
    err = output("calibrate", run, "--method", "none")[2]
    assert "No calibration saved.  ECE " in err
    assert err.count("before and after: accuracy █") == err.count("accuracy █") == 1


def test_every_class_comes_after_the_metrics(run: Path, output: Output) -> None:
    """Rows of one shape; those of all documents come first, as scripts know them."""
    code, out, _ = output("eval", run)
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert {len(row) for row in rows} == {5}
    names = [row[0] for row in rows]
    assert names[:2] == ["accuracy", "f1_micro"]
    assert names[names.index("nll") + 1 :] == [
        *("precision[class 0]", "recall[class 0]", "f1[class 0]", "support[class 0]"),
        *("precision[class 1]", "recall[class 1]", "f1[class 1]", "support[class 1]"),
    ]
    cells = {row[0]: row[1:] for row in rows}
    for metric in ("precision", "recall", "f1"):
        assert cells[f"{metric}[class 1]"][0] == cells[f"{metric}_binary"][0]
    assert cells["recall[class 1]"][1:3] == cells["recall_binary"][1:3]
    assert cells["support[class 0]"][0] == "30"
    found = json.loads(output("eval", run, "--json")[1])
    for metric in ("precision", "recall", "f1"):
        mean = np.mean([each[metric]["value"] for each in found["classes"]])
        assert mean == pytest.approx(found["metrics"][f"{metric}_macro"]["value"])
    assert found["classes"][1]["name"] == "class 1"


def test_a_terminal_shows_the_classes_and_of_many_the_worst(
    run: Path, tmp_path: Path, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = finished.config(set_name="newsgroups")
    many = finished.write(tmp_path / "many", config, n=120, n_classes=40)
    values = {
        each["name"]: each["f1"]["value"]
        for each in json.loads(output("eval", many, "--json")[1])["classes"]
    }
    on_a_terminal(monkeypatch)
    out = output("eval", run)[1]
    assert "\n\nclass    precision  recall  F1     support\nclass 0  " in out
    code, out, err = output("eval", many)
    assert code == 0
    shown = [line.partition("  ")[0] for line in out.splitlines() if line.startswith("class ")][1:]
    assert len(shown) == 30
    assert shown == sorted(values, key=lambda name: values[name])[:30]
    assert "the 30 of 40 classes with the lowest F1; all: --json" in err


def test_a_class_that_does_not_occur_has_no_figures(tmp_path: Path, output: Output) -> None:
    config = finished.config(set_name="newsgroups")
    run = finished.write(tmp_path / "run", config, n_classes=3)
    saved = load_logits(run / "eval", "test")
    logits, labels = saved.logits.copy(), saved.labels % 2
    logits[:, 2] = -9
    save_logits(run / "eval", "test", replace(saved, logits=logits, labels=labels))
    rows = {name: cells for name, *cells in map(str.split, output("eval", run)[1].splitlines())}
    assert rows["f1[class"] == ["2]", "-", "-", "-"]
    found = json.loads(output("eval", run, "--json")[1])["classes"][2]
    assert (found["support"], found["recall"]["value"]) == (0, None)


@pytest.mark.parametrize("method", [*METHODS, "auto"])
def test_what_is_fitted_is_stored_and_told(run: Path, output: Output, method: str) -> None:
    code, out, err = output("calibrate", run, "--method", method, "--json")
    assert code == 0, err
    found = json.loads(out)
    stored = read_adapter(run / "adapter").calibrator
    assert found["calibration"]["calibrator"] == json.loads(json.dumps(stored.as_dict()))
    assert json.loads((run / "calibration" / "test.json").read_text())["n"] == found["n"] == 60
    tried = [trial["name"] for trial in found["calibration"]["trials"]]
    assert tried == ([*METHODS] if method == "auto" else [])
    assert method == "auto" or stored.name in (method, "none")


def test_what_was_stored_is_not_dropped_in_silence(run: Path, output: Output) -> None:
    code, out, err = output("calibrate", run, "--json")
    assert json.loads(out)["replaced"] is None
    assert "replaced" not in err
    first = read_adapter(run / "adapter").calibrator
    assert "replaced" not in output("calibrate", run)[2]  # the same again

    code, out, err = output("calibrate", run, "--method", "platt", "--json", "-q")
    platt = read_adapter(run / "adapter").calibrator
    told = f"{run}: calibration: temperature ({first}) is replaced by platt ({platt})"
    assert (code, err) == (0, f"{told}\n")
    assert json.loads(out)["replaced"] == json.loads(json.dumps(first.as_dict()))

    code, out, err = output("calibrate", run, "--method", "none", "-q")
    assert err == (
        f"{run}: calibration: platt ({platt}) is replaced by none: as you asked. "
        f"To have it back: prefprop calibrate {run} --method platt\n"
    )
    output("calibrate", run, "--method", "platt")
    assert read_adapter(run / "adapter").calibrator == platt


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("auto", "auto found nothing that does better by more than one standard error"),
        ("temperature", "the 60 documents do not determine a temperature"),
    ],
)
def test_where_nothing_is_found_for_what_was_stored_it_is_told(
    run: Path, output: Output, method: str, why: str
) -> None:
    before = Vector((1.0, 2.0), (0.0, 0.0))
    set_calibrator(run / "adapter", before)
    saved = load_logits(run / "eval", "validation")
    right = np.eye(2, dtype=np.float32)[saved.labels]
    logits = right if method == "temperature" else 0 * right
    save_logits(run / "eval", "validation", replace(saved, logits=logits))
    code, out, err = output("calibrate", run, "--method", method, "--json")
    assert code == 0
    assert json.loads(out)["calibration"]["calibrator"]["name"] == "none"
    assert json.loads(out)["replaced"]["name"] == "vector"
    assert f"vector ({before}) is replaced by none: {why}. To have it back: " in err
    assert f"prefprop calibrate {run} --method vector" in err


def test_a_run_calibrated_by_a_method_there_was_says_how_to_fit_another(
    run: Path, output: Output
) -> None:
    files = read_verified(run / "adapter")
    record = {"schema_version": 1, "name": "dirichlet", "matrix": [[1.0]], "offsets": [0.0]}
    changed = {**json.loads(files["adapter.json"]), "calibrator": record}
    save_folder(run / "adapter", {**files, "adapter.json": json.dumps(changed).encode()})
    (run / "calibration").mkdir()
    stored = {"split": "test", "before": {"scores": {"sce": {"value": 0.1}}, "conformal": []}}
    (run / "calibration" / "test.json").write_text(json.dumps(stored))

    code, out, err = output("report", run, "--html", "r.html")
    assert (code, out) == (2, "")
    assert "calibrated by dirichlet, which this version no longer has" in err
    assert "prefprop calibrate RUN" in err
    assert output("eval", run)[0] == output("show", run)[0] == 0
    code, out, err = output("calibrate", run, "--json")
    assert code == 0, err
    assert json.loads(out)["replaced"] == record
    assert "dirichlet (no longer supported) is replaced by temperature" in err
    assert output("report", run, "--html", "r.html")[0] == 0


def test_the_split_it_is_fitted_on_is_refused_or_cross_fitted(run: Path, output: Output) -> None:
    code, out, err = output("calibrate", run, "--split", "validation")
    assert (code, out) == (2, "")
    assert "its documents are those of validation" in err
    arguments = ("calibrate", run, "--split", "validation", "--method", "isotonic", "--json")
    code, out, err = output(*arguments, "--allow-same-split")
    assert code == 0
    assert "four fifths" in err
    crossed = json.loads(out)
    honest = json.loads(output("calibrate", run, "--method", "isotonic", "--json")[1])
    fitted = honest["calibration"]["nll_after"]
    assert crossed["after"]["scores"]["nll"]["value"] > fitted + 0.01


def test_the_same_documents_under_another_name_are_refused(run: Path, output: Output) -> None:
    validation = load_logits(run / "eval", "validation")
    save_logits(run / "eval", "test", validation)
    assert output("calibrate", run)[0] == 2
    half = replace(validation, ids=(*validation.ids[:30], *(f"new-{i}" for i in range(30))))
    save_logits(run / "eval", "test", half)
    code, _, err = output("calibrate", run)
    assert code == 0
    assert "LEAK: 30 of 60 documents of test" in err


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_it_draws(run: Path, output: Output, suffix: str) -> None:
    pytest.importorskip("matplotlib")
    assert output("calibrate", run, "--plot", f"r.{suffix}", "--report", "r.html")[0] == 0
    starts = {"svg": b"<?xml", "png": b"\x89PNG"}
    assert Path(f"r.{suffix}").read_bytes().startswith(starts[suffix])
    assert Path("r.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plot", "r.gif"), "ends in .svg or .png"),
        (("--plot", "nowhere/r.svg"), "there is no folder nowhere"),
        (("--report", "r.pdf"), "--report r.pdf: use a name that ends in .html or .htm"),
        (("--report", "nowhere/r.html"), "there is no folder nowhere"),
        (("--split", "nonsense"), "no such split. There are train, validation, test"),
    ],
)
def test_what_cannot_be_written_or_read_is_refused_before_anything_is_done(
    run: Path, output: Output, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = output("calibrate", run, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert read_adapter(run / "adapter").calibrator == Identity()
    assert not (run / "calibration" / "test.json").exists()


def test_several_runs_are_compared_before_and_after(run: Path, rival: Path, output: Output) -> None:
    code, out, err = output("calibrate", rival, run)
    assert code == 0, err
    assert out.startswith("## Calibration on test")
    assert "## Before calibration" in out
    assert "## After calibration" in out
    assert "| prefix-propagation beside | ECE + |" in out
    found = json.loads(output("calibrate", rival, run, "--json")[1])
    assert [each["run"] for each in found["runs"]] == [str(rival), str(run)]
    values = [
        [line["metrics"]["ece"]["values"] for line in found["comparisons"][when]["lines"]]
        for when in ("before", "after")
    ]
    assert values[0] != values[1]
    assert output("calibrate", rival, run, "--report", "r.html")[0] == 2


def test_what_is_compared_after_cross_fitting_is_cross_fitted(
    run: Path, rival: Path, output: Output
) -> None:
    flags = ("--split", "validation", "--allow-same-split", "--bins", "7", "--json")
    found = json.loads(output("calibrate", rival, run, "--method", "isotonic", *flags)[1])
    for each in found["runs"]:
        assert each["cross_fitted"]
        assert each["n_bins"] == 7
    for when in ("before", "after"):
        shown = sorted(each[when]["scores"]["ece"]["value"] for each in found["runs"])
        lines = found["comparisons"][when]["lines"]
        assert sorted(line["metrics"]["ece"]["values"][0] for line in lines) == shown


def test_runs_that_cannot_be_compared_are_calibrated_all_the_same(
    run: Path, tmp_path: Path, output: Output
) -> None:
    seed = finished.write(tmp_path / "seed", finished.config("prefix-tuning"), seed=1)
    code, out, err = output("calibrate", run, seed)
    assert code == 0
    assert "not compared" in err
    assert "seeds of one configuration" in err
    assert f"| {seed} | " in out
    assert output("calibrate", run, run)[0] == 2


def test_an_earlier_repeat_is_not_what_others_are_compared_with(
    run: Path, rival: Path, tmp_path: Path, output: Output
) -> None:
    finished.write(tmp_path / "again", finished.config("prefix-tuning"), started="2027-01-01")
    code, _, err = output("eval", run, "--compare", tmp_path)
    assert code == 2
    assert "a later one" in err


def test_the_gate_is_for_each_run(run: Path, rival: Path, output: Output) -> None:
    code, _, err = output("calibrate", run, rival, "--fail-above", "0")
    assert code == 8
    assert f"{run}: ece after calibration" in err
    assert f"{rival}: ece after calibration" in err


def test_a_run_beside_others(run: Path, rival: Path, output: Output) -> None:
    code, out, err = output("eval", run, "--compare", rival)
    assert code == 0, err
    assert out.startswith(f"## {run} beside others, on test")
    assert "| prefix-tuning beside | F1 + |" in out
    found = json.loads(output("eval", run, "--compare", rival, "--json")[1])
    (comparison,) = found["comparison"]["comparisons"]["f1_binary"]
    assert comparison["difference"] < 0
    assert comparison["p_paired"] < 0.05
    assert found["metrics"]["f1_binary"]["value"] < 0.8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare", "nowhere"], "does not exist"),
        (["--compare", "run"], "nothing beside them"),
        (["--compare", "rival", "--data", "x.jsonl"], "on a split of their own data"),
    ],
)
def test_comparisons_that_cannot_be_made(
    run: Path, rival: Path, output: Output, arguments: list[str], message: str
) -> None:
    code, out, err = output("eval", run, *arguments)
    assert (code, out) == (2, "")
    assert message in err


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Twelve documents, six of each class, of which one is wrong."""
    return finished.write(tmp_path / "small", finished.config("prefix-tuning"), quality=1.5, n=12)


def test_no_interval_is_printed_below_the_size_where_it_holds(small: Path, output: Output) -> None:
    code, out, err = output("eval", small)
    assert code == 0
    rows = {name: cells for name, *cells in (line.split("\t") for line in out.splitlines())}
    assert rows["recall_binary"][:3] == ["1.0000", "0.6097", "1.0000"]
    for name in ("f1_macro", "nll", "mce"):
        assert rows[name][1:3] == ["-", "-"]
    assert (
        "no interval for f1_macro, precision_macro, recall_macro: "
        "6 documents of the rarest class, at least 10 are needed\n"
    ) in err
    assert "no interval for brier, nll: 12 documents, at least 20 are needed\n" in err
    metrics = json.loads(output("eval", small, "--json")[1])["metrics"]
    assert (metrics["nll"]["low"], metrics["nll"]["high"]) == (None, None)
    assert metrics["nll"]["why"] == "12 documents, at least 20 are needed"
    assert metrics["accuracy"]["low"] == pytest.approx(0.6461, abs=1e-4)
    assert metrics["accuracy"]["why"] is None


def test_the_positive_class_is_named(small: Path, tmp_path: Path, output: Output) -> None:
    assert json.loads(output("eval", small, "--json")[1])["positive"] == "class 1"
    assert 'positive class: "class 1"\n' in output("eval", small)[2]
    other = finished.write(tmp_path / "other", finished.config(), n=12)
    found = json.loads(output("eval", small, "--compare", other, "--json")[1])
    assert found["comparison"]["positive"] == "class 1"
    assert 'Precision, recall and F1 are of the class "class 1".' in output("report", other)[1]
    three = finished.write(
        tmp_path / "three", finished.config(set_name="newsgroups"), n=12, n_classes=3
    )
    assert json.loads(output("eval", three, "--json")[1])["positive"] is None
    assert "positive class" not in output("eval", three)[2]


def test_one_document_in_twelve_is_no_difference(
    small: Path, tmp_path: Path, output: Output
) -> None:
    rival = finished.write(tmp_path / "rival", finished.config(), quality=1.3, n=12)
    code, out, _ = output("eval", small, "--compare", rival)
    assert code == 0
    # The columns of the interval and of p, which nobody has, are left out.
    assert "| prefix-tuning beside | accuracy + | verdict |" in out
    assert "| prefix-propagation | +8.3 | cannot be told |" in out
    why = "the two differ on 1 of 12 documents, at least 10 are needed"
    told = f"No interval and no p for accuracy of prefix-tuning beside prefix-propagation: {why}."
    assert told in out
    found = json.loads(output("eval", small, "--compare", rival, "--json")[1])
    (each,) = found["comparison"]["comparisons"]["accuracy"]
    assert (each["interval"], each["p_paired"], each["why"]) == (None, None, why)
    estimates = found["comparison"]["lines"][0]["metrics"]
    assert estimates["nll"]["overall"] is None
    assert estimates["nll"]["why"] == "12 documents, at least 20 are needed"


def test_two_runs_that_say_the_same_do_not_differ(
    run: Path, tmp_path: Path, output: Output
) -> None:
    finished.write(tmp_path / "twin", finished.config(), quality=0.4)
    _, out, _ = output("eval", run, "--compare", "twin")
    assert "beside prefix-propagation: the two differ on 0 of 60 documents" in out
    assert "NLL of prefix-tuning beside prefix-propagation: the two do not differ at all." in out


@pytest.mark.parametrize(("n", "n_classes"), [(1, 2), (2, 3), (3, 2)])
def test_the_smallest_splits_end_well(
    tmp_path: Path, output: Output, n: int, n_classes: int
) -> None:
    """Splits of fewer documents than classes: figures, and nothing said of what is not known."""
    size = {"n": n, "n_classes": n_classes, "quality": 2.0}
    names = {
        "set_name": "hyperpartisan" if n_classes == 2 else "newsgroups",
        "data": {"source": "nowhere"},
    }
    run = finished.write(tmp_path / "run", finished.config("prefix-tuning", **names), **size)
    rival = finished.write(tmp_path / "rival", finished.config(**names), **size)
    for arguments in (
        ("eval", run, "--json"),
        ("eval", run, "--compare", rival, "--json"),
        *(("calibrate", run, "--method", method, "--json") for method in ("temperature", "auto")),
        ("calibrate", run, rival, "--json"),
        ("calibrate", run, "--report", "r.html"),
        ("report", run, rival, "--json"),
    ):
        code, out, err = output(*arguments)
        assert code == 0, err
        assert "nan" not in out.lower()
        assert_no_certainty(json.loads(out) if out.startswith("{") else {})


def assert_no_certainty(record: object, name: str = "") -> None:
    """No interval in the record without a length, but where it is no estimate."""
    if isinstance(record, list):
        record = dict(enumerate(record))
    if not isinstance(record, dict) or name in ("band", "range"):
        return
    if {"low", "high"} <= record.keys():
        assert record["low"] is None or record["low"] < record["high"], name
    for key, value in record.items():
        assert_no_certainty(value, str(key))


def test_a_split_there_is_not_is_refused_before_the_model_is_loaded(
    run: Path, output: Output
) -> None:
    for command in ("eval", "report"):
        code, _, err = output(command, run, "--split", "nonsense")
        assert code == 2
        assert "--split nonsense: there is no such split" in err
    assert output("eval", run, "--split", "validation-step-000005")[0] == 0  # stored in training


def test_a_report_is_refused_where_it_cannot_be(run: Path, output: Output) -> None:
    Path("file.txt").write_text("")
    code, _, err = output("report", run, "--out", "file.txt/r.md")
    assert code == 2
    assert "file.txt is a file, not a folder" in err
    assert output("report", run, "--table", "2", "--out", "new/folder/r.md")[0] == 0
    assert Path("new/folder/r.md").is_file()
