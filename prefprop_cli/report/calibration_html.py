"""The report of `calibrate`: one run as an HTML page, several as rows of a page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from prefprop_cli.calibration.null import NullSummary
from prefprop_cli.calibration.report import CalibrationReport, Score
from prefprop_cli.calibration.slices import ClassSlice, Slice
from prefprop_cli.experiment.calibrate import FITTED_ON, Calibration
from prefprop_cli.notes import having
from prefprop_cli.report import paper as published
from prefprop_cli.report.html import Element, Section, aside, html_page, where_from
from prefprop_cli.report.learning_curves import LearningCurves
from prefprop_cli.report.page import (
    NOTHING,
    PERCENT,
    SHARE,
    Grid,
    Page,
    missing_intervals,
    p_value,
)
from prefprop_cli.report.reliability_diagram import reliability_picture, risk_coverage_picture

SCORES = {
    "accuracy": ("accuracy", "share of predictions that are right"),
    "confidence": ("mean confidence", "probability of the predicted class"),
    "ece": ("ECE", "bins of equal width, each held against its mean confidence (Guo et al. 2017)"),
    "ece_paper": ("ECE, the paper's", "10 bins, each held against its upper edge; it is never 0"),
    "ece_mass": ("ECE, equal mass", "groups of as many documents each"),
    "ece_debiased": (
        "ECE, debiased",
        "less the part of chance; below 0, less than chance gives (Kumar et al. 2019)",
    ),
    "smece": ("smECE", "a kernel in place of bins (Błasiok & Nakkiran 2023)"),
    "mce": ("MCE", "the largest error of a bin"),
    "rmsce": ("RMSCE", "root of the mean squared error of the bins"),
    "ace": ("ACE", "mean over classes, groups of equal size (Nixon et al. 2019)"),
    "brier": ("Brier score", "squared error of all probabilities, in [0, 2]"),
    "nll": ("NLL", "negative log-likelihood, in nats"),
    "aurc": ("AURC", "area under the risk-coverage curve"),
}
"""Each score's name for people, and what it is."""


_TESTS = aside(
    "After calibration. By chance: the mean ECE of calibrated models with the same confidences, "
    "and p how often they have at least this one. As many rows are as many tests."
)


def runs_page(found: Sequence[Calibration], *, score: str) -> Page:
    """Show in a row for each run `ece` or `ece_paper` before and after, chance, and the NLL."""
    grid = Grid.of(
        found,
        ("run", lambda each: str(each.folder.path)),
        ("calibration", lambda each: str(each.fitted.calibrator)),
        ("documents", lambda each: f"{each.report.n:,}"),
        (f"{SCORES[score][0]} before", lambda each: _cells(each.report.before.scores[score])[0]),
        ("95 %", lambda each: _cells(each.report.before.scores[score])[1]),
        ("after", lambda each: _cells(each.report.after.scores[score])[0]),
        ("95 %", lambda each: _cells(each.report.after.scores[score])[1]),
        ("by chance", lambda each: SHARE.show(each.report.after.null_of(score).mean)),
        ("p", lambda each: p_value(each.report.after.null_of(score).p_value)),
        ("NLL before", lambda each: SHARE.show(each.report.before.scores["nll"].value)),
        ("after", lambda each: SHARE.show(each.report.after.scores["nll"].value)),
    )
    return Page("runs", f"Calibration on {found[0].split}", (grid,), {})


def calibration_html(found: Calibration) -> str:
    """Write the whole report of a calibrated run as the text of an HTML file."""
    report = found.report
    states = {"Before": report.before, "After": report.after}
    return html_page(
        f"Calibration of {found.folder.path}",
        [_scores(found), *_sections(found)],
        lead=[
            f"{when} calibration: {state.interpretation('ece', n=report.n)}."
            for when, state in states.items()
        ],
        warnings=having("warning", found.notes),
    )


def _scores(found: Calibration) -> Section:
    report, config = found.report, found.adapter.config
    paper = published.paper_figures(config.data.set, published.method_label(config))
    theirs, ours = published.papers_backbone(config), published.backbone_name(config)
    other = "" if published.has_papers_backbone(config) else f", here it is {ours}"
    of_paper = aside(f"The paper's figures (its tables 2 and 3) are of {theirs}{other}.")
    names = report.before.scores
    missing = missing_intervals((SCORES[name][0], each.why) for name, each in names.items())
    notes = aside(
        f"{report.n} documents; {report.n_bins} bins where nothing else is said. By chance: "
        "the mean of perfectly calibrated models with these confidences, their 95th "
        "percentile, and how often they have at least the error above. The intervals "
        "are of 95 %: of errors in bins of equal width by inverted tests, of the accuracy "
        "Wilson's, of Brier score and NLL Student's, moved for skewness. Every other error is "
        "too high for few documents; read it beside chance."
    )
    definitions = dict(SCORES[name] for name in names)
    return Section(
        "Scores",
        [
            score_table(report, paper=paper),
            *([of_paper] if paper else []),
            *(notes, *map(aside, missing)),
            Element("folded", definitions, "What each score is"),
        ],
    )


