import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from prefprop_cli.calibration.error_interval import binned_error_interval, corrected_error


def sample(rng, n, worth, *, n_bins=15):
    """Documents of two classes, right with probability `worth` of their confidence."""
    confidence = 0.5 + 0.5 * rng.beta(4, 1.5, n)
    index = np.ceil(confidence * n_bins).astype(int) - 1
    return index, (rng.random(n) < worth(confidence)) - confidence


def observed(index, gap):
    return float(np.abs(np.bincount(index, gap)).sum() / len(index))


def true_error(worth, *, n_bins=15):
    confidence = 0.5 + 0.5 * stats.beta.ppf((np.arange(100_000) + 0.5) / 100_000, 4, 1.5)
    index = np.ceil(confidence * n_bins).astype(int) - 1
    return observed(index, worth(confidence) - confidence)


WORLDS = {
    "calibrated": lambda p: p,
    "constant gap": lambda p: p - 0.1,
    "sharp gap": lambda p: p - 0.4 * ((p > 0.8) & (p <= 0.9)),
}


@pytest.mark.parametrize("worth", WORLDS.values(), ids=WORLDS)
def test_it_holds_the_truth_in_95_of_100_worlds_or_more(worth):
    """Of 65 documents; 200 worlds would fall this low once in a thousand times."""
    rng = np.random.default_rng(0)
    truth, hits = true_error(worth), 0
    for seed in range(200):
        found = binned_error_interval(*sample(rng, 65, worth), n_resamples=100, seed=seed)
        hits += found.low <= truth <= found.high
    assert hits >= stats.binom.ppf(0.001, 200, 0.95)


def test_it_is_no_longer_than_it_need_be():
    """The bins' gaps have one sign and no part in chance: the interval of a mean, and some more."""
    rng = np.random.default_rng(0)
    index, gap = sample(rng, 20_000, lambda p: p - 0.2)
    found = binned_error_interval(index, gap, n_resamples=500)
    half = 1.96 * gap.std() / np.sqrt(len(gap))
    assert observed(index, gap) - found.low == pytest.approx(half, rel=0.4)
    assert found.high - observed(index, gap) == pytest.approx(half, rel=0.2)


def plain_draw(documents, gap_of, rng):
    """The error of one sample of documents, outcomes and shares of bins drawn one by one."""
    sums = dict.fromkeys(gap_of, 0.0)
    for bin_, claim in documents:
        sums[bin_] += (rng.random() < claim + gap_of[bin_]) - claim
    others = [abs(gap_of[bin_]) for bin_, _ in rng.choices(documents, k=len(documents))]
    expected = sum(abs(gap_of[bin_]) for bin_, _ in documents)
    return (sum(map(abs, sums.values())) + sum(others) - expected) / len(documents)


def in_bins(documents, right):
    """Of each bin: claim, S_b / N, share of documents, variance of S_b / N."""
    found, n = {}, len(documents)
    for bin_, claim in set(documents):
        mine = [r for (b, _), r in zip(documents, right, strict=True) if b == bin_]
        likely = (sum(mine) + 1) / (len(mine) + 2)
        variance = likely * (1 - likely) * len(mine) / n**2
        found[bin_] = claim, sum(r - claim for r in mine) / n, len(mine) / n, variance
    return found


def shrunk(bins, error):
    """Gaps of the documents, the surest kept whole, until the error is reached."""
    gap_of = {}
    for bin_, (_, gap, share, _variance) in sorted(
        bins.items(), key=lambda item: -abs(item[1][1]) / item[1][3] ** 0.5
    ):
        kept = min(error, abs(gap))
        gap_of[bin_] = np.copysign(kept, gap) / share
        error -= kept
    return gap_of


def grown(bins, growth):
    """Gaps of the documents, each larger by so many variances, as far as there is room."""
    gap_of = {}
    for bin_, (claim, gap, share, variance) in bins.items():
        room = {1: (1 - claim) * share, -1: claim * share}
        side = 1 if gap >= 0 else -1
        same = min(abs(gap) + growth * variance, room[side])
        turned = min(growth * variance - abs(gap), room[-side])
        gap_of[bin_] = (side * same if same >= turned else -side * turned) / share
    return gap_of


