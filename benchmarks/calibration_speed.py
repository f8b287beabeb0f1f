"""How long the calibration scores take, in seconds of CPU time, into `calibration-speed.json`.

    OMP_NUM_THREADS=2 python benchmarks/calibration_speed.py

Every score of a million documents and twenty classes without bootstrap; the interval of an ECE of
100,000 documents from 2,000 draws. Documents are random: logits from N(0, 2²), labels drawn from
their softmax, tempered.
"""

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from runs import machine

from prefprop_cli.calibration.bins import top_label_gaps
from prefprop_cli.calibration.error_interval import binned_error_interval
from prefprop_cli.calibration.predictions import Predictions, softmax
from prefprop_cli.calibration.scores import Split, calibration_scores

OUT = Path(__file__).with_name("calibration-speed.json")
MILLION, CLASSES, REPEATS = 1_000_000, 20, 5


def main() -> None:
    logits, labels = documents(MILLION)
    record = {
        "command": "OMP_NUM_THREADS=2 python benchmarks/calibration_speed.py",
        "machine": machine(),
        "packages": {name: version(name) for name in ("numpy", "scipy")},
        "all_scores": timed(lambda: all_scores(logits, labels))
        | {"documents": MILLION, "classes": CLASSES, "must_s": 2},
        "interval": timed(interval()) | {"documents": 100_000, "draws": 2000, "must_s": 5},
    }
    OUT.write_text(json.dumps(record, indent=1) + "\n")


def documents(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(n, CLASSES)).astype(np.float32)
    chances = softmax(logits / 1.5).cumsum(axis=1)
    labels = (chances < rng.random((n, 1))).sum(axis=1).clip(max=CLASSES - 1)
    return logits, labels


def all_scores(logits: np.ndarray, labels: np.ndarray) -> None:
    found = calibration_scores(Split(Predictions.from_logits(logits, labels)))
    assert 0 < found["aurc"] < 1


def interval() -> Callable[[], object]:
    predictions = Predictions.from_logits(*documents(100_000))
    gaps = top_label_gaps(predictions, n_bins=15)
    return lambda: binned_error_interval(*gaps, n_resamples=2000)


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Median and least CPU time."""
    found = []
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return {"cpu_s": float(np.median(found)), "least_cpu_s": min(found)}


if __name__ == "__main__":
    main()
