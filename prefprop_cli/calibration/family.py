"""All calibration errors of a split at once.

Each has a function of its own with its definition; here they share one softmax, one sort of the
confidences and one sort of each class.
"""

from dataclasses import dataclass

from prefprop_cli.calibration.binning import DEFAULT_BINS, PAPER_BINS, Bin, bins_of
from prefprop_cli.calibration.classwise import adaptive_error
from prefprop_cli.calibration.debiased import debiased_squared, signed_root
from prefprop_cli.calibration.ece import top_label_sums
from prefprop_cli.calibration.equal_mass import (
    group_starts,
    ranked,
)
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.smooth import smooth_error


@dataclass(frozen=True)
class CalibrationErrors:
    """The calibration of n documents, in n_bins bins where bins are a choice.

    Attributes:
        n: documents.
        n_bins: of all but `ece_paper`, which has 10, and `smooth`.
        accuracy: share of documents whose top label is right.
        confidence: mean probability of the top label.
        ece: of the top label, equal width.
        ece_mass: of the top label, equal mass.
        ece_paper: the paper's definition.
        mce: largest error of a bin, equal width.
        rmsce: root of the mean squared error, equal width.
        debiased_squared: squared error less the part of chance, equal mass; may be negative.
        smooth: smECE.
        brier: score of all classes, in [0, 2].
        nll: in nats.
        bins: the reliability diagram.
        ace: mean error over classes, equal mass; None where documents bring candidates of their
            own.
    """

    n: int
    n_bins: int
    accuracy: float
    confidence: float
    ece: float
    ece_mass: float
    ece_paper: float
    mce: float
    rmsce: float
    debiased_squared: float
    smooth: float
    brier: float
    nll: float
    bins: list[Bin]
    ace: float | None

    @property
    def debiased(self) -> float:
        """The signed root of `debiased_squared`, in the unit of an ECE."""
        return signed_root(self.debiased_squared)


def calibration_errors(
    predictions: Predictions, *, n_bins: int = DEFAULT_BINS, classwise: bool = True
) -> CalibrationErrors:
    """Every calibration error of a split, from `Predictions.from_logits` or `from_probs`.

    Args:
        predictions: of N documents.
        n_bins: bins of equal width on [0, 1], and groups of equal size.
        classwise: whether a class is the same thing in every document; False for candidates.

    Raises:
        DataError: errors by class where a document lacks a class, a logit of -inf.
    """
    n = len(predictions.labels)
    width = top_label_sums(predictions, n_bins=n_bins, mode="guo")
    documents = ranked(predictions.confidence, predictions.right)
    mass = documents.sums(group_starts(n, n_bins))
    return CalibrationErrors(
        n=n,
        n_bins=n_bins,
        accuracy=float(predictions.right.mean()),
        confidence=float(predictions.confidence.mean()),
        ece=width.expected_error,
        ece_mass=mass.expected_error,
        ece_paper=top_label_sums(predictions, n_bins=PAPER_BINS, mode="paper").expected_error,
        mce=width.maximum_error,
        rmsce=width.root_mean_square_error,
        debiased_squared=debiased_squared(mass),
        smooth=smooth_error(predictions.confidence, predictions.right),
        brier=float(predictions.squared_errors.mean()),
        nll=float(predictions.log_losses.mean()),
        bins=bins_of(width),
        ace=adaptive_error(predictions, n_bins=n_bins) if classwise else None,
    )
