"""What is asked of an experiment, as a configuration; without torch, so that errors come soon."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO, TextIOWrapper
from pathlib import Path

import tomli_w

from prefprop_cli.config.layers import override_layers
from prefprop_cli.config.load import Loaded, load_config
from prefprop_cli.config.presets import BASE, MAX_CONFIG_BYTES, preset_paths
from prefprop_cli.config.schema import Config
from prefprop_cli.data import check_source
from prefprop_cli.data.columns import Columns
from prefprop_cli.data.own import left_open
from prefprop_cli.data.sets.files import WHAT
from prefprop_cli.data.sets.hub_names import is_set_name, parse
from prefprop_cli.errors import UsageError
from prefprop_cli.tables import SETS

QUICK_LENGTH, QUICK_EPOCHS, QUICK_BATCH = 512, 3, 8


@dataclass(frozen=True)
class ExperimentRequest:
    """What is asked of an experiment; most fields stand for one key each."""

    preset: str | None = None
    default: str | None = None
    """The preset where none is named."""
    overrides: Sequence[str] = ()
    source: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    errors: str | None = None
    limit: int | None = None
    seed: int | None = None
    quick: bool = False
    examples: Sequence[str] = (
        "train reviews.csv",
        "train -p demo        without documents of your own",
    )
    """Of the command, said where no documents are named."""

    @property
    def is_own(self) -> bool:
        """Whether nothing but the documents says what the experiment is."""
        return self.preset in (None, BASE)

    def names(self, table: str, key: str) -> bool:
        """Whether `-s` sets a key."""
        layers = override_layers(self.overrides, problems=[])
        return any(layer.sets((table, key)) for layer in layers)

    @cached_property
    def layers(self) -> list[str]:
        """What is set, as `-s` has it."""
        flags = {
            "data.source": self.source,
            "data.text_column": self.text_column,
            "data.label_column": self.label_column,
            "data.errors": self.errors,
            "data.limit": self.limit,
            "train.seed": self.seed,
        }
        return [*self.overrides, *as_overrides(flags)]


@dataclass(frozen=True)
class ExperimentSettings:
    """A configuration, and how it came about."""

    asked: ExperimentRequest
    found: Mapping[str, object] = field(default_factory=dict)
    """Keys that nobody has set, and what they should be; above the preset, below `-s`."""
    columns: Columns = field(default_factory=Columns)
    """Where texts and labels were found."""
    stdin: bytes = b""
    """What a preset `-` reads."""

    @cached_property
    def loaded(self) -> Loaded:
        return load_config(
            preset=self.asked.preset or self.asked.default,
            overrides=[*as_overrides(self.found), *self.asked.layers],
            stdin=TextIOWrapper(BytesIO(self.stdin)),
        )

    @property
    def config(self) -> Config:
        return self.loaded.config

    @property
    def sources(self) -> tuple[str, ...]:
        """The files and settings of the user that it came from."""
        found = {f"-s {override}" for override in as_overrides(self.found)}
        return tuple(source for source in self.loaded.sources if source not in found)

    def with_found(self, **tables: Mapping[str, object]) -> "ExperimentSettings":
        """Return the same with more keys, by table."""
        more = {f"{t}.{key}": value for t, keys in tables.items() for key, value in keys.items()}
        return replace(self, found={**self.found, **more})


def resolve(asked: ExperimentRequest) -> ExperimentSettings:
    """Return the configuration, with what it leaves open of the documents found.

    Raises:
        ConfigError: all its problems.
        UsageError: no documents are named, and no preset that knows some.
        DataError: the documents are not there, or their columns cannot be found.
    """
    stdin = sys.stdin.buffer.read(MAX_CONFIG_BYTES + 1) if asked.preset == "-" else b""
    settings = ExperimentSettings(asked, stdin=stdin)
    config = settings.config
    is_bare = asked.preset is None and SETS[config.data.set].NEEDS_FILES
    if asked.source == "" or (is_bare and config.data.source is None):
        examples = "".join(f"\n  prefprop {line}" for line in asked.examples)
        raise UsageError(f"which documents? Name {WHAT}, or a data set of the hub:{examples}")
    if asked.source and preset_paths(asked.source) and not Path(asked.source).exists():
        raise UsageError(
            f"{asked.source}: no such file or folder. There is a preset of that name: "
            f"prefprop train -p {asked.source}"
        )
    found, columns = left_open(config.data)
    settings = replace(settings.with_found(data=found), columns=columns)
    check_source(settings.config.data)
    if asked.is_own:
        settings = replace(settings, found={**settings.found, "name": _name(settings.config)})
    return settings.with_found(**quicker(settings.config)) if asked.quick else settings


def quicker(config: Config) -> dict[str, dict[str, int]]:
    """What `--quick` sets, by table; nothing gets larger by it."""
    return {
        "data": {"max_length": min(config.data.max_length, QUICK_LENGTH)},
        "train": {
            "epochs": min(config.train.epochs, QUICK_EPOCHS),
            "batch_size": min(config.train.batch_size, QUICK_BATCH),
        },
    }


def as_overrides(values: Mapping[str, object]) -> list[str]:
    """Values by key as `-s` has them; None is left out."""
    given = {key: value for key, value in values.items() if value is not None}
    return [f"{key}={tomli_w.dumps({'v': value})[4:].strip()}" for key, value in given.items()]


def _name(config: Config) -> str:
    """Of a run on documents of one's own: as they are called."""
    source = config.data.source
    if source is None:
        return config.data.set
    if config.data.set == "hub" and is_set_name(source):
        return parse(source).name
    return Path(source).expanduser().resolve().stem
