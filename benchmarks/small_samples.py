"""Below which sizes do intervals and p-values not hold? Simulated, into `small_samples.json`.

    python benchmarks/small_samples.py [--worlds 1000]

The sizes of `prefprop_cli/stats/small_samples.py` come from here. Some minutes on one core.
"""

import argparse
import json
from collections.abc import Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
from coverage import CONFIDENCES, WORLDS, gaps, losses, sample, true_error
from numpy.typing import NDArray
from runs import machine
from scipy import stats

from prefprop_cli.calibration.error_interval import binned_error_interval
from prefprop_cli.stats.intervals import (
    mean_interval,
    percentile_interval,
    resample_documents,
)
from prefprop_cli.stats.nested import nested_differences
from prefprop_cli.stats.small_samples import (
    Answers,
    Interval,
    bootstrap_obstacle,
    shares,
)
from prefprop_cli.tasks.metrics import ClassMetrics

OUT = Path(__file__).with_suffix(".json")
SELDOM = 0.05  # of worlds; what is given in fewer says little of when it is given
Row = dict[str, object]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=1000)
    asked = parser.parse_args()
    record = {
        "machine": machine(),
        "packages": {name: version(name) for name in ("numpy", "scipy")},
        "command": f"python benchmarks/small_samples.py --worlds {asked.worlds}",
        "level": 0.95,
        **{name: list(part(asked.worlds)) for name, part in PARTS.items()},
    }
    OUT.write_text(json.dumps(record, indent=1) + "\n")


def of_losses(count: int) -> Iterator[Row]:
    """Coverage of the interval of a mean, and of a binned error."""
    confidences = CONFIDENCES[0]
    for world, n in product(("calibrated", "temperature 1.5"), (3, 5, 10, 20, 30, 65)):
        grid = confidences.grid
        worth = WORLDS[world](grid, confidences.n_classes)
        right, wrong = losses(grid, confidences.n_classes)
        truths = {name: (worth * right[name] + (1 - worth) * wrong[name]).mean() for name in right}
        truths["ece"] = true_error(confidences, world, 15)
        held: dict[str, list[bool]] = {name: [] for name in truths}
        rng = np.random.default_rng(n)
        for seed in range(count):
            confidence, hits = sample(confidences, world, n, rng)
            right, wrong = losses(confidence, confidences.n_classes)
            found = {
                name: mean_interval(np.where(hits, right[name], wrong[name])) for name in right
            }
            index, gap = gaps(confidence, hits, n_bins=15)
            found["ece"] = binned_error_interval(index, gap, n_resamples=200, seed=seed)
            for name, interval in found.items():
                held[name].append(interval.low <= truths[name] <= interval.high)
        yield {"world": world, "n": n, **{name: share_of(each) for name, each in held.items()}}


def of_classes(count: int) -> Iterator[Row]:
    """Coverage for a class of few documents: resampled documents, and Wilson's interval."""
    for n, n_positive, recall in product((50, 200), (3, 5, 10, 20), (0.6, 0.9)):
        p = n_positive / n
        chances = np.array([p * recall, p * (1 - recall), (1 - p) * 0.05, (1 - p) * 0.95])
        truths = figures(chances)
        held: dict[str, list[bool]] = {}
        rng = np.random.default_rng(n + n_positive)
        for counts in rng.multinomial(n, chances, count):
            drawn = rng.multinomial(n, counts / n, 1000)
            for name, truth in truths.items():
                interval = percentile_interval(
                    figures(drawn.T)[name], figures(counts)[name], level=0.95, bounds=(0, 1)
                )
                holds = interval.low <= truth <= interval.high
                held.setdefault(f"{name} resampled", []).append(holds)
                if not bootstrap_obstacle(name, [answers(counts)]):
                    held.setdefault(f"{name} resampled, where given", []).append(holds)
            stated = shares(answers(counts))
            for name in truths.keys() & stated.keys():
                if isinstance(found := stated[name], Interval):
                    held.setdefault(f"{name} Wilson's", []).append(
                        found.low <= truths[name] <= found.high
                    )
        yield {
            "n": n,
            "positive": n_positive,
            "recall": recall,
            **{k: share_of(v) for k, v in sorted(held.items()) if len(v) >= SELDOM * count},
        }


def of_pairs(count: int) -> Iterator[Row]:
    """How often no difference has p ≤ .05, by discordant documents; the least p, and the exact."""
    for n, n_discordant in product((60, 600), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30)):
        p_values = np.array([paired_p(k, n_discordant, n) for k in range(n_discordant + 1)])
        chances = stats.binom.pmf(np.arange(n_discordant + 1), n_discordant, 0.5)
        yield {
            "n": n,
            "discordant": n_discordant,
            "rejected": round(float(chances[p_values <= 0.05].sum()), 4),
            "all one way": round(float(p_values[0]), 4),
            "sign test": min(1.0, 2 * 0.5**n_discordant),
        }


PARTS = {"losses": of_losses, "classes": of_classes, "pairs": of_pairs}


def figures(counts: NDArray[np.generic]) -> dict[str, NDArray[np.float64]]:
    """Of a confusion matrix: both, label only, said only, neither; the first axis of `counts`."""
    both, missed, extra, neither = np.asarray(counts, np.float64)
    f1 = 2 * both / np.maximum(2 * both + missed + extra, 1e-12)
    other = 2 * neither / np.maximum(2 * neither + missed + extra, 1e-12)
    return {
        "f1_binary": f1,
        "f1_macro": (f1 + other) / 2,
        "recall_binary": both / np.maximum(both + missed, 1e-12),
    }


def answers(counts: NDArray[np.generic]) -> Answers:
    labels, predicted = np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts)
    return Answers(labels, predicted, ClassMetrics(2))


def paired_p(k: int, n_discordant: int, n: int) -> float:
    """The p-value of the nested bootstrap where k discordant documents speak for the first."""
    first = np.zeros(n)
    first[:k] = 1
    second = np.zeros(n)
    second[k:n_discordant] = 1
    drawn = [
        resample_documents(lambda right: {"accuracy": right.mean()}, right, names=["accuracy"])
        for right in (first, second)
    ]
    found = nested_differences(drawn[:1], drawn[1:], bounds={"accuracy": (-1.0, 1.0)})
    return found["accuracy"].p_value


def share_of(held: list[bool]) -> float:
    return round(float(np.mean(held)), 3)


if __name__ == "__main__":
    main()
