"""Single files of the hub, fetched into the cache of huggingface_hub where it lacks them."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from prefprop_cli.hub import hub_cause, is_commit, kept_of
from prefprop_cli.notes import note, progress
from prefprop_cli.words import plural

_MB = 1_000_000


def fetch(
    repository: str,
    commit: str,
    sizes: Mapping[str, int | None],
    *,
    branch: str | None = None,
) -> Path:
    """Fetch files of a commit.

    Args:
        repository: its name on the hub.
        commit: its whole hash.
        sizes: of the files, in bytes, by name, None where it is not known; those in the cache are
            not fetched, and those of no size are not worth a word.
        branch: for which the cache is to remember the commit, once all is there.

    Returns:
        The folder that holds them.
    """
    missing = {n: size or 0 for n, size in sizes.items() if not is_cached(repository, commit, n)}
    total = sum(missing.values())
    is_told = any(sizes[name] != 0 for name in missing)
    if is_told:
        size = f", {total / _MB:,.1f} MB" if total else ""
        note(f"downloading {repository}: {plural(len(missing), 'file')}{size}")
    counted = progress(total=total // _MB, label="downloaded MB")
    with _quiet_library(), counted if is_told else nullcontext(_unheard) as told:
        done = _Done(told)
        for name in missing:
            _fetch_one(repository, name, commit, done)
        if branch:
            _remember(repository, branch)
    folder = snapshot(repository, commit)
    assert folder is not None  # its config.json is among the files, or was
    return folder


def is_cached(repository: str, commit: str, name: str) -> bool:
    """Whether the cache has a file of a commit; a file is there whole or not at all."""
    return (kept_of(repository, "models") / "snapshots" / commit / name).is_file()


def snapshot(repository: str, commit: str) -> Path | None:
    """The folder of a commit in the cache."""
    folder = kept_of(repository, "models") / "snapshots" / commit
    return folder if is_commit(commit) and folder.is_dir() else None


def is_offline() -> bool:
    """Whether the user has switched the network off."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _unheard(done: int) -> None:
    """Nobody waits for so little."""


class _Done:
    """Bytes of all files, told in whole megabytes."""

    def __init__(self, told: Callable[[int], None]) -> None:
        self._told, self._bytes = told, 0

    def add(self, n_bytes: float) -> None:
        self._bytes += int(n_bytes)
        self._told(self._bytes // _MB)


def _fetch_one(repository: str, name: str, commit: str, done: _Done) -> None:
    from huggingface_hub import hf_hub_download

    heard: dict[str, Any] = {}
    if "tqdm_class" in _options():
        heard["tqdm_class"] = bar_class(done.add)
    hf_hub_download(repository, name, revision=commit, **heard)


def _options() -> Mapping[str, object]:
    """What the installed `hf_hub_download` can be told."""
    from huggingface_hub import hf_hub_download

    return inspect.signature(hf_hub_download).parameters


def bar_class(add: Callable[[float], None]) -> type:
    """What huggingface_hub takes for a class of bars: they draw nothing.

    Args:
        add: is told of bytes that have come, or of less than none where some come again.
    """
    return type("Bar", (_Bar,), {"_add": staticmethod(add)})


class _Bar:
    """One file. Attributes and methods are those of tqdm that huggingface_hub uses."""

    _add: Callable[[float], None]

    def __init__(self, *_: object, initial: float = 0, **__: object) -> None:
        self.total, self.n = None, 0.0
        self.update(initial)

    def update(self, n: float | None = 1) -> None:
        self.n += n or 0
        self._add(n or 0)

    def update_transfer(self, n: float | None = 1) -> None:
        """The same bytes as they come over the network, which may be packed."""

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is on the screen."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        # close, refresh, set_postfix_str, ...: for the eye.
        return lambda *_, **__: None


def _remember(repository: str, branch: str) -> None:
    """Let other programs find the commit under its branch, too, without a network."""
    from huggingface_hub import hf_hub_download

    try:
        hf_hub_download(repository, "config.json", revision=branch)
    except Exception as error:
        if hub_cause(error) is None:
            raise


@contextmanager
def _quiet_library() -> Iterator[None]:
    """No bars, lines and warnings of huggingface_hub on stderr; what goes wrong is raised."""
    from huggingface_hub import utils

    library: Any = utils
    # Older versions take no bar of ours; the variable, where it is set, has the last word.
    silenced = not library.are_progress_bars_disabled() and "tqdm_class" not in _options()
    level = library.logging.get_verbosity()
    library.logging.set_verbosity_error()
    if silenced:
        library.disable_progress_bars()
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        library.logging.set_verbosity(level)
        if silenced:
            library.enable_progress_bars()
