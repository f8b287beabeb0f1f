"""What a notebook calls: a stored run evaluated and described, without a word on the console."""

from pathlib import Path

import pytest

from prefprop_cli import experiment
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment import RunDescription, evaluate_run
from prefprop_cli.runs import RunFolder
from prefprop_cli.stats.intervals import Interval
from tests.helpers import finished


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    finished.write(tmp_path / "run", finished.config())
    return RunFolder.open(tmp_path / "run")


def test_a_stored_split_is_evaluated(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate_run(run)
    assert (found.split, found.n, len(found.classes)) == ("test", 60, 2)
    assert found.metrics["accuracy"] == found.accuracy == found.confusions.trace() / 60
    assert len(found.mistakes) == 60 - found.confusions.trace()
    probs = [each.prob for each in found.mistakes]
    assert probs == sorted(probs, reverse=True)
    assert isinstance(found.accuracy_interval, Interval)
    assert found.accuracy_interval == found.intervals["accuracy"]
    assert found.accuracy_interval.low < found.accuracy < found.accuracy_interval.high
    assert found.warnings == ()
    assert capsys.readouterr() == ("", "")


def test_leaks_that_training_found_are_warnings(run: RunFolder) -> None:
    run.update_manifest(data_leaks=["leak: 1 of 2"])
    (warning,) = evaluate_run(run, "validation").warnings
    assert (warning, warning.severity) == ("leak: 1 of 2", "warning")


def test_a_split_that_there_is_not(run: RunFolder) -> None:
    with pytest.raises(UsageError, match="--split nope: there is no such split"):
        evaluate_run(run, "nope")


def test_what_a_folder_tells(run: RunFolder) -> None:
    found = RunDescription(run)
    assert [each.split for each in found.evaluations] == ["validation", "test"]
    assert found.evaluations[1].metrics == evaluate_run(run).metrics
    assert (found.damaged, found.calibrator, found.calibrations) == ([], {}, [])
    (run.evaluation / "test.safetensors").write_bytes(b"no")
    found = RunDescription(run)
    assert [each.split for each in found.evaluations] == ["validation"]
    assert "test.safetensors is not a file of logits" in found.damaged[0]


@pytest.mark.parametrize("name", experiment.__all__)
def test_what_a_notebook_calls_is_there(name: str) -> None:
    assert getattr(experiment, name).__name__ == name