def test_its_ends_are_those_of_documents_drawn_one_by_one():
    """Bins of one claim each, so that documents drawn together are exactly these.

    The largest gap is not the surest one.
    """
    bins = ((0.6, 60, 28), (0.85, 6, 6), (0.95, 14, 8))  # claim, documents, right ones
    documents = [(b, claim) for b, (claim, n, _) in enumerate(bins) for _ in range(n)]
    right = [i < hits for _, n, hits in bins for i in range(n)]
    index, claim = (np.array(column) for column in zip(*documents, strict=True))
    gap = np.array(right) - claim
    found, seen = binned_error_interval(index, gap), observed(index, gap)
    cells, rng = in_bins(documents, right), random.Random(0)

    def draws(gap_of):
        return np.array([plain_draw(documents, gap_of, rng) for _ in range(400)])

    errors = np.arange(0, seen, 0.005)
    low = next(e for e in errors if (draws(shrunk(cells, e)) >= seen - 1e-9).mean() > 0.035)
    paths = (grown(cells, growth) for growth in range(0, 200, 2))
    last = next(path for path in paths if (draws(path) <= seen + 1e-9).mean() <= 0.025)
    high = sum(share * abs(last[bin_]) for bin_, (_, _, share, _) in cells.items())
    assert 0.03 < low < seen < high - 0.03
    assert (found.low, found.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_other_documents_fall_into_other_bins():
    """20 of 200 are all wrong, the others all right and sure of it: a share decides the error."""
    gap = np.repeat([-0.9, 0.0], [20, 180])
    found = binned_error_interval(np.repeat([0, 1], [20, 180]), gap)
    assert found.high - 0.09 > 0.9 * 1.96 * 0.9 * np.sqrt(0.1 * 0.9 / 200)


def test_in_one_bin_it_is_that_of_a_share():
    """Ends by the tails of the binomial, as Clopper and Pearson's are."""
    gap = np.repeat([0.2, -0.8], [50, 50])  # claimed .8, right .5
    found = binned_error_interval(np.zeros(100, int), gap)
    low = stats.beta.ppf(0.025, 50, 51)  # P(50 or more right) = .025
    high = stats.beta.ppf(1 - 0.035, 51, 50)  # P(50 or less right) = .035
    assert found.low == pytest.approx(0.8 - high, abs=0.005)
    assert found.high == pytest.approx(0.8 - low, abs=0.005)


def test_all_right_and_all_wrong():
    """Of ten documents: the true shares with which that happens in 2.5 and in 3.5 %."""
    right = binned_error_interval(np.zeros(10, int), np.zeros(10))
    assert (right.low, right.high) == (0, pytest.approx(1 - 0.025**0.1, abs=0.02))
    wrong = binned_error_interval(np.zeros(10, int), np.full(10, -1.0))
    assert (wrong.low, wrong.high) == (pytest.approx(0.035**0.1, abs=0.02), 1)
    alone = binned_error_interval(np.zeros(1, int), np.array([0.1]))
    assert (alone.low, alone.high) == (0, pytest.approx(0.9 - 0.025, abs=0.01))


@pytest.mark.parametrize(("n_right", "has_zero"), [(70, True), (62, True), (52, False)])
def test_zero_is_in_it_where_calibrated_models_get_as_much(n_right, has_zero):
    """70 of 100 claimed; P(62 or less of them right) = .053, P(52 or less) = .0001."""
    gap = np.repeat([0.3, -0.7], [n_right, 100 - n_right])
    found = binned_error_interval(np.zeros(100, int), gap)
    assert (found.low == 0) == has_zero


def test_where_chance_alone_gives_more_it_is_stretched_to_the_observed_error():
    """Ten bins of ten documents, each as near to its claim as can be."""
    index = np.repeat(np.arange(10), 10)
    gap = np.tile(np.repeat([0.25, -0.75], [8, 2]), 10)
    found = binned_error_interval(index, gap)
    assert (found.low, found.high) == (0, pytest.approx(observed(index, gap)))


def test_level_seed_and_names_of_bins():
    index, gap = sample(np.random.default_rng(3), 200, WORLDS["constant gap"])
    found = binned_error_interval(index, gap)
    assert found == binned_error_interval(7 * index + 2, gap)  # empty bins say nothing
    assert found != binned_error_interval(index, gap, seed=1)
    narrow = binned_error_interval(index, gap, level=0.5)
    assert found.low < narrow.low < narrow.high < found.high
    assert (found.level, narrow.level) == (0.95, 0.5)
    assert binned_error_interval(index, gap, n_resamples=27).low == 0  # 1 / 28 is above .035


@given(
    claims=st.lists(st.floats(0.01, 1), min_size=1, max_size=12),
    luck=st.lists(st.booleans(), min_size=12, max_size=12),
    n_bins=st.integers(1, 5),
)
@settings(max_examples=60)
def test_it_is_a_part_of_0_to_1_with_the_observed_error(claims, luck, n_bins):
    claim = np.array(claims)
    index = np.ceil(claim * n_bins).astype(int) - 1
    gap = np.array(luck[: len(claim)]) - claim
    found = binned_error_interval(index, gap, n_resamples=60)
    assert 0 <= found.low <= observed(index, gap) + 1e-12
    assert observed(index, gap) - 1e-12 <= found.high <= 1
    assert found.low - 0.01 <= corrected_error(index, gap, n_resamples=60) <= found.high


def test_a_corrected_error_is_nearer_to_the_truth():
    rng = np.random.default_rng(0)
    for worth in (WORLDS["calibrated"], WORLDS["sharp gap"]):
        truth = true_error(worth)
        samples = [sample(rng, 200, worth) for _ in range(40)]
        plain = np.mean([observed(*each) for each in samples])
        corrected = np.mean([corrected_error(*each, n_resamples=100) for each in samples])
        assert plain > truth + 0.01
        assert abs(corrected - truth) < 0.6 * (plain - truth)
