"""WikiHop on the 50 real questions at hand: is it learnt, and what does the longest one take?

    python benchmarks/wikihop.py --source FOLDER [--out runs/wikihop]

22 questions to train on, 28 to answer, MiniLM turned into a Longformer. With so few questions the
point is not how well it answers others, but whether the loss on the 22 falls below chance, the
mean log of the number of candidates; and the memory of a step on the longest question when its
chunks go through the model one by one, and all at once. To fit two cores, the training reads the
first two texts of each question; the longest question is read whole. Writes `wikihop.json`; a
killed run goes on where it was.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
from runs import machine, manifest, prefprop, rows, train

OUT = Path(__file__).with_suffix(".json")
SETTINGS = (
    *("model.backbone='minilm'", "model.to_long=4096", "data.split='dev'"),
    *("model.dropout=0.0", "method.dropout=0.0", "method.prefix_length=8"),
    *("train.batch_size=1", "train.epochs=40", "train.lr=1e-2", "train.keep=1"),
)
SHORT, LONG = "data.max_length=768", "data.max_length=2048"
N_TEXTS = 2
CHUNKS = {"one by one": 1, "all at once": 1000}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/wikihop"))
    parser.add_argument("--step", type=int, metavar="CHUNKS", help="only one step of one question")
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(step(asked.source, chunks_per_pass=asked.step)))
        return
    fewer = with_fewer_texts(asked.source, asked.out.with_suffix(".data"))
    train(asked.out, preset="wikihop", source=str(fewer), settings=[*SETTINGS, SHORT])
    record = {
        "command": "python benchmarks/wikihop.py --source FOLDER",
        "settings": [*SETTINGS, SHORT],
        "texts_of_a_question": N_TEXTS,
        "machine": machine(),
        **{key: manifest(asked.out)[key] for key in ("packages", "seconds")},
        "epochs": epochs(asked.out),
        "train": answered(asked.out, "train"),
        "dev": answered(asked.out, "test"),
        "longest_question": {name: child(asked.source, n) for name, n in CHUNKS.items()},
    }
    OUT.write_text(json.dumps(record, indent=1) + "\n")


def with_fewer_texts(source: Path, folder: Path) -> Path:
    """The questions with their first texts, as files of the same form."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train.json", "dev.json"):
        questions = json.loads((source / name).read_text())
        cut = [{**each, "supports": each["supports"][:N_TEXTS]} for each in questions]
        (folder / name).write_text(json.dumps(cut))
    return folder


def epochs(run: Path) -> list[dict[str, float]]:
    """The mean training loss of each epoch, and the metrics on the 28 after it."""
    losses: dict[int, list[float]] = {}
    for row in rows(run):
        if "loss" in row:
            losses.setdefault(row["epoch"], []).append(row["loss"])
    metrics = {row["epoch"]: row["validation"] for row in rows(run) if "validation" in row}
    return [
        {
            "epoch": epoch,
            "loss": float(np.mean(losses[epoch])),
            **{name: metrics[epoch][name] for name in ("accuracy", "nll")},
        }
        for epoch in metrics
    ]


def answered(run: Path, split: str) -> dict[str, object]:
    """Accuracy and loss of the best epoch on a split, beside chance."""
    from prefprop_cli.experiment.stored_logits import load_logits

    found = json.loads(prefprop("eval", str(run), "--split", split, "--json"))
    n_candidates = np.isfinite(load_logits(run / "eval", split).logits).sum(axis=1)
    return {
        "n": found["n"],
        "chance_accuracy": found["chance"],
        "chance_loss": float(np.log(n_candidates).mean()),
        **{name: found["metrics"][name] for name in ("accuracy", "nll", "ece")},
    }


def child(source: Path, chunks: int) -> dict[str, object]:
    command = [sys.executable, __file__, "--source", str(source), "--step", str(chunks)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def step(source: Path, *, chunks_per_pass: int) -> dict[str, object]:
    """One forward and backward pass of the longest question, and the most memory it took."""
    import psutil

    from prefprop_cli.cache import default_cache
    from prefprop_cli.config.load import load_config
    from prefprop_cli.experiment.plan import examples_of, load_classifier, make_plan, prepare_data
    from prefprop_cli.tasks.batch import losses

    chosen = [*SETTINGS, LONG, f"data.source={json.dumps(str(source))}"]
    chosen.append(f"train.chunks_per_pass={chunks_per_pass}")
    plan = make_plan(load_config(preset="wikihop", overrides=chosen).config)
    prepared = prepare_data(plan, cache=default_cache())
    longest = max(
        (examples_of(plan, prepared, split) for split in ("train", "test")),
        key=lambda examples: max(examples.lengths),
    )
    batch = longest.load([int(np.argmax(longest.lengths))])
    model = load_classifier(plan, n_labels=0).train()
    before = psutil.Process().memory_info().rss
    losses(model(batch), batch).sum().backward()
    return {
        "chunks_per_pass": chunks_per_pass,
        "rows": sum(batch.n_rows),
        "tokens": int(max(longest.lengths)),
        "MiB_before": before // 2**20,
        "MiB_at_most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10,
    }


if __name__ == "__main__":
    main()
