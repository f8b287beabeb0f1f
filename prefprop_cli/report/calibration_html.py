"""A calibration report as one HTML file that needs nothing else: no network, no scripts."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from prefprop_cli.build.calibration import FITTED_ON, Calibration
from prefprop_cli.config.schema import Config
from prefprop_cli.errors import DataError
from prefprop_cli.evaluation.calibration_report import ALPHA, CalibrationReport
from prefprop_cli.evaluation.drawing import figure_bytes
from prefprop_cli.evaluation.paper import paper_figures
from prefprop_cli.evaluation.plots import reliability_figure, risk_coverage_figure
from prefprop_cli.report.calibration_tables import (
    SCORES,
    brier_table,
    choice_table,
    class_table,
    conformal_table,
    length_table,
    score_table,
    selection_table,
)
from prefprop_cli.report.collect import collect
from prefprop_cli.report.figure_4 import courses_of, draw_4
from prefprop_cli.report.groups import group
from prefprop_cli.report.methods import (
    backbone_name,
    has_papers_backbone,
    method_label,
    papers_backbone,
)
from prefprop_cli.report.page import Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_TESTS = (
    "After calibration. By chance: the mean ECE of calibrated models with the same confidences, "
    "and p how often they have at least this one. As many rows are as many tests."
)


@dataclass(frozen=True)
class Section:
    """A heading with text, a picture, tables and small print."""

    title: str
    texts: Sequence[str] = ()
    picture: Figure | None = None
    alt: str = ""
    tables: Sequence[Grid] = ()
    notes: Sequence[str] = ()
    definitions: Mapping[str, str] = field(default_factory=dict)


def calibration_html(found: Calibration) -> str:
    """The whole report of a calibrated run as the text of an HTML file.

    Raises:
        UsageError: matplotlib is not installed.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["data_uri"] = _data_uri
    template = files("prefprop_cli.report").joinpath("calibration.html.j2").read_text("utf-8")
    return environment.from_string(template).render(
        run=found.folder.path,
        lead=list(_lead(found.report)),
        sections=[section for make in _SECTIONS if (section := make(found))],
        facts=_facts(found),
    )


def _lead(report: CalibrationReport) -> Iterator[str]:
    for when, state in (("Before", report.before), ("After", report.after)):
        yield f"{when} calibration: {state.told('ece', n=report.n)}."


def _facts(found: Calibration) -> dict[str, object]:
    config, manifest = found.adapter.config, found.folder.manifest
    packages = manifest.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    return {
        "method": method_label(config),
        "data": found.adapter.config.data.set,
        "documents": f"{found.report.n:,} of {found.split}, " + _fitted_on(found),
        "backbone": f"{backbone_name(config)}, sha256 {found.adapter.backbone_sha256[:12]}…",
        "seed": config.train.seed,
        "trained": f"{manifest.get('started')} on {manifest.get('device')}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def _data_uri(figure: Figure) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(figure_bytes(figure, "svg")).decode()


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
        picture=reliability_figure(found.report, after=str(found.fitted.calibrator)),
        alt="Reliability diagrams before and after calibration",
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
        picture=risk_coverage_figure(found.report),
        alt="Risk and coverage before and after calibration",
        tables=[selection_table(found.report.after)],
    )


def _sets(found: Calibration) -> Section | None:
    if not found.report.after.conformal:
        return None
    return Section(
        "Sets that hold the right class",
        texts=[
            f"Sets of classes made to hold the right one in {1 - ALPHA:.0%} of documents, by "
            f"split conformal prediction with {found.report.n_fit} {FITTED_ON} documents."
        ],
        tables=[conformal_table(found.report.after)],
        notes=[
            "Expected: where the coverage lies in 95 of 100 draws of so many validation "
            "documents. A calibrator or an epoch chosen on the same ones makes it approximate."
        ],
    )


def _classes(found: Calibration) -> Section | None:
    rows = found.report.after.by_class
    return Section("Class by class", tables=[class_table(rows)], notes=[_TESTS]) if rows else None


def _lengths(found: Calibration) -> Section | None:
    rows = found.report.after.by_length
    return Section("By length", tables=[length_table(rows)], notes=[_TESTS]) if rows else None


def _course(found: Calibration) -> Section | None:
    """Figure 4 of this run, if it has the logits of its epochs."""
    sets, _ = group(collect([found.folder.path]).runs)
    try:
        picture = draw_4(courses_of(sets))
    except DataError:
        return None
    return Section(
        "Along training",
        picture=picture,
        alt="Calibration error and accuracy on validation after each epoch",
    )


_SECTIONS: tuple[Callable[[Calibration], Section | None], ...] = (
    *(_scores, _reliability, _calibrator, _selection),
    *(_sets, _classes, _lengths, _course),
)
