"""`prefprop predict`: documents in, one row each out, in order."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.work.inputs import (
    Errors,
    Failure,
    newest_for,
    read_inputs,
    reader_of,
    standard_input,
)
from prefprop_cli.errors import DataError, PrefpropError
from prefprop_cli.parallel import world
from prefprop_cli.words import listed, plural

if TYPE_CHECKING:
    from prefprop_cli.build.run import Prediction, Run
    from prefprop_cli.data.corpus import Document


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
    sources = files or standard_input()
    from prefprop_cli.build.run import load_run
    from prefprop_cli.evaluation.predict import batch_size_on

    path = run or newest_for(sources)
    loaded = load_run(path, device=device, backbone=backbone)
    console.info(f"run: {path}, {_answers_of(loaded)}")
    size = batch_size_on(loaded.device, batch_size or loaded.plan.config.eval.batch_size)
    n_inputs, n_failed = 0, 0
    reader = reader_of(console, loaded, lines=lines, errors=errors, text_column=text_column)
    inputs = read_inputs(sources, reader)
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


def _answers_of(loaded: "Run") -> str:
    if not loaded.labels:
        return "which chooses among the candidates of questions"
    return f"{len(loaded.labels)} classes: {listed(loaded.labels, shown=5)}"


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
