"""Quantiles of the token lengths of real data sets, for `benchmarks/real_lengths.py`.

    python benchmarks/length_quantiles.py

Reads `../shared/data` (20news-bydate.tar.gz and the folder hyperpartisan) through the program's
own data package, with the tokenizer of MiniLM, and writes `lengths.json`.
"""

import json
from pathlib import Path

import numpy as np

from prefprop_cli.backbones.load import MINILM, find_backbone
from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.tasks.classification import N_SPECIAL

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SETS = {
    "newsgroups": DataTable(set="newsgroups", source=str(DATA / "20news-bydate.tar.gz")),
    "hyperpartisan": DataTable(
        set="hyperpartisan", source=str(DATA / "hyperpartisan"), split="dedup"
    ),
}


def main() -> None:
    tokenizer = TextTokenizer.load(find_backbone(MINILM))
    tables = {name: table_of(table, tokenizer) for name, table in SETS.items()}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in tables.items())
    Path(__file__).with_name("lengths.json").write_text(f"{{\n{lines}\n}}\n")


def table_of(table: DataTable, tokenizer: TextTokenizer) -> dict[str, object]:
    corpus = read_corpus(table)
    documents = corpus.splits["train"]
    texts = tokenizer.ids([document.text for document in documents])
    counts = [len(ids) + N_SPECIAL for ids in texts]
    return {
        "source": f"{corpus.name}, split train",
        "inputs": corpus.inputs,
        "notes": list(corpus.notes),
        "tokenizer": "all-MiniLM-L6-v2",
        "documents": len(counts),
        "quantiles": np.percentile(counts, range(101), method="nearest").tolist(),
    }


if __name__ == "__main__":
    main()
