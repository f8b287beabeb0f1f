"""How far a model's confidence is from its accuracy.

N documents, C classes. For document i: p_i, the probability of the predicted class (its
confidence), and c_i, 1 if that class is right. Every calibration error here has one form,

    ECE = 1/N  sum_bins |sum_{i in bin} g_i|,    g_i = c_i - p_i  ("gap")

and the paper's differs only in its bins and in its gap. That form is what the bootstrap resamples.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prefprop_cli.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mode = Literal["guo", "paper"]
CalibrationTerms = tuple[Ints, Floats, Ints, Floats, Floats, Floats]

DEFAULT_BINS = 15
PAPER_BINS = 10


@dataclass(frozen=True)
class Bin:
    """Documents with a confidence in (lower, upper]; the means of an empty bin are NaN."""

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Null:
    """ECE of a model that is perfectly calibrated at the given confidences, over many draws.

    `errors` holds one ECE per draw, (n_resamples,) float64.
    """

    errors: Floats

    @property
    def mean(self) -> float:
        return float(self.errors.mean())

    @property
    def p95(self) -> float:
        return float(np.quantile(self.errors, 0.95))

    def p_value(self, observed: float) -> float:
        """Share of draws, the observed one counted among them, with an ECE of at least this."""
        return float((1 + np.sum(self.errors >= observed)) / (1 + len(self.errors)))


def softmax(logits: ArrayLike) -> Floats:
    """Probabilities over the last axis, computed in float64."""
    values = np.asarray(logits, np.float64)
    weights: Floats = np.exp(values - values.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def expected_calibration_error(
    probs: ArrayLike, labels: ArrayLike, *, n_bins: int = DEFAULT_BINS, mode: Mode = "guo"
) -> float:
    """Expected calibration error of the predicted class, sum_b n_b/N |accuracy_b - confidence_b|.

    `guo`: equal-width bins (a, b], 0 in the first and 1 in the last, edges k/n correctly rounded;
    a bin's confidence is the mean of its documents. `paper`: float32 probabilities, bins [a, b),
    and a bin's confidence is its upper edge, so that a perfect model never scores 0; for
    comparison with the paper's table 3, which uses 10 bins.

    Args:
        probs: (N, C), rows sum to 1.
        labels: (N,) int, in [0, C).
        n_bins: equal-width bins on [0, 1].
        mode: which of the two definitions.

    Returns:
        In [0, 1].

    Raises:
        DataError: no rows, shapes that do not fit, a NaN or infinity, or a label outside [0, C).

    Source: Guo et al. 2017, section 2 (arXiv 1706.04599); the metric `jordyvl/ece` as the
    released code of arXiv 2305.12086 calls it.
    """
    index, gap = _gaps(*checked(probs, labels), n_bins=n_bins, mode=mode)
    return _expected_error(index, gap, n_bins)


def maximum_calibration_error(
    probs: ArrayLike, labels: ArrayLike, *, n_bins: int = DEFAULT_BINS
) -> float:
    """Largest |accuracy - confidence| of a non-empty bin; bins and errors as `guo` above."""
    index, gap = _gaps(*checked(probs, labels), n_bins=n_bins, mode="guo")
    return _maximum_error(index, gap, n_bins)


def brier_score(probs: ArrayLike, labels: ArrayLike) -> float:
    """Mean over documents of sum_k (p_k - 1[k = label])², in [0, 2] (Brier 1950)."""
    return float(_squared_errors(*checked(probs, labels)).mean())


def negative_log_likelihood(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean of -log softmax(logits)[label], in nats, from the log-softmax in float64."""
    return float(_log_losses(*checked(logits, labels)).mean())


