"""Text to tokens: readers of data sets, splits, audit, tokenizer and the cache of tokens."""

import shlex
from dataclasses import replace
from fractions import Fraction
from typing import Protocol

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.corpus import Corpus, Splits, check, with_warnings
from prefprop_cli.data.sets.common import source_of
from prefprop_cli.data.sets.hub_names import named
from prefprop_cli.data.splits import split_off
from prefprop_cli.data.table_rows import is_table
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note
from prefprop_cli.tables import SETS


class SetReader(Protocol):
    """A module of `data/sets`."""

    WHAT: str
    """What `data.source` may name, for a message."""
    SPLITS: tuple[str, ...]
    """What `data.split` may be."""
    NEEDS_FILES: bool
    """Whether its documents are at hand nowhere but in files that `data.source` names."""

    def read(self, table: DataTable) -> Corpus:
        """Read the set, in splits, as the table asks.

        Raises:
            DataError: documents are missing, or cannot be used as they are.
            CorruptFileError: a file is damaged or unsafe to open.
        """


def check_source(table: DataTable) -> None:
    """Check that documents are named and there, before anything is fetched or computed for them.

    Raises:
        DataError: they are not, or are of a kind that the set does not read.
    """
    reader = SETS[table.set]
    if table.set == "hub":
        named(table)
    elif reader.NEEDS_FILES or table.source is not None:
        source = source_of(table, what=reader.WHAT)
        if table.set != "files" and source.is_file() and is_table(source):
            raise DataError(
                f'{source}: a table, and data.set = "{table.set}" reads {reader.WHAT}. For '
                f"documents of your own: prefprop train {shlex.quote(str(table.source))}, or with "
                "the other settings of this preset: -s data.set=files"
            )


def read_corpus(table: DataTable) -> Corpus:
    """Read the labelled documents that `[data]` asks for.

    Raises:
        DataError: they are missing, or cannot be used as they are.
        CorruptFileError: a file is damaged or unsafe to open.
    """
    reader = SETS[table.set]
    if table.split not in reader.SPLITS:
        has = f"has {', '.join(reader.SPLITS)}" if reader.SPLITS[1:] else 'only has "default"'
        raise DataError(f'data.split = "{table.split}": {table.set} {has}')
    corpus = reader.read(table)
    check(corpus)
    if table.limit is not None:
        corpus = _limited(corpus, table.limit, table.split_seed)
    return with_warnings(corpus)


def _limited(corpus: Corpus, limit: int, seed: int) -> Corpus:
    """Take at most `limit` documents of each split, of each class its share."""
    splits: Splits = {}
    for name, documents in corpus.splits.items():
        share = Fraction(limit, len(documents))
        splits[name], _ = split_off(
            documents, share=share, seed=seed, together=False, stratified=corpus.has_classes
        )
    note = Note(f"at most {limit} documents of each split are used")
    return replace(corpus, splits=splits, notes=(*corpus.notes, note))
