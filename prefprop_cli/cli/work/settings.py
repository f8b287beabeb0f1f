"""The documents that a command line names, and how they are read: the first words of a command."""

from pathlib import Path

from prefprop_cli.cli.console import Console
from prefprop_cli.config.presets import BASE
from prefprop_cli.data.cells import flag
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.settings import ExperimentRequest, ExperimentSettings, resolve
from prefprop_cli.runs import check_free, check_writable
from prefprop_cli.words import escape, listed

__all__ = ["BASE", "ExperimentRequest", "resolve"]


def one_source(documents: str | None, source: str | None) -> str | None:
    """What is named as an argument or by `--source`; both are a UsageError."""
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


def tell_documents(console: Console, settings: ExperimentSettings) -> None:
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
            other, *more = column.others or ("NAME",)
            rest = f" (or {listed(more)})" if more else ""
            told = f"{column.name} was found by its {column.how}; another: `{flag(option, other)}`"
            console.info(f"  {escape(told + rest)}", style="dim")


def _as_typed(source: str) -> str:
    """A path below the working folder, which a run keeps whole, as seen from there."""
    path = Path(source)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and here in path.parents else source
