"""What `prefprop predict` is given: files, folders and standard input, and a run that fits them."""

import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from prefprop_cli.cli.console import Console
from prefprop_cli.errors import CorruptFileError, DataError, PrefpropError, UsageError
from prefprop_cli.parallel import world
from prefprop_cli.words import listed

if TYPE_CHECKING:
    from prefprop_cli.build.run import Run
    from prefprop_cli.data.corpus import Document
    from prefprop_cli.runs import RunFolder

Errors = Literal["strict", "replace"]
HEAD_BYTES = 2**16
"""So much of a file shows whether it holds questions."""


@dataclass(frozen=True)
class Failure:
    """An input that could not be read, or a document that could not be predicted."""

    id: str
    error: PrefpropError


@dataclass(frozen=True)
class Reader:
    """How the files of a run's task are read.

    Args:
        read: gives the documents of a file or stream.
        suffixes: of the files in a folder that are read.
        left_out: told of a folder in which there are others.
    """

    read: "Callable[[Path | BinaryIO], Iterator[tuple[str, Document | DataError]]]"
    suffixes: Sequence[str]
    left_out: Callable[[str], None]

    def documents(self, source: str) -> "Iterator[Document | Failure]":
        """What a file, a folder or `-` gives, failures in their places."""
        path = Path(source)
        try:
            if not source:  # which as a path is the folder we are in
                raise DataError("a document with an empty name. Is a variable of the shell unset?")
            if source != "-" and os.path.isdir(path):  # no error, whatever the name
                for file in self._files(path):
                    yield from self.documents(str(file))
                return
            for id, found in self.read(sys.stdin.buffer if source == "-" else path):
                yield found if not isinstance(found, DataError) else Failure(id, found)
        except (DataError, CorruptFileError) as error:
            yield Failure(source, error)

    def _files(self, folder: Path) -> Sequence[Path]:
        from prefprop_cli.data.kinds import documents_below

        files, others = documents_below(folder, suffixes=self.suffixes)
        if others:
            named = listed([str(path.relative_to(folder)) for path in others])
            self.left_out(f"{folder}: files of other kinds are left out: {len(others)} ({named})")
        return files


def standard_input() -> Sequence[str]:
    """Where documents come from if no file is named.

    Raises:
        UsageError: nothing is piped into the program.
    """
    if sys.stdin.isatty():
        raise UsageError("no documents: name files, or - for standard input")
    return ["-"]


def newest_for(sources: Sequence[str]) -> Path:
    """The newest run of the task of the first source; of several processes the first looks."""
    from prefprop_cli.runs import resolve_run

    def find() -> Path:
        asks = _asks_questions(sources[0])
        does = " that answers questions" if asks else " that classifies texts"
        return resolve_run(None, accept=partial(_has_task, candidates=asks), does=does).path

    return world().on_main(find)


def _has_task(run: "RunFolder", *, candidates: bool) -> bool:
    from prefprop_cli.build.task import has_candidates
    from prefprop_cli.config.load import load_config

    return has_candidates(load_config(preset=str(run.config)).config) == candidates


def _asks_questions(source: str) -> bool:
    """Whether a source holds questions with candidates; of a folder, its first JSON file."""
    from prefprop_cli.data.questions import looks_like_questions
    from prefprop_cli.data.records import JSON_SUFFIXES
    from prefprop_cli.data.sets.common import files_below

    if source == "-":
        stream = sys.stdin.buffer
        head = stream.peek(HEAD_BYTES) if isinstance(stream, BufferedReader) else b""
        return looks_like_questions(head)
    path = Path(source)
    files = files_below(path) if os.path.isdir(path) else (path,)
    first = next((file for file in files if file.suffix.lower() in JSON_SUFFIXES), None)
    if first is None or not os.path.isfile(first):
        return False
    with first.open("rb") as stream:
        return looks_like_questions(stream.read(HEAD_BYTES))


def reader_of(
    console: Console, loaded: "Run", *, lines: bool, errors: Errors, text_column: str | None
) -> Reader:
    """How the files of a run are read: as texts, or as questions where it has no classes.

    Raises:
        UsageError: a column is named, and the run reads questions.
    """
    from prefprop_cli.data.kinds import TEXT_SUFFIXES
    from prefprop_cli.data.questions import each_question
    from prefprop_cli.data.records import JSON_SUFFIXES
    from prefprop_cli.data.texts import read_texts

    # Without classes, each document is a question that brings its candidates.
    if not loaded.labels:
        if text_column:
            raise UsageError(f"--text-column {text_column}: the run reads questions, not columns")
        questions = partial(each_question, lines=lines, errors=errors)
        return Reader(questions, JSON_SUFFIXES, console.warn)
    column = text_column or loaded.plan.config.data.text_column
    texts = partial(read_texts, lines=lines, errors=errors, text_column=column)
    return Reader(texts, TEXT_SUFFIXES, console.warn)


def read_inputs(sources: Sequence[str], reader: Reader) -> Generator["Document | Failure"]:
    """The documents of all sources, in order, and failures in their places."""
    for source in sources:
        for item in reader.documents(source):
            if isinstance(item, Failure) or item.text.strip():
                yield item
            else:
                yield Failure(item.id, DataError(f"{item.id}: the document is empty"))
