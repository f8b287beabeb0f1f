"""What a calibration error beside its null says, in a sentence."""

from math import floor

from prefprop_cli.calibration.null import NullSummary
from prefprop_cli.stats.small_samples import LEAST_MEAN

ALPHA = 0.05
SAYS_NOTHING = 0.2
"""Where chance alone reaches this error, no usual one could be told apart: the paper's table 3 has
.042 to .228."""


def interpret_error(error: float, null: NullSummary, *, n: int) -> str:
    """Say what an ECE of n documents tells of the model, once chance has had its part.

    Returns:
        One sentence without a full stop, in one of three wordings: worse than chance, within
        chance, or too few documents to say.
    """
    if null.p_value <= ALPHA:
        share = floor(1000 * (1 - null.p_value) + 1e-9) / 10  # down, so that it is never 100.0
        return (
            f"{null.mean:.3f} at n = {n} is what a perfectly calibrated model gets on average; "
            f"{error:.3f} is worse than {share:.1f} % of those"
        )
    if _says_nothing(null, n):
        return (
            f"{error:.3f} at n = {n} says nothing: a perfectly calibrated model gets up to "
            f"{null.p95:.3f} in 95 % of cases. Take more documents or fewer bins"
        )
    return (
        f"{error:.3f} at n = {n} is within chance: a perfectly calibrated model gets "
        f"{null.mean:.3f} on average and up to {null.p95:.3f} in 95 % of cases"
    )


def interpret_change(before: NullSummary, after: NullSummary, *, n: int) -> str:
    """Say in a few words what calibration did to the ECE of n documents."""
    if min(before.p_value, after.p_value) > ALPHA:
        return f"{n:,} documents cannot tell" if _says_nothing(after, n) else "both within chance"
    if after.p_value > ALPHA:
        return "within chance now"
    return f"worse than chance {'still' if before.p_value <= ALPHA else 'now'}"


def _says_nothing(null: NullSummary, n: int) -> bool:
    return null.p95 >= SAYS_NOTHING or n < LEAST_MEAN
