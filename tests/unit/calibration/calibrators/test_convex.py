import numpy as np
import pytest

from prefprop_cli.calibration.calibrators import convex
from prefprop_cli.calibration.calibrators.convex import minimise_cross_entropy
from prefprop_cli.errors import PrefpropError
from tests.helpers.recalibration import log_loss

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(40, 3)) * [1.0, 10.0, 0.1]
TARGETS = RNG.dirichlet(np.ones(2), size=40)


def solve(**changed):
    """A logistic regression: logits (0, x · θ)."""
    return minimise_cross_entropy(
        lambda theta: np.column_stack([np.zeros(40), FEATURES @ theta]),
        lambda rows: FEATURES.T @ rows[:, 1],
        **{
            "targets": TARGETS,
            "start": [1.0, 0.0, 0.0],
            "size": [1.0, 8.0, 0.1],
            "precision": 0.5,
            **changed,
        },
    )


def objective(theta):
    rows = [(0.0, sum(x * t for x, t in zip(row, theta, strict=True))) for row in FEATURES]
    prior = 0.5 * sum((t - s) ** 2 for t, s in zip(theta, (1, 0, 0), strict=True)) / 2
    return log_loss(rows, TARGETS) + prior / 40


def test_the_slope_is_zero():
    theta = solve()
    for step in 1e-5 * np.eye(3):
        difference = objective(theta + step) - objective(theta - step)
        assert abs(difference / 2e-5) < 1e-8
        assert objective(theta + step) > objective(theta)


def test_without_documents_to_speak_of_the_prior_decides():
    assert solve(precision=1e9) == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("factor", [1e-6, 1e3, 1e9])
def test_features_of_any_size_are_one_problem(factor):
    theta = minimise_cross_entropy(
        lambda theta: np.column_stack([np.zeros(40), factor * FEATURES @ theta]),
        lambda rows: factor * FEATURES.T @ rows[:, 1],
        targets=TARGETS,
        start=np.array([1.0, 0.0, 0.0]) / factor,
        size=factor * np.abs(FEATURES).mean(axis=0),
        precision=0.5 * factor**2,
    )
    assert factor * theta == pytest.approx(solve(), rel=1e-7)


def test_short_of_the_optimum_is_an_error(monkeypatch):
    monkeypatch.setattr(convex, "TOLERANCE", 1e-30)
    with pytest.raises(PrefpropError, match="Use --method temperature"):
        solve()
