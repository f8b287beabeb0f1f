import re

import pytest

from prefprop_cli.calibration.null import NullSummary, interpret_change, interpret_error


def test_worse_than_chance():
    assert interpret_error(0.171, NullSummary(0.071, 0.109, 0.002), n=65) == (
        "0.071 at n = 65 is what a perfectly calibrated model gets on average; "
        "0.171 is worse than 99.8 % of those"
    )


def test_within_chance():
    assert interpret_error(0.081, NullSummary(0.071, 0.109, 0.31), n=65) == (
        "0.081 at n = 65 is within chance: a perfectly calibrated model gets 0.071 on average and "
        "up to 0.109 in 95 % of cases"
    )


def test_too_few_documents_to_say():
    assert interpret_error(0.3, NullSummary(0.21, 0.36, 0.12), n=8) == (
        "0.300 at n = 8 says nothing: a perfectly calibrated model gets up to 0.360 in 95 % of "
        "cases. Take more documents or fewer bins"
    )
    far_off = interpret_error(0.8, NullSummary(0.21, 0.36, 0.0005), n=8)
    assert far_off.endswith("0.800 is worse than 99.9 % of those")


@pytest.mark.parametrize(
    ("p_value", "share"),
    [(0.05, "95.0"), (0.0499, "95.0"), (0.001, "99.9"), (1 / 2001, "99.9"), (1e-9, "99.9")],
)
def test_the_share_is_rounded_down(p_value, share):
    found = interpret_error(0.2, NullSummary(0.05, 0.1, p_value), n=100)
    assert re.search(r"worse than (\S+) %", found)[1] == share


@pytest.mark.parametrize(("p_value", "word"), [(0.05, "worse"), (0.0501, "within chance")])
def test_where_chance_ends(p_value, word):
    assert word in interpret_error(0.11, NullSummary(0.05, 0.1, p_value), n=100)


@pytest.mark.parametrize(("p95", "word"), [(0.1999, "within chance"), (0.2, "says nothing")])
def test_where_nothing_can_be_said(p95, word):
    assert word in interpret_error(0.1, NullSummary(0.09, p95, 0.4), n=20)


@pytest.mark.parametrize(
    ("n", "p95", "p_before", "p_after", "told"),
    [
        (12, 0.28, 0.6, 0.4, "12 documents cannot tell"),
        (19, 0.1, 0.6, 0.4, "19 documents cannot tell"),
        (2000, 0.02, 0.6, 0.4, "both within chance"),
        (12, 0.28, 0.01, 0.4, "within chance now"),
        (2000, 0.02, 0.01, 0.001, "worse than chance still"),
        (2000, 0.02, 0.2, 0.001, "worse than chance now"),
    ],
)
def test_what_calibration_did(n, p95, p_before, p_after, told):
    before, after = (NullSummary(0.01, p95, p_value) for p_value in (p_before, p_after))
    assert interpret_change(before, after, n=n) == told
