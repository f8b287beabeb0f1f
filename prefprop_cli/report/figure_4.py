"""Figure 4: calibration error and accuracy along training, from the logits of each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from prefprop_cli.arrays import Floats
from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.stored_logits import load_logits, logits_path, step_name
from prefprop_cli.report import drawing
from prefprop_cli.report.collect import FinishedRun
from prefprop_cli.report.groups import DataSet
from prefprop_cli.report.page import SHARE, Block, Grid, Heading, Page
from prefprop_cli.tables import TASKS

TITLE = "Figure 4: calibration error and accuracy on validation, along training"
METRICS = ("ece", "ece_paper", "accuracy")
_DRAWN = {"ece": "ECE", "accuracy": "accuracy"}
_SPAN = 0.2
"""What the axis of the accuracy covers at least."""


@dataclass(frozen=True)
class EpochScores:
    """The metrics of a variant after each of the E epochs that all its seeds have."""

    name: str
    epochs: list[int]
    values: dict[str, Floats]
    """By metric, (E, seeds)."""

    def mean(self, metric: str) -> Floats:
        """Return the mean over seeds, (E,)."""
        return np.asarray(self.values[metric].mean(axis=1))

    @property
    def n_seeds(self) -> int:
        return self.values["ece"].shape[1]


EpochSets = Mapping[str, Sequence[EpochScores]]
"""By data set, the variants that have stored epochs."""


def epoch_scores(sets: Sequence[DataSet]) -> EpochSets:
    """Read the logits that each run has stored of every epoch.

    Raises:
        DataError: no run has any.
        CorruptFileError: a file is damaged.
    """
    found: dict[str, list[EpochScores]] = {}
    for name, variant in ((data.name, each) for data in sets for each in data.variants):
        seeds = [_epochs(run) for run in variant.runs]
        if epochs := sorted(set.intersection(*map(set, seeds))):
            values = {
                metric: np.array([[seed[epoch][metric] for seed in seeds] for epoch in epochs])
                for metric in METRICS
            }
            found.setdefault(name, []).append(EpochScores(variant.name, epochs, values))
    if not found:
        raise DataError(
            "no run has the logits of its epochs (eval/validation-step-*.safetensors). "
            "Train again with this version"
        )
    return found


def _epochs(run: FinishedRun) -> dict[int, dict[str, float]]:
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


def figure_4(sets: EpochSets) -> Page:
    """Give first, lowest and last error; all epochs are in the record."""
    columns: tuple[tuple[str, Callable[[EpochScores], str]], ...] = (
        ("method", lambda each: each.name),
        ("seeds", lambda each: str(each.n_seeds)),
        ("epochs", lambda each: str(len(each.epochs))),
        ("ECE first", lambda each: SHARE.show(each.mean("ece")[0])),
        ("lowest", lambda each: SHARE.show(each.mean("ece").min())),
        ("at epoch", lambda each: str(each.epochs[each.mean("ece").argmin()])),
        ("last", lambda each: SHARE.show(each.mean("ece")[-1])),
        ("accuracy first", lambda each: SHARE.show(each.mean("accuracy")[0])),
        ("last", lambda each: SHARE.show(each.mean("accuracy")[-1])),
    )
    blocks: list[Block] = []
    record = []
    for name, variants in sets.items():
        blocks += [Heading(name), Grid.of(variants, *columns)]
        record.append({"name": name, "courses": [asdict(each) for each in variants]})
    draw = partial(draw_4, sets)
    return Page("figure-4", TITLE, tuple(blocks), {"figure": "4", "sets": record}, draw)


def draw_4(sets: EpochSets) -> drawing.Figure:
    """Draw two panels for each set: a line at the mean of the seeds, a band over all of them."""
    colour_of = drawing.colours(each.name for variants in sets.values() for each in variants)
    with drawing.new_figure(max(5.2, 3.8 * len(sets)), 5.6) as figure:
        panels = figure.subplots(2, len(sets), squeeze=False, sharex="col")
        for column, (name, variants) in zip(panels.T, sets.items(), strict=True):
            drawing.title(column[0], name)
            for axes, metric in zip(column, _DRAWN, strict=True):
                _draw_variants(axes, variants, metric, colour_of)
            column[0].set_ylim(bottom=0)
            column[1].set_ylim(drawing.at_least(_SPAN, column[1].get_ylim(), most=1.0))
            column[-1].set_xlabel("epoch")
        for axes, label in zip(panels[:, 0], _DRAWN.values(), strict=True):
            axes.set_ylabel(f"{label}, validation")
        drawing.legend_below(figure)
    return figure


def _draw_variants(
    axes: drawing.Axes, variants: Sequence[EpochScores], metric: str, colour_of: Mapping[str, str]
) -> None:
    for each in variants:
        values, colour = each.values[metric], colour_of[each.name]
        (line,) = axes.plot(each.epochs, each.mean(metric), color=colour, label=each.name)
        line.set(marker="o" if len(each.epochs) < 25 else "", markersize=3)
        if each.n_seeds > 1:
            ends = values.min(axis=1), values.max(axis=1)
            axes.fill_between(each.epochs, *ends, color=colour, alpha=0.15)
    if any(each.n_seeds > 1 for each in variants):
        label = "least to greatest of the seeds"
        axes.fill_between([], [], color=drawing.QUIET, alpha=0.15, label=label)
    axes.grid(color=drawing.GRID)
    axes.locator_params(axis="x", integer=True)
