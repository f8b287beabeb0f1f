"""`prefprop predict`: documents in, one row each out, in order."""

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.text import plural
from prefprop_cli.errors import CorruptFileError, DataError, PrefpropError, UsageError
from prefprop_cli.parallel import world

if TYPE_CHECKING:
    from prefprop_cli.build.run import Prediction, Run
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
            if source != "-" and path.is_dir():
                for file in self._files(path):
                    yield from self.documents(str(file))
                return
            for id, found in self.read(sys.stdin.buffer if source == "-" else path):
                yield found if not isinstance(found, DataError) else Failure(id, found)
        except (DataError, CorruptFileError) as error:
            yield Failure(source, error)

    def _files(self, folder: Path) -> Sequence[Path]:
        from prefprop_cli.data.kinds import documents_below
        from prefprop_cli.data.words import listed

        files, others = documents_below(folder, suffixes=self.suffixes)
        if others:
            named = listed([str(path.relative_to(folder)) for path in others])
            self.left_out(f"{folder}: files of other kinds are left out: {len(others)} ({named})")
        return files


def run(
    console: Console,
    *,
    files: Sequence[str],
    run: Path | None,
    lines: bool,
    text_column: str | None,
    top_k: int,
    batch_size: int | None,
    strict: bool,
    errors: Errors,
    uncalibrated: bool,
    backbone: str | None,
    device: str,
) -> None:
    """Predict each document and write its row as soon as it is known.

    Raises:
        UsageError: there is nothing to predict, or no run to predict it.
        DataError: a document could not be read or predicted; with `strict` the first one ends the
            work, else it has a row of its own and the others are still predicted.
        CorruptFileError: with `strict`, a file is damaged.
    """
    sources = files or _standard_input()
    from prefprop_cli.build.run import load_run
    from prefprop_cli.evaluation.predict import batch_size_on

    path = run or _newest_for(sources)
    loaded = load_run(path, device=device, backbone=backbone)
    console.info(f"run: {path}, {_answers_of(loaded)}")
    size = batch_size_on(loaded.device, batch_size or loaded.plan.config.eval.batch_size)
    n_inputs, n_failed = 0, 0
    reader = _reader(console, loaded, lines=lines, errors=errors, text_column=text_column)
    inputs = _inputs(sources, reader)
    work = partial(_answers, loaded=loaded, calibrated=not uncalibrated)
    tell = partial(_tell, console, strict=strict, top_k=top_k)
    here = world()
    with closing(inputs), console.progress(total=None, label="document") as progress:
        for answers in here.stream(inputs, work, size=size):
            here.on_main(partial(tell, answers))
            n_inputs += len(answers)
            n_failed += sum(isinstance(answer, Failure) for _, answer in answers)
            progress.update(n_inputs)
    if n_failed:
        failure = DataError(f"{n_failed} of {plural(n_inputs, 'document')} could not be read")
        here.on_main(partial(_fail, failure))


def _newest_for(sources: Sequence[str]) -> Path:
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
    files = files_below(path) if path.is_dir() else (path,)
    first = next((file for file in files if file.suffix.lower() in JSON_SUFFIXES), None)
    if first is None or not first.is_file():
        return False
    with first.open("rb") as stream:
        return looks_like_questions(stream.read(HEAD_BYTES))


def _answers_of(loaded: "Run") -> str:
    from prefprop_cli.data.words import listed

    if not loaded.labels:
        return "which chooses among the candidates of questions"
    return f"{len(loaded.labels)} classes: {listed(loaded.labels, shown=5)}"


def _reader(
    console: Console, loaded: "Run", *, lines: bool, errors: Errors, text_column: str | None
) -> Reader:
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


def _tell(
    console: Console,
    answers: "Sequence[tuple[str, Prediction | Failure]]",
    *,
    strict: bool,
    top_k: int,
) -> None:
    for source, answer in answers:
        if isinstance(answer, Failure):
            if strict:
                raise answer.error
            console.warn(str(answer.error))
        _write(console, source, answer, top_k=top_k)


def _fail(error: PrefpropError) -> None:
    raise error


def _standard_input() -> Sequence[str]:
    if sys.stdin.isatty():
        raise UsageError("no documents: name files, or - for standard input")
    return ["-"]


def _inputs(sources: Sequence[str], reader: Reader) -> Generator["Document | Failure"]:
    for source in sources:
        for item in reader.documents(source):
            if isinstance(item, Failure) or item.text.strip():
                yield item
            else:
                yield Failure(item.id, DataError(f"{item.id}: the document is empty"))


def _answers(
    chunk: "Sequence[Document | Failure]", *, loaded: "Run", calibrated: bool
) -> "list[tuple[str, Prediction | Failure]]":
    """The chunk with a prediction, or why there is none, in the place of each document."""
    documents = [item for item in chunk if not isinstance(item, Failure)]
    answers = iter(_predicted(documents, loaded, calibrated=calibrated))
    return [(item.id, item if isinstance(item, Failure) else next(answers)) for item in chunk]


def _predicted(
    documents: "Sequence[Document]", loaded: "Run", *, calibrated: bool
) -> "Sequence[Prediction | Failure]":
    """Predictions of all together; one by one if that fails for some of them."""
    try:
        return list(
            loaded.stream(documents, batch_size=max(1, len(documents)), calibrated=calibrated)
        )
    except DataError as error:
        if len(documents) == 1:
            return [Failure(documents[0].id, error)]
        alone = [_predicted([document], loaded, calibrated=calibrated) for document in documents]
        return [answer for answers in alone for answer in answers]


def _write(console: Console, id: str, answer: "Prediction | Failure", *, top_k: int) -> None:
    if console.common.json:
        console.result_json({"id": id, **_record(answer)})
    elif isinstance(answer, Failure):
        console.row([id, "ERROR", str(answer.error)])
    else:
        ranked = sorted(answer.probs.items(), key=lambda pair: -pair[1])[:top_k]
        console.row([id, *(cell for name, prob in ranked for cell in (name, f"{prob:.4f}"))])


def _record(answer: "Prediction | Failure") -> dict[str, object]:
    if isinstance(answer, Failure):
        return {"error": str(answer.error)}
    return dict(vars(answer))
