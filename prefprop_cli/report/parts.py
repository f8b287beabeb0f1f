"""A report on runs: the paper's tables and figures, each by its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.cache import default_cache
from prefprop_cli.data import read_corpus
from prefprop_cli.errors import PrefpropError, UsageError
from prefprop_cli.experiment.evaluate import Machine
from prefprop_cli.report.baselines import Baselines, CorpusOf, baselines_of
from prefprop_cli.report.collect import Collected, FinishedRun, collect
from prefprop_cli.report.figure_2 import figure_2
from prefprop_cli.report.figure_3 import figure_3
from prefprop_cli.report.figure_4 import epoch_scores, figure_4
from prefprop_cli.report.groups import DataSet, group
from prefprop_cli.report.page import Page, markdown
from prefprop_cli.report.scores import ScoredSet, counting, evaluate_missing, score
from prefprop_cli.report.table_2 import table_2
from prefprop_cli.report.table_3 import table_3
from prefprop_cli.report.table_7 import table_7

LengthsOf = Callable[[FinishedRun], NDArray[np.int64]]


@dataclass(frozen=True)
class Report:
    """Tables and figures: `str()` gives Markdown, `as_dict()` is for JSON."""

    pages: tuple[Page, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return markdown(self.pages)

    def as_dict(self) -> dict[str, object]:
        """Return every number, as JSON types."""
        return {"parts": {page.name: page.record for page in self.pages}, "notes": self.notes}


def document_lengths(run: FinishedRun, *, backbone: str | None = None) -> NDArray[np.int64]:
    """Count the tokens of each document of a run's data, all splits, before any are cut: (N,).

    `backbone` says where it is now, if not where it was in training.
    """
    # PyTorch and a tokenizer, which only figure 3 needs.
    from prefprop_cli.experiment.plan import make_plan, prepare_data, with_backbone
    from prefprop_cli.experiment.record import check_data

    plan = make_plan(with_backbone(run.config, backbone))
    prepared = prepare_data(plan, cache=default_cache())
    check_data(run.folder.manifest, prepared, of=run.folder.path, advice="Give the original")
    return np.concatenate([np.asarray(split["n_tokens"]) for split in prepared.splits.values()])


def make_report(
    paths: Sequence[Path],
    asked: Sequence[str] = (),
    *,
    split: str = "test",
    has_pictures: bool = True,
    machine: Machine = Machine(),
    corpus_of: CorpusOf = read_corpus,
    lengths_of: LengthsOf | None = None,
) -> Report:
    """Make the paper's tables and figures of what `collect` finds, ours beside the paper's.

    `asked` are names such as `table-2`; by default all that runs and timings allow are made, and
    of them figures only with `has_pictures`. The machine evaluates runs that never were on the
    split; `corpus_of` reads the texts that a table `[data]` asks for, `lengths_of` is by default
    `document_lengths`.

    Raises:
        UsageError: a path is not there, or there are no runs or timings for what was asked.
        DataError: a file holds no timings, or the runs cannot be scored or compared.
    """
    found = collect(paths)
    lengths_of = lengths_of or partial(document_lengths, backbone=machine.backbone)
    material = _Material(found, [*found.notes], split, machine, corpus_of, lengths_of)
    possible = {**(_OF_RUNS if found.runs else {}), **(_OF_TIMINGS if found.timings else {})}
    wanted = [name for name in possible if has_pictures or name.startswith("table")]
    pages = []
    for name in asked or wanted or ["table-2"]:
        if name not in possible:
            raise UsageError(_missing(name, found.notes))
        try:
            pages.append(possible[name](material))
        except PrefpropError as error:
            if asked or name.startswith("table"):
                raise
            material.notes.append(f"without {name.replace('-', ' ')}: {error}")
    return Report(tuple(pages), tuple(material.notes))


def _missing(name: str, notes: Sequence[str]) -> str:
    what = name.replace("-", " ")
    if name in _OF_TIMINGS:
        return (
            f"{what} is made of timings, and none were named. Name FILE.json of "
            "`python benchmarks/table_7.py > FILE.json`"
        )
    said = "".join(f"\n{note}" for note in notes)
    return f"{what} is made of finished runs, and none were found. Train one first{said}"


@dataclass
class _Material:
    """What the parts are made of; what several share is computed once."""

    collected: Collected
    notes: list[str]
    split: str
    machine: Machine
    corpus_of: CorpusOf
    lengths_of: LengthsOf

    @cached_property
    def sets(self) -> list[DataSet]:
        sets, notes = group(self.collected.runs)
        self.notes += notes
        return sets

    @cached_property
    def scores(self) -> list[ScoredSet]:
        """Of the runs that the tables show, not of those that lost a search on validation."""
        runs = [run for data in self.sets for run in data.runs]
        evaluate_missing([run.folder for run in runs], self.split, machine=self.machine)
        with counting(runs) as on_run:
            return [score(data, self.split, on_run=on_run) for data in self.sets]

    @cached_property
    def baselines(self) -> list[Baselines]:
        return [baselines_of(each, corpus_of=self.corpus_of) for each in self.scores]

    def lengths(self) -> dict[str, NDArray[np.int64]]:
        """Return those of the documents of each set that can be read."""
        found: dict[str, NDArray[np.int64]] = {}
        failures: list[PrefpropError] = []
        for data in self.sets:
            try:
                found[data.name] = self.lengths_of(data.runs[0])
            except PrefpropError as error:
                failures.append(error)
                self.notes.append(f"without the lengths of {data.name}: {error}")
        if not found:
            raise failures[0]
        return found


_OF_RUNS: dict[str, Callable[[_Material], Page]] = {
    "table-2": lambda material: table_2(material.scores, material.baselines),
    "table-3": lambda material: table_3(material.scores, material.baselines),
    "figure-2": lambda material: figure_2(material.scores),
    "figure-3": lambda material: figure_3(material.lengths()),
    "figure-4": lambda material: figure_4(epoch_scores(material.sets)),
}
_OF_TIMINGS: dict[str, Callable[[_Material], Page]] = {
    "table-7": lambda material: table_7(material.collected.timings),
}
