"""Five methods on two sets of real documents, some seeds each, into `compare-<profile>.json`.

    python benchmarks/compare.py --hyperpartisan FOLDER --newsgroups 20news-bydate.tar.gz
    python benchmarks/compare.py --profile full --hyperpartisan … --newsgroups …    # a CUDA machine

`small` fits two cores: MiniLM turned into a Longformer, documents cut at 512 positions; two epochs
of Hyperpartisan, four of 300 posts of 20-newsgroups (300 more for validation and for test); one
learning rate of the paper's search; `dropout`, the same with and without dropout of attention
weights. `full` is the paper's: Longformer-base, the presets as they
are. Where there are several learning rates, the best on the first seed by the validation metric
is kept; the test split is read once, at the end. A killed script goes on where it was. With
`--only METHOD`, several times if need be, it trains no other and writes no record: for a second
process beside the first.
`--out` holds the run folders, of which `prefprop report` makes the paper's tables.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from runs import machine, manifest, prefprop
from runs import train as train_run

METHODS = {
    "prefix-propagation": ["method.name='prefix-propagation'"],
    "prefix-tuning": ["method.name='prefix-tuning'"],
    "decomposed": ["method.name='prefix-propagation'", "method.kernel='exp'"],
    "head-only": ["method.name='head-only'"],
    "fine-tuning": ["method.name='fine-tuning'"],
    # Of the profile `dropout`: does it matter that attention weights have none by default?
    "attention-dropout": ["method.name='prefix-propagation'", "model.attention_dropout=0.1"],
}
SMALL = [
    *("model.backbone='minilm'", "model.to_long=4096", "data.max_length=512"),
    *("train.batch_size=8", "train.keep=1"),
]
TWO_EPOCHS = [*SMALL, "train.epochs=2"]


@dataclass(frozen=True)
class Part:
    """One data set: its settings, methods and seeds."""

    preset: str
    settings: list[str]
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    lr: list[float]
    lr_fine_tuning: list[float]


FIVE = tuple(METHODS)[:5]
PAPER_LR = {"lr": [1e-2, 5e-2, 1e-3, 5e-3, 5e-4], "lr_fine_tuning": [3e-5, 5e-5]}
SMALL_LR = {"lr": [1e-2], "lr_fine_tuning": [5e-5]}
PROFILES = {
    "small": (
        Part("hyperpartisan", TWO_EPOCHS, methods=FIVE, seeds=(0, 1, 2), **SMALL_LR),
        Part(
            "newsgroups",
            [*SMALL, "data.limit=300", "train.epochs=4"],
            methods=FIVE,
            seeds=(0,),
            **SMALL_LR,
        ),
    ),
    "dropout": (
        Part(
            "hyperpartisan",
            TWO_EPOCHS,
            methods=("prefix-propagation", "attention-dropout"),
            seeds=(0, 1, 2),
            **SMALL_LR,
        ),
    ),
    "full": (
        Part("hyperpartisan", [], methods=FIVE, seeds=(0, 1, 2, 3, 4), **PAPER_LR),
        Part("newsgroups", [], methods=FIVE, seeds=(0,), **PAPER_LR),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", choices=PROFILES, default="small")
    parser.add_argument("--hyperpartisan", required=True)
    parser.add_argument("--newsgroups", required=True)
    parser.add_argument("--only", choices=METHODS, action="append")
    parser.add_argument("--out", type=Path, default=Path("runs/compare"))
    asked = parser.parse_args()
    record = {
        "command": f"python benchmarks/compare.py --profile {asked.profile}",
        "machine": machine(),
        "packages": {name: version(name) for name in ("prefprop-cli", "torch", "transformers")},
        "runs": [],
    }
    for part in PROFILES[asked.profile]:
        source = vars(asked)[part.preset]
        if asked.only:
            methods = tuple(method for method in part.methods if method in asked.only)
            part = replace(part, methods=methods)
        for run in runs_of(part, source=source, out=asked.out / asked.profile / part.preset):
            record["runs"].append(run)
            if asked.only:
                continue
            path = Path(__file__).with_name(f"compare-{asked.profile}.json")
            path.write_text(json.dumps(record, indent=1) + "\n")


def runs_of(part: Part, *, source: str, out: Path) -> Iterator[dict[str, object]]:
    """All runs of a set: the search on the first seed, then the other seeds at the best rate."""
    first, *others = part.seeds
    for method in part.methods:
        rates = part.lr_fine_tuning if method == "fine-tuning" else part.lr
        if method == "attention-dropout":  # compared at the rate that was best without it
            rates = [best_rate(part, out, "prefix-propagation", part.lr)]
        for lr in rates:
            train(part, method, lr=lr, seed=first, source=source, out=out)
        best = best_rate(part, out, method, rates)
        for seed in others:
            train(part, method, lr=best, seed=seed, source=source, out=out)
        for lr in rates:
            if lr != best:
                yield searched(part, method, lr=lr, seed=first, out=out)
        for seed in part.seeds:
            yield tested(part, method, lr=best, seed=seed, out=out)


def best_rate(part: Part, out: Path, method: str, rates: list[float]) -> float:
    return max(rates, key=lambda lr: validation(folder(out, method, lr, part.seeds[0]))["best"])


def folder(out: Path, method: str, lr: float, seed: int) -> Path:
    return out / f"{method}-lr{lr:g}-seed{seed}"


def train(part: Part, method: str, *, lr: float, seed: int, source: str, out: Path) -> None:
    run = folder(out, method, lr, seed)
    settings = [*part.settings, *METHODS[method], f"train.lr={lr}", f"train.seed={seed}"]
    train_run(run, preset=part.preset, source=source, settings=settings)


def validation(run: Path) -> dict[str, float]:
    """Validation metrics of the best step; `best` is the one that the preset selects by."""
    import tomli

    metrics = dict(manifest(run)["validation"])
    chosen = tomli.loads((run / "config.toml").read_text())["train"]["metric"]
    return {"best": metrics[chosen], **metrics}


def searched(part: Part, method: str, *, lr: float, seed: int, out: Path) -> dict[str, object]:
    run = folder(out, method, lr, seed)
    facts = {"set": part.preset, "method": method, "lr": lr, "seed": seed}
    return {
        **facts,
        "selected": False,
        "seconds": manifest(run)["seconds"],
        "validation": validation(run),
    }


def tested(part: Part, method: str, *, lr: float, seed: int, out: Path) -> dict[str, object]:
    run = folder(out, method, lr, seed)
    test = json.loads(prefprop("eval", str(run), "--json"))
    calibration = json.loads(prefprop("calibrate", str(run), "--json"))
    return {
        **searched(part, method, lr=lr, seed=seed, out=out),
        "selected": True,
        "n": test["n"],
        "majority": test["majority"],
        "test": test["metrics"],
        "calibrator": calibration["calibration"]["calibrator"],
        "ece": {when: errors(calibration[when]) for when in ("before", "after")},
    }


def errors(state: dict[str, dict[str, object]]) -> dict[str, object]:
    """The calibration error by both definitions, and what chance gives a calibrated model."""
    scores = state["scores"]
    return {
        "guo": scores["ece"] | {"by_chance": state["null"]},
        "paper": scores["ece_paper"] | {"by_chance": state["null_paper"]},
    }


if __name__ == "__main__":
    main()
