"""Do the intervals hold the truth? Worlds in which it is known, simulated, into `coverage.json`.

    python benchmarks/coverage.py [--worlds 1000] [--draws 500] [--only PART]

A world is a distribution of confidences and what they are worth; from each, samples of 65, 645 and
5,000 documents are drawn 1,000 times. True errors are integrals over 10⁶ quantiles. About a
quarter of an hour on one core.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from itertools import product
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from runs import machine
from scipy import special, stats

from prefprop_cli.calibration.bins import mass_sums, width_bins
from prefprop_cli.calibration.error_difference import error_difference
from prefprop_cli.calibration.error_interval import binned_error_interval
from prefprop_cli.stats.intervals import Interval, mean_interval, wilson_interval

OUT = Path(__file__).with_suffix(".json")
SIZES = (65, 645, 5000)
BINS = (10, 15)
LEAST = 1e-12  # of a probability, before its logarithm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Row = dict[str, object]


@dataclass(frozen=True)
class Confidences:
    """Confidences of a model with `n_classes`: low + (1 - low) Beta(a, b)."""

    name: str
    n_classes: int
    low: float
    a: float
    b: float

    @cached_property
    def grid(self) -> Floats:
        """Its 10⁶ quantiles."""
        shares = (np.arange(10**6) + 0.5) / 10**6
        return self.low + (1 - self.low) * stats.beta.ppf(shares, self.a, self.b)

    def drawn(self, rng: np.random.Generator, n: int) -> Floats:
        return self.low + (1 - self.low) * rng.beta(self.a, self.b, n)


CONFIDENCES = (
    Confidences("two classes", 2, 0.5, 4.0, 1.5),
    Confidences("twenty classes", 20, 0.05, 1.6, 1.1),
)

Worth = Callable[[Floats, int], Floats]
"""Confidences and the number of classes → the probability of being right."""


def overconfident(temperature: float) -> Worth:
    """The logits should have been divided by this; all classes but the top one are alike."""

    def worth(confidence: Floats, n_classes: int) -> Floats:
        odds = special.logit(confidence.clip(LEAST, 1 - LEAST)) + np.log(n_classes - 1)
        return special.expit(odds / temperature - np.log(n_classes - 1))

    return worth


WORLDS: dict[str, Worth] = {
    "calibrated": lambda confidence, _: confidence,
    "temperature 1.5": overconfident(1.5),
    "gap .05": lambda confidence, _: (confidence - 0.05).clip(0),
    "gap .3 in (.8, .9]": lambda confidence, _: (
        confidence - 0.3 * ((confidence > 0.8) & (confidence <= 0.9))
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--only", choices=PARTS, help="the others stay as they are in the file")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    before = json.loads(asked.out.read_text())["parts"] if asked.out.exists() else {}
    chosen = [asked.only] if asked.only else list(PARTS)
    parts = before | {name: measured(name, asked.worlds, asked.draws) for name in chosen}
    record = {
        "machine": machine(),
        "packages": {name: version(name) for name in ("numpy", "scipy")},
        "level": 0.95,
        "ece_by_n": {n: overview(parts["ece"]["rows"], n) for n in SIZES if "ece" in parts},
        "parts": {name: parts[name] for name in PARTS if name in parts},
    }
    asked.out.write_text(json.dumps(record, indent=1) + "\n")


def measured(part: str, count: int, draws: int) -> Row:
    started = time.process_time()
    rows = list(PARTS[part](count, draws))
    return {
        "command": f"python benchmarks/coverage.py --only {part} --worlds {count} --draws {draws}",
        "cpu_s": round(time.process_time() - started),
        "rows": rows,
    }


def all_ece(count: int, draws: int) -> Iterator[Row]:
    for each in product(CONFIDENCES, WORLDS, BINS, SIZES):
        yield of_ece(*each, count=count, draws=draws)


def all_means(count: int, draws: int) -> Iterator[Row]:
    for each in product(CONFIDENCES, ("calibrated", "temperature 1.5"), SIZES):
        yield from of_means(*each, count=count)


def all_debiased(count: int, draws: int) -> Iterator[Row]:
    for each in product(CONFIDENCES, WORLDS):
        yield of_debiased(*each, count=count)


def all_differences(count: int, draws: int) -> Iterator[Row]:
    for pair, n in product(((1.0, 1.0), (1.5, 1.0), (2.0, 1.5)), (65, 645)):
        yield of_difference(pair, n, count=count, draws=draws)


PARTS = {
    "ece": all_ece,
    "means": all_means,
    "debiased": all_debiased,
    "difference": all_differences,
}


def of_ece(
    confidences: Confidences, world: str, n_bins: int, n: int, *, count: int, draws: int
) -> Row:
    truth = true_error(confidences, world, n_bins)
    rng = np.random.default_rng(n + n_bins)
    intervals, observed = [], []
    for seed in range(count):
        index, gap = gaps(*sample(confidences, world, n, rng), n_bins=n_bins)
        intervals.append(binned_error_interval(index, gap, n_resamples=draws, seed=seed))
        observed.append(np.abs(np.bincount(index, gap)).sum() / n)
    return told(
        {
            "confidences": confidences.name,
            "world": world,
            "n_bins": n_bins,
            "n": n,
            "observed": round(float(np.mean(observed)), 4),
            "stretched": float(
                np.mean([i.high == e for i, e in zip(intervals, observed, strict=True)])
            ),
        },
        intervals,
        truth,
    )


def of_means(confidences: Confidences, world: str, n: int, *, count: int) -> Iterator[Row]:
    grid = confidences.grid
    worth = WORLDS[world](grid, confidences.n_classes)
    right, wrong = losses(grid, confidences.n_classes)
    truths = {
        "accuracy": float(worth.mean()),
        **{name: float((worth * right[name] + (1 - worth) * wrong[name]).mean()) for name in right},
    }
    rng = np.random.default_rng(n)
    found: dict[str, list[Interval]] = {name: [] for name in truths}
    for _ in range(count):
        confidence, hits = sample(confidences, world, n, rng)
        right, wrong = losses(confidence, confidences.n_classes)
        found["accuracy"].append(wilson_interval(int(hits.sum()), n))
        for name in right:
            found[name].append(mean_interval(np.where(hits, right[name], wrong[name])))
    for name, truth in truths.items():
        what = {"figure": name, "confidences": confidences.name, "world": world, "n": n}
        yield told(what, found[name], truth)


def of_debiased(confidences: Confidences, world: str, *, count: int, n: int = 645) -> Row:
    """Bias of the debiased squared error, and of its signed root, in 15 groups of equal mass."""
    grid = confidences.grid
    gap = WORLDS[world](grid, confidences.n_classes) - grid
    truth = float(np.mean([part.mean() ** 2 for part in np.array_split(gap, 15)]))
    rng = np.random.default_rng(n)
    squares, plain = [], []
    for _ in range(count):
        confidence, hits = sample(confidences, world, n, rng)
        groups = mass_sums(confidence, hits, n_bins=15)
        squares.append(groups.debiased_square)
        plain.append(groups.root_mean_square_error**2)
    roots = np.sign(squares) * np.sqrt(np.abs(squares))
    return {
        "confidences": confidences.name,
        "world": world,
        "n": n,
        "true_square": truth,
        "bias_of_square": float(np.mean(squares)) - truth,
        "bias_of_plain_square": float(np.mean(plain)) - truth,
        "bias_of_signed_root": float(np.mean(roots)) - sqrt(truth),
        "standard_error": float(np.std(squares) / sqrt(count)),
    }


def of_difference(pair: tuple[float, float], n: int, *, count: int, draws: int) -> Row:
    """Two models on the same documents, overconfident by these temperatures, 15 bins."""
    classes = CONFIDENCES[0]
    _, rivals = rival_gaps(classes, pair, 10**6, np.random.default_rng(0))
    errors = [np.abs(np.bincount(index, gap)).sum() / 10**6 for index, gap in rivals]
    rng = np.random.default_rng(n)
    intervals, p_values = [], []
    for seed in range(count):
        (first, second), _ = rival_gaps(classes, pair, n, rng)
        found = error_difference([first], [second], n_resamples=draws, seed=seed)
        intervals.append(found.interval)
        p_values.append(found.p_value)
    what = {
        "temperatures": pair,
        "n": n,
        "p_below_.05": float(np.mean(np.array(p_values) < 0.05)),
    }
    return told(what, intervals, float(errors[0] - errors[1]))


def sample(
    confidences: Confidences, world: str, n: int, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """Confidences of n documents, and which are right."""
    confidence = confidences.drawn(rng, n)
    return confidence, rng.random(n) < WORLDS[world](confidence, confidences.n_classes)


def gaps(confidence: Floats, worth: NDArray[np.generic], *, n_bins: int) -> tuple[Ints, Floats]:
    index, claim = width_bins(confidence, n_bins=n_bins)
    return index, worth - claim


def true_error(confidences: Confidences, world: str, n_bins: int) -> float:
    grid = confidences.grid
    index, gap = gaps(grid, WORLDS[world](grid, confidences.n_classes), n_bins=n_bins)
    return float(np.abs(np.bincount(index, gap)).sum() / len(grid))


def losses(confidence: Floats, n_classes: int) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Brier score and log-loss of a right and of a wrong document, the other classes alike."""
    rest = (1 - confidence) / (n_classes - 1)
    both = confidence**2 + (n_classes - 1) * rest**2
    return (
        {"brier": both + 1 - 2 * confidence, "nll": -np.log(confidence)},
        {"brier": both + 1 - 2 * rest, "nll": -np.log(rest.clip(LEAST))},
    )


