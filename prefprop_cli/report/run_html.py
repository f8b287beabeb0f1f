"""One run on one page: what it learnt, what it gets right, and how sure one may be of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prefprop_cli.arrays import Ints
from prefprop_cli.calibration.calibrators import Identity
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.report import CalibrationReport, calibration_report
from prefprop_cli.config.load import dump_config
from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.corpus import Corpus
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.adapter import Adapter, read_adapter
from prefprop_cli.experiment.stored_logits import SavedLogits, load_logits
from prefprop_cli.report.baselines import CorpusOf, Floor, floor_of
from prefprop_cli.report.calibration_charts import reliability_picture
from prefprop_cli.report.calibration_tables import length_table
from prefprop_cli.report.collect import collect
from prefprop_cli.report.comparison_text import SHORT
from prefprop_cli.report.groups import group
from prefprop_cli.report.html import (
    Card,
    Matrix,
    Section,
    ShownDocument,
    html_page,
    where_from,
)
from prefprop_cli.report.learning_curves import LearningCurves
from prefprop_cli.report.page import NOTHING, PERCENT, SHARE, Grid, between
from prefprop_cli.report.scores import CALIBRATION, ScoredSet, score
from prefprop_cli.runs import RunFolder
from prefprop_cli.tasks.metrics import confusion_matrix, rates_by_class
from prefprop_cli.words import plural, shortened

WORST = 10
"""Documents that are shown."""
EXCERPT = 300
"""Characters of each."""
_DRAWN = ("accuracy", "f1_micro", "nll")
"""Metrics that the learning curves have in any case; F1 micro is the accuracy."""
MOST_CLASSES = 40
"""Of a confusion matrix; of more the most frequent confusions are listed."""
CONFUSIONS = 20


def run_page(
    run: RunFolder,
    *,
    split: str = "test",
    corpus_of: CorpusOf = read_corpus,
    excerpts: bool = True,
) -> str:
    """A run on a split of its data as the text of an HTML file that needs no network.

    All of it is what the run folder holds; baselines and excerpts are added where the data are
    still those of the run.

    Args:
        run: a finished one, which was evaluated on the split.
        split: whose figures it shows.
        corpus_of: reads the documents that a table `[data]` asks for; what it raises becomes a
            note.
        excerpts: whether it has the beginnings of texts, which not everybody may pass on.

    Raises:
        UsageError: the run is not finished, or was not evaluated on the split.
        DataError: its predictions cannot be scored.
        CorruptFileError: a file of the run is damaged.
    """
    found = _examine(run, split, corpus_of, excerpts=excerpts)
    return html_page(
        str(run.path),
        [section for make in _SECTIONS if (section := make(found))],
        lead=list(_lead(found)),
        cards=list(_cards(found)),
        warnings=list(dict.fromkeys((*found.leaks, *(found.floor.warnings or ())))),
    )


@dataclass(frozen=True)
class _Examined:
    """A run with all that its page says."""

    run: RunFolder
    adapter: Adapter
    saved: SavedLogits
    scored: ScoredSet
    floor: Floor
    texts: Mapping[str, str] | None
    """Of the documents, by id; None where they are not to be shown."""
    report: CalibrationReport
    predictions: Predictions
    """As `predict` gives them, calibrated."""

    @property
    def leaks(self) -> list[str]:
        return [str(leak) for leak in self.run.manifest.get("data_leaks") or ()]

    @property
    def is_calibrated(self) -> bool:
        return not isinstance(self.adapter.calibrator, Identity)

    @property
    def accuracy(self) -> str:
        """Its name: with one label for each document it is F1 micro as well."""
        return "accuracy" if "accuracy" in self.scored.shown else "f1_micro"

    @cached_property
    def confusions(self) -> Ints:
        labels = self.adapter.labels
        return confusion_matrix(self.saved.logits, self.saved.labels, n_classes=len(labels))


def _examine(run: RunFolder, split: str, corpus_of: CorpusOf, *, excerpts: bool) -> _Examined:
    adapter = read_adapter(run.trained_adapter)
    saved = load_logits(run.evaluation, split)
    collected = collect([run.path])
    if not collected.runs:
        raise UsageError("; ".join(collected.notes))
    (data,), _ = group(collected.runs)
    scored = score(data, split)
    texts: dict[str, str] = {}

    def reading(table: DataTable) -> Corpus:
        corpus = corpus_of(table)
        texts.update((each.id, each.text) for each in corpus.splits.get(split, ()))
        return corpus

    floor = floor_of(scored, corpus_of=reading)
    after = Predictions.from_logits(adapter.calibrator.logits(saved.logits), saved.labels)
    return _Examined(
        run=run,
        adapter=adapter,
        saved=saved,
        scored=scored,
        floor=floor,
        # Without baselines the texts are others than those of the run.
        texts=(texts if floor.baselines else {}) if excerpts else None,
        report=calibration_report(
            Predictions.from_logits(saved.logits, saved.labels),
            after,
            n_fit=len(saved.labels),
            class_names=adapter.labels,
            lengths=saved.n_tokens,
            n_bins=adapter.config.eval.bins,
            n_resamples=adapter.config.eval.resamples,
        ),
        predictions=after,
    )


def _lead(found: _Examined) -> Iterator[str]:
    line = found.scored.lines[0]
    classes = f", {len(found.adapter.labels)} classes" if found.adapter.task.has_classes else ""
    n = plural(len(found.saved.ids), "document")
    yield f"{line.name} on {line.backbone}; {n} of {found.scored.split}{classes}."


def _cards(found: _Examined) -> Iterator[Card]:
    """The accuracy of the run, then of the baselines."""
    own = found.scored.lines[0].estimates[found.accuracy]
    interval = own.overall
    ends = f"95 %: {between(interval, PERCENT)}" if interval else own.why
    yield Card(
        "accuracy of this run",
        f"{PERCENT.show(own.seeds.mean)} %",
        f"{ends}, on {plural(len(found.saved.ids), 'document')}",
        at=100 * own.seeds.mean,
        interval=(100 * interval.low, 100 * interval.high) if interval else None,
    )
    for each in found.floor.baselines:
        interval = each.intervals.get(found.accuracy)
        yield Card(
            each.name,
            f"{PERCENT.show(each.figures[found.accuracy])} %",
            f"95 %: {between(interval, PERCENT)}" if interval else "",
            at=100 * each.figures[found.accuracy],
            interval=(100 * interval.low, 100 * interval.high) if interval else None,
        )


def _scores(found: _Examined) -> Section:
    line, baselines = found.scored.lines[0], found.floor.baselines
    names = [*dict.fromkeys((*found.scored.shown, *CALIBRATION))]
    paper = line.paper if line.on_papers_backbone else {}
    header = ("score", "this run", "95 %", *(each.name for each in baselines))
    rows = tuple(
        (
            _spelled(name, found.scored),
            SHARE.show(line.estimates[name].seeds.mean),
            between(line.estimates[name].overall, SHARE),
            *(_figure(each.figures.get(name)) for each in baselines),
            *([_figure(paper.get(name))] if paper else []),
        )
        for name in names
    )
    return Section(
        "Scores",
        tables=[Grid((*header, *(["the paper"] if paper else [])), rows)],
        notes=[
            *_missing(found, names),
            *([_before(found)] if found.is_calibrated else []),
            *found.floor.notes,
        ],
    )


def _before(found: _Examined) -> str:
    name = found.adapter.calibrator.name
    return f"They are of the model as it was trained; predict applies the {name} calibrator."


def _missing(found: _Examined, names: Sequence[str]) -> Iterator[str]:
    estimates = found.scored.lines[0].estimates
    for why in dict.fromkeys(filter(None, (estimates[name].why for name in names))):
        those = "; ".join(
            _spelled(name, found.scored) for name in names if estimates[name].why == why
        )
        yield f"No interval for {those}: {why}."


def _spelled(name: str, scored: ScoredSet) -> str:
    """A score's name for those who do not know the tables."""
    if name == "f1_micro":
        return "accuracy"
    what, _, of = name.partition("_")
    whole = {"macro": ", mean of the classes", "binary": f" of {scored.positive}"}
    return f"{what.replace('f1', 'F1')}{whole[of]}" if of in whole else SHORT[name]


