"""A corpus as tokens on disk: made once for each content, memory-mapped afterwards."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from prefprop_cli.data.audit import Audit, percentiles
from prefprop_cli.data.corpus import SPLITS, Corpus, Document
from prefprop_cli.data.seen import keys_of
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.errors import CorruptFileError
from prefprop_cli.notes import Note, progress, warnings
from prefprop_cli.runs import read_verified, save_folder

if TYPE_CHECKING:
    from datasets import Dataset

FORMAT = 4
BATCH_DOCUMENTS, BATCH_CHARACTERS = 64, 2**20
COUNTS = (
    "n_tokens",  # of the document, special tokens included
    "n_cut",  # those of them that are not read
    "n_rows",  # rows the document becomes
    "n_computed",  # tokens of all its rows, placeholders not counted
)
SUMMARY, KEYS = "summary.json", "texts.json"
Counts = dict[str, NDArray[np.int64]]


class Form(Protocol):
    """How documents become columns; that of a task (`tasks/base.py`) also makes rows of them."""

    @property
    def tokenizer(self) -> TextTokenizer: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def token_columns(self) -> Mapping[str, int]: ...
    @property
    def settings(self) -> dict[str, object]: ...
    def encode(self, documents: Sequence[Document]) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Prepared:
    """Token ids of a corpus, memory-mapped.

    Attributes:
        folder: where it lies.
        labels: the classes; none where each document brings its own candidates.
        splits: name -> documents, in the columns of `schema_of` their form.
        summary: what the reader of a result should know of the data; JSON.
    """

    folder: Path
    labels: tuple[str, ...]
    splits: "dict[str, Dataset]"
    summary: dict[str, object]

    @property
    def notes(self) -> list[Note]:
        """What the reader of a result should know: facts, then warnings."""
        facts: Any = self.summary["notes"]
        return [*map(Note, facts), *self.warnings]

    @property
    def warnings(self) -> list[Note]:
        """What may be wrong with the documents, a sentence each."""
        found: Any = self.summary["warnings"]
        return list(warnings(found))

    @property
    def longest(self) -> int:
        """Tokens of the longest document before any is cut, special tokens included."""
        found: Any = self.summary["overall"]
        return int(found["tokens"]["100"])

    @property
    def is_cut(self) -> bool:
        """Whether something of a document is not read."""
        found: Any = self.summary["truncated"]
        return any(found.values())


def prepare(
    corpus: Corpus,
    *,
    form: Form,
    cache: Path,
    force: bool = False,
    stop: Callable[[], None] | None = None,
) -> Prepared:
    """Tokenise a corpus, or open what an earlier call with the same content left.

    Args:
        corpus: labelled documents in splits.
        form: what documents become.
        cache: folder that holds prepared corpora.
        force: tokenise even if it has been done.
        stop: called before each batch; may raise to end the work, nothing is left behind.

    Raises:
        DataError: a document cannot be tokenised.
        ResourceError: the cache cannot be written.
    """
    key = _key(corpus, form)
    plain_name = re.sub(r"[^a-zA-Z0-9]+", "-", corpus.name).strip("-")[:40]
    folder = cache / f"{plain_name}-{key[:16]}"
    if not force and folder.exists():
        try:
            return load_prepared(folder)
        except CorruptFileError:
            pass  # built again below
    files, counts = {}, {}
    with _counted(corpus) as on_batch:
        for name, documents in corpus.splits.items():
            tokenised = _tokenised(documents, form, stop, on_batch)
            files[f"{name}.arrow"], counts[name] = _arrow(tokenised, form)
    summary = _summary(corpus, counts, form)
    told = {SUMMARY: json.dumps(summary, indent=1).encode(), KEYS: keys_of(corpus.splits)}
    save_folder(folder, files | told)
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
    """The columns of a form's documents."""
    ids = {1: pa.list_(pa.int32()), 2: pa.list_(pa.list_(pa.int32()))}
    tokens = [(name, ids[depth]) for name, depth in form.token_columns.items()]
    numbers = [(name, pa.int64()) for name in ("label", *COUNTS)]
    return pa.schema([("id", pa.string()), *tokens, *numbers])


def _key(corpus: Corpus, form: Form) -> str:
    told = [corpus.facts, corpus.warnings]
    facts = [FORMAT, corpus.name, corpus.labels, corpus.inputs, told, corpus.contents]
    return hashlib.sha256(
        json.dumps([*facts, form.tokenizer.fingerprint, form.settings]).encode()
    ).hexdigest()


@contextmanager
def _counted(corpus: Corpus) -> Iterator[Callable[[int], None]]:
    """Tell how many documents are tokenised, if that takes more than a moment."""
    documents = [document for split in corpus.splits.values() for document in split]
    if sum(len(document.text) for document in documents) <= BATCH_CHARACTERS:
        yield lambda n: None
        return
    done = 0
    with progress(total=len(documents), label="tokenised document") as on_progress:

        def on_batch(n: int) -> None:
            nonlocal done
            done += n
            on_progress(done)

        yield on_batch


def _tokenised(
    documents: list[Document],
    form: Form,
    stop: Callable[[], None] | None,
    on_batch: Callable[[int], None],
) -> Iterator[pa.RecordBatch]:
    for batch in _batches(documents):
        if stop is not None:
            stop()
        yield pa.RecordBatch.from_pylist(form.encode(batch), schema=schema_of(form))
        on_batch(len(batch))


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
        "overall": _overall(audit, counts, form.max_tokens),
        **audit.counts,
    }


def _overall(audit: Audit, counts: dict[str, Counts], max_tokens: int) -> dict[str, object]:
    """Of all documents, whatever their split."""
    n_tokens = np.concatenate([of["n_tokens"] for of in counts.values()])
    return {
        "n_documents": len(n_tokens),
        "documents": audit.classes,
        "tokens": percentiles(n_tokens),
        "longer": float((n_tokens > max_tokens).mean()),
        "contradictory": audit.n_contradictory,
    }
