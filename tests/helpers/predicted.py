"""Predictions of few documents, for property tests of what is computed from them."""

import numpy as np
from hypothesis import strategies as st

from prefprop_cli.calibration.predictions import Predictions

PARTS = 64
"""Probabilities are multiples of 1/64: they are often equal, some are 0, and sums are exact."""


@st.composite
def predicted(draw: st.DrawFn, max_n: int = 40, min_classes: int = 2) -> Predictions:
    n, n_classes = draw(st.integers(1, max_n)), draw(st.integers(min_classes, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread = draw(st.sampled_from([0.1, 1.0, 10.0]))
    means = rng.dirichlet(np.full(n_classes, spread), size=n)
    probs = np.array([rng.multinomial(PARTS, mean) for mean in means]) / PARTS
    return Predictions.from_probs(probs, rng.integers(0, n_classes, n))


def reordered(predictions: Predictions, order: np.ndarray) -> Predictions:
    return Predictions.from_probs(predictions.probs[order], predictions.labels[order])
