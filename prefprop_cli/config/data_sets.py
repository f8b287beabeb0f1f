"""The known data sets: one line for each, which says who reads it and what its documents are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownSet:
    """What the program knows of a data set by its name."""

    reader: str
    """The module whose `read(table)` gives its corpus."""
    needs_source: bool = False
    """Whether it is at hand nowhere but where `data.source` says."""
    task: str = "classification"
    """What its documents are for: a key of `tasks.TASKS`."""


DATA_SETS = {
    "files": KnownSet("prefprop_cli.data.sets.files", needs_source=True),
    "hub": KnownSet("prefprop_cli.data.sets.hub"),
    "sotu": KnownSet("prefprop_cli.data.sets.sotu"),
    "newsgroups": KnownSet("prefprop_cli.data.sets.newsgroups"),
    "hyperpartisan": KnownSet("prefprop_cli.data.sets.hyperpartisan", needs_source=True),
    "arxiv": KnownSet("prefprop_cli.data.sets.arxiv"),
    "wikihop": KnownSet("prefprop_cli.data.sets.wikihop", needs_source=True, task="wikihop"),
}
