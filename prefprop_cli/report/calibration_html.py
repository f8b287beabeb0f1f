"""The report of `calibrate` as an HTML page."""

from collections.abc import Callable, Iterator

from prefprop_cli.bench.paper import paper_figures
from prefprop_cli.calibration.report import CalibrationReport
from prefprop_cli.config.schema import Config
from prefprop_cli.experiment.calibrate import FITTED_ON, Calibration
from prefprop_cli.report.calibration_charts import (
    reliability_picture,
    risk_coverage_picture,
)
from prefprop_cli.report.calibration_tables import (
    SCORES,
    brier_table,
    choice_table,
    class_table,
    length_table,
    score_table,
    selection_table,
)
from prefprop_cli.report.html import Section, html_page, where_from
from prefprop_cli.report.learning_curves import LearningCurves
from prefprop_cli.report.methods import (
    backbone_name,
    has_papers_backbone,
    method_label,
    papers_backbone,
)

_TESTS = (
    "After calibration. By chance: the mean ECE of calibrated models with the same confidences, "
    "and p how often they have at least this one. As many rows are as many tests."
)


def calibration_html(found: Calibration) -> str:
    """The whole report of a calibrated run as the text of an HTML file."""
    documents = f"{found.report.n:,} of {found.split}, {_fitted_on(found)}"
    return html_page(
        f"Calibration of {found.folder.path}",
        [
            *(section for make in _SECTIONS if (section := make(found))),
            where_from(found.folder, found.adapter, documents=documents),
        ],
        lead=list(_lead(found.report)),
    )


def _lead(report: CalibrationReport) -> Iterator[str]:
    for when, state in (("Before", report.before), ("After", report.after)):
        yield f"{when} calibration: {state.told('ece', n=report.n)}."


def _scores(found: Calibration) -> Section:
    report, config = found.report, found.adapter.config
    paper = paper_figures(config.data.set, method_label(config))
    return Section(
        "Scores",
        tables=[score_table(report, paper=paper)],
        notes=[
            *([_of_the_paper(config)] if paper else []),
            f"{report.n} documents; {report.n_bins} bins where nothing else is said. By chance: "
            "the mean of perfectly calibrated models with these confidences, their 95th "
            "percentile, and how often they have at least the error above. The intervals "
            "are of 95 %: of errors in bins of equal width by inverted tests, of the accuracy "
            "Wilson's, of Brier score and NLL Student's, moved for skewness. Every other error is "
            "too high for few documents; read it beside chance.",
            *_missing(report),
        ],
        definitions=dict(SCORES[name] for name in report.before.scores),
    )


def _missing(report: CalibrationReport) -> Iterator[str]:
    """Which scores have no interval of those that could have, and why."""
    scores = report.before.scores
    for why in dict.fromkeys(each.why for each in scores.values() if each.why):
        names = ", ".join(SCORES[name][0] for name, each in scores.items() if each.why == why)
        yield f"No interval for {names}: {why}."


def _of_the_paper(config: Config) -> str:
    theirs, ours = papers_backbone(config), backbone_name(config)
    same = "" if has_papers_backbone(config) else f", here it is {ours}"
    return f"The paper's figures (its tables 2 and 3) are of {theirs}{same}."


def _fitted_on(found: Calibration) -> str:
    if found.cross_fitted:
        return "each calibrated by what was fitted on the other four fifths"
    return f"calibrated by what was fitted on {found.report.n_fit:,} of {FITTED_ON}"


def _reliability(found: Calibration) -> Section:
    return Section(
        "Reliability",
        pictures=[
            reliability_picture(state, n=found.report.n, title=title)
            for title, state in (
                ("Before", found.report.before),
                (f"After: {found.fitted.calibrator}", found.report.after),
            )
        ],
    )


def _calibrator(found: Calibration) -> Section:
    report, calibrator = found.report, found.fitted.calibrator
    choice = [choice_table(found.fitted)] if found.fitted.trials else []
    return Section(
        "What calibration did",
        texts=[
            f"{calibrator.name}: {calibrator}, {_fitted_on(found)}. It changed "
            f"{report.changed:.1%} of the predicted classes."
        ],
        tables=[*choice, brier_table(report)],
        notes=["Lower reliability is better, higher resolution is better."],
    )


def _selection(found: Calibration) -> Section:
    return Section(
        "Leaving the uncertain ones to a person",
        pictures=[risk_coverage_picture(found.report)],
        tables=[selection_table(found.report.after)],
    )


def _classes(found: Calibration) -> Section | None:
    rows = found.report.after.by_class
    return Section("Class by class", tables=[class_table(rows)], notes=[_TESTS]) if rows else None


def _lengths(found: Calibration) -> Section | None:
    rows = found.report.after.by_length
    return Section("By length", tables=[length_table(rows)], notes=[_TESTS]) if rows else None


def _course(found: Calibration) -> Section | None:
    curves = LearningCurves(found.folder)
    if not curves:
        return None
    names = ("ece", "accuracy")
    return Section(
        "Along training",
        pictures=[curves.metric(name) for name in names],
        folded=("The figures of each epoch", curves.by_epoch(names)),
    )


_SECTIONS: tuple[Callable[[Calibration], Section | None], ...] = (
    *(_scores, _reliability, _calibrator, _selection),
    *(_classes, _lengths, _course),
)
