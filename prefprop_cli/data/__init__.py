"""Text to tokens: readers of data sets, splits, audit, tokenizer and the cache of tokens."""

import shlex
from dataclasses import replace
from fractions import Fraction
from typing import Protocol

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.corpus import Corpus, Splits, check, with_warnings
from prefprop_cli.data.sets import files
from prefprop_cli.data.sets.common import source_of
from prefprop_cli.data.sets.hub import named
from prefprop_cli.data.splits import split_off
from prefprop_cli.data.table_rows import is_table
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note
from prefprop_cli.tables import SETS


class SetReader(Protocol):
    """A module of `data/sets`."""

    def read(self, table: DataTable) -> Corpus:
        """Read the set, in splits, as the table asks."""


NEED_SOURCE = ("files", "hyperpartisan", "wikihop")
"""Sets that are at hand nowhere but where `data.source` says."""


def check_source(table: DataTable) -> None:
    """Check that documents are named and there, before anything is fetched or computed for them.

    Raises:
        DataError: they are not, or are of a kind that the set does not read.
    """
    if table.set == "hub":
        named(table)
    elif table.set in NEED_SOURCE or table.source is not None:
        what = getattr(SETS[table.set], "WHAT", files.WHAT)
        source = source_of(table, what=what)
        if table.set != "files" and source.is_file() and is_table(source):
            raise DataError(
                f'{source}: a table, and data.set = "{table.set}" reads {what}. For documents of '
                f"your own: prefprop train {shlex.quote(str(table.source))}, or with the other "
                "settings of this preset: -s data.set=files"
            )


def read_corpus(table: DataTable) -> Corpus:
    """Read the labelled documents that `[data]` asks for.

    Raises:
        DataError: they are missing, or cannot be used as they are.
        CorruptFileError: a file is damaged or unsafe to open.
    """
    corpus = SETS[table.set].read(table)
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
            documents, share=share, seed=seed, together=False, stratified=bool(corpus.labels)
        )
    note = Note(f"at most {limit} documents of each split are used")
    return replace(corpus, splits=splits, notes=(*corpus.notes, note))
