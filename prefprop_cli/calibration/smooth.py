"""The smooth calibration error: a kernel in place of bins."""

import numpy as np
from scipy import fft, optimize

from prefprop_cli.arrays import Floats, Ints

_CELLS = 1 << 16
_WIDEST = 2.0  # the error is at most 1, so the bandwidth it equals is below this


def smooth_error(confidence: Floats, right: Ints) -> float:
    """Compute smECE of confidences (N,) and outcomes (N,), 1 where right; in [0, 1].

        smECE_h = ∫₀¹ |1/N sum_i g_i K_h(t, p_i)| dt,    g_i = right_i - p_i

    with K_h a Gaussian of standard deviation h that is reflected at both ends falls as h grows;
    smECE is the one h with smECE_h = h. It has no bins to choose and is continuous in the
    probabilities. Computed on 2¹⁶ cells: a relative error of about (1.5e-5 / h)²/8.

    Source: Błasiok & Nakkiran 2023, sections 3 and 4 (arXiv 2309.12236).
    """
    waves = _waves(confidence, right)
    if not waves.any():
        return 0.0
    found = optimize.brentq(lambda h: _error_at(waves, h) - h, 0.0, _WIDEST, xtol=1e-13)
    return float(found)


def _waves(confidence: Floats, right: Ints) -> Floats:
    """Cosine series of the sum of g_i/N in cells, each shared by the two nearest centres."""
    place = confidence * _CELLS - 0.5
    left = np.floor(place).astype(np.int64)
    gap = (right - confidence) / len(confidence)
    to_right = gap * (place - left)
    # Past the first and the last centre the neighbour is the reflection of the cell itself.
    cells = np.bincount(left.clip(min=0), gap - to_right, _CELLS)
    cells += np.bincount((left + 1).clip(max=_CELLS - 1), to_right, _CELLS)
    return np.asarray(fft.dct(cells, norm="ortho"))


def _error_at(waves: Floats, bandwidth: float) -> float:
    # Cosines are what a reflected Gaussian only damps: cos(πkt) by exp(-(πkh)²/2).
    damping = np.exp(-0.5 * (np.pi * bandwidth * np.arange(_CELLS)) ** 2)
    return float(np.abs(fft.idct(waves * damping, norm="ortho")).sum())
