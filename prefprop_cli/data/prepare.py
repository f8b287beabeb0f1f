"""A corpus as tokens on disk: made once for each content, memory-mapped afterwards."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import pyarrow as pa
from datasets import Dataset

from prefprop_cli.data.audit import audit
from prefprop_cli.data.corpus import SPLITS, Corpus, Document, content_hash
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.errors import CorruptFileError
from prefprop_cli.runs import save_folder, verify_folder

FORMAT = 1
PERCENTILES = (5, 25, 50, 75, 95, 100)
BATCH_DOCUMENTS, BATCH_CHARACTERS = 64, 2**20
SUMMARY = "summary.json"
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "input_ids": pa.list_(pa.int32()),
        "label": pa.int64(),
        "n_tokens": pa.int64(),
    }
)


@dataclass(frozen=True)
class Prepared:
    """Token ids of a corpus, memory-mapped.

    Attributes:
        folder: where it lies.
        labels: the classes; the column `label` is an index into them.
        splits: name -> rows with `id`, `input_ids`, `label` and `n_tokens` (before truncation).
        summary: what the reader of a result should know of the data; JSON.
    """

    folder: Path
    labels: tuple[str, ...]
    splits: dict[str, Dataset]
    summary: dict[str, object]


def default_cache() -> Path:
    """`PREFPROP_CACHE`, else the user's cache folder of this program."""
    return Path(os.environ.get("PREFPROP_CACHE") or platformdirs.user_cache_dir("prefprop"))


def prepare(
    corpus: Corpus,
    *,
    tokenizer: TextTokenizer,
    max_tokens: int,
    cache: Path,
    force: bool = False,
    stop: Callable[[], None] | None = None,
) -> Prepared:
    """Tokenise a corpus, or open what an earlier call with the same content left.

    Args:
        corpus: labelled documents in splits.
        tokenizer: of the backbone.
        max_tokens: longest document, `[CLS]` and `[SEP]` included; the rest is cut off.
        cache: folder that holds prepared corpora.
        force: tokenise even if it has been done.
        stop: called before each batch; may raise to end the work, nothing is left behind.

    Raises:
        ResourceError: the cache cannot be written.
    """
    key = _key(corpus, tokenizer, max_tokens)
    plain_name = re.sub(r"[^a-zA-Z0-9]+", "-", corpus.name).strip("-")[:40]
    folder = cache / f"{plain_name}-{key[:16]}"
    if not force and folder.exists():
        try:
            return load_prepared(folder)
        except CorruptFileError:
            pass  # built again below
    files, lengths = {}, {}
    for name, documents in corpus.splits.items():
        rows = _tokenised(documents, corpus.labels, tokenizer, max_tokens, stop)
        files[f"{name}.arrow"], lengths[name] = _arrow(rows)
    summary = _summary(corpus, lengths, tokenizer, max_tokens)
    save_folder(folder, files | {SUMMARY: json.dumps(summary, indent=1).encode()})
    return load_prepared(folder)


def load_prepared(folder: Path) -> Prepared:
    """Open a prepared folder.

    Raises:
        CorruptFileError: it is missing, incomplete or damaged.
    """
    verify_folder(folder)
    summary = json.loads((folder / SUMMARY).read_bytes())
    files = {name: folder / f"{name}.arrow" for name in SPLITS}
    splits = {name: Dataset.from_file(str(path)) for name, path in files.items() if path.exists()}
    return Prepared(folder, tuple(summary["labels"]), splits, summary)


def _key(corpus: Corpus, tokenizer: TextTokenizer, max_tokens: int) -> str:
    contents = {name: content_hash(documents) for name, documents in corpus.splits.items()}
    facts = [FORMAT, corpus.name, corpus.labels, corpus.inputs, corpus.notes, contents]
    return hashlib.sha256(
        json.dumps([*facts, tokenizer.fingerprint, max_tokens]).encode()
    ).hexdigest()


def _tokenised(
    documents: list[Document],
    labels: tuple[str, ...],
    tokenizer: TextTokenizer,
    max_tokens: int,
    stop: Callable[[], None] | None,
) -> Iterator[pa.RecordBatch]:
    for batch in _batches(documents):
        if stop is not None:
            stop()
        encodings = tokenizer.encode_batch([d.text for d in batch], max_tokens=max_tokens)
        rows = [
            {
                "id": document.id,
                "input_ids": encoding.input_ids,
                "label": labels.index(str(document.label)),
                "n_tokens": encoding.n_tokens,
            }
            for document, encoding in zip(batch, encodings, strict=True)
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def _batches(documents: list[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    n_characters = 0
    for document in documents:
        batch.append(document)
        n_characters += len(document.text)
        if len(batch) >= BATCH_DOCUMENTS or n_characters >= BATCH_CHARACTERS:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


def _arrow(batches: Iterator[pa.RecordBatch]) -> tuple[pa.Buffer, list[int]]:
    """The rows as an Arrow stream, and their lengths in tokens."""
    lengths: list[int] = []
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA) as writer:
        for batch in batches:
            writer.write_batch(batch)
            lengths += batch.column("n_tokens").to_pylist()
    return sink.getvalue(), lengths


def _summary(
    corpus: Corpus, lengths: dict[str, list[int]], tokenizer: TextTokenizer, max_tokens: int
) -> dict[str, object]:
    return {
        "source": corpus.name,
        "inputs": corpus.inputs,
        "labels": list(corpus.labels),
        "notes": list(corpus.notes),
        "tokenizer": tokenizer.fingerprint,
        "max_tokens": max_tokens,
        "tokens": {name: _percentiles(counts) for name, counts in lengths.items()},
        "truncated": {
            name: float(np.mean(np.array(counts) > max_tokens)) for name, counts in lengths.items()
        },
        **audit(corpus.splits),
    }


def _percentiles(counts: list[int]) -> dict[str, int]:
    values = np.percentile(counts, PERCENTILES, method="nearest")
    return {str(p): int(value) for p, value in zip(PERCENTILES, values, strict=True)}
