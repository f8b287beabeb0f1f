import re

import pytest

from prefprop_cli.evaluation.words import told_error


def test_worse_than_chance():
    assert told_error(0.171, n=65, mean=0.071, p95=0.109, p_value=0.002) == (
        "0.071 at n = 65 is what a perfectly calibrated model gets on average; "
        "0.171 is worse than 99.8 % of those"
    )


def test_within_chance():
    assert told_error(0.081, n=65, mean=0.071, p95=0.109, p_value=0.31) == (
        "0.081 at n = 65 is within chance: a perfectly calibrated model gets 0.071 on average and "
        "up to 0.109 in 95 % of cases"
    )


def test_too_few_documents_to_say():
    assert told_error(0.3, n=8, mean=0.21, p95=0.36, p_value=0.12) == (
        "0.300 at n = 8 says nothing: a perfectly calibrated model gets up to 0.360 in 95 % of "
        "cases. Take more documents or fewer bins"
    )
    far_off = told_error(0.8, n=8, mean=0.21, p95=0.36, p_value=0.0005)
    assert far_off.endswith("0.800 is worse than 99.9 % of those")


@pytest.mark.parametrize(
    ("p_value", "share"),
    [(0.05, "95.0"), (0.0499, "95.0"), (0.001, "99.9"), (1 / 2001, "99.9"), (1e-9, "99.9")],
)
def test_the_share_is_rounded_down(p_value, share):
    found = told_error(0.2, n=100, mean=0.05, p95=0.1, p_value=p_value)
    assert re.search(r"worse than (\S+) %", found)[1] == share


@pytest.mark.parametrize(("p_value", "word"), [(0.05, "worse"), (0.0501, "within chance")])
def test_where_chance_ends(p_value, word):
    assert word in told_error(0.11, n=100, mean=0.05, p95=0.1, p_value=p_value)


@pytest.mark.parametrize(("p95", "word"), [(0.1999, "within chance"), (0.2, "says nothing")])
def test_where_nothing_can_be_said(p95, word):
    assert word in told_error(0.1, n=20, mean=0.09, p95=p95, p_value=0.4)
