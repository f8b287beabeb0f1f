"""All that is said of the calibration of a split: one record for terminal, JSON, pictures, HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from prefprop_cli.arrays import Ints
from prefprop_cli.calibration.bins import PAPER_BINS
from prefprop_cli.calibration.brier import (
    BrierDecomposition,
    brier_decomposition,
    top_label_decomposition,
)
from prefprop_cli.calibration.metrics import calibration_intervals
from prefprop_cli.calibration.null import (
    NullSummary,
    expected_null_error,
    interpret_change,
    interpret_error,
)
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.reliability import ReliabilityBin, reliability_bins
from prefprop_cli.calibration.scores import Split, calibration_scores
from prefprop_cli.calibration.selective import CurvePoint, Selection
from prefprop_cli.calibration.slices import ClassSlice, Slice, class_slices, length_slices
from prefprop_cli.plain import plain
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.stats.small_samples import Stated, share

COVERAGES = (0.5, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Score:
    """A figure, and its 95 % interval where one is known that keeps its promise."""

    value: float
    interval: Interval | None = None
    why: str = ""
    """What keeps an interval that is known from being given; empty otherwise."""

    @classmethod
    def of(cls, value: float, stated: Stated | None) -> "Score":
        """Make one with an interval, with why there is none, or without either."""
        if isinstance(stated, str):
            return cls(value, None, stated)
        return cls(value, stated)


@dataclass(frozen=True)
class State:
    """Calibration of one set of probabilities."""

    scores: dict[str, Score]
    """By the names of `scores.SCORES`; `ace` only where there are classes."""
    null: NullSummary
    """Of `ece`."""
    null_paper: NullSummary
    """Of `ece_paper`."""
    bins: tuple[ReliabilityBin, ...]
    brier: BrierDecomposition
    """Of the top label where documents bring candidates."""
    curve: tuple[CurvePoint, ...]
    selections: tuple[Selection, ...]
    by_class: tuple[ClassSlice, ...] | None
    """None where documents bring candidates."""
    by_length: tuple[Slice, ...] | None
    """None where lengths are not known."""

    def null_of(self, score: str) -> NullSummary:
        """Return what chance gives beside `ece` or `ece_paper`."""
        return {"ece": self.null, "ece_paper": self.null_paper}[score]

    def interpretation(self, score: str, *, n: int) -> str:
        """Say in a sentence without a full stop what `ece` or `ece_paper` of n documents tells."""
        return interpret_error(self.scores[score].value, self.null_of(score), n=n)


@dataclass(frozen=True)
class CalibrationReport:
    """Calibration of n documents before and after a calibrator that was fitted on n_fit."""

    n: int
    n_fit: int
    n_bins: int
    changed: float
    """Share of documents whose predicted class the calibrator changed."""
    before: State
    after: State

    def verdict(self, score: str) -> str:
        """Say in one line what calibration did to `ece` or `ece_paper`."""
        before, after = (state.null_of(score) for state in (self.before, self.after))
        change = interpret_change(before, after, n=self.n)
        chance = f"chance alone {after.mean:.3f}"
        return f"ECE {self._change(score)}, {chance}: {change}.  NLL {self._change('nll')}"

    def _change(self, score: str) -> str:
        values = (state.scores[score].value for state in (self.before, self.after))
        return " → ".join(f"{value:.3f}" for value in values)

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON types; a figure that does not exist is None."""
        found = plain(self)
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
    """Report the calibration of N documents before and after a calibrator fitted on `n_fit`.

    `class_names` is empty where documents bring candidates of their own; `lengths` (N,) are in
    tokens. `ece_paper` always has 10 bins.
    """
    state = partial(
        _state, names=class_names, lengths=lengths, n_bins=n_bins, n_resamples=n_resamples
    )
    changed = before.probs.argmax(axis=1) != after.probs.argmax(axis=1)
    return CalibrationReport(
        n=len(before.labels),
        n_fit=n_fit,
        n_bins=n_bins,
        changed=float(changed.mean()),
        before=state(before),
        after=state(after),
    )


def _state(
    predictions: Predictions,
    *,
    names: Sequence[str],
    lengths: Ints | None,
    n_bins: int,
    n_resamples: int,
) -> State:
    split = Split(predictions, n_bins)
    values = calibration_scores(split, classwise=bool(names))
    n_right, n = int(predictions.right.sum()), len(predictions.labels)
    stated: dict[str, Stated] = {
        "accuracy": share(n_right, n, of="documents"),
        **calibration_intervals(predictions, n_bins=n_bins, n_resamples=n_resamples),
    }
    null = partial(expected_null_error, predictions.confidence, n_resamples=n_resamples)
    decompose = brier_decomposition if names else top_label_decomposition
    by_length = None if lengths is None else length_slices(predictions, lengths, n_bins=n_bins)
    return State(
        scores={name: Score.of(value, stated.get(name)) for name, value in values.items()},
        null=NullSummary.of(null(n_bins=n_bins), observed=values["ece"]),
        null_paper=NullSummary.of(
            null(n_bins=PAPER_BINS, mode="paper"), observed=values["ece_paper"]
        ),
        bins=reliability_bins(split.width),
        brier=decompose(predictions, n_bins=n_bins),
        curve=tuple(split.selection.points()),
        selections=tuple(map(split.selection.at_coverage, COVERAGES)),
        by_class=tuple(class_slices(predictions, names=names, n_bins=n_bins)) if names else None,
        by_length=None if by_length is None else tuple(by_length),
    )
