"""Errors a user can meet, and the exit code of each.

```
PrefpropError             1
├── UsageError            2
│   └── ConfigError       2
├── DataError             3
├── CorruptFileError      4
├── RunLockedError        5
├── NonFiniteError        6
├── ResourceError         7
├── GateError             8
└── Interrupted     128 + n
```

A message says what was asked, what was found and what to do next.
"""

import errno
from collections.abc import Sequence

NOT_ON_WINDOWS = (
    "prefprop runs on Linux and macOS, not on Windows itself. Use WSL 2: type `wsl --install` in "
    "PowerShell, and install prefprop in the Ubuntu it gives you, as on Linux"
)

EXIT_CODES = {
    "0": "done",
    "1": "failed while running",
    "2": "usage or configuration, nothing was started",
    "3": "bad input data",
    "4": "corrupt or unsafe file",
    "5": "run folder locked",
    "6": "non-finite training",
    "7": "out of disk or memory",
    "8": "ran, but a `--fail-*` gate was not met",
    "129, 130, 143": "hang-up, Ctrl-C, SIGTERM",
    "141": "nobody reads the output",
}
"""Of the program, and what they mean."""


class PrefpropError(Exception):
    """Base of every known error; the message is shown to the user as it is."""

    exit_code = 1

    def __reduce__(self) -> tuple[object, ...]:
        # To another process by its parts: a subclass may take more than a message.
        return _rebuilt, (type(self), self.args, vars(self))


class UsageError(PrefpropError):
    """The command line asks for something that cannot be done; nothing was started."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration has problems, one line each; the hint says where to look next."""

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        self.problems = tuple(problems)
        self.hint = hint
        super().__init__("\n".join([*self.problems, hint] if hint else self.problems))


class DataError(PrefpropError):
    """The input data cannot be used."""

    exit_code = 3


class CorruptFileError(PrefpropError):
    """A file is damaged, is not what its name says, or cannot be opened safely."""

    exit_code = 4


class RunLockedError(PrefpropError):
    """Another process holds the run folder."""

    exit_code = 5


class NonFiniteError(PrefpropError):
    """Training met a NaN or an infinity; no checkpoint holds it."""

    exit_code = 6


class ResourceError(PrefpropError):
    """The disk or the memory is full."""

    exit_code = 7


class GateError(PrefpropError):
    """The command did its work, and the result misses a limit the user set."""

    exit_code = 8


class Interrupted(PrefpropError):
    """A signal, 1 (hang-up), 2 (Ctrl-C) or 15 (terminate), stopped the run; its state is saved."""

    def __init__(self, message: str, *, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device, or the host, has no memory left."""
    return (
        isinstance(error, MemoryError)
        # By name, so that torch is not imported for it.
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        # Torch has no class for the host: its allocator raises a plain RuntimeError.
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether an error says that a disk, a quota or a file can take no more."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(error, OSError) and error.errno in full


def _rebuilt(
    kind: type[PrefpropError], args: tuple[object, ...], state: dict[str, object]
) -> PrefpropError:
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error
