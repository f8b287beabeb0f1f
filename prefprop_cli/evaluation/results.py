"""What an evaluation leaves in a run: the logits of a split and a report on their calibration."""

import json
from dataclasses import asdict, dataclass
from functools import partial
from math import inf, isnan
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from prefprop_cli.errors import CorruptFileError, UsageError
from prefprop_cli.evaluation.calibration import (
    DEFAULT_BINS,
    Bin,
    Floats,
    Ints,
    calibration_scores,
    calibration_terms,
    checked,
    expected_null_error,
    reliability_bins,
    softmax,
)
from prefprop_cli.evaluation.statistics import Interval, bootstrap_intervals
from prefprop_cli.runs import write_atomically

_BOUNDS = {
    "ece": (0.0, 1.0),
    "ece_paper": (0.0, 1.0),
    "mce": (0.0, 1.0),
    "brier": (0.0, 2.0),
    "nll": (0.0, inf),
}


@dataclass(frozen=True)
class SavedLogits:
    """The logits of N documents.

    Attributes:
        ids: N.
        logits: (N, C) float32.
        labels: (N,) int64.
        n_tokens: (N,) int64, lengths of the documents before any was cut; None where an earlier
            version of the program wrote the file.
    """

    ids: tuple[str, ...]
    logits: NDArray[np.float32]
    labels: Ints
    n_tokens: Ints | None = None


@dataclass(frozen=True)
class Score:
    """A calibration score and its percentile bootstrap interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class NullSummary:
    """What a perfectly calibrated model with the same confidences scores as ECE."""

    mean: float
    p95: float
    p_value: float


@dataclass(frozen=True)
class CalibrationState:
    """Calibration at one temperature; `scores` has ece, ece_paper, mce, brier and nll."""

    scores: dict[str, Score]
    null: NullSummary
    bins: list[Bin]


@dataclass(frozen=True)
class CalibrationReport:
    """Calibration of n documents before (T = 1) and after dividing the logits by T."""

    n: int
    n_bins: int
    temperature: float
    before: CalibrationState
    after: CalibrationState

    def as_dict(self) -> dict[str, object]:
        """The report as JSON types; the means of an empty bin are None."""
        states = {"before": self.before, "after": self.after}
        return {
            "n": self.n,
            "n_bins": self.n_bins,
            "temperature": self.temperature,
            **{name: _state_dict(state) for name, state in states.items()},
        }


def calibration_report(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    temperature: float,
    n_bins: int = DEFAULT_BINS,
    n_resamples: int = 2000,
    seed: int = 0,
) -> CalibrationReport:
    """Calibration of a split before and after a temperature that was fitted on another one.

    Args:
        logits: (N, C), not divided by any temperature.
        labels: (N,) int, in [0, C).
        temperature: divides the logits in `after`.
        n_bins: bins of the reliability diagram, ECE and MCE; `ece_paper` always has 10.
        n_resamples: bootstrap resamples behind each interval, and draws behind the null.
        seed: of both.

    Raises:
        DataError: no rows, shapes that do not fit, a NaN or infinity, or a label outside [0, C).
    """
    values, names = checked(logits, labels)
    state = partial(_state, labels=names, n_bins=n_bins, n_resamples=n_resamples, seed=seed)
    return CalibrationReport(
        n=len(names),
        n_bins=n_bins,
        temperature=temperature,
        before=state(values),
        after=state(values / temperature),
    )


def save_logits(folder: Path, split: str, saved: SavedLogits) -> Path:
    """Write the logits of a split to one safetensors file, ids as JSON in its header, atomically.

    Args:
        folder: made if it is absent.
        split: file name without its ending.
        saved: what to write.

    Returns:
        The file written.
    """
    tensors = {
        "logits": np.ascontiguousarray(saved.logits, np.float32),
        "labels": np.ascontiguousarray(saved.labels, np.int64),
    }
    if saved.n_tokens is not None:
        tensors["n_tokens"] = np.ascontiguousarray(saved.n_tokens, np.int64)
    folder.mkdir(parents=True, exist_ok=True)
    path = logits_path(folder, split)
    write_atomically(path, save(tensors, metadata={"ids": json.dumps(list(saved.ids))}))
    return path


def load_logits(folder: Path, split: str) -> SavedLogits:
    """Read what `save_logits` wrote.

    Raises:
        UsageError: the split has not been evaluated.
        CorruptFileError: the file is damaged or is something else.
    """
    path = logits_path(folder, split)
    if not path.is_file():
        raise UsageError(
            f"no logits of split {split!r}: {path} does not exist. "
            f"Run `prefprop eval RUN --split {split}` first"
        )
    try:
        saved = _read(path)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(_damaged(path, split, str(error))) from error
    columns = (saved.ids, saved.logits, saved.labels, saved.n_tokens)
    if len({len(column) for column in columns if column is not None}) > 1:
        raise CorruptFileError(_damaged(path, split, "ids, logits and labels differ in number"))
    return saved


def logits_path(folder: Path, split: str) -> Path:
    """Where `save_logits` keeps a split."""
    return folder / f"{split}.safetensors"


def step_name(step: int) -> str:
    """The name under which the validation logits after an optimizer step are kept."""
    return f"validation-step-{step:06d}"


def _read(path: Path) -> SavedLogits:
    with safe_open(path, framework="numpy") as file:
        names = list(file.keys())
        return SavedLogits(
            ids=tuple(json.loads(file.metadata()["ids"])),
            logits=file.get_tensor("logits"),
            labels=file.get_tensor("labels"),
            n_tokens=file.get_tensor("n_tokens") if "n_tokens" in names else None,
        )


def _damaged(path: Path, split: str, cause: str) -> str:
    return (
        f"{path} is not a file of logits, or is damaged ({cause}). "
        f"Run `prefprop eval RUN --split {split}` again"
    )


def _state(
    logits: Floats, *, labels: Ints, n_bins: int, n_resamples: int, seed: int
) -> CalibrationState:
    scores_of = partial(calibration_scores, n_bins=n_bins)
    terms = calibration_terms(logits, labels, n_bins=n_bins)
    scores = scores_of(*terms)
    intervals = bootstrap_intervals(
        scores_of, *terms, n_resamples=n_resamples, seed=seed, bounds=_BOUNDS
    )
    probs = softmax(logits)
    null = expected_null_error(probs, n_bins=n_bins, n_resamples=n_resamples, seed=seed)
    return CalibrationState(
        scores={name: Score(scores[name], intervals[name]) for name in scores},
        null=NullSummary(null.mean, null.p95, null.p_value(scores["ece"])),
        bins=reliability_bins(probs, labels, n_bins=n_bins),
    )


def _state_dict(state: CalibrationState) -> dict[str, object]:
    bins = [{key: _or_none(number) for key, number in asdict(b).items()} for b in state.bins]
    return {**asdict(state), "bins": bins}


def _or_none(number: float) -> float | None:
    return None if isnan(number) else number
