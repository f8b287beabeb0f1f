"""Loss and metrics along the training of one run, from the rows that it logged."""

from collections.abc import Sequence
from statistics import fmean

from prefprop_cli.report.charts import Axis, Chart, Mark, Picture, Point
from prefprop_cli.report.comparison_text import SHORT
from prefprop_cli.report.drawing import at_least
from prefprop_cli.report.html import Element, Section
from prefprop_cli.report.page import SHARE, Grid
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.atomic import Record
from prefprop_cli.tasks.metrics import LOWER_IS_BETTER

_MOST_POINTS = 200
"""Of the line of the training loss; where there are more steps, each is the mean of several."""


class LearningCurves:
    """What a run logged of its training; true if it was ever evaluated.

    Raises:
        CorruptFileError: the rows are not what was written.
    """

    def __init__(self, run: RunFolder) -> None:
        rows = run.metrics()
        self._steps = [row for row in rows if row.get("loss") is not None]
        self._evaluations = [row for row in rows if "validation" in row]
        self._best = run.manifest.get("best_step")

    def __bool__(self) -> bool:
        return bool(self._evaluations)

    def section(
        self, title: str, drawn: Sequence[str], listed: Sequence[str], *, has_loss: bool = False
    ) -> Section:
        """Show pictures of some metrics, perhaps of the loss, and the figures of others, folded."""
        pictures = [*([self.loss()] if has_loss else []), *map(self.metric, drawn)]
        figures = Element("folded", self.by_epoch(listed), "The figures of each epoch")
        return Section(title, [Element("pictures", pictures), figures])

    def loss(self) -> Picture:
        """Draw the training loss, and the same loss on validation."""
        losses = [(float(row["step"]), float(row["loss"])) for row in self._steps]
        mean, size = _thinned(losses)
        of = f", means of {size} steps" if size > 1 else ""
        marks = [Mark("line thin second", [mean] if mean else [], f"training{of}")]
        return self._picture("Loss", [*marks, *self._marks("nll", "validation")])

    def metric(self, name: str) -> Picture:
        """Draw a metric of validation after each epoch."""
        what = SHORT.get(name, name.replace("_", " "))
        title = f"{what[0].upper()}{what[1:]} on validation"
        return self._picture(title, self._marks(name), is_share=name not in LOWER_IS_BETTER)

    def by_epoch(self, metrics: Sequence[str]) -> Grid:
        """Show the figures of some metrics after each epoch."""
        return Grid.of(
            self._evaluations,
            ("epoch", lambda row: f"{row['epoch']}{' (best)' * (row['step'] == self._best)}"),
            ("step", lambda row: f"{row['step']:,}"),
            ("training loss", self._mean_loss),
            *(
                (SHORT.get(name, name), lambda row, of=name: SHARE.show(row["validation"].get(of)))
                for name in metrics
            ),
        )

    def _mean_loss(self, evaluation: Record) -> str:
        losses = [row["loss"] for row in self._steps if row["epoch"] == evaluation["epoch"]]
        return SHARE.show(fmean(losses) if losses else None)

    def _marks(self, metric: str, name: str = "") -> list[Mark]:
        found = [(row["step"], row["validation"].get(metric)) for row in self._evaluations]
        points = [(float(step), float(value)) for step, value in found if value is not None]
        dots = [(point,) for point in points] if len(points) <= 40 else []
        return [Mark("line", [points] if points else [], name), Mark("dot", dots)]

    def _picture(self, title: str, marks: list[Mark], *, is_share: bool = False) -> Picture:
        points = [point for mark in marks for shape in mark.shapes for point in shape]
        values = [y for _, y in points] or [0.0, 1.0]
        low, high = min(0.0, *values), max(values)
        if is_share:
            low, high = at_least(0.2, (min(values), max(values)), most=1.0)
        air = 0.05 * (high - low)
        y = Axis(low - (air if low > 0 else 0), high + (air or 1.0))
        x = Axis(0, max((x for x, _ in points), default=1), label="step")
        if self._best is not None:
            best = [((self._best, y.low), (self._best, y.high))]
            marks = [Mark("whisker dashed", best, "the best epoch, which is kept"), *marks]
        alt = f"{title} along {x.high:,.0f} steps, from {values[0]:.3f} to {values[-1]:.3f}"
        return Picture(title, [Chart(x, y, marks)], alt=alt)


def _thinned(points: Sequence[Point]) -> tuple[list[Point], int]:
    """Means of as many points as leave no more than can be seen, and how many these are."""
    size = -(-len(points) // _MOST_POINTS) or 1
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(fmean(x for x, _ in each), fmean(y for _, y in each)) for each in groups], size
