"""`prefprop predict`: documents in, one row each out, in order."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.options import tell_passed_over
from prefprop_cli.cli.repeated import Repeated, few_notes
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.text import duration
from prefprop_cli.data.arrivals import Arrivals
from prefprop_cli.data.inputs import Inputs, Reader, Reading, copied_fields
from prefprop_cli.data.labelled import LabelledCopy, SeenColumns
from prefprop_cli.data.texts import TextRecord
from prefprop_cli.errors import DataError, PrefpropError
from prefprop_cli.experiment.predict import (
    Answer,
    AnswerColumns,
    Answers,
    answered,
    best,
    newest_for,
)
from prefprop_cli.experiment.predictor import Predictor, load_run
from prefprop_cli.runs.distributed import world
from prefprop_cli.tasks.base import Task
from prefprop_cli.training.inference import batch_size_on
from prefprop_cli.words import listed, plural

__all__ = ["Inputs", "Reading"]

SHOWN_CLASSES = 5
Write = Callable[[TextRecord, Answer], None]


@dataclass(frozen=True)
class PredictionRequest:
    """What is wanted of each document."""

    top_k: int = 1
    """Labels to show."""
    batch_size: int | None = None
    """Documents at a time on a GPU; None for that of the run."""
    strict: bool = False
    """Stop at the first that cannot be read."""
    uncalibrated: bool = False
    """Leave out what `calibrate` stored."""


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
    choice = None
    if path is None:
        choice = newest_for(sources, reading)
        path = choice.folder.path
    run = load_run(path, device=device, backbone=backbone)
    what = "which chooses among the candidates of questions"
    if run.task.has_classes:
        what = f"{len(run.labels)} classes: {listed(run.labels, shown=SHOWN_CLASSES)}"
    console.info(f"run: {path}, {what}")
    if choice:
        tell_passed_over(console, choice)
    return run


def predict_rows(
    console: Console, run: Predictor, inputs: Inputs, request: PredictionRequest
) -> None:
    """Predict each document and print its row as soon as it is known.

    Raises:
        DataError: a document could not be read or predicted; with `strict` the first one ends the
            work, else it has a row of its own and the others are still predicted.
        CorruptFileError: with `strict`, a file is damaged.
    """
    total = world().on_main(inputs.survey)
    write = partial(_print, console, top_k=request.top_k)
    tally = _predict(console, run, inputs, request, write=write, total=total)
    console.info(tally.told())
    _fail_if_any(tally, "the rows with an error say why")


def predict_copy(
    console: Console,
    run: Predictor,
    inputs: Inputs,
    request: PredictionRequest,
    *,
    out: Path,
    force: bool,
) -> None:
    """Write a labelled copy of the documents and print its name; none if none can be predicted.

    Raises:
        DataError, CorruptFileError: as `predict_rows`; but for `strict`, the copy is there.
        UsageError: another process writes the file.
        ResourceError: it cannot be written.
    """
    seen = SeenColumns(with_types=out.suffix == ".parquet")
    total = world().on_main(partial(inputs.survey, seen))
    added = AnswerColumns.of(run, seen, top_k=request.top_k)
    for wanted, name in added.renamed.items():
        console.info(f"{out}: {wanted} is a column of the input; what is added is {name}")
    copy = LabelledCopy(
        out, columns=seen.names, added=added.columns.values(), types=added.types(seen), force=force
    )

    def write(record: TextRecord, answer: Answer) -> None:
        copy.write({**copied_fields(record), **added.cells(record, answer)})

    try:
        with copy if world().is_main else nullcontext():
            tally = _predict(console, run, inputs, request, write=write, total=total)
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
    _fail_if_any(tally, f"see column {added.columns['error']} of {out}")


def watch(
    console: Console, run: Predictor, reader: Reader, folder: Path, request: PredictionRequest
) -> None:
    """Print a row for each document that is in a folder or appears in it, until a signal comes.

    Raises:
        Interrupted: the signal.
        DataError: the folder is gone; or as `predict_rows` with `strict`.
    """
    console.info(f"watching {folder}; Ctrl-C ends it")
    arrivals = Arrivals(folder, suffixes=reader.suffixes)
    size, tally = _size(run, request), Tally(run.task)
    write = partial(_print, console, top_k=request.top_k)
    with StopRequest() as stop:
        with few_notes(console), Repeated(console.warn) as warn:
            for path in arrivals.until(lambda: stop.requested):
                records = reader.records(str(path))
                while not stop.requested and (chunk := list(islice(records, size))):
                    answers = answered(run, chunk, calibrated=not request.uncalibrated)
                    tally.add(answers)
                    _tell(answers, write=write, warn=warn, strict=request.strict)
        console.info(tally.told())
        stop.raise_if_requested()


class Tally:
    """How many documents there were, and what became of them."""

    def __init__(self, task: Task) -> None:
        self._has_classes = task.has_classes
        self.n_documents, self.n_failed = 0, 0
        self._labels: Counter[str] = Counter()
        self._started_s = time.monotonic()

    def add(self, answers: Answers) -> None:
        """Count some more."""
        for _, answer in answers:
            self.n_documents += 1
            if isinstance(answer, PrefpropError):
                self.n_failed += 1
            elif self._has_classes:
                self._labels[answer.label] += 1

    @property
    def n_predicted(self) -> int:
        """Documents that have a label now."""
        return self.n_documents - self.n_failed

    def told(self) -> str:
        """`predicted 118 of 120 documents in 14 s: cars 60, space 58; 2 could not be read`."""
        of = f"{self.n_predicted:,} of " if self.n_failed else ""
        seconds = time.monotonic() - self._started_s
        took = f"{seconds:.0f} s" if seconds < 99.5 else duration(seconds)
        counts = [
            f"{label} ({count:,})" if label[-1:].isdigit() else f"{label} {count:,}"
            for label, count in self._labels.most_common()
        ]
        labels = f": {listed(counts, shown=SHOWN_CLASSES)}" if counts else ""
        failed = f"; {self.n_failed:,} could not be read" if self.n_failed else ""
        return f"predicted {of}{plural(self.n_documents, 'document')} in {took}{labels}{failed}"

    def record(self) -> dict[str, object]:
        """The counts for a program."""
        labels = dict(self._labels.most_common())
        return {"n_documents": self.n_documents, "n_failed": self.n_failed, "labels": labels}


def _predict(
    console: Console,
    run: Predictor,
    inputs: Inputs,
    request: PredictionRequest,
    *,
    write: Write,
    total: int | None,
) -> Tally:
    here, tally, records = world(), Tally(run.task), inputs.records()
    work = partial(answered, run, calibrated=not request.uncalibrated)
    with (
        closing(records),
        console.progress(total=total, label="document") as progress,
        few_notes(console),
        Repeated(console.warn) as warn,
    ):
        tell = partial(_tell, write=write, warn=warn, strict=request.strict)
        for answers in here.stream(records, work, size=_size(run, request)):
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
    def fail() -> None:
        of = plural(tally.n_documents, "document")
        raise DataError(f"{tally.n_failed:,} of {of} could not be read; {where}")

    if tally.n_failed:
        world().on_main(fail)


def _size(run: Predictor, request: PredictionRequest) -> int:
    return batch_size_on(run.device, request.batch_size or run.plan.config.eval.batch_size)


def _print(console: Console, record: TextRecord, answer: Answer, *, top_k: int) -> None:
    if console.common.json:
        told = {"error": str(answer)} if isinstance(answer, PrefpropError) else vars(answer)
        console.result_json({"id": record.id, **told})
    elif isinstance(answer, PrefpropError):
        console.row([record.id, "ERROR", str(answer)])
    else:
        cells = [cell for name, prob in best(answer, top_k) for cell in (name, f"{prob:.4f}")]
        console.row([record.id, *cells])
