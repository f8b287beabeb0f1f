import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


@dataclass(frozen=True)
class GoldenCase:
    """Logits, probabilities, labels, and what other libraries say of them."""

    name: str
    logits: NDArray[np.float32]
    probs: NDArray[np.float64]
    labels: NDArray[np.int64]
    facts: dict[str, Any]


@pytest.fixture(params=["A_binary65", "B_news20", "C_edges20"])
def golden(request: pytest.FixtureRequest, shared: Path) -> GoldenCase:
    folder = shared / "golden" / "calibration"
    facts = json.loads((folder / "golden.json").read_text())["cases"][request.param]
    arrays = np.load(folder / f"{request.param}.npz")
    return GoldenCase(
        request.param, arrays["logits"], arrays["probs"], arrays["labels"], facts=facts
    )
