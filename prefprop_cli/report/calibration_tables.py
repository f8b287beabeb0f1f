"""The tables of a calibration report."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite

from prefprop_cli.calibration.calibrators import Fitted
from prefprop_cli.calibration.report import CalibrationReport, NullSummary, Score, State
from prefprop_cli.calibration.slices import ClassSlice, Slice
from prefprop_cli.experiment.calibrate import Calibration
from prefprop_cli.report.page import NOTHING, PERCENT, SHARE, Grid, Page, between, p_value

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
    """All scores before and after, and what chance gives a calibrated model.

    Args:
        report: their figures.
        paper: the paper's figures for this experiment, by score; may be empty.
    """
    before, after = report.before, report.after
    header = ("score", "before", "95 %", "after", "95 %", *(["the paper's"] if paper else []))
    rows = []
    for name, first in before.scores.items():
        published = [SHARE.show(paper[name]) if name in paper else NOTHING] if paper else []
        rows.append((SCORES[name][0], *_score(first), *_score(after.scores[name]), *published))
        if name in ("ece", "ece_paper"):
            chance = (cell for state in (before, after) for cell in _null(state.null_of(name)))
            rows.append(("… by chance", *chance, *([NOTHING] if paper else [])))
    return Grid(header, tuple(rows))


def runs_page(found: Sequence[Calibration], *, score: str) -> Page:
    """A row for each run: the error before and after, what chance gives, and the NLL.

    Args:
        found: calibrated runs.
        score: `ece` or `ece_paper`.
    """
    title = SCORES[score][0]
    header = ("run", "calibration", "documents", f"{title} before", "95 %", "after", "95 %")
    grid = Grid(
        (*header, "by chance", "p", "NLL before", "after"),
        tuple(_run_row(each, score) for each in found),
    )
    return Page("runs", f"Calibration on {found[0].split}", (grid,), {})


def _run_row(each: Calibration, score: str) -> tuple[str, ...]:
    before, after = each.report.before, each.report.after
    null = after.null_of(score)
    return (
        str(each.folder.path),
        str(each.fitted.calibrator),
        f"{each.report.n:,}",
        *_score(before.scores[score]),
        *_score(after.scores[score]),
        SHARE.show(null.mean),
        p_value(null.p_value),
        SHARE.show(before.scores["nll"].value),
        SHARE.show(after.scores["nll"].value),
    )


def choice_table(fitted: Fitted) -> Grid:
    """What `auto` compared."""
    rows = (
        (
            each.name,
            f"{each.nll:.4f} ± {each.se:.4f}",
            each.beaten_by or NOTHING,
            f"{each.behind:.4f} ± {each.behind_se:.4f}" if each.beaten_by else NOTHING,
        )
        for each in fitted.trials
    )
    return Grid(("method", "NLL in cross-validation", "beaten by", "by"), tuple(rows))


def brier_table(report: CalibrationReport) -> Grid:
    """The Brier score taken apart, before and after."""
    parts = {name.replace("_", " "): value for name, value in asdict(report.before.brier).items()}
    after = asdict(report.after.brier).values()
    rows = (
        (name, SHARE.show(x), SHARE.show(y))
        for (name, x), y in zip(parts.items(), after, strict=True)
    )
    of = "" if report.after.by_class else " of the top label"
    return Grid((f"Brier score{of} and its parts", "before", "after"), tuple(rows))


def selection_table(state: State) -> Grid:
    """What is kept at some coverages, and how much of it is right."""
    return Grid(
        ("kept", "documents", "confidence at least", "accuracy, %", "95 %"),
        tuple(
            (
                f"{each.coverage:.0%}",
                f"{each.n:,}",
                SHARE.show(each.threshold),
                PERCENT.show(each.accuracy),
                between(each.interval, PERCENT),
            )
            for each in state.selections
        ),
    )


def class_table(rows: Sequence[ClassSlice]) -> Grid:
    """Every class from both sides: its documents, and the predictions of it."""
    header = (
        "class",
        "documents",
        "recall, %",
        "95 %",
        "predicted",
        "precision, %",
        "confidence, %",
    )
    return Grid(
        (*header, "ECE", "by chance", "p"),
        tuple(
            (
                each.name,
                f"{each.n:,}",
                _share(each.recall),
                between(each.interval, PERCENT),
                f"{each.predicted.n:,}",
                _share(each.predicted.accuracy),
                _share(each.predicted.confidence),
                *_slice_error(each.predicted),
            )
            for each in rows
        ),
    )


def length_table(rows: Sequence[Slice]) -> Grid:
    """Documents by their length."""
    return Grid(
        ("tokens", "documents", "accuracy, %", "95 %", "confidence, %", "ECE", "by chance", "p"),
        tuple(
            (
                each.name,
                f"{each.n:,}",
                _share(each.accuracy),
                between(each.interval, PERCENT),
                _share(each.confidence),
                *_slice_error(each),
            )
            for each in rows
        ),
    )


def _score(score: Score) -> tuple[str, str]:
    return SHARE.show(score.value), between(score.interval, SHARE)


def _null(found: NullSummary) -> tuple[str, str]:
    return SHARE.show(found.mean), f"up to {SHARE.show(found.p95)}, p = {p_value(found.p_value)}"


def _slice_error(each: Slice) -> tuple[str, str, str]:
    if not each.n:
        return NOTHING, NOTHING, NOTHING
    return SHARE.show(each.ece), SHARE.show(each.null_mean), p_value(each.p_value)


def _share(value: float) -> str:
    return PERCENT.show(value) if isfinite(value) else NOTHING
