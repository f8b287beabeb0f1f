"""How long the calibration scores take, in seconds of CPU time, into `calibration-speed.json`.

    OMP_NUM_THREADS=2 python benchmarks/calibration_speed.py

Every score of a million documents and twenty classes without bootstrap; 10⁸ documents through
bins of constant memory, in pieces of a million; the interval of an ECE of 100,000 documents from
2,000 draws. Documents are random: logits from N(0, 2²), labels drawn from their softmax, tempered.
"""

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from runs import machine, peak_bytes

from prefprop_cli.calibration.binning import StreamingBins, width_claims
from prefprop_cli.calibration.error_interval import binned_error_interval
from prefprop_cli.calibration.family import calibration_errors
from prefprop_cli.calibration.predictions import Predictions, softmax
from prefprop_cli.calibration.selective import risk_coverage

OUT = Path(__file__).with_name("calibration-speed.json")
MILLION, CLASSES, REPEATS = 1_000_000, 20, 5
PIECES = 100


def main() -> None:
    logits, labels = documents(MILLION)
    record = {
        "command": "OMP_NUM_THREADS=2 python benchmarks/calibration_speed.py",
        "machine": machine(),
        "packages": {name: version(name) for name in ("numpy", "scipy")},
        "all_scores": timed(lambda: all_scores(logits, labels))
        | {"documents": MILLION, "classes": CLASSES, "must_s": 2},
        "interval": timed(interval()) | {"documents": 100_000, "draws": 2000, "must_s": 5},
        "streaming": streaming(logits, labels),
    }
    OUT.write_text(json.dumps(record, indent=1) + "\n")


def documents(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(n, CLASSES)).astype(np.float32)
    chances = softmax(logits / 1.5).cumsum(axis=1)
    labels = (chances < rng.random((n, 1))).sum(axis=1).clip(max=CLASSES - 1)
    return logits, labels


def all_scores(logits: np.ndarray, labels: np.ndarray) -> None:
    predictions = Predictions.from_logits(logits, labels)
    calibration_errors(predictions)
    assert 0 < risk_coverage(predictions).aurc < 1


def interval() -> Callable[[], object]:
    predictions = Predictions.from_logits(*documents(100_000))
    index, claim = width_claims(predictions.confidence, n_bins=15, mode="guo")
    return lambda: binned_error_interval(index, predictions.right - claim, n_resamples=2000)


def streaming(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The same million again and again, as confidences and whether they were right."""
    predictions = Predictions.from_logits(logits, labels)
    confidence, right = predictions.confidence, predictions.right
    before, started = peak_bytes(), time.process_time()
    bins = StreamingBins.empty()
    for _ in range(PIECES):
        bins = bins.updated_top(confidence, right)
    assert bins.sums.count.sum() == PIECES * MILLION
    seconds = time.process_time() - started
    return {
        "documents": PIECES * MILLION,
        "cpu_s": seconds,
        "more_MiB": (peak_bytes() - before) / 2**20,
    }


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
