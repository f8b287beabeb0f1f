"""One run on one page: what it learnt, what it gets right, and how sure one may be of it."""

from collections.abc import Iterator, Mapping
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
from prefprop_cli.report.baselines import Baselines, CorpusOf, baselines_of
from prefprop_cli.report.calibration_tables import length_table
from prefprop_cli.report.collect import collect
from prefprop_cli.report.comparison_text import SHORT
from prefprop_cli.report.groups import group
from prefprop_cli.report.html import (
    Aside,
    Card,
    Code,
    Documents,
    Folded,
    HtmlBlock,
    Matrix,
    Pictures,
    Section,
    ShownDocument,
    html_page,
    where_from,
)
from prefprop_cli.report.learning_curves import LearningCurves
from prefprop_cli.report.page import PERCENT, SHARE, Grid, missing_intervals
from prefprop_cli.report.reliability_diagram import reliability_picture
from prefprop_cli.report.scores import CALIBRATION, ScoredSet, ScoredVariant, score
from prefprop_cli.runs import RunFolder
from prefprop_cli.tasks.metrics import confusion_matrix, rates_by_class
from prefprop_cli.words import plural, shortened

WORST = 10
"""Documents that are shown."""
EXCERPT = 300
"""Characters of each."""
MOST_CLASSES = 40
"""Of a confusion matrix; of more the most frequent confusions are listed."""
CONFUSIONS = 20
_DRAWN = ("accuracy", "f1_micro", "nll")
"""Metrics that the learning curves have in any case; F1 micro is the accuracy."""


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
    found = _examined(run, split, corpus_of, excerpts=excerpts)
    leaks = (str(leak) for leak in run.manifest.get("data_leaks") or ())
    classes = f", {len(found.labels)} classes" if found.labels else ""
    documents = plural(len(found.saved.ids), "document")
    return html_page(
        str(run.path),
        [
            *(_scores(found), *_curves(found), *_classes(found), _reliability(found)),
            *(*_lengths(found), _worst(found), _where_from(found)),
        ],
        lead=[f"{found.own.name} on {found.own.backbone}; {documents} of {split}{classes}."],
        cards=[*_cards(found)],
        warnings=[*dict.fromkeys((*leaks, *(found.baselines.warnings or ())))],
    )


@dataclass(frozen=True)
class _Examined:
    """A run with all that its page says."""

    run: RunFolder
    adapter: Adapter
    saved: SavedLogits
    scored: ScoredSet
    baselines: Baselines
    texts: Mapping[str, str] | None
    """Of the documents, by id; None where they are not to be shown."""
    report: CalibrationReport
    predictions: Predictions
    """As `predict` gives them, calibrated."""

    @property
    def labels(self) -> tuple[str, ...]:
        return self.adapter.labels

    @property
    def own(self) -> ScoredVariant:
        """The run, scored."""
        return self.scored.variants[0]

    @property
    def is_calibrated(self) -> bool:
        return not isinstance(self.adapter.calibrator, Identity)

    @cached_property
    def confusions(self) -> Ints:
        return confusion_matrix(self.saved.logits, self.saved.labels, n_classes=len(self.labels))


def _examined(run: RunFolder, split: str, corpus_of: CorpusOf, *, excerpts: bool) -> _Examined:
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

    baselines = baselines_of(scored, corpus_of=reading)
    after = Predictions.from_logits(adapter.calibrator.logits(saved.logits), saved.labels)
    return _Examined(
        run=run,
        adapter=adapter,
        saved=saved,
        scored=scored,
        baselines=baselines,
        # Without baselines the texts are others than those of the run.
        texts=(texts if baselines.found else {}) if excerpts else None,
        report=calibration_report(
            Predictions.from_logits(saved.logits, saved.labels),
            after,
            lengths=saved.n_tokens,
            n_fit=len(saved.labels),
            class_names=adapter.labels,
            n_bins=adapter.config.eval.bins,
            n_resamples=adapter.config.eval.resamples,
        ),
        predictions=after,
    )


def _cards(found: _Examined) -> Iterator[Card]:
    """The accuracy of the run, then of the baselines."""
    # With one label for each document the accuracy is F1 micro as well.
    accuracy = "accuracy" if "accuracy" in found.scored.shown else "f1_micro"
    own = found.own.estimates[accuracy]
    ends = f"95 %: {PERCENT.between(own.overall)}" if own.overall else own.why
    text = f"{ends}, on {plural(len(found.saved.ids), 'document')}"
    yield Card("accuracy of this run", own.seeds.mean, own.overall, text)
    for each in found.baselines.found:
        interval = each.intervals.get(accuracy)
        text = f"95 %: {PERCENT.between(interval)}" if interval else ""
        yield Card(each.name, each.figures[accuracy], interval, text)


