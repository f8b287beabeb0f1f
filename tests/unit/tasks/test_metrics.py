import pytest

from prefprop_cli.errors import DataError
from prefprop_cli.tasks.metrics import better, majority_share


def test_better_knows_which_way_each_metric_runs():
    assert better("nll", 0.5, None)
    assert better("nll", 0.5, 0.6)
    assert not better("nll", 0.6, 0.5)
    assert better("f1_macro", 0.6, 0.5)
    assert not better("f1_macro", 0.5, 0.5)


def test_majority_share():
    assert majority_share([3, 1, 3, 3]) == 0.75
    with pytest.raises(DataError, match="no labels"):
        majority_share([])