def _figure(value: float | None) -> str:
    return NOTHING if value is None else SHARE.show(value)


def _curves(found: _Examined) -> Section | None:
    curves = LearningCurves(found.run)
    if not curves:
        return None
    chosen_by = found.adapter.config.train.metric
    drawn = ["accuracy", *([chosen_by] if chosen_by not in _DRAWN else [])]
    return Section(
        "Learning curves",
        pictures=[curves.loss(), *map(curves.metric, drawn)],
        folded=("The figures of each epoch", curves.by_epoch(("nll", *drawn, "ece"))),
    )


def _confusions(found: _Examined) -> Section | None:
    labels = found.adapter.labels
    if not found.adapter.task.has_classes:
        return None
    title, counts = "Confusion matrix", found.confusions
    if len(labels) <= MOST_CLASSES:
        return Section(title, matrix=Matrix(labels, counts.tolist()))
    wrong = counts - np.diag(counts.diagonal())
    places = [divmod(int(k), len(labels)) for k in np.argsort(-wrong, axis=None, kind="stable")]
    rows = [(labels[i], labels[j], str(wrong[i, j])) for i, j in places[:CONFUSIONS]]
    kept = tuple(row for row in rows if row[-1] != "0")
    return Section("Most frequent confusions", tables=[Grid(("label", "taken for", "times"), kept)])


