"""What a calibration error beside its null says, in a sentence."""

from math import floor

from prefprop_cli.stats.small_samples import LEAST_MEAN

ALPHA = 0.05
SAYS_NOTHING = 0.2
"""Where chance alone reaches this error, no usual one could be told apart: the paper's table 3 has
.042 to .228."""


def told_error(error: float, *, n: int, mean: float, p95: float, p_value: float) -> str:
    """What an ECE of n documents says about the model, once chance has had its part.

    Args:
        error: the ECE that was observed.
        n: documents.
        mean: of the ECE of perfectly calibrated models with the same confidences.
        p95: what 95 % of them stay below.
        p_value: share of them with at least the observed error.

    Returns:
        One sentence without a full stop, in one of three wordings: worse than chance, within
        chance, or too few documents to say.
    """
    if p_value <= ALPHA:
        return (
            f"{mean:.3f} at n = {n} is what a perfectly calibrated model gets on average; "
            f"{error:.3f} is worse than {_share_below(p_value)} % of those"
        )
    if p95 >= SAYS_NOTHING or n < LEAST_MEAN:
        return (
            f"{error:.3f} at n = {n} says nothing: a perfectly calibrated model gets up to "
            f"{p95:.3f} in 95 % of cases. Take more documents or fewer bins"
        )
    return (
        f"{error:.3f} at n = {n} is within chance: a perfectly calibrated model gets {mean:.3f} on "
        f"average and up to {p95:.3f} in 95 % of cases"
    )


def told_verdict(*, n: int, p95: float, p_before: float, p_after: float) -> str:
    """What the ECE of n documents before and after calibration says, in a few words.

    Args:
        n: documents.
        p95: what 95 % of perfectly calibrated models with the confidences of after stay below.
        p_before: share of such models with at least the error before, at its own confidences.
        p_after: the same of after.
    """
    if min(p_before, p_after) > ALPHA:
        says_nothing = p95 >= SAYS_NOTHING or n < LEAST_MEAN
        return f"{n:,} documents cannot tell" if says_nothing else "both within chance"
    if p_after > ALPHA:
        return "within chance now"
    return f"worse than chance {'still' if p_before <= ALPHA else 'now'}"


def _share_below(p_value: float) -> str:
    """Percent, rounded down, so that it is never "100.0"."""
    return f"{floor(1000 * (1 - p_value) + 1e-9) / 10:.1f}"
