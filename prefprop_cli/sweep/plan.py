"""The stages of a sweep as lists of runs: what there is to do, before anything is done."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from pydantic import ValidationError

from prefprop_cli.config.load import dump_config
from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.config.sweep import Values, value_of, with_values
from prefprop_cli.errors import ConfigError

SEED = "train.seed"
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Point:
    """One run of a stage."""

    settings: Values
    """What this and the earlier stages set."""
    config: Config

    @cached_property
    def digest(self) -> str:
        """Hash of the configuration: what has the same one need not run again."""
        return hashlib.sha256(dump_config(self.config).encode()).hexdigest()

    @property
    def folder(self) -> str:
        """Name of the run folder: readable, and another one for another configuration."""
        words = "_".join(f"{key.rpartition('.')[2]}={text(v)}" for key, v in self.settings.items())
        plain = re.sub(r"[^\w.=+-]+", "-", words, flags=re.ASCII)[:_LONGEST_NAME]
        return f"{plain}-{self.digest[:8]}"

    @property
    def seed(self) -> int:
        return self.config.train.seed


@dataclass(frozen=True)
class Stage:
    """Runs that are compared with each other."""

    number: int
    """From 1."""
    study: str
    """Name in the storage; another one for another configuration."""
    keys: tuple[str, ...]
    """What differs between the runs."""
    points: tuple[Point, ...]
    prunes: bool
    """Whether hopeless runs are given up."""

    @property
    def is_of_seeds(self) -> bool:
        return self.keys == (SEED,)

    @property
    def title(self) -> str:
        return ", ".join(self.keys)


def check(config: Config) -> None:
    """See that there is a sweep, and that all it can come to are configurations.

    Raises:
        ConfigError: there is nothing to run, or tables do not agree; each disagreement once.
    """
    sweep = config.sweep or SweepTable()
    if not sweep.stages and not sweep.seeds:
        raise ConfigError(
            ["[sweep] has neither stages nor seeds, so there is nothing to run"],
            hint="See `prefprop presets --schema`.",
        )
    problems: dict[str, None] = {}
    for parts in product(*map(_combinations, sweep.stages)):
        try:
            with_values(config, {key: value for part in parts for key, value in part.items()})
        except ValidationError as error:
            problems |= {f"sweep.stages: {_reason(problem)}": None for problem in error.errors()}
    if problems:
        raise ConfigError(list(problems), hint="See `prefprop presets --schema`.")


def n_stages(config: Config) -> int:
    sweep = config.sweep or SweepTable()
    return len(sweep.stages) + bool(sweep.seeds)


def make_stage(config: Config, number: int, *, fixed: Values) -> Stage:
    """The runs of a stage.

    Args:
        config: with the table `[sweep]`.
        number: from 1; the seeds come last.
        fixed: the best settings of the stages before.
    """
    sweep = config.sweep or SweepTable()
    is_search = number <= len(sweep.stages)
    own = list(_combinations(sweep.stages[number - 1] if is_search else {SEED: sweep.seeds}))
    prunes = is_search and sweep.pruner == "median"
    identity = [number, dump_config(with_values(config, fixed)), own, prunes]
    digest = hashlib.sha256(json.dumps(identity, default=str).encode()).hexdigest()
    return Stage(
        number=number,
        study=f"{config.name[:_LONGEST_NAME]}-stage-{number}-{digest[:16]}",
        keys=tuple(own[0]),
        points=tuple(_point(config, {**fixed, **values}) for values in own),
        prunes=prunes,
    )


def text(value: object) -> str:
    """A value as a person writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _point(config: Config, settings: Values) -> Point:
    single = with_values(config, settings)
    return Point({key: value_of(single, key) for key in settings}, single)


def _combinations(grid: Mapping[str, list[object]] | Mapping[str, list[int]]) -> Iterator[Values]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _reason(problem: Mapping[str, object]) -> str:
    context = problem.get("ctx")
    return str(context["error"] if isinstance(context, Mapping) else problem["msg"])
