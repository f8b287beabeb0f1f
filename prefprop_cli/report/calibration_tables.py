"""The tables of a calibration report."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from prefprop_cli.calibration.calibrators import Fitted
from prefprop_cli.calibration.null import NullSummary
from prefprop_cli.calibration.report import CalibrationReport, Score, State
from prefprop_cli.calibration.slices import ClassSlice, Slice
from prefprop_cli.experiment.calibrate import Calibration
from prefprop_cli.report.page import NOTHING, PERCENT, SHARE, Grid, Page, p_value

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


def score_table(report: CalibrationReport, *, paper: Mapping[str, float]) -> Grid:
    """All scores before and after, what chance gives, and the paper's where there are some."""
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


def runs_page(found: Sequence[Calibration], *, score: str) -> Page:
    """A row for each run: `ece` or `ece_paper` before and after, what chance gives, and the NLL."""
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


def choice_table(fitted: Fitted) -> Grid:
    """What `auto` compared."""
    return Grid.of(
        fitted.trials,
        ("method", lambda each: each.name),
        ("NLL in cross-validation", lambda each: f"{each.nll:.4f} ± {each.se:.4f}"),
        ("beaten by", lambda each: each.beaten_by or NOTHING),
        (
            "by",
            lambda each: f"{each.behind:.4f} ± {each.behind_se:.4f}" if each.beaten_by else NOTHING,
        ),
    )


def brier_table(report: CalibrationReport) -> Grid:
    """The Brier score taken apart, before and after."""
    before, after = asdict(report.before.brier), asdict(report.after.brier)
    of = "" if report.after.by_class else " of the top label"
    return Grid.of(
        before,
        (f"Brier score{of} and its parts", lambda name: name.replace("_", " ")),
        ("before", lambda name: SHARE.show(before[name])),
        ("after", lambda name: SHARE.show(after[name])),
    )


def selection_table(state: State) -> Grid:
    """What is kept at some coverages, and how much of it is right."""
    return Grid.of(
        state.selections,
        ("kept", lambda each: f"{each.coverage:.0%}"),
        ("documents", lambda each: f"{each.n:,}"),
        ("confidence at least", lambda each: SHARE.show(each.threshold)),
        ("accuracy, %", lambda each: PERCENT.show(each.accuracy)),
        ("95 %", lambda each: PERCENT.between(each.interval)),
    )


def class_table(rows: Sequence[ClassSlice]) -> Grid:
    """Every class from both sides: its documents, and the predictions of it."""
    return Grid.of(
        rows,
        ("class", lambda each: each.name),
        ("documents", lambda each: f"{each.n:,}"),
        ("recall, %", lambda each: PERCENT.show(each.recall)),
        ("95 %", lambda each: PERCENT.between(each.interval)),
        ("predicted", lambda each: f"{each.predicted.n:,}"),
        ("precision, %", lambda each: PERCENT.show(each.predicted.accuracy)),
        ("confidence, %", lambda each: PERCENT.show(each.predicted.confidence)),
        ("ECE", lambda each: _if_any(each.predicted, SHARE.show(each.predicted.ece))),
        ("by chance", lambda each: _if_any(each.predicted, SHARE.show(each.predicted.null_mean))),
        ("p", lambda each: _if_any(each.predicted, p_value(each.predicted.p_value))),
    )


def length_table(rows: Sequence[Slice]) -> Grid:
    """Documents by their length."""
    return Grid.of(
        rows,
        ("tokens", lambda each: each.name),
        ("documents", lambda each: f"{each.n:,}"),
        ("accuracy, %", lambda each: PERCENT.show(each.accuracy)),
        ("95 %", lambda each: PERCENT.between(each.interval)),
        ("confidence, %", lambda each: PERCENT.show(each.confidence)),
        ("ECE", lambda each: _if_any(each, SHARE.show(each.ece))),
        ("by chance", lambda each: _if_any(each, SHARE.show(each.null_mean))),
        ("p", lambda each: _if_any(each, p_value(each.p_value))),
    )


def _cells(score: Score) -> tuple[str, str]:
    return SHARE.show(score.value), SHARE.between(score.interval)


def _null(found: NullSummary) -> tuple[str, str]:
    return SHARE.show(found.mean), f"up to {SHARE.show(found.p95)}, p = {p_value(found.p_value)}"


def _if_any(found: Slice, cell: str) -> str:
    """What a slice shows where it has documents."""
    return cell if found.n else NOTHING
