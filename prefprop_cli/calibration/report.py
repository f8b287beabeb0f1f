"""All that is said of the calibration of a split: one record for terminal, JSON, pictures, HTML.

N documents, C classes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from functools import partial
from math import inf, isfinite

from prefprop_cli.arrays import Ints
from prefprop_cli.calibration.binning import PAPER_BINS, WidthMode, width_gaps
from prefprop_cli.calibration.brier import (
    BrierDecomposition,
    brier_decomposition,
    top_label_decomposition,
)
from prefprop_cli.calibration.ece import expected_null_error
from prefprop_cli.calibration.error_interval import binned_error_interval
from prefprop_cli.calibration.family import CalibrationErrors, calibration_errors
from prefprop_cli.calibration.interpretation import told_error, told_verdict
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.reliability import ReliabilityBin, reliability_bin
from prefprop_cli.calibration.selective import CurvePoint, Selection, risk_coverage
from prefprop_cli.calibration.slices import ClassSlice, Slice, class_slices, length_slices
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.stats.small_samples import (
    Stated,
    given,
    mean,
    share,
    too_few_for_bins,
)

COVERAGES = (0.5, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Score:
    """A figure, and its 95 % interval where one is known that keeps its promise.

    `why` says what keeps an interval that is known from being given; empty otherwise.
    """

    value: float
    interval: Interval | None = None
    why: str = ""

    @classmethod
    def of(cls, value: float, stated: Stated) -> "Score":
        found = given(stated)
        return cls(value, found, "" if found else str(stated))


@dataclass(frozen=True)
class NullSummary:
    """What perfectly calibrated models with the same confidences score as ECE."""

    mean: float
    p95: float
    p_value: float


@dataclass(frozen=True)
class State:
    """Calibration of one set of probabilities.

    Attributes:
        scores: by name; `ace` only where there are classes.
        null: of `ece`.
        null_paper: of `ece_paper`.
        bins: the reliability diagram.
        brier: the score taken apart; of the top label where documents bring candidates.
        curve: risk and coverage, at most 200 points.
        selections: what is kept at the coverages of `COVERAGES`.
        by_class: None where documents bring candidates.
        by_length: None where lengths are not known.
    """

    scores: dict[str, Score]
    null: NullSummary
    null_paper: NullSummary
    bins: tuple[ReliabilityBin, ...]
    brier: BrierDecomposition
    curve: tuple[CurvePoint, ...]
    selections: tuple[Selection, ...]
    by_class: tuple[ClassSlice, ...] | None
    by_length: tuple[Slice, ...] | None

    def null_of(self, score: str) -> NullSummary:
        """What chance gives beside `ece` or `ece_paper`."""
        return {"ece": self.null, "ece_paper": self.null_paper}[score]

    def told(self, score: str, *, n: int) -> str:
        """What `ece` or `ece_paper` of n documents says, in a sentence without a full stop."""
        null, error = self.null_of(score), self.scores[score].value
        return told_error(error, n=n, mean=null.mean, p95=null.p95, p_value=null.p_value)


@dataclass(frozen=True)
class CalibrationReport:
    """Calibration of n documents before and after a calibrator that was fitted on n_fit.

    `changed` is the share of documents whose predicted class the calibrator changed.
    """

    n: int
    n_fit: int
    n_bins: int
    changed: float
    before: State
    after: State

    def verdict(self, score: str) -> str:
        """What calibration did to `ece` or `ece_paper`, in one line."""
        before, after = (state.null_of(score) for state in (self.before, self.after))
        told = told_verdict(n=self.n, p95=after.p95, p_before=before.p_value, p_after=after.p_value)
        chance = f"chance alone {after.mean:.3f}"
        return f"ECE {self._change(score)}, {chance}: {told}.  NLL {self._change('nll')}"

    def _change(self, score: str) -> str:
        values = (state.scores[score].value for state in (self.before, self.after))
        return " → ".join(f"{value:.3f}" for value in values)

    def as_dict(self) -> dict[str, object]:
        """The report as JSON types; a figure that does not exist is None."""
        found = _plain(self)
        assert isinstance(found, dict)
        return found


def calibration_report(
    before: Predictions,
    after: Predictions,
    *,
    n_fit: int,
    class_names: Sequence[str],
    lengths: Ints | None,
    n_bins: int,
    n_resamples: int = 2000,
) -> CalibrationReport:
    """Calibration of a split before and after calibration.

    Args:
        before: of N documents.
        after: of the same documents, calibrated.
        n_fit: documents that the calibrator was fitted on.
        class_names: of the C classes; empty where documents bring candidates of their own.
        lengths: (N,), of the documents in tokens, if they are known.
        n_bins: of all binned errors but `ece_paper`, which has 10.
        n_resamples: bootstrap resamples behind each interval, and draws behind each null.
    """
    settings = _Settings(tuple(class_names), lengths, n_bins, n_resamples)
    changed = before.probs.argmax(axis=1) != after.probs.argmax(axis=1)
    return CalibrationReport(
        n=len(before.labels),
        n_fit=n_fit,
        n_bins=n_bins,
        changed=float(changed.mean()),
        before=_state(before, settings),
        after=_state(after, settings),
    )


@dataclass(frozen=True)
class _Settings:
    class_names: tuple[str, ...]
    lengths: Ints | None
    n_bins: int
    n_resamples: int


def _state(predictions: Predictions, settings: _Settings) -> State:
    names, n_bins = settings.class_names, settings.n_bins
    errors = calibration_errors(predictions, n_bins=n_bins, classwise=bool(names))
    selection = risk_coverage(predictions)
    decompose = brier_decomposition if names else top_label_decomposition
    lengths = settings.lengths
    return State(
        scores=_scores(errors, selection.aurc, predictions, settings),
        null=_null(predictions, errors.ece, settings, n_bins=n_bins, mode="guo"),
        null_paper=_null(predictions, errors.ece_paper, settings, n_bins=PAPER_BINS, mode="paper"),
        bins=tuple(map(reliability_bin, errors.bins)),
        brier=decompose(predictions, n_bins=n_bins),
        curve=tuple(selection.points()),
        selections=tuple(map(selection.at_coverage, COVERAGES)),
        by_class=tuple(class_slices(predictions, names=names, n_bins=n_bins)) if names else None,
        by_length=(
            None if lengths is None else tuple(length_slices(predictions, lengths, n_bins=n_bins))
        ),
    )


def _scores(
    errors: CalibrationErrors, aurc: float, predictions: Predictions, settings: _Settings
) -> dict[str, Score]:
    n = len(predictions.labels)
    binned = partial(_binned_interval, predictions, settings)
    return {
        "accuracy": Score.of(
            errors.accuracy, share(int(predictions.right.sum()), n, of="documents")
        ),
        "confidence": Score(errors.confidence),
        "ece": Score.of(errors.ece, binned(n_bins=settings.n_bins, mode="guo")),
        "ece_paper": Score.of(errors.ece_paper, binned(n_bins=PAPER_BINS, mode="paper")),
        "ece_mass": Score(errors.ece_mass),
        "ece_debiased": Score(errors.debiased),
        "smece": Score(errors.smooth),
        "mce": Score(errors.mce),
        "rmsce": Score(errors.rmsce),
        **({} if errors.ace is None else {"ace": Score(errors.ace)}),
        "brier": Score.of(errors.brier, mean(predictions.squared_errors, bounds=(0.0, 2.0))),
        "nll": Score.of(errors.nll, mean(predictions.log_losses, bounds=(0.0, inf))),
        "aurc": Score(aurc),
    }


def _binned_interval(
    predictions: Predictions, settings: _Settings, *, n_bins: int, mode: WidthMode
) -> Stated:
    index, gap = width_gaps(predictions, n_bins=n_bins, mode=mode)
    return too_few_for_bins(len(gap)) or binned_error_interval(
        index, gap, n_resamples=settings.n_resamples
    )


def _null(
    predictions: Predictions, observed: float, settings: _Settings, *, n_bins: int, mode: WidthMode
) -> NullSummary:
    null = expected_null_error(
        predictions.probs, n_bins=n_bins, mode=mode, n_resamples=settings.n_resamples
    )
    return NullSummary(null.mean, null.p95, null.p_value(observed))


def _plain(value: object) -> object:
    """Records as dicts, tuples as lists, NaN and infinity as None."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _plain(asdict(value)) if is_dataclass(value) and not isinstance(value, type) else value
