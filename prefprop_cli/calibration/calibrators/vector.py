"""Vector scaling: a scale and an offset for the logit of each class."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.calibrators.base import Calibrator, span
from prefprop_cli.calibration.calibrators.convex import minimise_cross_entropy
from prefprop_cli.errors import CorruptFileError


@dataclass(frozen=True)
class Vector(Calibrator):
    """Calibrated logits are scale_k z_k + offset_k.

    The fit minimises the negative log-likelihood with a normal prior of standard deviation 1
    around scale 1 and offset 0, worth about one document: so there is an optimum, and one only,
    even where all documents are right or a class has none.

    Source: Guo et al. 2017, section 4.2 (arXiv 1706.04599), which has no prior.
    """

    name: ClassVar = "vector"
    summary: ClassVar = "a scale and an offset for the logit of each class"

    scales: tuple[float, ...]
    offsets: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.scales) != len(self.offsets):
            raise CorruptFileError("vector: as many offsets as scales are needed")

    @property
    def n_classes(self) -> int:
        return len(self.scales)

    @classmethod
    def _fit(cls, logits: Floats, labels: Ints) -> Self:
        n_classes = logits.shape[1]
        theta = minimise_cross_entropy(
            lambda theta: logits * theta[:n_classes] + theta[n_classes:],
            lambda rows: np.concatenate([(rows * logits).sum(axis=0), rows.sum(axis=0)]),
            targets=np.eye(n_classes)[labels],
            start=np.repeat([1.0, 0.0], n_classes),
            size=np.concatenate([np.abs(logits).mean(axis=0), np.ones(n_classes)]),
            precision=1.0,
        )
        return cls(tuple(theta[:n_classes].tolist()), tuple(theta[n_classes:].tolist()))

    def _logits(self, logits: Floats) -> Floats:
        return logits * np.array(self.scales) + np.array(self.offsets)

    def __str__(self) -> str:
        return f"scales {span(self.scales)}, offsets {span(self.offsets)}"
