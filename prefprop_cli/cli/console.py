"""The one place that talks to people: stdout is the result only, stderr is everything else."""

import errno
import json
import os
import stat
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from io import StringIO
from typing import IO, TYPE_CHECKING, TextIO, cast

from prefprop_cli.cli.progress import Bar, Log, LoopProgress
from prefprop_cli.cli.text import can_move_cursor, columns
from prefprop_cli.errors import PrefpropError, ResourceError
from prefprop_cli.plain import plain
from prefprop_cli.words import escape

if TYPE_CHECKING:
    from rich.console import Console as RichConsole


@dataclass(frozen=True)
class Common:
    """The flags that every command takes."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False


class OutputClosed(PrefpropError):
    """Nobody reads the standard output any more; not worth a word."""

    exit_code = 141


class Console:
    """Results on stdout, everything else on stderr.

    Each result is flushed as it is written, so that a reader sees whole lines and a broken pipe
    or a full disk shows at once. Losing stderr never stops the work.
    """

    def __init__(
        self,
        common: Common | None = None,
        *,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.common = common or Common()
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._bar: Bar | None = None

    @classmethod
    def silent(cls, common: Common) -> "Console":
        """Make one that nobody hears: of a process whose results another one tells."""
        return cls(replace(common, quiet=True), stdout=_Nobody(), stderr=_Nobody())

    @property
    def is_terminal(self) -> bool:
        """Whether results go to a terminal."""
        return self._stdout.isatty()

    @property
    def width(self) -> int | None:
        """Columns of the terminal that messages go to; None if they go elsewhere."""
        return columns(self._stderr) if self._stderr.isatty() else None

    def fits(self, rows: Sequence[Sequence[str]], *, n_whole: int = 0) -> bool:
        """Whether a table, its header among the rows, fits the terminal that results go to."""
        from prefprop_cli.cli import layout

        cells = [[*map(escape, row)] for row in rows]
        return layout.fits(cells, columns(self._stdout), n_whole=n_whole)

    def result(self, text: str) -> None:
        """Write a result and a line end; on a terminal without control characters.

        Raises:
            OutputClosed: nobody reads the standard output any more.
            ResourceError: its disk is full.
        """
        self._write(escape(text, keep="\n\t") if self._stdout.isatty() else text)

    def result_json(self, value: object) -> None:
        """Write a value as one line of JSON: text as it is, NaN and infinity as null."""
        self._write(json_text(value))

    def row(self, cells: Sequence[str]) -> None:
        """Write one row of a result that is streamed: cells with a tab between them."""
        self._write("\t".join(map(escape, cells)))

    def table(
        self, rows: Iterable[Sequence[str]], *, header: Sequence[str] = (), n_whole: int = 0
    ) -> None:
        """Write a table: fitted under its header on a terminal, else bare rows with tabs.

        So many of the first columns, `n_whole`, hold what is not to be wrapped.
        """
        if not self._stdout.isatty():
            for row in rows:
                self.row(row)
            return
        from prefprop_cli.cli import layout

        cells = ([escape(cell) for cell in row] for row in rows)
        width = columns(self._stdout)
        titles = [*map(escape, header)]
        for line in layout.table(cells, header=titles, width=width, n_whole=n_whole):
            self._write(line)

    def prose(self, text: str) -> None:
        """Write sentences: lines that end between words on a terminal, else as they are."""
        if self._stdout.isatty():
            from prefprop_cli.cli import layout

            text = layout.prose(escape(text, keep="\n\t"), columns(self._stdout))
        self._write(text)

    def detail(self, text: str) -> None:
        """Tell something that only `--verbose` shows."""
        if self.common.verbose:
            self._say(text, style="dim")

    def info(self, text: str, *, style: str = "") -> None:
        """Tell what happens; `--quiet` leaves it out."""
        if not self.common.quiet:
            self._say(text, style=style)

    def wait(self, text: str) -> None:
        """Tell whoever watches a terminal what is waited for; nobody else."""
        if self._stderr.isatty():
            self.info(text)

    def notice(self, text: str) -> None:
        """Tell what is no error, and what `--quiet` shows all the same."""
        self._say(text, style="bold")

    def warn(self, text: str, *, label: str = "warning: ") -> None:
        """Tell what may be wrong."""
        self._say(text, label=label, style="yellow")

    def error(self, text: str) -> None:
        """Tell what is wrong."""
        self._say(text, label="error: ", style="bold red")

    def progress(self, *, total: int | None, label: str = "step", done: int = 0) -> LoopProgress:
        """Count a loop: animated if stderr is a terminal, else in plain lines."""
        display: Log | Bar | None = None
        if not self.common.quiet:
            # Not Rich's opinion: with FORCE_COLOR it moves the cursor in a pipe, too.
            moves = self._stderr.isatty() and can_move_cursor()
            display = self._bar = Bar(self.info, rich=self._rich) if moves else None
            display = display or Log(self.info)
        return LoopProgress(label, total=total, done=done, display=display)

    @cached_property
    def _rich(self) -> "RichConsole":
        from rich.console import Console as RichConsole

        stream = cast("IO[str]", _Forgiving(self._stderr))
        return RichConsole(file=stream, highlight=False, soft_wrap=True)

    def _say(self, text: str, *, label: str = "", style: str = "") -> None:
        from rich.text import Text

        from prefprop_cli.cli import layout

        shown = label + escape(text, keep="\n\t")
        if self._stderr.isatty():
            shown = layout.prose(shown, columns(self._stderr), indent="  ")
        rest = shown.removeprefix(label)
        self._rich.print(Text.assemble((label, style), (rest, "" if label else style)))

    def _write(self, line: str) -> None:
        if self._bar and self._is_pipe:
            self._bar.give_way()
        shares_screen = self._bar and self._stdout.isatty()
        with self._bar.hidden() if self._bar and shares_screen else nullcontext():
            try:
                self._stdout.write(line + "\n")
                self._stdout.flush()
            except OSError as failure:
                raise output_failure(failure) from failure

    @cached_property
    def _is_pipe(self) -> bool:
        """Whether somebody reads the results who may write to the terminal of the bar."""
        try:
            return stat.S_ISFIFO(os.fstat(self._stdout.fileno()).st_mode)
        except OSError:
            return False


def json_text(value: object) -> str:
    """Return a value as one line of JSON, as `Console.result_json` writes it."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
    # Half of a surrogate pair is no text in UTF-8; in JSON it has the escape \udXXX.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def output_failure(failure: OSError) -> Exception:
    """Say what a failed write to the standard output means: nobody reads it, or a full disk."""
    if failure.errno in (errno.EPIPE, errno.EBADF):
        return OutputClosed("the standard output is closed")
    return ResourceError(f"cannot write to the standard output: {failure.strerror}")


class _Nobody(StringIO):
    """A text stream that is not kept."""

    def write(self, text: str) -> int:
        return len(text)


class _Forgiving:
    """A text stream whose reader may go away: what cannot be written is dropped.

    Rich would answer a broken pipe by pointing the standard output at nothing and leaving.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()