def _scores(found: _Examined) -> Section:
    estimates, calibrator = found.own.estimates, found.adapter.calibrator
    positive = found.scored.positive
    names = {
        name: _name_of(name, positive)
        for name in dict.fromkeys((*found.scored.shown, *CALIBRATION))
    }
    paper = found.own.paper if found.own.on_papers_backbone else {}
    grid = Grid.of(
        names,
        ("score", lambda name: names[name]),
        ("this run", lambda name: SHARE.show(estimates[name].seeds.mean)),
        ("95 %", lambda name: SHARE.between(estimates[name].overall)),
        *(
            (each.name, lambda name, of=each.figures: SHARE.show(of.get(name)))
            for each in found.baselines.found
        ),
        *([("the paper", lambda name: SHARE.show(paper.get(name)))] if paper else []),
    )
    whys = ((spelled, estimates[name].why) for name, spelled in names.items())
    trained = (
        f"They are of the model as it was trained; predict applies the {calibrator.name} "
        "calibrator."
    )
    notes = [*missing_intervals(whys, comma="; "), *([trained] if found.is_calibrated else [])]
    return Section("Scores", [grid, *map(Aside, (*notes, *found.baselines.notes))])


def _name_of(score: str, positive: str | None) -> str:
    """A score's name for those who do not know the tables."""
    if score == "f1_micro":
        return "accuracy"
    what, _, of = score.partition("_")
    whole = {"macro": ", mean of the classes", "binary": f" of {positive}"}
    return f"{what.replace('f1', 'F1')}{whole[of]}" if of in whole else SHORT[score]


def _curves(found: _Examined) -> Iterator[Section]:
    if curves := LearningCurves(found.run):
        chosen_by = found.adapter.config.train.metric
        drawn = ["accuracy", *([chosen_by] if chosen_by not in _DRAWN else [])]
        pictures = Pictures([curves.loss(), *map(curves.metric, drawn)])
        figures = curves.by_epoch(("nll", *drawn, "ece"))
        yield Section("Learning curves", [pictures, Folded("The figures of each epoch", figures)])


def _classes(found: _Examined) -> Iterator[Section]:
    """What is taken for what, and the rates of each class."""
    labels = found.labels
    if not labels:
        return
    counts = found.confusions
    if len(labels) <= MOST_CLASSES:
        yield Section("Confusion matrix", [Matrix(labels, counts.tolist())])
    else:
        wrong = counts - np.diag(counts.diagonal())
        places = [divmod(int(k), len(labels)) for k in np.argsort(-wrong, axis=None, kind="stable")]
        rows = [(labels[i], labels[j], str(wrong[i, j])) for i, j in places[:CONFUSIONS]]
        grid = Grid(("label", "taken for", "times"), tuple(row for row in rows if row[-1] != "0"))
        yield Section("Most frequent confusions", [grid])
    rates, support = np.stack(rates_by_class(counts), axis=1), counts.sum(axis=1)
    present = counts.sum(axis=0) + support > 0
    of_classes = [
        (name, *map(SHARE.show, of_class), f"{n:,}")
        for name, of_class, n in zip(labels, rates.tolist(), support, strict=True)
    ]
    means = map(SHARE.show, rates[present].mean(axis=0).tolist())
    total = ("mean of the classes", *means, f"{support.sum():,}")
    header = ("class", "precision", "recall", "F1", "documents")
    yield Section("Class by class", [Grid(header, (*of_classes, total))])


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
    told = [f"{when}: {state.interpretation('ece', n=report.n)}." for when, state in states.items()]
    pictures = [
        reliability_picture(state, n=report.n, title=title) for title, state in states.items()
    ]
    return Section("Reliability", [*told, *texts, Pictures(pictures)])


def _lengths(found: _Examined) -> Iterator[Section]:
    if rows := found.report.after.by_length:
        note = [Aside("As predict gives them, after calibration.")] if found.is_calibrated else []
        yield Section("By length", [length_table(rows), *note])


def _worst(found: _Examined) -> Section:
    """The documents whose wrong label the model was surest of."""
    predictions = found.predictions
    wrong = np.flatnonzero(predictions.right == 0)
    surest = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:WORST].tolist()
    title = "Most confidently wrong"
    if not surest:
        return Section(title, ["No document was taken for another class."])
    mistakes = f"{plural(len(wrong), 'mistake')} in {plural(len(found.saved.ids), 'document')}"
    shown = f"; the surest {WORST}" if len(wrong) > WORST else ""
    blocks: list[HtmlBlock] = [f"{mistakes}{shown}:"]
    blocks.append(Documents([_shown(found, place) for place in surest]))
    if found.texts is not None and not found.texts:
        blocks.append(Aside("The texts are not at hand as they were in training."))
    return Section(title, blocks)


def _shown(found: _Examined, place: int) -> ShownDocument:
    def name(label: int) -> str:
        return found.labels[label] if found.labels else f"candidate {label + 1}"

    document, tokens = found.saved.ids[place], found.saved.n_tokens
    excerpt = " ".join((found.texts or {}).get(document, "").split())
    return ShownDocument(
        id=document,
        label=name(int(found.saved.labels[place])),
        predicted=name(int(found.predictions.probs[place].argmax())),
        prob=SHARE.show(float(found.predictions.confidence[place])),
        n_tokens=None if tokens is None else f"{tokens[place]:,}",
        excerpt=shortened(excerpt, length=EXCERPT),
    )


def _where_from(found: _Examined) -> Section:
    documents = f"{len(found.saved.ids):,} of {found.scored.split}"
    facts = where_from(found.run, found.adapter, documents=documents)
    return Section("Where it comes from", [facts, Code(dump_config(found.adapter.config))])
