"""Methods for two classes, on more: each class against the rest, probabilities renormalised.

Of two classes only class 1 is calibrated; class 0 has what remains. N documents, C classes,
M curves: one for two classes, else C.

Source: Zadrozny & Elkan 2002, section 5.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from prefprop_cli.arrays import Flags, Floats, Ints
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.errors import CorruptFileError


def check_curves(*parts: Sequence[object]) -> None:
    """Check that a stored calibrator has each part once for each curve.

    Raises:
        CorruptFileError: it has not, or has as many curves as no number of classes has.
    """
    n_curves = len(parts[0])
    if n_curves in (0, 2) or any(len(part) != n_curves for part in parts):
        raise CorruptFileError(f"a calibrator has {[*map(len, parts)]} parts of its curves")


def claimed_probs(logits: Floats) -> Floats:
    """Return the probability of each class that has a curve, (N, M)."""
    probs = softmax(logits)
    return probs[:, 1:] if probs.shape[1] == 2 else probs


def claimed_odds(logits: Floats) -> Floats:
    """Return the log-odds of each class with a curve, (N, M), against the rest; exact near 1."""
    if logits.shape[1] == 2:
        return logits[:, 1:] - logits[:, :1]
    classes = range(logits.shape[1])
    rest = [np.logaddexp.reduce(np.delete(logits, k, axis=1), axis=1) for k in classes]
    return logits - np.column_stack(rest)


def problems(claims: Floats, labels: Ints) -> Iterator[tuple[Floats, Flags]]:
    """Yield for each curve what is claimed of its class, and whether it is the label; (N,)."""
    first = 1 if claims.shape[1] == 1 else 0
    for k, column in enumerate(claims.T, start=first):
        yield column, labels == k


def joined_odds(odds: Floats) -> Floats:
    """Return logits (N, C) of the calibrated log-odds of each curve, (N, M)."""
    if odds.shape[1] == 1:
        return np.column_stack([np.zeros(len(odds)), odds])
    return -np.logaddexp(0, -odds)
