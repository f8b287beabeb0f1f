"""What was asked for, from what was found: each table and figure by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.errors import PrefpropError, UsageError
from prefprop_cli.report.baselines import CorpusOf, Floor, floor_of
from prefprop_cli.report.collect import Collected, FinishedRun
from prefprop_cli.report.figure_2 import draw_2, figure_2
from prefprop_cli.report.figure_3 import draw_3, figure_3
from prefprop_cli.report.figure_4 import courses_of, draw_4, figure_4
from prefprop_cli.report.groups import DataSet, group
from prefprop_cli.report.page import Page
from prefprop_cli.report.scores import ScoredSet, score
from prefprop_cli.report.table_2 import table_2
from prefprop_cli.report.table_3 import table_3
from prefprop_cli.report.table_7 import table_7

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LengthsOf = Callable[[FinishedRun], NDArray[np.int64]]


@dataclass(frozen=True)
class Part:
    """A table or figure; `draw` makes the picture of a figure."""

    page: Page
    draw: Callable[[], Figure] | None = None


class Report:
    """Makes the parts of a report; what several share is computed once.

    Args:
        collected: what was found.
        split: whose figures the tables show; `runs` have to be evaluated on it.
        corpus_of: reads the texts that a table `[data]` asks for.
        lengths_of: tokens of each document of a run's data, all splits, before any are cut.

    Attributes:
        notes: what was left out, and why.
    """

    def __init__(
        self,
        collected: Collected,
        *,
        split: str,
        corpus_of: CorpusOf,
        lengths_of: LengthsOf,
    ) -> None:
        self._collected, self._split = collected, split
        self._corpus_of, self._lengths_of = corpus_of, lengths_of
        self._scored: list[ScoredSet] | None = None
        self.notes = list(collected.notes)

    @property
    def possible(self) -> list[str]:
        """Names of the parts for which there are runs or timings."""
        of_runs = ["table-2", "table-3", "figure-2", "figure-3", "figure-4"]
        of_timings = ["table-7"] if self._collected.timings else []
        return [*(of_runs if self._collected.runs else []), *of_timings]

    @property
    def runs(self) -> list[FinishedRun]:
        """Those that the tables show; not those that lost a search on validation."""
        return [run for data in self._sets for line in data.lines for run in line.runs]

    def scores(self, *, told: Callable[[], None] = lambda: None) -> list[ScoredSet]:
        """The runs scored on the split, data set by data set; `told` is called after each run.

        Raises:
            UsageError: a run was not evaluated on the split.
            DataError: the runs cannot be scored or compared.
        """
        if self._scored is None:
            self._scored = [score(data, self._split, told=told) for data in self._sets]
        return self._scored

    def part(self, name: str) -> Part:
        """Make `table-2`, `figure-4` and so on.

        Raises:
            UsageError: there are no runs, or no timings, to make it of.
            DataError: the runs cannot be scored or compared.
        """
        if name not in self.possible:
            raise UsageError(self._missing(name))
        make: dict[str, Callable[[], Part]] = {
            "table-2": lambda: Part(table_2(self.scores(), self._floors)),
            "table-3": lambda: Part(table_3(self.scores(), self._floors)),
            "table-7": lambda: Part(table_7(self._collected.timings)),
            "figure-2": lambda: Part(figure_2(self.scores()), partial(draw_2, self.scores())),
            "figure-3": self._figure_3,
            "figure-4": self._figure_4,
        }
        return make[name]()

    @cached_property
    def _sets(self) -> list[DataSet]:
        sets, notes = group(self._collected.runs)
        self.notes += notes
        return sets

    @cached_property
    def _floors(self) -> list[Floor]:
        return [floor_of(each, corpus_of=self._corpus_of) for each in self.scores()]

    def _figure_3(self) -> Part:
        lengths: dict[str, NDArray[np.int64]] = {}
        failures: list[PrefpropError] = []
        for data in self._sets:
            try:
                lengths[data.name] = self._lengths_of(data.lines[0].runs[0])
            except PrefpropError as error:
                failures.append(error)
                self.notes.append(f"without the lengths of {data.name}: {error}")
        if not lengths:
            raise failures[0]
        return Part(figure_3(lengths), partial(draw_3, lengths))

    def _figure_4(self) -> Part:
        sets = courses_of(self._sets)
        return Part(figure_4(sets), partial(draw_4, sets))

    def _missing(self, name: str) -> str:
        what = name.replace("-", " ")
        if name == "table-7":
            return (
                f"{what} is made of timings, and none were named. Name FILE.json of "
                "`prefprop bench --shape longformer-base --table 7 --json > FILE.json`"
            )
        notes = "".join(f"\n{note}" for note in self._collected.notes)
        return f"{what} is made of finished runs, and none were found. Train one first{notes}"
