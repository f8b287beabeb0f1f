"""Recalibration: methods that are fitted on validation alone; `tables.CALIBRATORS` names them."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Ints
from prefprop_cli.calibration.calibrators.base import (
    REMOVED,
    SCHEMA_VERSION,
    Calibrator,
    Identity,
    Removed,
)
from prefprop_cli.calibration.calibrators.selection import (
    Trial,
    cross_calibrated,
    cross_validate,
    settled,
)
from prefprop_cli.calibration.calibrators.temperature import Temperature
from prefprop_cli.calibration.predictions import checked, negative_log_likelihood
from prefprop_cli.errors import CorruptFileError, UsageError
from prefprop_cli.tables import CALIBRATORS as METHODS

AUTO = "auto"
STAYS = "the logits stay as they are"


@dataclass(frozen=True)
class Fitted:
    """A calibrator and how it came about."""

    calibrator: Calibrator
    n: int
    """Documents it was fitted on."""
    nll_before: float
    """Mean NLL of these documents, in nats; an estimate for others is in `trials`."""
    nll_after: float
    trials: tuple[Trial, ...]
    """What `auto` compared, in the order of the table; empty for a method by name."""
    notes: tuple[str, ...]
    """What the user should know of the fit, a sentence each."""

    def as_dict(self) -> dict[str, object]:
        """Return the record as JSON types."""
        return {**asdict(self), "calibrator": self.calibrator.as_dict()}


def fit_calibrator(
    name: str, logits: ArrayLike, labels: ArrayLike, *, seed: int = 0, candidates: bool = False
) -> Fitted:
    """Fit a method, or with `auto` the one that does best in cross-validation.

    `auto` takes the simplest that no other beats by more than one standard error in the NLL of
    held-out documents, five stratified folds, `none` among them. A temperature at the end of its
    search is not settled by the documents: it is taken as `none`, with a note. A method that
    cannot be fitted is out, with a note, too.

    The name is `auto` or a key of `METHODS`, the seed that of the folds; the other arguments are
    those of `Calibrator.fit`. Of candidates `auto` compares `none` and `temperature`.

    Raises:
        DataError: as `Predictions.from_logits`.
        UsageError: there is no such method, or it needs classes, and there are none, or only one.
        PrefpropError: the method that was named stopped short of its optimum.
    """
    if name not in (AUTO, *METHODS):
        raise UsageError(f"--method {name}: no such method. Use {', '.join((AUTO, *METHODS))}")
    values, names = checked(logits, labels)
    trials: tuple[Trial, ...] = ()
    notes: list[str] = []
    method = METHODS.get(name, Identity)
    if name == AUTO and len(names) == 1:
        notes.append(f"one document is too few to choose by: {STAYS}")
    elif name == AUTO:
        able = [each for each in METHODS.values() if each.fits(values, candidates=candidates)]
        trials, failures = cross_validate(able, values, names, seed=seed)
        notes += [f"auto goes on without {out}: {why}" for out, why in failures.items()]
        method = METHODS[next(trial.name for trial in trials if not trial.beaten_by)]
    found = method.fit(values, names, candidates=candidates)
    calibrator = settled(found)
    return Fitted(
        calibrator=calibrator,
        n=len(names),
        nll_before=negative_log_likelihood(values, names),
        nll_after=negative_log_likelihood(calibrator.logits(values), names),
        trials=trials,
        notes=(*notes, *_notes(found, names)),
    )


def calibrator_from(values: Mapping[str, object]) -> Calibrator:
    """Read the record that `Calibrator.as_dict` made, nothing of it but numbers.

    Raises:
        CorruptFileError: it is of a later version or an unknown method, or a value is wrong.
    """
    name, version = values.get("name"), values.get("schema_version")
    if name in REMOVED:
        return Removed(values)
    if version != SCHEMA_VERSION or name not in METHODS:
        raise CorruptFileError(
            f"the calibrator is {name!r} of schema version {version!r}; this program knows "
            f"{', '.join(METHODS)} of version {SCHEMA_VERSION}. Use the version that wrote it"
        )
    return METHODS[str(name)].from_dict(values)


def _notes(found: Calibrator, labels: Ints) -> Iterator[str]:
    if found.unsettled:
        who = f"the {len(labels)} documents do" if len(labels) > 1 else "one document does"
        yield f"{who} not determine a {found.name}: {found.unsettled}. {STAYS.capitalize()}"
    n_missing = (found.n_classes or 0) - len(np.unique(labels))
    if n_missing > 0:
        yield (
            f"{n_missing} of {found.n_classes} classes have no document to fit {found.name} on; "
            "what it says of them is a guess"
        )


__all__ = [
    "AUTO",
    "METHODS",
    "Calibrator",
    "Fitted",
    "Identity",
    "Removed",
    "Temperature",
    "Trial",
    "calibrator_from",
    "cross_calibrated",
    "fit_calibrator",
]
