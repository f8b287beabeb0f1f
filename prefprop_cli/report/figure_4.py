"""Figure 4: calibration error and accuracy along training, from the logits of each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from prefprop_cli.arrays import Floats
from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.stored_logits import load_logits, logits_path, step_name
from prefprop_cli.report.collect import FinishedRun
from prefprop_cli.report.drawing import (
    GRID,
    QUIET,
    at_least,
    colours,
    drawing,
    legend_below,
)
from prefprop_cli.report.groups import DataSet, Line
from prefprop_cli.report.page import SHARE, Block, Grid, Heading, Page
from prefprop_cli.tables import TASKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Figure 4: calibration error and accuracy on validation, along training"
METRICS = ("ece", "ece_paper", "accuracy")
_DRAWN = {"ece": "ECE", "accuracy": "accuracy"}
_SPAN = 0.2
"""What the axis of the accuracy covers at least."""


@dataclass(frozen=True)
class Course:
    """The metrics of a line after each epoch that all its seeds have.

    Attributes:
        epochs: E of them.
        values: by metric, (E, seeds).
    """

    name: str
    epochs: list[int]
    values: dict[str, Floats]


@dataclass(frozen=True)
class CourseSet:
    """The courses of a data set."""

    name: str
    courses: tuple[Course, ...]


def courses_of(sets: Sequence[DataSet]) -> list[CourseSet]:
    """Read the logits that each run has stored of every epoch.

    Raises:
        DataError: no run has any.
        CorruptFileError: a file is damaged.
    """
    found = []
    for data in sets:
        courses = tuple(course for line in data.lines for course in _course(line))
        if courses:
            found.append(CourseSet(data.name, courses))
    if not found:
        raise DataError(
            "no run has the logits of its epochs (eval/validation-step-*.safetensors). "
            "Train again with this version"
        )
    return found


def figure_4(sets: Sequence[CourseSet]) -> Page:
    """The figures of the picture: first, lowest and last error; all epochs in the record."""
    header = ("method", "seeds", "epochs", "ECE first", "lowest", "at epoch", "last")
    blocks: list[Block] = []
    for each in sets:
        rows = tuple(map(_row, each.courses))
        blocks += [Heading(each.name), Grid((*header, "accuracy first", "last"), rows)]
    return Page("figure-4", TITLE, tuple(blocks), {"figure": "4", "sets": [*map(asdict, sets)]})


def draw_4(sets: Sequence[CourseSet]) -> Figure:
    """Two panels for each set: a line at the mean of the seeds, a band from least to greatest.

    Raises:
        UsageError: matplotlib is not installed.
    """
    with drawing(max(5.2, 3.8 * len(sets)), 5.6) as figure:
        panels = figure.subplots(2, len(sets), squeeze=False, sharex="col")
        found = colours(course.name for each in sets for course in each.courses)
        for column, each in zip(panels.T, sets, strict=True):
            column[0].set_title(each.name, loc="left", weight="bold")
            for axes, metric in zip(column, _DRAWN, strict=True):
                _draw_courses(axes, each, metric, found)
            column[-1].set_xlabel("epoch")
        for axes, label in zip(panels[:, 0], _DRAWN.values(), strict=True):
            axes.set_ylabel(f"{label}, validation")
        legend_below(figure)
    return figure


def _course(line: Line) -> Iterator[Course]:
    """The course of a line; none where a seed has no stored epoch, or they share none."""
    seeds = [_epochs(run) for run in line.runs]
    epochs = sorted(set.intersection(*(set(seed) for seed in seeds)))
    if epochs:
        values = {
            metric: np.array([[seed[epoch][metric] for seed in seeds] for epoch in epochs])
            for metric in METRICS
        }
        yield Course(line.name, epochs, values)


def _epochs(run: FinishedRun) -> dict[int, dict[str, float]]:
    """Metrics after each epoch, computed from its logits."""
    found = {}
    for row in run.folder.metrics():
        name = step_name(row["step"])
        if "validation" in row and logits_path(run.folder.evaluation, name).exists():
            saved = load_logits(run.folder.evaluation, name)
            metrics = TASKS[run.config.data.task].metrics(saved.logits.shape[1])
            found[int(row["epoch"])] = classification_metrics(
                saved.logits, saved.labels, metrics=metrics, n_bins=run.config.eval.bins
            )
    return found


def _draw_courses(axes: Axes, each: CourseSet, metric: str, colour_of: dict[str, str]) -> None:
    for course in each.courses:
        values, colour = course.values[metric], colour_of[course.name]
        n = values.shape[1]
        marker = "o" if len(course.epochs) < 25 else ""
        axes.plot(
            course.epochs,
            values.mean(axis=1),
            color=colour,
            marker=marker,
            markersize=3,
            label=course.name,
        )
        if n > 1:
            axes.fill_between(
                course.epochs, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15
            )
    if any(course.values[metric].shape[1] > 1 for course in each.courses):
        axes.fill_between([], [], color=QUIET, alpha=0.15, label="least to greatest of the seeds")
    axes.grid(color=GRID)
    axes.locator_params(axis="x", integer=True)
    if metric == "ece":
        axes.set_ylim(bottom=0)
    else:
        axes.set_ylim(at_least(_SPAN, axes.get_ylim(), most=1.0))


def _row(course: Course) -> tuple[str, ...]:
    ece, accuracy = (course.values[metric].mean(axis=1) for metric in _DRAWN)
    lowest = int(ece.argmin())
    return (
        course.name,
        str(course.values["ece"].shape[1]),
        str(len(course.epochs)),
        *(SHARE.show(ece[place]) for place in (0, lowest)),
        str(course.epochs[lowest]),
        SHARE.show(ece[-1]),
        *(SHARE.show(accuracy[place]) for place in (0, -1)),
    )
