"""One run on one page: what it learnt, what it gets right, and how sure one may be of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

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
from prefprop_cli.report.baselines import Baselines, CorpusOf, Row, baselines_of
from prefprop_cli.report.calibration_html import length_table
from prefprop_cli.report.collect import collect
from prefprop_cli.report.comparison_text import SHORT
from prefprop_cli.report.groups import group
from prefprop_cli.report.html import Card, Element, Section, aside, html_page, where_from
from prefprop_cli.report.learning_curves import LearningCurves
from prefprop_cli.report.page import PERCENT, SHARE, Grid, missing_intervals
from prefprop_cli.report.paper import has_papers_backbone, long_backbone_name
from prefprop_cli.report.reliability_diagram import reliability_picture
from prefprop_cli.report.scores import CALIBRATION, ScoredSet, ScoredVariant, score
from prefprop_cli.runs import RunFolder
from prefprop_cli.tasks.metrics import confusion_matrix, rates_by_class
from prefprop_cli.words import plural, shortened

WORST, EXCERPT = 10, 300
"""Documents that are shown, and characters of each."""
MOST_CLASSES, CONFUSIONS = 40, 20
"""Classes of a confusion matrix; of more so many of the most frequent confusions are listed."""
_DRAWN = ("accuracy", "f1_micro", "nll")
"""Metrics that the learning curves have in any case; F1 micro is the accuracy."""


def run_page(
    run: RunFolder, *, split: str = "test", corpus_of: CorpusOf = read_corpus, excerpts: bool = True
) -> str:
    """Write a finished run on a split that it was evaluated on as the text of an HTML file.

    The file needs no network. All of it is what the run folder holds; baselines and `excerpts`,
    beginnings of texts, which not everybody may pass on, are added where the data are still those
    of the run. `corpus_of` reads the documents that a table `[data]` asks for; what it raises
    becomes a note.

    Raises:
        UsageError: the run is not finished, or was not evaluated on the split.
        DataError: its predictions cannot be scored.
        CorruptFileError: a file of the run is damaged.
    """
    found = _examined(run, split, corpus_of, excerpts=excerpts)
    leaks = (str(leak) for leak in run.manifest.get("data_leaks") or ())
    classes = f", {len(found.adapter.labels)} classes" if found.adapter.task.has_classes else ""
    backbone = long_backbone_name(found.own.config)
    return html_page(
        str(run.path),
        [_scores(found), *_sections(found)],
        lead=[f"{found.own.name} on {backbone}; {found.documents} of {split}{classes}."],
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
    before: Predictions
    after: Predictions
    """As `predict` gives them, calibrated."""

    @property
    def own(self) -> ScoredVariant:
        """The run, scored."""
        return self.scored.variants[0]

    @property
    def documents(self) -> str:
        return plural(len(self.saved.ids), "document")

    @property
    def is_calibrated(self) -> bool:
        return not isinstance(self.adapter.calibrator, Identity)


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
    return _Examined(
        run=run,
        adapter=adapter,
        saved=saved,
        scored=scored,
        baselines=baselines,
        # Without baselines the texts are others than those of the run.
        texts=(texts if baselines.found else {}) if excerpts else None,
        before=Predictions.from_logits(saved.logits, saved.labels),
        after=Predictions.from_logits(adapter.calibrator.logits(saved.logits), saved.labels),
    )


def _cards(found: _Examined) -> Iterator[Card]:
    # With one label for each document the accuracy is F1 micro as well.
    accuracy = "accuracy" if "accuracy" in found.scored.shown else "f1_micro"
    for each in found.baselines.below(found.scored):
        of = each.estimates[accuracy]
        text = f"95 %: {PERCENT.between(of.overall)}" if of.overall else ""
        if each is found.own:
            text = f"{text or of.why}, on {found.documents}"
        name = "accuracy of this run" if each is found.own else each.name
        yield Card(name, of.seeds.mean, of.overall, text)


def _scores(found: _Examined) -> Section:
    estimates, positive = found.own.estimates, found.scored.positive
    metrics = dict.fromkeys((*found.scored.shown, *CALIBRATION))
    names = {metric: _name_of(metric, positive) for metric in metrics}
    paper = found.own.paper if has_papers_backbone(found.own.config) else {}

    def column(of: Row) -> Callable[[str], str]:
        return lambda metric: SHARE.show(of.mean(metric))

    grid = Grid.of(
        metrics,
        ("score", lambda metric: names[metric]),
        ("this run", column(found.own)),
        ("95 %", lambda metric: SHARE.between(estimates[metric].overall)),
        *((each.name, column(each)) for each in found.baselines.found),
        *([("the paper", lambda metric: SHARE.show(paper.get(metric)))] if paper else []),
    )
    whys = ((names[metric], estimates[metric].why) for metric in metrics)
    trained = (
        "They are of the model as it was trained; predict applies the "
        f"{found.adapter.calibrator.name} calibrator."
    )
    notes = [*missing_intervals(whys, comma="; "), *([trained] if found.is_calibrated else [])]
    return Section("Scores", [grid, *map(aside, (*notes, *found.baselines.notes))])


def _name_of(metric: str, positive: str | None) -> str:
    """A metric's name for those who do not know the tables."""
    if metric == "f1_micro":
        return "accuracy"
    what, _, of = metric.partition("_")
    whole = {"macro": ", mean of the classes", "binary": f" of {positive}"}
    return f"{what.replace('f1', 'F1')}{whole[of]}" if of in whole else SHORT[metric]


