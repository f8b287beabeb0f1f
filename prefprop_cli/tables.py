"""The names that a configuration or a command line can say: typed here, and nowhere else.

A table leads from a name to what it means, `module:object`, which is imported when it is asked
for. The names alone cost nothing: the choices of TOML, of `--help` and of TAB are these.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from prefprop_cli.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from prefprop_cli.calibration.calibrators.base import Calibrator
    from prefprop_cli.core.attention.kernels import Kernel
    from prefprop_cli.core.attention.spec import Backend
    from prefprop_cli.core.encoder.config import EncoderConfig
    from prefprop_cli.core.methods.base import Method, Options
    from prefprop_cli.data import SetReader
    from prefprop_cli.tasks.base import Task

T = TypeVar("T")

Ece = Literal["guo", "paper"]
"""Which definition of the expected calibration error."""
Errors = Literal["strict", "replace"]
"""What is done with bytes that are no text."""
Placeholder = Literal["embedded", "zero"]
"""What the positions of a prefix hold before it is added."""
Pooling = Literal["mean", "max", "sum"]
"""How the logits of several chunks become those of a document."""
Truncation = Literal["truncate", "head+tail", "chunk"]
"""What is read of a document that is too long."""


class NameTable(Mapping[str, T]):
    """Objects by name, each imported when it is asked for: a module, or `module:object`.

    Other packages add names of their own by a group of entry points.
    """

    def __init__(self, places: Mapping[str, str], *, group: str = "") -> None:
        self._built_in, self._group = places, group
        self._loaded: dict[str, T] = {}

    @cached_property
    def _entries(self) -> "dict[str, list[EntryPoint]]":
        """What other packages add, by name; looked up at first use."""
        from importlib.metadata import entry_points

        found: dict[str, list[EntryPoint]] = {}
        for entry in entry_points(group=self._group) if self._group else ():
            found.setdefault(entry.name, []).append(entry)
        return found

    @cached_property
    def added(self) -> Mapping[str, str]:
        """What other packages add; of one name the first."""
        return {n: e[0].value for n, e in self._entries.items() if n not in self._built_in}

    def taken_twice(self) -> Mapping[str, str]:
        """What is wrong with names that a package adds and that are taken, by name."""
        return {
            name: f"{entry.value}, of the package {entry.dist and entry.dist.name}, is called "
            f"{name} in {self._group}, and that name is taken. Rename it there"
            for name, entries in self._entries.items()
            for entry in entries[name not in self._built_in :][:1]
        }

    def __getitem__(self, name: str) -> T:
        """Import what a name stands for, the first time.

        Raises:
            UsageError: two things have that name, or what another package adds cannot be loaded.
        """
        if name not in self._loaded:  # a forward pass asks for backends, layer by layer
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> T:
        if problem := self.taken_twice().get(name):
            raise UsageError(problem)
        place = self._built_in.get(name) or self.added[name]
        module, _, attribute = place.partition(":")
        try:
            found: Any = import_module(module)
            return getattr(found, attribute) if attribute else found
        # A package that anybody may have written; one that ends the process is no exception.
        except (Exception, SystemExit) as error:
            if name in self._built_in:
                raise
            raise UsageError(
                f"{name}: {place}, which {self._group} names, cannot be loaded: "
                f"{error or type(error).__name__}"
            ) from error

    def __contains__(self, name: object) -> bool:
        return name in self._built_in or name in self.added

    def __iter__(self) -> Iterator[str]:
        yield from self._built_in
        yield from self.added

    def __len__(self) -> int:
        return len(self._built_in) + len(self.added)


METHODS: "NameTable[Callable[[EncoderConfig, Options], Method]]" = NameTable(
    {
        "prefix-propagation": "prefprop_cli.core.methods.prefix_propagation:PrefixPropagation",
        "prefix-tuning": "prefprop_cli.core.methods.prefix_tuning:PrefixTuning",
        "combined": "prefprop_cli.core.methods.combined:Combined",
        "fine-tuning": "prefprop_cli.core.methods.baselines:FineTuning",
        "head-only": "prefprop_cli.core.methods.baselines:HeadOnly",
    },
    group="prefprop.methods",
)
"""What is trained beside the head; `core.methods.base` says what such an object takes."""

KERNELS: "NameTable[Callable[..., Kernel]]" = NameTable(
    {
        "exp": "prefprop_cli.core.attention.kernels:Exp",
        "rbf": "prefprop_cli.core.attention.kernels:Rbf",
        "poly": "prefprop_cli.core.attention.kernels:Poly",
        "linear": "prefprop_cli.core.attention.kernels:Linear",
    }
)
"""Of the kernel decomposition."""

BACKENDS: "NameTable[Backend]" = NameTable(
    {
        "flex": "prefprop_cli.core.attention.flex:BACKEND",
        "native": "prefprop_cli.core.attention.native:BACKEND",
        "sdpa": "prefprop_cli.core.attention.sdpa:BACKEND",
        "reference": "prefprop_cli.core.attention.reference:BACKEND",
    }
)
"""Of attention, in the order in which `auto` looks for one."""

SETS: "NameTable[SetReader]" = NameTable(
    {
        name: f"prefprop_cli.data.sets.{name}"
        for name in ("files", "hub", "sotu", "newsgroups", "hyperpartisan", "arxiv", "wikihop")
    }
)
"""Readers of data sets."""

TASKS: "NameTable[Task]" = NameTable(
    {
        "classification": "prefprop_cli.tasks.classification:TASK",
        "wikihop": "prefprop_cli.tasks.wikihop:TASK",
    }
)
"""What documents are for."""

TASK_OF_SET = {"wikihop": "wikihop"}
"""Of data sets whose documents are for another task than classification."""

CALIBRATORS: "NameTable[type[Calibrator]]" = NameTable(
    {
        "none": "prefprop_cli.calibration.calibrators.base:Identity",
        "temperature": "prefprop_cli.calibration.calibrators.temperature:Temperature",
        "platt": "prefprop_cli.calibration.calibrators.platt:Platt",
        "vector": "prefprop_cli.calibration.calibrators.vector:Vector",
        "isotonic": "prefprop_cli.calibration.calibrators.isotonic:Isotonic",
    }
)
"""Simplest first, which decides between those that do equally well."""
