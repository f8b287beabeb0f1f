"""The stages of a sweep: what there is to run, before anything is run."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from prefprop_cli.config.load import dump_config
from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.config.space import Range
from prefprop_cli.config.sweep import Values, combinations_of, value_of, with_values

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


@dataclass(frozen=True)
class Stage:
    """Runs that are compared with each other: a grid, a search, or the seeds."""

    number: int
    """From 1."""
    study: str
    """Name in the storage; another one for another configuration."""
    config: Config
    fixed: Values
    """The best settings of the stages before."""
    space: Mapping[str, list[object] | Range]
    """What differs between the runs: the values of each key, or its bounds."""
    points: tuple[Point, ...]
    """The runs of a grid, in order; a search has none before it is run."""
    n_trials: int
    prunes: bool
    """Whether hopeless runs are given up."""

    @property
    def is_of_seeds(self) -> bool:
        return tuple(self.space) == (SEED,)

    @property
    def title(self) -> str:
        return ", ".join(self.space)

    def point(self, values: Values) -> Point:
        """The run with these values of the keys of the stage.

        Raises:
            ValidationError: they do not agree with other tables.
        """
        settings = {**self.fixed, **values}
        single = with_values(self.config, settings)
        return Point({key: value_of(single, key) for key in settings}, single)


def n_stages(config: Config) -> int:
    sweep = config.sweep or SweepTable()
    return len(sweep.stages) + bool(sweep.seeds)


def make_stage(config: Config, number: int, *, fixed: Values) -> Stage:
    """The stage of that number, from 1, after the best settings of those before; seeds are last."""
    sweep = config.sweep or SweepTable()
    is_of_seeds = number > len(sweep.stages)
    space = {SEED: list[object](sweep.seeds)} if is_of_seeds else sweep.stages[number - 1]
    is_search = any(isinstance(values, Range) for values in space.values())
    own = [] if is_search else list(combinations_of(space))
    prunes = sweep.pruner == "median" or (is_search and sweep.pruner == "auto")
    prunes = prunes and not is_of_seeds
    what = {key: Range.model_dump(v) if isinstance(v, Range) else v for key, v in space.items()}
    identity = [number, dump_config(with_values(config, fixed)), own or what, prunes]
    digest = hashlib.sha256(json.dumps(identity, default=str).encode()).hexdigest()
    study = f"{config.name[:_LONGEST_NAME]}-stage-{number}-{digest[:16]}"
    n_trials = sweep.trials if is_search else len(own)
    stage = Stage(number, study, config, fixed, space, (), n_trials, prunes)
    return replace(stage, points=tuple(map(stage.point, own)))


def text(value: object) -> str:
    """A value as a person writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
