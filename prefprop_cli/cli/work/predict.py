"""`prefprop predict`: documents in, one row each out, in order."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from prefprop_cli.cli.chosen import tell_passed_over
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.repeated import Repeated, few_notes
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.work.answers import (
    SHOWN_CLASSES,
    Answer,
    Answers,
    Layout,
    Tally,
    best,
)
from prefprop_cli.cli.work.arrivals import Arrivals
from prefprop_cli.cli.work.inputs import Inputs, Reader, Reading, copied_fields, newest_for
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.labelled import LabelledCopy
from prefprop_cli.data.seen_columns import SeenColumns
from prefprop_cli.data.texts import TextRecord
from prefprop_cli.errors import DataError, PrefpropError
from prefprop_cli.experiment.predictor import Predictor, load_run
from prefprop_cli.runs.distributed import world
from prefprop_cli.training.inference import batch_size_on
from prefprop_cli.words import listed, plural

Write = Callable[[TextRecord, Answer], None]


@dataclass(frozen=True)
class Asked:
    """What is wanted of each document.

    Args:
        top_k: labels to show.
        batch_size: documents at a time on a GPU; None for that of the run.
        strict: whether to stop at the first that cannot be read.
        uncalibrated: whether to leave out what `calibrate` stored.
    """

    top_k: int = 1
    batch_size: int | None = None
    strict: bool = False
    uncalibrated: bool = False


def opened_run(
    console: Console,
    path: Path | None,
    sources: Sequence[str],
    reading: Reading,
    *,
    device: str,
    backbone: str | None,
) -> Predictor:
    """The run that was named, or the newest that fits the sources; says which.

    Raises:
        UsageError: there is none, or it is not finished.
    """
    choice, doubt = None, ""
    if path is None:
        choice, doubt = newest_for(sources, reading)
        path = choice.folder.path
    run = load_run(path, device=device, backbone=backbone)
    console.info(f"run: {path}, {_answers_of(run)}")
    if doubt:
        console.warn(doubt)
    if choice:
        tell_passed_over(console, choice)
    return run


def predict_rows(console: Console, run: Predictor, inputs: Inputs, asked: Asked) -> None:
    """Predict each document and print its row as soon as it is known.

    Raises:
        DataError: a document could not be read or predicted; with `strict` the first one ends the
            work, else it has a row of its own and the others are still predicted.
        CorruptFileError: with `strict`, a file is damaged.
    """
    total = world().on_main(inputs.survey)
    write = partial(_print, console, top_k=asked.top_k)
    tally = _predict(console, run, inputs, asked, write=write, total=total)
    console.info(tally.told())
    _fail_if_any(tally, "the rows with an error say why")


def predict_copy(
    console: Console, run: Predictor, inputs: Inputs, asked: Asked, *, out: Path, force: bool
) -> None:
    """Write a labelled copy of the documents and print its name.

    There is none if no document can be predicted.

    Raises:
        DataError, CorruptFileError: as `predict_rows`; but for `strict`, the copy is there.
        UsageError: another process writes the file.
        ResourceError: it cannot be written.
    """
    columns = SeenColumns(with_types=out.suffix == ".parquet")
    total = world().on_main(partial(inputs.survey, columns))
    layout = Layout.of(run, columns, top_k=asked.top_k)
    for wanted, name in layout.renamed.items():
        console.info(f"{out}: {wanted} is a column of the input; what is added is {name}")
    copy = LabelledCopy(
        out, columns=columns.names, added=layout.names, types=layout.types(columns), force=force
    )

    def write(record: TextRecord, answer: Answer) -> None:
        copy.write({**copied_fields(record), **layout.cells(record, answer)})

    try:
        with copy if world().is_main else nullcontext():
            tally = _predict(console, run, inputs, asked, write=write, total=total)
            if tally.n_failed and not tally.n_predicted:
                copy.discard()
    except BaseException:
        if copy.n_rows:
            rows = plural(copy.n_rows, "row")
            console.notice(f"{out} is not whole and not written; {rows} of it: {copy.part}")
        raise
    if copy.left_out:
        names = listed(list(copy.left_out))
        console.warn(f"{out}: columns that came up only in later rows are left out: {names}")
    console.info(tally.told())
    if tally.n_failed and not tally.n_predicted:
        _fail_if_any(tally, f"{out} is not written")
    if console.common.json:
        console.result_json({"out": out, **tally.record()})
    else:
        console.result(str(out))
    _fail_if_any(tally, f"see column {layout.error} of {out}")


def watch(console: Console, run: Predictor, reader: Reader, folder: Path, asked: Asked) -> None:
    """Print a row for each document that is in a folder or appears in it, until a signal comes.

    Raises:
        Interrupted: the signal.
        DataError: the folder is gone; or as `predict_rows` with `strict`.
    """
    console.info(f"watching {folder}; Ctrl-C ends it")
    arrivals = Arrivals(folder, suffixes=reader.suffixes)
    answers_of = partial(_answers, run=run, calibrated=not asked.uncalibrated)
    write = partial(_print, console, top_k=asked.top_k)
    tally = Tally(run.task)
    with StopRequest() as stop:
        with few_notes(console), Repeated(console.warn) as warn:
            for path in arrivals.until(lambda: stop.requested):
                for chunk in _chunks(reader.records(str(path)), _size(run, asked)):
                    if stop.requested:
                        break
                    answers = answers_of(chunk)
                    tally.add(answers)
                    _tell(answers, write=write, warn=warn, strict=asked.strict)
        console.info(tally.told())
        stop.raise_if_requested()


def _predict(
    console: Console,
    run: Predictor,
    inputs: Inputs,
    asked: Asked,
    *,
    write: Write,
    total: int | None,
) -> Tally:
    here, tally, records = world(), Tally(run.task), inputs.records()
    work = partial(_answers, run=run, calibrated=not asked.uncalibrated)
    with (
        closing(records),
        console.progress(total=total, label="document") as progress,
        few_notes(console),
        Repeated(console.warn) as warn,
    ):
        tell = partial(_tell, write=write, warn=warn, strict=asked.strict)
        for answers in here.stream(records, work, size=_size(run, asked)):
            here.on_main(partial(tell, answers))
            tally.add(answers)
            progress.update(tally.n_documents)
        progress.total = None  # the closing count says more than its last line
    return tally


def _tell(answers: Answers, *, write: Write, warn: Repeated, strict: bool) -> None:
    for record, answer in answers:
        if isinstance(answer, PrefpropError):
            if strict:
                raise answer
            warn(str(answer), where=record.id)
        write(record, answer)


def _fail_if_any(tally: Tally, where: str) -> None:
    if tally.n_failed:
        of = plural(tally.n_documents, "document")
        failure = DataError(f"{tally.n_failed:,} of {of} could not be read; {where}")
        world().on_main(partial(_fail, failure))


def _fail(error: PrefpropError) -> None:
    raise error


def _size(run: Predictor, asked: Asked) -> int:
    return batch_size_on(run.device, asked.batch_size or run.plan.config.eval.batch_size)


def _chunks(records: Iterator[TextRecord], size: int) -> Iterator[Sequence[TextRecord]]:
    while chunk := list(islice(records, size)):
        yield chunk


def _answers(chunk: Sequence[TextRecord], *, run: Predictor, calibrated: bool) -> Answers:
    """The chunk, each document with its prediction or with why there is none."""
    documents = [record.found for record in chunk if isinstance(record.found, Document)]
    predicted = iter(_predicted(documents, run, calibrated=calibrated))
    return [
        (record, next(predicted) if isinstance(record.found, Document) else record.found)
        for record in chunk
    ]


def _predicted(
    documents: Sequence[Document], run: Predictor, *, calibrated: bool
) -> Sequence[Answer]:
    """Predictions of all together; one by one if that fails for some of them."""
    try:
        return list(run.stream(documents, batch_size=max(1, len(documents)), calibrated=calibrated))
    except DataError as error:
        if len(documents) == 1:
            return [error]
        alone = [_predicted([document], run, calibrated=calibrated) for document in documents]
        return [answer for answers in alone for answer in answers]


def _print(console: Console, record: TextRecord, answer: Answer, *, top_k: int) -> None:
    if console.common.json:
        told = {"error": str(answer)} if isinstance(answer, PrefpropError) else vars(answer)
        console.result_json({"id": record.id, **told})
    elif isinstance(answer, PrefpropError):
        console.row([record.id, "ERROR", str(answer)])
    else:
        ranked = best(answer, top_k)
        cells = [cell for name, prob in ranked for cell in (name, f"{prob:.4f}")]
        console.row([record.id, *cells])


def _answers_of(run: Predictor) -> str:
    if not run.task.has_classes:
        return "which chooses among the candidates of questions"
    return f"{len(run.labels)} classes: {listed(run.labels, shown=SHOWN_CLASSES)}"
