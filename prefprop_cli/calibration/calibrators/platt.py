"""Platt scaling: a straight line through the log-odds of a class."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from prefprop_cli.arrays import Flags, Floats, Ints
from prefprop_cli.calibration.calibrators.base import Calibrator, span
from prefprop_cli.calibration.calibrators.convex import minimise_cross_entropy
from prefprop_cli.calibration.calibrators.one_vs_rest import (
    check_curves,
    claimed_odds,
    joined_odds,
    problems,
)


@dataclass(frozen=True)
class Platt(Calibrator):
    """Calibrated log-odds of a class are slope · odds + offset, odds = log p - log(1 - p).

    Of two classes these are the logit difference z₁ - z₀, and one line does; of more, each class
    has one against the rest, and probabilities are renormalised. The fit takes
    (n₊ + 1)/(n₊ + 2) and 1/(n₋ + 2) instead of 1 and 0 as targets, so that it has an optimum even
    where all documents are right.

    Source: Platt 1999, section 2.2; Zadrozny & Elkan 2002 for more than two classes.
    """

    name: ClassVar = "platt"
    summary: ClassVar = "a line through the log-odds of each class, with smoothed targets"

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    def __post_init__(self) -> None:
        check_curves(self.slopes, self.offsets)

    @property
    def n_classes(self) -> int:
        return max(len(self.slopes), 2)  # one line does for two

    @classmethod
    def _fit(cls, logits: Floats, labels: Ints) -> Self:
        lines = [_line(*problem) for problem in problems(claimed_odds(logits), labels)]
        slopes, offsets = np.transpose(lines).tolist()
        return cls(tuple(slopes), tuple(offsets))

    def _logits(self, logits: Floats) -> Floats:
        return joined_odds(claimed_odds(logits) * np.array(self.slopes) + np.array(self.offsets))

    def __str__(self) -> str:
        if len(self.slopes) == 1:
            return f"log-odds times {self.slopes[0]:.4g}, plus {self.offsets[0]:.4g}"
        return f"slopes {span(self.slopes)}, offsets {span(self.offsets)}"


def _line(odds: Floats, is_class: Flags) -> Floats:
    n_yes, n_no = is_class.sum(), (~is_class).sum()
    yes = np.where(is_class, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2))
    zeros = np.zeros_like(odds)
    return minimise_cross_entropy(
        lambda theta: np.column_stack([zeros, theta[0] * odds + theta[1]]),
        lambda rows: np.array([rows[:, 1] @ odds, rows[:, 1].sum()]),
        targets=np.column_stack([1 - yes, yes]),
        start=[1.0, 0.0],
        size=[np.abs(odds).mean(), 1.0],
    )