def rival_gaps(
    classes: Confidences, pair: tuple[float, float], n: int, rng: np.random.Generator
) -> tuple[list[tuple[Ints, Floats]], list[tuple[Ints, Floats]]]:
    """Gaps of both models as drawn, and expected: confidences and luck mostly shared."""
    shared, luck = special.logit(classes.drawn(rng, n)), rng.random(n)
    drawn, expected = [], []
    for temperature in pair:
        noisy = special.expit(shared + 0.4 * rng.normal(size=n))
        confidence = np.maximum(noisy, 1 - noisy)
        worth = overconfident(temperature)(confidence, 2)
        own = np.where(rng.random(n) < 0.7, luck, rng.random(n))
        drawn.append(gaps(confidence, own < worth, n_bins=15))
        expected.append(gaps(confidence, worth, n_bins=15))
    return drawn, expected


def told(what: Row, intervals: list[Interval], truth: float) -> Row:
    low, high = (np.array([getattr(each, end) for each in intervals]) for end in ("low", "high"))
    row = {
        **what,
        "truth": round(truth, 5),
        "coverage": round(float(np.mean((low <= truth) & (truth <= high))), 4),
        "missed_below": round(float(np.mean(high < truth)), 4),
        "missed_above": round(float(np.mean(low > truth)), 4),
        "mean_length": round(float(np.mean(high - low)), 4),
    }
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def overview(rows: list[Row], n: int) -> Row:
    of_n = sorted((row for row in rows if row["n"] == n), key=lambda row: row["coverage"])
    return {
        "mean_coverage": round(float(np.mean([row["coverage"] for row in of_n])), 4),
        "least": of_n[0]["coverage"],
        "greatest": of_n[-1]["coverage"],
    }


if __name__ == "__main__":
    main()
