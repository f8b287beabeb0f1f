"""`prefprop predict`: documents in, one row each out, in order."""

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.text import plural
from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.parallel import world

if TYPE_CHECKING:
    from prefprop_cli.build.run import Prediction, Run
    from prefprop_cli.data.corpus import Document

Errors = Literal["strict", "replace"]


@dataclass(frozen=True)
class Failure:
    """An input that could not be read."""

    id: str
    error: DataError


def run(
    console: Console,
    *,
    files: Sequence[str],
    run: Path | None,
    lines: bool,
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
        DataError: an input could not be read; with `strict` the first one ends the work, else
            it has a row of its own and the others are still predicted.
    """
    sources = files or _standard_input()
    from prefprop_cli.build.run import load_run
    from prefprop_cli.data.questions import read_questions
    from prefprop_cli.data.texts import read_texts
    from prefprop_cli.evaluation.predict import batch_size_on
    from prefprop_cli.runs import resolve_run

    loaded = load_run(run or resolve_run(None).path, device=device, backbone=backbone)
    size = batch_size_on(loaded.device, batch_size or loaded.plan.config.eval.batch_size)
    n_inputs, n_failed = 0, 0
    # Without classes, each document is a question that brings its candidates.
    read = partial(read_texts if loaded.labels else read_questions, lines=lines, errors=errors)
    inputs = _inputs(sources, read)
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


def _fail(error: DataError) -> None:
    raise error


def _standard_input() -> Sequence[str]:
    if sys.stdin.isatty():
        raise UsageError("no documents: name files, or - for standard input")
    return ["-"]


def _inputs(
    sources: Sequence[str], read: "Callable[[Path | BinaryIO], Iterator[Document]]"
) -> Generator["Document | Failure"]:
    for source in sources:
        try:
            for document in read(sys.stdin.buffer if source == "-" else Path(source)):
                yield document if document.text.strip() else Failure(document.id, _empty(document))
        except DataError as error:
            yield Failure(source, error)


def _empty(document: "Document") -> DataError:
    return DataError(f"{document.id}: the document is empty")


def _answers(
    chunk: "Sequence[Document | Failure]", *, loaded: "Run", calibrated: bool
) -> "list[tuple[str, Prediction | Failure]]":
    """The chunk with a prediction in the place of each document."""
    documents = [item for item in chunk if not isinstance(item, Failure)]
    predictions = loaded.stream(documents, batch_size=len(documents), calibrated=calibrated)
    return [(item.id, item if isinstance(item, Failure) else next(predictions)) for item in chunk]


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