def _sections(found: Calibration) -> Iterator[Section]:
    report, calibrator = found.report, found.fitted.calibrator
    before, after, n = report.before, report.after, report.n
    titles = {"Before": before, f"After: {calibrator}": after}
    pictures = [reliability_picture(state, n=n, title=title) for title, state in titles.items()]
    yield Section("Reliability", [Element("pictures", pictures)])
    fitted_on = (
        "each calibrated by what was fitted on the other four fifths"
        if found.cross_fitted
        else f"calibrated by what was fitted on {report.n_fit:,} of {FITTED_ON}"
    )
    yield _what_it_did(found, fitted_on)
    selection = Grid.of(
        after.selections,
        ("kept", lambda each: f"{each.coverage:.0%}"),
        ("documents", lambda each: f"{each.n:,}"),
        ("confidence at least", lambda each: SHARE.show(each.threshold)),
        ("accuracy, %", lambda each: PERCENT.show(each.accuracy)),
        ("95 %", lambda each: PERCENT.between(each.interval)),
    )
    yield Section(
        "Leaving the uncertain ones to a person",
        [Element("pictures", [risk_coverage_picture(report)]), selection],
    )
    if after.by_class:
        yield Section("Class by class", [class_table(after.by_class), _TESTS])
    if after.by_length:
        yield Section("By length", [length_table(after.by_length), _TESTS])
    if curves := LearningCurves(found.folder):
        metrics = ("ece", "accuracy")
        yield curves.section("Along training", metrics, metrics)
    documents = f"{n:,} of {found.split}, {fitted_on}"
    facts = where_from(found.folder, found.adapter, documents=documents)
    yield Section("Where it comes from", [facts])


def _what_it_did(found: Calibration, fitted_on: str) -> Section:
    before, after = asdict(found.report.before.brier), asdict(found.report.after.brier)
    calibrator, changed = found.fitted.calibrator, found.report.changed
    of = "" if found.report.after.by_class else " of the top label"
    choice = Grid.of(
        found.fitted.trials,
        ("method", lambda each: each.name),
        ("NLL in cross-validation", lambda each: f"{each.nll:.4f} ± {each.se:.4f}"),
        ("beaten by", lambda each: each.beaten_by or NOTHING),
        ("by", lambda t: f"{t.behind:.4f} ± {t.behind_se:.4f}" if t.beaten_by else NOTHING),
    )
    brier = Grid.of(
        before,
        (f"Brier score{of} and its parts", lambda name: name.replace("_", " ")),
        ("before", lambda name: SHARE.show(before[name])),
        ("after", lambda name: SHARE.show(after[name])),
    )
    text = (
        f"{calibrator.name}: {calibrator}, {fitted_on}. It changed {changed:.1%} of the predicted"
    )
    quiet = aside("Lower reliability is better, higher resolution is better.")
    tables = [choice, brier] if found.fitted.trials else [brier]
    return Section("What calibration did", [f"{text} classes.", *tables, quiet])


def score_table(report: CalibrationReport, *, paper: Mapping[str, float]) -> Grid:
    """Show all scores before and after, what chance gives, and the paper's if there are some."""
    before, after = report.before, report.after
    header = ("score", "before", "95 %", "after", "95 %", *(["the paper's"] if paper else []))
    rows = []
    for name, first in before.scores.items():
        published = [SHARE.show(paper.get(name))] if paper else []
        rows.append((SCORES[name][0], *_cells(first), *_cells(after.scores[name]), *published))
        if name in ("ece", "ece_paper"):
            chance = (cell for state in (before, after) for cell in _null(state.null_of(name)))
            rows.append(("… by chance", *chance, *([NOTHING] if paper else [])))
    return Grid(header, tuple(rows))


def class_table(rows: Sequence[ClassSlice]) -> Grid:
    """Show every class from both sides: its documents, and the predictions of it."""
    return Grid.of(
        rows,
        ("class", lambda each: each.name),
        ("documents", lambda each: f"{each.n:,}"),
        ("recall, %", lambda each: PERCENT.show(each.recall)),
        ("95 %", lambda each: PERCENT.between(each.interval)),
        ("predicted", lambda each: f"{each.predicted.n:,}"),
        ("precision, %", lambda each: PERCENT.show(each.predicted.accuracy)),
        ("confidence, %", lambda each: PERCENT.show(each.predicted.confidence)),
        ("ECE", lambda each: SHARE.show(each.predicted.ece)),
        ("by chance", lambda each: SHARE.show(each.predicted.null_mean)),
        ("p", lambda each: p_value(each.predicted.p_value)),
    )


def length_table(rows: Sequence[Slice]) -> Grid:
    """Show documents by their length."""
    return Grid.of(
        rows,
        ("tokens", lambda each: each.name),
        ("documents", lambda each: f"{each.n:,}"),
        ("accuracy, %", lambda each: PERCENT.show(each.accuracy)),
        ("95 %", lambda each: PERCENT.between(each.interval)),
        ("confidence, %", lambda each: PERCENT.show(each.confidence)),
        ("ECE", lambda each: SHARE.show(each.ece)),
        ("by chance", lambda each: SHARE.show(each.null_mean)),
        ("p", lambda each: p_value(each.p_value)),
    )


def _cells(score: Score) -> tuple[str, str]:
    return SHARE.show(score.value), SHARE.between(score.interval)


def _null(found: NullSummary) -> tuple[str, str]:
    return SHARE.show(found.mean), f"up to {SHARE.show(found.p95)}, p = {p_value(found.p_value)}"
