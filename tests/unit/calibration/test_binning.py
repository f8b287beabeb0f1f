from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.calibration.binning import StreamingBins, edges, width_claims
from prefprop_cli.calibration.ece import (
    expected_calibration_error,
    maximum_calibration_error,
    reliability_bins,
    root_mean_square_calibration_error,
    top_label_sums,
)
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.errors import DataError
from tests.helpers.calibration import predictions, tied_predictions

MODES = st.sampled_from(["guo", "paper"])


@pytest.mark.parametrize("n_bins", [1, 10, 15, 49, 100])
def test_edges_are_fractions_correctly_rounded(n_bins):
    assert edges(n_bins).tolist() == [k / n_bins for k in range(n_bins + 1)]


@pytest.mark.parametrize("n_bins", [1, 10, 15, 49])
def test_each_edge_closes_the_bin_below_it(n_bins):
    index, _ = width_claims(edges(n_bins), n_bins=n_bins, mode="guo")
    assert index.tolist() == [0, *range(n_bins)]
    after, _ = width_claims(np.nextafter(edges(n_bins)[:-1], 1), n_bins=n_bins, mode="guo")
    assert after.tolist() == list(range(n_bins))


def test_the_papers_bins_are_closed_below_and_claim_their_upper_edge():
    index, claim = width_claims(np.array([0, 0.5, 0.7, 0.75, 1]), n_bins=10, mode="paper")
    assert index.tolist() == [0, 5, 6, 7, 9]  # in float32 .7 lies below .7
    assert claim.tolist() == [0.1, 0.6, 0.7, 0.8, 1.0]


def in_chunks(case, cuts, **kind):
    """Chunks of a split, each in bins of its own, and the sum of them."""
    probs, labels = case
    ends = [0, *sorted(cut % (len(labels) + 1) for cut in cuts), len(labels)]
    total = StreamingBins.empty(**kind)
    for start, end in pairwise(ends):
        if start < end:
            chunk = Predictions.from_probs(probs[start:end], labels[start:end])
            total = total + StreamingBins.empty(**kind).updated(chunk)
    return total


@given(
    st.one_of(predictions(), tied_predictions()),
    st.lists(st.integers(0, 40), max_size=5),
    MODES,
    st.sampled_from([1, 10, 15]),
)
def test_a_stream_gives_what_all_at_once_gives(case, cuts, mode, n_bins):
    stream = in_chunks(case, cuts, n_bins=n_bins, mode=mode).sums
    whole = top_label_sums(Predictions.from_probs(*case), n_bins=n_bins, mode=mode)
    assert np.array_equal(stream.count, whole.count)
    assert np.array_equal(stream.hits, whole.hits)
    errors = {
        expected_calibration_error: stream.expected_error,
        maximum_calibration_error: stream.maximum_error,
        root_mean_square_calibration_error: stream.root_mean_square_error,
    }
    for metric, streamed in errors.items():
        assert streamed == pytest.approx(metric(*case, n_bins=n_bins, mode=mode), abs=1e-12)


@given(predictions())
def test_a_stream_gives_the_reliability_diagram(case):
    streamed = StreamingBins.empty(n_bins=10).updated(Predictions.from_probs(*case)).bins
    for one, other in zip(streamed, reliability_bins(*case, n_bins=10), strict=True):
        assert (one.lower, one.upper, one.count) == (other.lower, other.upper, other.count)
        assert one.accuracy == pytest.approx(other.accuracy, nan_ok=True)
        assert one.confidence == pytest.approx(other.confidence, nan_ok=True)


def test_a_stream_of_top_labels_alone():
    confidence, right = np.array([0.95, 0.95, 0.55, 0.75]), np.array([1, 1, 0, 1])
    stream = StreamingBins.empty(n_bins=10).updated_top(confidence, right)
    assert stream.sums.expected_error == pytest.approx(((2 - 1.9) + 0.55 + 0.25) / 4)


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.5])
def test_what_is_no_confidence_is_refused(bad):
    with pytest.raises(DataError, match="NaN or outside"):
        StreamingBins.empty().updated_top(np.array([0.5, bad]), np.array([1, 1]))


def test_bins_of_two_kinds_do_not_add_up():
    mine = StreamingBins.empty(n_bins=15)
    with pytest.raises(DataError, match=r"15 \(guo\) and 10 \(guo\)"):
        mine + StreamingBins.empty(n_bins=10)
    with pytest.raises(DataError, match=r"15 \(guo\) and 15 \(paper\)"):
        mine + StreamingBins.empty(n_bins=15, mode="paper")


def test_a_stream_without_documents_has_no_error():
    empty = StreamingBins.empty().sums
    for name in ("expected_error", "maximum_error", "root_mean_square_error", "mean_error"):
        with pytest.raises(DataError, match="nothing has been counted"):
            getattr(empty, name)


def test_a_stream_of_bins_does_not_grow():
    stream, rng = StreamingBins.empty(n_bins=15), np.random.default_rng(0)
    for _ in range(20):
        confidence = rng.uniform(0.5, 1, 10_000)
        stream = stream.updated_top(confidence, (rng.random(10_000) < confidence).astype(int))
    assert stream.sums.count.sum() == 200_000
    assert [len(a) for a in (stream.sums.count, stream.sums.gap, stream.sums.hits)] == [15] * 3
    assert stream.sums.expected_error < 0.01
