import pytest

from prefprop_cli.training.schedule import learning_rate


def rates(n_steps: int, warmup: float) -> list[float]:
    return [
        learning_rate(step, n_steps=n_steps, peak=1.0, warmup=warmup)
        for step in range(1, n_steps + 1)
    ]


def test_rises_to_the_peak_and_falls_towards_zero():
    assert rates(10, 0.4) == pytest.approx(
        [1 / 4, 2 / 4, 3 / 4, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7]
    )


def test_without_warm_up_the_first_step_is_the_peak():
    assert rates(4, 0.0) == pytest.approx([1, 3 / 4, 2 / 4, 1 / 4])


@pytest.mark.parametrize("n_steps", [1, 2, 7, 100])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.99])
def test_no_step_is_thrown_away(n_steps: int, warmup: float):
    assert min(rates(n_steps, warmup)) > 0
    assert max(rates(n_steps, warmup)) == 1


def test_scales_with_the_peak():
    assert learning_rate(3, n_steps=10, peak=0.02, warmup=0.4) == pytest.approx(0.02 * 3 / 4)
