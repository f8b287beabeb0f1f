"""A corpus as tokens on disk: made once for each content, memory-mapped afterwards."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from prefprop_cli.data.audit import Audit, percentiles
from prefprop_cli.data.corpus import SPLITS, Corpus, Document
from prefprop_cli.data.form import COUNTS, Form
from prefprop_cli.data.seen import keys_of
from prefprop_cli.errors import CorruptFileError
from prefprop_cli.notes import Note, progress, warnings
from prefprop_cli.runs import read_verified, save_folder

if TYPE_CHECKING:
    from datasets import Dataset

FORMAT = 4
BATCH_DOCUMENTS, BATCH_CHARACTERS = 64, 2**20
SUMMARY, KEYS = "summary.json", "texts.json"
Counts = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Prepared:
    """Token ids of a corpus, memory-mapped."""

    folder: Path
    labels: tuple[str, ...]
    """The classes; none where each document brings its own candidates."""
    splits: "dict[str, Dataset]"
    """By name, in the columns of `schema_of` their form."""
    summary: dict[str, Any]
    """What the reader of a result should know of the data; JSON."""

    @property
    def notes(self) -> list[Note]:
        """What the reader of a result should know: facts, then warnings."""
        return [*map(Note, self.summary["notes"]), *self.warnings]

    @property
    def warnings(self) -> list[Note]:
        """What may be wrong with the documents, a sentence each."""
        return list(warnings(self.summary["warnings"]))

    @property
    def longest(self) -> int:
        """Tokens of the longest document before any is cut, special tokens included."""
        return int(self.summary["overall"]["tokens"]["100"])

    @property
    def is_cut(self) -> bool:
        """Whether something of a document is not read."""
        return any(self.summary["truncated"].values())


def prepare(
    corpus: Corpus,
    *,
    form: Form,
    cache: Path,
    force: bool = False,
    stop: Callable[[], None] | None = None,
) -> Prepared:
    """Tokenise a corpus, or open what an earlier call with the same content left.

    `force`, it is done again. `stop` is called before each batch; it may raise to end the work, and
    nothing is left behind.

    Raises:
        DataError: a document cannot be tokenised.
        ResourceError: the cache cannot be written.
    """
    folder = cache / _folder_name(corpus, form)
    if not force and folder.exists():
        try:
            return load_prepared(folder)
        except CorruptFileError:
            pass  # built again below
    documents = [document for split in corpus.splits.values() for document in split]
    is_long = sum(len(document.text) for document in documents) > BATCH_CHARACTERS
    heard = progress(total=len(documents), label="tokenised document")
    files, counts, done = {}, {}, count(1)
    with heard if is_long else nullcontext(lambda n: None) as on_progress:

        def encoded(batch: list[Document]) -> pa.RecordBatch:
            if stop is not None:
                stop()
            found = pa.RecordBatch.from_pylist(form.encode(batch), schema_of(form))
            on_progress(max(next(done) for _ in batch))
            return found

        for name, split in corpus.splits.items():
            files[f"{name}.arrow"], counts[name] = _arrow(map(encoded, _batches(split)), form)
    summary = json.dumps(_summary(corpus, counts, form), indent=1).encode()
    save_folder(folder, {**files, SUMMARY: summary, KEYS: keys_of(corpus.splits)})
    return load_prepared(folder)


def load_prepared(folder: Path) -> Prepared:
    """Open a prepared folder.

    Raises:
        CorruptFileError: it is missing, incomplete or damaged.
    """
    from datasets import Dataset  # 0.8 s that predicting does not need

    read_verified(folder)
    summary = json.loads((folder / SUMMARY).read_bytes())
    files = {name: folder / f"{name}.arrow" for name in SPLITS}
    splits = {name: Dataset.from_file(str(path)) for name, path in files.items() if path.exists()}
    return Prepared(folder, tuple(summary["labels"]), splits, summary)


def schema_of(form: Form) -> pa.Schema:
    """Return the columns of a form's documents."""
    ids = {1: pa.list_(pa.int32()), 2: pa.list_(pa.list_(pa.int32()))}
    tokens = [(name, ids[depth]) for name, depth in form.token_columns.items()]
    numbers = [(name, pa.int64()) for name in ("label", *COUNTS)]
    return pa.schema([("id", pa.string()), *tokens, *numbers])


def _folder_name(corpus: Corpus, form: Form) -> str:
    plain = re.sub(r"[^a-zA-Z0-9]+", "-", corpus.name).strip("-")[:40]
    notes = [corpus.facts, corpus.warnings]
    facts = [FORMAT, corpus.name, corpus.labels, corpus.inputs, notes, corpus.contents]
    key = json.dumps([*facts, form.tokenizer.fingerprint, form.settings])
    return f"{plain}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


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


def _arrow(batches: Iterator[pa.RecordBatch], form: Form) -> tuple[pa.Buffer, Counts]:
    """The documents as an Arrow stream, and their counts."""
    counts: list[pa.RecordBatch] = []
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema_of(form)) as writer:
        for batch in batches:
            writer.write_batch(batch)
            counts.append(batch.select(COUNTS))
    table = pa.Table.from_batches(counts)
    return sink.getvalue(), {name: table[name].to_numpy() for name in table.column_names}


def _summary(corpus: Corpus, counts: dict[str, Counts], form: Form) -> dict[str, object]:
    audit = Audit(corpus)
    n_tokens = np.concatenate([of["n_tokens"] for of in counts.values()])
    overall = {
        "n_documents": len(n_tokens),
        "documents": audit.classes,
        "tokens": percentiles(n_tokens),
        "longer": float((n_tokens > form.max_tokens).mean()),
        "contradictory": audit.n_contradictory,
    }
    return {
        "source": corpus.name,
        "inputs": corpus.inputs,
        "contents": corpus.contents,
        "labels": list(corpus.labels),
        "notes": list(corpus.facts),
        "leaks": list(audit.leaks),
        "warnings": list(audit.warnings),
        "tokenizer": form.tokenizer.fingerprint,
        **form.settings,
        "tokens": {name: percentiles(of["n_tokens"]) for name, of in counts.items()},
        "truncated": {name: float((of["n_cut"] > 0).mean()) for name, of in counts.items()},
        "chunked": {name: float((of["n_rows"] > 1).mean()) for name, of in counts.items()},
        "rows": {name: int(of["n_rows"].sum()) for name, of in counts.items()},
        "overall": overall,
        **audit.counts,
    }