def _sections(found: _Examined) -> Iterator[Section]:
    if curves := LearningCurves(found.run):
        chosen_by = found.adapter.config.train.metric
        drawn = ["accuracy", *([chosen_by] if chosen_by not in _DRAWN else [])]
        yield curves.section("Learning curves", drawn, ("nll", *drawn, "ece"), has_loss=True)
    if found.adapter.task.has_classes:
        yield from _classes(found)
    report = calibration_report(
        found.before,
        found.after,
        lengths=found.saved.n_tokens,
        n_fit=len(found.saved.labels),
        class_names=found.adapter.labels,
        n_bins=found.adapter.config.eval.bins,
        n_resamples=found.adapter.config.eval.resamples,
    )
    yield _reliability(found, report)
    if rows := report.after.by_length:
        note = [aside("As predict gives them, after calibration.")] if found.is_calibrated else []
        yield Section("By length", [length_table(rows), *note])
    yield _worst(found)
    documents = f"{len(found.saved.ids):,} of {found.scored.split}"
    code = Element("code", dump_config(found.adapter.config))
    where = where_from(found.run, found.adapter, documents=documents)
    yield Section("Where it comes from", [where, code])


def _classes(found: _Examined) -> Iterator[Section]:
    labels, saved = found.adapter.labels, found.saved
    counts = confusion_matrix(saved.logits, saved.labels, n_classes=len(labels))
    if len(labels) <= MOST_CLASSES:
        matrix = {"labels": labels, "counts": counts.tolist()}
        yield Section("Confusion matrix", [Element("matrix", matrix)])
    else:
        wrong = counts - np.diag(counts.diagonal())
        places = [divmod(int(k), len(labels)) for k in np.argsort(-wrong, axis=None, kind="stable")]
        rows = [(labels[i], labels[j], str(wrong[i, j])) for i, j in places[:CONFUSIONS]]
        grid = Grid(("label", "taken for", "times"), tuple(row for row in rows if row[-1] != "0"))
        yield Section("Most frequent confusions", [grid])
    rates, support = np.stack(rates_by_class(counts), axis=1), counts.sum(axis=1)
    present = counts.sum(axis=0) + support > 0
    header = ("class", "precision", "recall", "F1", "documents")
    names = (*labels, "mean of the classes")
    means = [*rates.tolist(), rates[present].mean(axis=0).tolist()]
    totals = [*support.tolist(), support.sum()]
    of_classes = (
        (name, *map(SHARE.show, of_class), f"{n:,}")
        for name, of_class, n in zip(names, means, totals, strict=True)
    )
    yield Section("Class by class", [Grid(header, tuple(of_classes))])


def _reliability(found: _Examined, report: CalibrationReport) -> Section:
    if found.is_calibrated:
        after = f"After: {found.adapter.calibrator}"
        states = {"Before calibration": report.before, after: report.after}
        text = "The calibrator was fitted on these documents, so its error here is too low."
        texts = [text] if found.scored.split == "validation" else []
    else:
        states = {"Not calibrated": report.before}
        texts = ["The run has no calibrator; prefprop calibrate fits one on validation."]
    told = [f"{when}: {state.interpretation('ece', n=report.n)}." for when, state in states.items()]
    pictures = [reliability_picture(each, n=report.n, title=when) for when, each in states.items()]
    return Section("Reliability", [*told, *texts, Element("pictures", pictures)])


def _worst(found: _Examined) -> Section:
    """The documents whose wrong label the model was surest of."""
    after, saved = found.after, found.saved
    wrong = np.flatnonzero(after.right == 0)
    surest = wrong[np.argsort(-after.confidence[wrong], kind="stable")][:WORST].tolist()
    title = "Most confidently wrong"
    if not surest:
        return Section(title, ["No document was taken for another class."])
    names = found.adapter.labels or [f"candidate {k + 1}" for k in range(after.probs.shape[1])]
    texts = found.texts or {}
    documents = [
        {
            "id": saved.ids[place],
            "label": names[int(saved.labels[place])],
            "predicted": names[int(after.probs[place].argmax())],
            "prob": SHARE.show(float(after.confidence[place])),
            "n_tokens": "" if saved.n_tokens is None else f"{saved.n_tokens[place]:,}",
            "excerpt": shortened(" ".join(texts.get(saved.ids[place], "").split()), length=EXCERPT),
        }
        for place in surest
    ]
    shown = f"; the surest {WORST}" if len(wrong) > WORST else ""
    text = f"{plural(len(wrong), 'mistake')} in {found.documents}{shown}:"
    blocks: list[str | Element] = [text, Element("documents", documents)]
    if found.texts is not None and not found.texts:
        blocks.append(aside("The texts are not at hand as they were in training."))
    return Section(title, blocks)
