"""The report of `calibrate` as an HTML page."""

from collections.abc import Iterator

from prefprop_cli.experiment.calibrate import FITTED_ON, Calibration
from prefprop_cli.report.calibration_tables import (
    SCORES,
    brier_table,
    choice_table,
    class_table,
    length_table,
    score_table,
    selection_table,
)
from prefprop_cli.report.html import (
    Aside,
    Facts,
    Folded,
    Pictures,
    Section,
    html_page,
    where_from,
)
from prefprop_cli.report.learning_curves import LearningCurves
from prefprop_cli.report.methods import (
    backbone_name,
    has_papers_backbone,
    method_label,
    papers_backbone,
)
from prefprop_cli.report.page import missing_intervals
from prefprop_cli.report.paper import paper_figures
from prefprop_cli.report.reliability_diagram import reliability_picture, risk_coverage_picture

_TESTS = Aside(
    "After calibration. By chance: the mean ECE of calibrated models with the same confidences, "
    "and p how often they have at least this one. As many rows are as many tests."
)


def calibration_html(found: Calibration) -> str:
    """The whole report of a calibrated run as the text of an HTML file."""
    report = found.report
    states = {"Before": report.before, "After": report.after}
    return html_page(
        f"Calibration of {found.folder.path}",
        [_scores(found), *_sections(found)],
        lead=[
            f"{when} calibration: {state.interpretation('ece', n=report.n)}."
            for when, state in states.items()
        ],
    )


def _scores(found: Calibration) -> Section:
    report, config = found.report, found.adapter.config
    paper = paper_figures(config.data.set, method_label(config))
    theirs, ours = papers_backbone(config), backbone_name(config)
    other = "" if has_papers_backbone(config) else f", here it is {ours}"
    of_paper = Aside(f"The paper's figures (its tables 2 and 3) are of {theirs}{other}.")
    names = report.before.scores
    missing = missing_intervals((SCORES[name][0], each.why) for name, each in names.items())
    notes = Aside(
        f"{report.n} documents; {report.n_bins} bins where nothing else is said. By chance: "
        "the mean of perfectly calibrated models with these confidences, their 95th "
        "percentile, and how often they have at least the error above. The intervals "
        "are of 95 %: of errors in bins of equal width by inverted tests, of the accuracy "
        "Wilson's, of Brier score and NLL Student's, moved for skewness. Every other error is "
        "too high for few documents; read it beside chance."
    )
    definitions = Facts(dict(SCORES[name] for name in names))
    return Section(
        "Scores",
        [
            score_table(report, paper=paper),
            *([of_paper] if paper else []),
            *(notes, *map(Aside, missing)),
            Folded("What each score is", definitions),
        ],
    )


def _sections(found: Calibration) -> Iterator[Section]:
    report, calibrator = found.report, found.fitted.calibrator
    before, after, n = report.before, report.after, report.n
    titles = {"Before": before, f"After: {calibrator}": after}
    pictures = [reliability_picture(state, n=n, title=title) for title, state in titles.items()]
    yield Section("Reliability", [Pictures(pictures)])
    fitted_on = (
        "each calibrated by what was fitted on the other four fifths"
        if found.cross_fitted
        else f"calibrated by what was fitted on {report.n_fit:,} of {FITTED_ON}"
    )
    yield Section(
        "What calibration did",
        [
            f"{calibrator.name}: {calibrator}, {fitted_on}. It changed {report.changed:.1%} of the "
            "predicted classes.",
            *([choice_table(found.fitted)] if found.fitted.trials else []),
            brier_table(report),
            Aside("Lower reliability is better, higher resolution is better."),
        ],
    )
    yield Section(
        "Leaving the uncertain ones to a person",
        [Pictures([risk_coverage_picture(report)]), selection_table(after)],
    )
    if after.by_class:
        yield Section("Class by class", [class_table(after.by_class), _TESTS])
    if after.by_length:
        yield Section("By length", [length_table(after.by_length), _TESTS])
    if curves := LearningCurves(found.folder):
        names = ("ece", "accuracy")
        figures = Folded("The figures of each epoch", curves.by_epoch(names))
        yield Section("Along training", [Pictures([*map(curves.metric, names)]), figures])
    documents = f"{n:,} of {found.split}, {fitted_on}"
    facts = where_from(found.folder, found.adapter, documents=documents)
    yield Section("Where it comes from", [facts])