def _classes(found: _Examined) -> Section | None:
    if not found.adapter.task.has_classes:
        return None
    counts = found.confusions
    rates = np.stack(rates_by_class(counts), axis=1)
    present = counts.sum(axis=0) + counts.sum(axis=1) > 0
    support = counts.sum(axis=1)
    rows = [
        (name, *map(SHARE.show, of_class), f"{n:,}")
        for name, of_class, n in zip(found.adapter.labels, rates.tolist(), support, strict=True)
    ]
    means = map(SHARE.show, rates[present].mean(axis=0).tolist())
    header = ("class", "precision", "recall", "F1", "documents")
    total = ("mean of the classes", *means, f"{support.sum():,}")
    return Section("Class by class", tables=[Grid(header, (*rows, total))])


def _reliability(found: _Examined) -> Section:
    report, calibrator = found.report, found.adapter.calibrator
    states = {"Before calibration" if found.is_calibrated else "Not calibrated": report.before}
    texts = []
    if found.is_calibrated:
        states[f"After: {calibrator}"] = report.after
        if found.scored.split == "validation":
            texts = ["The calibrator was fitted on these documents, so its error here is too low."]
    else:
        texts = ["The run has no calibrator; prefprop calibrate fits one on validation."]
    return Section(
        "Reliability",
        texts=[
            *(f"{when}: {state.told('ece', n=report.n)}." for when, state in states.items()),
            *texts,
        ],
        pictures=[
            reliability_picture(state, n=report.n, title=title) for title, state in states.items()
        ],
    )


def _lengths(found: _Examined) -> Section | None:
    rows = found.report.after.by_length
    notes = ["As predict gives them, after calibration."] if found.is_calibrated else []
    return Section("By length", tables=[length_table(rows)], notes=notes) if rows else None


def _worst(found: _Examined) -> Section:
    """The documents whose wrong label the model was surest of."""
    predictions = found.predictions
    wrong = np.flatnonzero(predictions.right == 0)
    surest = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:WORST].tolist()
    title = "Most confidently wrong"
    if not surest:
        return Section(title, texts=["No document was taken for another class."])
    mistakes = f"{plural(len(wrong), 'mistake')} in {plural(len(found.saved.ids), 'document')}"
    shown = f"; the surest {WORST}" if len(wrong) > WORST else ""
    is_missing = found.texts is not None and not found.texts
    notes = ["The texts are not at hand as they were in training."] if is_missing else []
    return Section(
        title,
        texts=[f"{mistakes}{shown}:"],
        documents=[_shown(found, place) for place in surest],
        notes=notes,
    )


def _shown(found: _Examined, place: int) -> ShownDocument:
    document, tokens = found.saved.ids[place], found.saved.n_tokens
    excerpt = " ".join((found.texts or {}).get(document, "").split())
    return ShownDocument(
        id=document,
        label=_name(found, int(found.saved.labels[place])),
        predicted=_name(found, int(found.predictions.probs[place].argmax())),
        prob=SHARE.show(float(found.predictions.confidence[place])),
        n_tokens=None if tokens is None else f"{tokens[place]:,}",
        excerpt=shortened(excerpt, length=EXCERPT),
    )


def _name(found: _Examined, place: int) -> str:
    labels = found.adapter.labels
    return labels[place] if labels else f"candidate {place + 1}"


def _where_from(found: _Examined) -> Section:
    documents = f"{len(found.saved.ids):,} of {found.scored.split}"
    return where_from(
        found.run,
        found.adapter,
        documents=documents,
        code=dump_config(found.adapter.config),
    )


_SECTIONS: tuple[Callable[[_Examined], Section | None], ...] = (
    *(_scores, _curves, _confusions, _classes),
    *(_reliability, _lengths, _worst, _where_from),
)
