from dataclasses import replace
from pathlib import Path

import pytest

from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.adapter import read_adapter
from prefprop_cli.experiment.calibrate import calibrate, keep
from prefprop_cli.experiment.stored_logits import load_logits, save_logits
from prefprop_cli.runs import RunFolder
from tests.helpers import finished


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.open(finished.write(tmp_path / "run", finished.config(), quality=0.4))


def test_a_run_is_calibrated_by_its_stored_logits_and_one_record_says_all(run: RunFolder) -> None:
    found = calibrate(run)
    assert (found.split, found.fitted.calibrator.name) == ("test", "temperature")
    assert found.report.after.scores["nll"].value < found.report.before.scores["nll"].value
    assert read_adapter(run.adapter).calibrator.name == "none"
    keep(found)
    assert read_adapter(run.adapter).calibrator == found.fitted.calibrator


def test_documents_that_both_splits_have_are_a_warning(run: RunFolder) -> None:
    validation = load_logits(run.evaluation, "validation")
    half = (*validation.ids[:30], *(f"new-{i}" for i in range(30)))
    save_logits(run.evaluation, "test", replace(validation, ids=half))
    assert [note.severity for note in calibrate(run).notes] == ["warning"]
    crossed = calibrate(run, split="validation", allow_same_split=True)
    assert crossed.cross_fitted
    assert [note.severity for note in crossed.notes] == ["info"]


def test_a_split_without_logits_is_refused(run: RunFolder) -> None:
    with pytest.raises(UsageError, match="no logits of split 'train'"):
        calibrate(run, split="train")
