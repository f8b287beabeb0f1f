"""What a command line asks for as a configuration; without torch, so that errors come at once."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO, TextIOWrapper
from pathlib import Path

import tomli_w

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.text import escape
from prefprop_cli.config.layers import override_layers
from prefprop_cli.config.load import Loaded, load_config
from prefprop_cli.config.presets import MAX_CONFIG_BYTES, preset_paths
from prefprop_cli.config.schema import Config
from prefprop_cli.data import check_source
from prefprop_cli.data.cells import flag
from prefprop_cli.data.columns import Column, Columns
from prefprop_cli.data.own import left_open
from prefprop_cli.data.sets.files import WHAT
from prefprop_cli.data.sets.hub_names import is_set_name, parse
from prefprop_cli.errors import UsageError
from prefprop_cli.runs import check_free, check_writable
from prefprop_cli.tables import SETS
from prefprop_cli.words import listed

BASE = "base"
"""The preset of documents of one's own."""
QUICK_LENGTH, QUICK_EPOCHS, QUICK_BATCH = 512, 3, 8


@dataclass(frozen=True)
class Asked:
    """What the command line says of an experiment; flags stand for one key each."""

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
        """What stands above the preset and what was found, as `-s` has it."""
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
class Settings:
    """A configuration, and how it came about.

    Attributes:
        asked: by the user.
        found: keys that nobody has set, and what they should be; above the preset, below `-s`.
        columns: where texts and labels were found.
        stdin: what a preset `-` reads.
    """

    asked: Asked
    found: Mapping[str, object] = field(default_factory=dict)
    columns: Columns = field(default_factory=Columns)
    stdin: bytes = b""

    @cached_property
    def loaded(self) -> Loaded:
        """The configuration and its sources."""
        return load_config(
            preset=self.asked.preset or self.asked.default,
            overrides=[*as_overrides(self.found), *self.asked.layers],
            stdin=TextIOWrapper(BytesIO(self.stdin)),
        )

    @property
    def config(self) -> Config:
        """All keys."""
        return self.loaded.config

    @property
    def sources(self) -> tuple[str, ...]:
        """The files and settings of the user that it came from."""
        found = {f"-s {override}" for override in as_overrides(self.found)}
        return tuple(source for source in self.loaded.sources if source not in found)

    def with_found(self, **tables: Mapping[str, object]) -> "Settings":
        """The same with more keys, by table."""
        more = {
            f"{t}.{key}": value for t, values in tables.items() for key, value in values.items()
        }
        return replace(self, found={**self.found, **more})


def one_source(documents: str | None, source: str | None) -> str | None:
    """What is named as an argument or by `--source`.

    Raises:
        UsageError: both are.
    """
    if documents is not None and source is not None:
        raise UsageError(f"{documents} and --source {source}: the documents are named twice")
    return documents if source is None else source


def check_out(out: Path | None) -> None:
    """See that the folder of a new run can be made.

    Raises:
        UsageError: something is there.
        ResourceError: nothing can be written there.
    """
    check_free(out) if out else check_writable(Path("runs"))


def resolve(asked: Asked) -> Settings:
    """The configuration, with what it leaves open of the documents found.

    Raises:
        ConfigError: all its problems.
        UsageError: no documents are named, and no preset that knows some.
        DataError: the documents are not there, or their columns cannot be found.
    """
    stdin = sys.stdin.buffer.read(MAX_CONFIG_BYTES + 1) if asked.preset == "-" else b""
    settings = Settings(asked, stdin=stdin)
    config = settings.config
    is_bare = asked.preset is None and SETS[config.data.set].NEEDS_FILES
    if asked.source == "" or (is_bare and config.data.source is None):
        examples = "".join(f"\n  prefprop {line}" for line in asked.examples)
        raise UsageError(f"which documents? Name {WHAT}, or a data set of the hub:{examples}")
    _refuse_preset_name(asked)
    own = left_open(config.data)
    settings = replace(settings.with_found(data=own.settings), columns=own.columns)
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


def tell_documents(console: Console, settings: Settings) -> None:
    """Say what is read and by which columns: the first words of a command."""
    config, columns = settings.config, settings.columns
    data = config.data
    parts = [config.name, config.description]
    if data.set in ("files", "hub") and data.source:
        parts = [_as_typed(data.source)]
        if columns.text or not Path(data.source).expanduser().is_dir():
            parts += [f"text ← {data.text_column}", f"label ← {data.label_column}"]
    console.info(escape("   ".join(filter(None, parts))), style="bold")
    for option, column in (("text_column", columns.text), ("label_column", columns.label)):
        if column and column.how != "given" and (column.how == "content" or column.others):
            console.info(f"  {escape(_choice(option, column))}", style="dim")


def as_overrides(values: Mapping[str, object]) -> list[str]:
    """Values by key as `-s` has them; None is left out."""
    given = {key: value for key, value in values.items() if value is not None}
    return [f"{key}={tomli_w.dumps({'v': value})[4:].strip()}" for key, value in given.items()]


def _choice(option: str, column: Column) -> str:
    """How a column was found, and what to type for another."""
    other, *more = column.others or ("NAME",)
    rest = f" (or {listed(more)})" if more else ""
    return f"{column.name} was found by its {column.how}; another: `{flag(option, other)}`{rest}"


def _as_typed(source: str) -> str:
    """A path below the working folder, which a run keeps whole, as seen from there."""
    path = Path(source)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and here in path.parents else source


def _refuse_preset_name(asked: Asked) -> None:
    source = asked.source or ""
    if preset_paths(source) and not Path(source).exists():
        raise UsageError(
            f"{source}: no such file or folder. There is a preset of that name: "
            f"prefprop train -p {source}"
        )


def _name(config: Config) -> str:
    """Of a run on documents of one's own: as they are called."""
    source = config.data.source
    if source is None:
        return config.data.set
    if config.data.set == "hub" and is_set_name(source):
        return parse(source).name
    return Path(source).expanduser().resolve().stem
