"""A small project on disk: a random backbone with a tokenizer, and documents that can be learnt."""

import json
from collections.abc import Sequence
from pathlib import Path

from tests.helpers import tiny

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz")
LABELS = ("even", "odd")


def write_backbone(folder: Path, *, seed: int = 0) -> Path:
    """A Hugging Face folder with random weights and a vocabulary of letters."""
    tiny.save(tiny.hugging_face("bert", n_positions=64, seed=seed), folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    return folder


def text(number: int) -> str:
    """A document: the letters a, b, c for class 0, x, y, z for class 1, of varying length."""
    letters = "abc" if number % 2 == 0 else "xyz"
    return " ".join(letters[(number + place) % 3] for place in range(6 + number % 29))


def write_documents(path: Path, numbers: Sequence[int]) -> Path:
    """Labelled documents as JSON lines."""
    rows = [{"text": text(number), "label": LABELS[number % 2]} for number in numbers]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write(folder: Path, n_documents: int = 24, **train: object) -> Path:
    """A whole project in a folder: backbone, documents, and the configuration `tiny.toml`."""
    return write_config(
        folder / "tiny.toml",
        backbone=write_backbone(folder / "backbone"),
        documents=write_documents(folder / "documents.jsonl", range(n_documents)),
        **train,
    )


def write_config(path: Path, *, backbone: Path, documents: Path, **train: object) -> Path:
    """A configuration that trains for a moment."""
    settings = {"epochs": 2, "batch_size": 4, "lr": 0.02, "metric": "nll", **train}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
    path.write_text(
        f'name = "tiny"\n'
        f"[model]\nbackbone = {json.dumps(str(backbone))}\nto_long = 64\nwindow = 8\n"
        f"[data]\nsource = {json.dumps(str(documents))}\nmax_length = 32\n"
        f"validation_fraction = 0.25\ntest_fraction = 0.25\n"
        f"[method]\nprefix_length = 2\n"
        f"[eval]\nresamples = 50\n"
        f"[train]\n{lines}\n"
    )
    return path
