import pytest

from prefprop_cli.report.learning_curves import LearningCurves
from prefprop_cli.runs import RunFolder
from tests.helpers import finished


@pytest.fixture
def run(tmp_path):
    """The rows of 450 steps and three epochs, the second one the best; one loss is not finite."""
    run = RunFolder.create_at(tmp_path / "run")
    for step in range(1, 451):
        loss = float("nan") if step == 7 else 2.0 / step
        run.append_metrics({"step": step, "epoch": -(-step // 150), "loss": loss})
        if step % 150 == 0:
            metrics = {"nll": 1.0 - step / 1000, "accuracy": 0.9 if step == 300 else 0.85}
            run.append_metrics({"step": step, "epoch": step // 150, "validation": metrics})
    run.update_manifest(best_step=300)
    return run


def marks(picture):
    (chart,) = picture.charts
    return {mark.name: mark for mark in chart.marks}


def test_loss_of_training_and_validation(run):
    found = marks(LearningCurves(run).loss())
    (line,) = found["training, means of 3 steps"].shapes
    assert len(line) == 150
    assert line[0] == pytest.approx((2, (2 + 1 + 2 / 3) / 3))
    assert line[2] == pytest.approx((9, (2 / 8 + 2 / 9 + 2 / 10) / 3))  # step 7 has none
    assert found["validation"].shapes == [[(150, 0.85), (300, 0.7), (450, pytest.approx(0.55))]]


def test_a_metric_is_not_zoomed_onto_and_has_its_best_epoch(run):
    picture = LearningCurves(run).metric("accuracy")
    (chart,) = picture.charts
    assert 0.2 <= chart.y.high - chart.y.low < 0.3  # neither the whole of it nor a twentieth
    assert marks(picture)["the best epoch, which is kept"].shapes[0][0][0] == 300
    assert picture.alt == "Accuracy on validation along 450 steps, from 0.850 to 0.850"
    assert picture.title == "Accuracy on validation"


def test_the_figures_of_each_epoch(run):
    grid = LearningCurves(run).by_epoch(("nll", "accuracy", "mce"))
    assert grid.header == ("epoch", "step", "training loss", "NLL", "accuracy", "mce")
    assert grid.rows[1] == ("2 (best)", "300", "0.009", "0.700", "0.900", "-")


def test_a_run_without_epochs_has_none(tmp_path):
    assert not LearningCurves(
        RunFolder(finished.write(tmp_path / "a", finished.config(), epochs=0))
    )
