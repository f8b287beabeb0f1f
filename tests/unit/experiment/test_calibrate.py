from pathlib import Path

import pytest

from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.adapter import read_adapter
from prefprop_cli.experiment.calibrate import calibrate, keep
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


def test_what_it_says_of_documents_that_both_splits_have_is_a_warning(run: RunFolder) -> None:
    found = calibrate(run, split="validation", allow_same_split=True)
    assert found.cross_fitted
    assert [note.severity for note in found.notes] == ["warning"]


def test_a_split_without_logits_is_refused(run: RunFolder) -> None:
    with pytest.raises(UsageError, match="no logits of split 'train'"):
        calibrate(run, split="train")
