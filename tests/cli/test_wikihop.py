"""WikiHop from records to answers: the commands on questions that can be learnt."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prefprop_cli import load_run
from prefprop_cli.cli.app import main
from prefprop_cli.data.questions import read_questions
from tests.helpers import project

Output = Callable[..., tuple[int, str, str]]


def question(number: int) -> dict[str, Any]:
    """The answer is the candidate that is a vowel; two to four candidates, some long supports."""
    n_others = 1 + number % 3
    others = [letter for letter in "bcdfgh"[number % 3 :]][:n_others]
    vowel = "aeiou"[number % 5]
    return {
        "id": f"q{number}",
        "query": "vowel_of k",
        "candidates": sorted([*others, vowel]),
        "supports": [f"k {vowel} " * (1 + number % 7), *others],
        "answer": vowel,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("wikihop")
    (folder / "data").mkdir()
    for name, numbers in (("train", range(30)), ("dev", range(40, 60))):
        records = [question(number) for number in numbers]
        (folder / "data" / f"{name}.json").write_text(json.dumps(records))
    backbone = project.write_backbone(folder / "backbone")
    (folder / "tiny.toml").write_text(
        f'name = "tiny"\n'
        f"[model]\nbackbone = {json.dumps(str(backbone))}\nto_long = 64\nwindow = 8\n"
        f"dropout = 0.0\n"
        f"[data]\nset = 'wikihop'\nsource = {json.dumps(str(folder / 'data'))}\nmax_length = 32\n"
        f"[method]\nprefix_length = 2\ndropout = 0.0\n"
        f"[eval]\nresamples = 50\n"
        f"[train]\nmetric = 'accuracy'\nepochs = 10\nbatch_size = 4\nlr = 0.02\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFPROP_CACHE", str(folder / "cache"))
        assert (
            main(["train", "-p", str(folder / "tiny.toml"), "--out", str(folder / "run"), "-q"])
            == 0
        )
        yield folder


def test_questions_are_learnt_and_evaluated_beside_chance(folder: Path, output: Output) -> None:
    code, out, _ = output("eval", folder / "run", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["n"] == 10
    assert 0.2 < found["chance"] < 0.5
    assert found["metrics"].keys() == {"accuracy", "ece", "ece_paper", "mce", "brier", "nll"}
    assert found["metrics"]["accuracy"]["value"] > found["chance"] + 0.2
    _, out, err = output("eval", folder / "run")
    assert "any candidate at random" in err
    assert "accuracy" in out


def test_what_comes_next_is_a_file_of_questions(folder: Path, output: Output) -> None:
    _, _, err = output("show", folder / "run")
    assert "prefprop predict questions.jsonl --run" in err


def test_the_temperature_is_fitted_and_stored(folder: Path, output: Output) -> None:
    code, out, _ = output("calibrate", folder / "run", "--json")
    assert code == 0
    assert json.loads(out)["calibration"]["calibrator"]["name"] in ("temperature", "none")
    assert json.loads(out)["before"]["by_class"] is None


def test_own_records_are_evaluated(folder: Path, output: Output) -> None:
    code, out, _ = output("eval", folder / "run", "--data", folder / "data" / "dev.json", "--json")
    assert code == 0
    assert json.loads(out)["n"] == 20


def test_a_record_is_answered_with_a_probability_for_each_candidate(
    folder: Path, output: Output, tmp_path: Path
) -> None:
    record = {**question(7), "candidates": ["a b", "[ent]", "i"]}
    del record["answer"]
    (tmp_path / "record.json").write_text(json.dumps(record))
    code, out, _ = output("predict", "--run", folder / "run", "record.json", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["id"] == "q7"
    assert found["probs"].keys() == {"a b", "[ent]", "i"}
    assert sum(found["probs"].values()) == pytest.approx(1)
    assert found["prob"] == max(found["probs"].values()) == found["probs"][found["label"]]
    _, out, _ = output("predict", "--run", folder / "run", "record.json")
    assert out.split("\t")[:2] == ["q7", found["label"]]


def test_a_text_is_no_question(folder: Path, output: Output, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("Some words.")
    code, _, err = output("predict", "--run", folder / "run", "plain.txt")
    assert code == 3
    assert "plain.txt" in err


def test_an_answer_does_not_depend_on_its_neighbours(folder: Path) -> None:
    run = load_run(folder / "run")
    questions = list(read_questions(folder / "data" / "dev.json"))
    alone = [run.predict([each])[0] for each in questions]
    assert run.predict(questions) == alone
    beside = list(run.stream(questions, batch_size=20))
    assert [found.label for found in beside] == [found.label for found in alone]