def reliability_bins(
    probs: ArrayLike, labels: ArrayLike, *, n_bins: int = DEFAULT_BINS
) -> list[Bin]:
    """All bins of the reliability diagram, the empty ones too; definitions as `guo` above."""
    confidence, right = _top_label(*checked(probs, labels))
    index, edges = _bin_index(confidence, n_bins), _edges(n_bins)
    count = np.bincount(index, minlength=n_bins)
    total = np.where(count, count, np.nan)
    mean_confidence = np.bincount(index, confidence, n_bins) / total
    accuracy = np.bincount(index, right, n_bins) / total
    columns = (edges[:-1], edges[1:], count, mean_confidence, accuracy)
    return [Bin(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def expected_null_error(
    probs: ArrayLike,
    *,
    n_bins: int = DEFAULT_BINS,
    mode: Mode = "guo",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Null:
    """ECE that chance alone gives a perfectly calibrated model with these confidences.

    The confidences stay; in each draw document i is right with probability p_i. An ECE is worth
    reading only beside this: at n = 65 a perfect model scores about .07 with 15 bins.

    Args:
        probs: (N, C), rows sum to 1.
        n_bins: bins of the error.
        mode: its definition, as in `expected_calibration_error`.
        n_resamples: draws.
        seed: of the draws.

    Raises:
        DataError: no rows, or a NaN or infinity.

    Source: consistency resampling, Bröcker & Smith 2007, with the forecasts held fixed.
    """
    probs, _ = checked(probs, np.zeros(len(np.asarray(probs)), np.int64))
    confidence = np.sort(probs.max(axis=1))
    index, claim = _claims(confidence, n_bins=n_bins, mode=mode)
    starts = np.unique(index, return_index=True)[1]
    expected = np.add.reduceat(claim, starts)
    rng = np.random.default_rng(seed)

    def draw() -> float:
        right = (rng.random(len(confidence)) < confidence).astype(np.float64)
        return float(np.abs(np.add.reduceat(right, starts) - expected).sum() / len(confidence))

    return Null(np.array([draw() for _ in range(n_resamples)]))


def calibration_terms(logits: ArrayLike, labels: ArrayLike, *, n_bins: int) -> CalibrationTerms:
    """What each document adds to the calibration scores: arrays (N,) for `calibration_scores`.

    Raises:
        DataError: as `expected_calibration_error`.
    """
    checked_logits, checked_labels = checked(logits, labels)
    probs = softmax(checked_logits)
    return (
        *_gaps(probs, checked_labels, n_bins=n_bins, mode="guo"),
        *_gaps(probs, checked_labels, n_bins=PAPER_BINS, mode="paper"),
        _squared_errors(probs, checked_labels),
        _log_losses(checked_logits, checked_labels),
    )


def calibration_scores(
    index: Ints,
    gap: Floats,
    paper_index: Ints,
    paper_gap: Floats,
    squared_error: Floats,
    log_loss: Floats,
    *,
    n_bins: int,
) -> dict[str, float]:
    """All calibration scores from `calibration_terms`, of all documents or of a resample."""
    return {
        "ece": _expected_error(index, gap, n_bins),
        "ece_paper": _expected_error(paper_index, paper_gap, PAPER_BINS),
        "mce": _maximum_error(index, gap, n_bins),
        "brier": float(squared_error.mean()),
        "nll": float(log_loss.mean()),
    }


def checked(rows: ArrayLike, labels: ArrayLike) -> tuple[Floats, Ints]:
    """Logits or probabilities (N, C) as float64 and labels (N,) as int64.

    A logit of -inf says that a row does not have this class, as with the candidates of a question.

    Raises:
        DataError: no rows, shapes that do not fit, a NaN or infinity, or a label outside [0, C).
    """
    values, names = np.asarray(rows, np.float64), np.asarray(labels)
    if values.ndim != 2 or names.shape != values.shape[:1]:
        raise DataError(
            f"predictions need shape (N, C) and labels (N,); found {values.shape} and {names.shape}"
        )
    if not values.size:
        raise DataError("no predictions to score: the split is empty. Choose another split")
    is_number = np.isfinite(values) | np.isneginf(values)
    has_class = np.isfinite(values).any(axis=1)
    if not (is_number.all() and has_class.all()):
        bad = np.flatnonzero(~(is_number.all(axis=1) & has_class))
        raise DataError(
            f"{len(bad)} of {len(values)} predictions hold NaN or infinity, first in row {bad[0]}. "
            "The model has diverged: use an earlier checkpoint or a lower learning rate"
        )
    if names.min() < 0 or names.max() >= values.shape[1]:
        wrong = names[(names < 0) | (names >= values.shape[1])][0]
        raise DataError(f"label {wrong} is outside the model's {values.shape[1]} classes")
    if np.isneginf(values[np.arange(len(names)), names]).any():
        raise DataError("a label is of a class that its row does not have: the logit is -inf")
    return values, names.astype(np.int64)


def _top_label(probs: Floats, labels: Ints) -> tuple[Floats, Floats]:
    return probs.max(axis=1), (probs.argmax(axis=1) == labels).astype(np.float64)


def _gaps(probs: Floats, labels: Ints, *, n_bins: int, mode: Mode) -> tuple[Ints, Floats]:
    """The bin of each document, and how far its outcome lies above its bin's claim."""
    confidence, right = _top_label(probs, labels)
    if mode == "paper":  # the metric is handed float32, in which two classes may be level
        right = (probs.astype(np.float32).argmax(axis=1) == labels).astype(np.float64)
    index, claim = _claims(confidence, n_bins=n_bins, mode=mode)
    return index, right - claim


def _claims(confidence: Floats, *, n_bins: int, mode: Mode) -> tuple[Ints, Floats]:
    """The bin of each document, and the accuracy that is claimed for it."""
    if mode == "guo":
        return _bin_index(confidence, n_bins), confidence
    # On an edge the rounding to float32 decides the bin (.7 falls below .7).
    rounded = confidence.astype(np.float32).astype(np.float64)
    index = np.searchsorted(_edges(n_bins), rounded, "right") - 1
    index = index.clip(0, n_bins - 1).astype(np.int64)
    return index, _edges(n_bins)[index + 1]


def _edges(n_bins: int) -> Floats:
    return np.arange(n_bins + 1) / n_bins  # linspace differs from k/n in the last bit


def _bin_index(confidence: Floats, n_bins: int) -> Ints:
    index = np.searchsorted(_edges(n_bins), confidence, "left") - 1
    return index.clip(0, n_bins - 1).astype(np.int64)


def _expected_error(index: Ints, gap: Floats, n_bins: int) -> float:
    return float(np.abs(np.bincount(index, gap, n_bins)).sum() / len(index))


def _maximum_error(index: Ints, gap: Floats, n_bins: int) -> float:
    count = np.bincount(index, minlength=n_bins).clip(1)
    return float((np.abs(np.bincount(index, gap, n_bins)) / count).max())


def _squared_errors(probs: Floats, labels: Ints) -> Floats:
    error = probs.copy()
    error[np.arange(len(labels)), labels] -= 1
    return np.asarray(np.einsum("nc,nc->n", error, error))


def _log_losses(logits: Floats, labels: Ints) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=1))
    return np.asarray(log_total - shifted[np.arange(len(labels)), labels])
