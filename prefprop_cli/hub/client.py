"""The hub as it is asked: whether it can be, and its files, fetched into the shared cache."""

import inspect
import logging
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

from prefprop_cli.hub.causes import hub_cause
from prefprop_cli.hub.repositories import Kind, snapshot
from prefprop_cli.notes import note, progress
from prefprop_cli.words import plural

TIMEOUT_S = 10
"""So long the hub may take to say what a repository holds."""
_PORTS = {"http": 80, "https": 443}
_MB = 1_000_000


def is_offline() -> bool:
    """Tell whether the user has switched the network off."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def why_unreachable(*, timeout_s: float = 1.0) -> str | None:
    """Say in a few words why the hub cannot be asked now; None if it can.

    A connection to it, or to the proxy on the way, is opened and closed, which takes `timeout_s` at
    most, the resolution of names included. That it answers as a hub does is not looked at.
    """
    from huggingface_hub import constants

    if is_offline():
        return "switched off (offline mode)"
    endpoint = urlsplit(constants.ENDPOINT)
    through = _proxy_of(endpoint) or endpoint
    outcome: list[str | None] = []

    def connect() -> None:
        try:
            port = through.port or _PORTS.get(through.scheme, 443)
            socket.create_connection((through.hostname or "", port), timeout_s).close()
            outcome.append(None)
        except (OSError, ValueError) as error:
            outcome.append(f"not reachable: {getattr(error, 'strerror', None) or error}")

    # Names are resolved without a time limit of their own.
    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(timeout_s)
    return outcome[0] if outcome else "not reachable: no answer"


def _proxy_of(endpoint: SplitResult) -> SplitResult | None:
    from urllib.request import getproxies, proxy_bypass  # 40 ms that nobody else needs

    proxies = getproxies()
    proxy = proxies.get(endpoint.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(endpoint.hostname or ""):
        return None
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def fetch(
    repository: str,
    commit: str,
    sizes: Mapping[str, int | None],
    *,
    kind: Kind = "models",
    offline: bool = False,
) -> Path:
    """Fetch files of a commit, as far as the cache lacks them, and return their folder.

    `sizes` are in bytes, by name; None where one is not known. Megabytes are told, or files where
    nobody knows their sizes; what has no size is not told of.
    """
    folder = snapshot(repository, commit, kind)
    missing = {n: size for n, size in sizes.items() if not (folder and (folder / n).is_file())}
    total, n_bytes = sum(size or 0 for size in missing.values()), 0.0
    loop: AbstractContextManager[Callable[[int], None]] = nullcontext(lambda done: None)
    if total:
        loop = progress(total=total // _MB, label="downloaded MB")
    elif None in missing.values():
        loop = progress(total=len(missing), label="files")
    if total or None in missing.values():
        size = f", {total / _MB:,.1f} MB" if total else ""
        note(f"downloading {repository}: {plural(len(missing), 'file')}{size}")

    def count(n: float) -> None:
        nonlocal n_bytes
        n_bytes += n
        if total:
            on_progress(int(n_bytes) // _MB)

    with quiet(), loop as on_progress:
        for number, name in enumerate(missing, start=1):
            fetch_one(repository, name, commit, kind=kind, offline=offline, on_bytes=count)
            if not total:
                on_progress(number)
    folder = snapshot(repository, commit, kind)
    assert folder is not None  # its config.json is among the files, or was
    return folder


def fetch_one(
    repository: str,
    name: str,
    revision: str,
    *,
    kind: Kind = "models",
    offline: bool = False,
    on_bytes: Callable[[float], None] | None = None,
) -> None:
    """Ask for one file of a revision, as other programs do; the clients' errors come as they are.

    Of a branch the cache then remembers the commit; `offline`, it is only looked into. `on_bytes`
    is told of bytes that have come, or of less than none where some come again.
    """
    from huggingface_hub import hf_hub_download

    asked: dict[str, Any] = {"revision": revision, "local_files_only": offline}
    # Older versions take no bar of ours.
    if on_bytes and "tqdm_class" in inspect.signature(hf_hub_download).parameters:
        asked["tqdm_class"] = bar_class(on_bytes)
    hf_hub_download(repository, name, repo_type=kind.removesuffix("s"), **asked)


def remember(repository: str, branch: str) -> None:
    """Let other programs find the commit under its branch, too, without a network."""
    try:
        with quiet():
            fetch_one(repository, "config.json", branch)
    except Exception as error:
        if hub_cause(error) is None:
            raise


def bar_class(on_bytes: Callable[[float], None]) -> type:
    """Return what huggingface_hub takes for a class of bars; they count and draw nothing."""

    class Bar:
        """One file. Attributes and methods are those of tqdm that huggingface_hub uses."""

        def __init__(self, *_: object, initial: float = 0, **__: object) -> None:
            self.total, self.n = None, 0.0
            self.update(initial)

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            on_bytes(n or 0)

        def update_transfer(self, n: float | None = 1) -> None:
            """The same bytes as they come over the network, which may be packed."""

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def __getattr__(self, name: str) -> Callable[..., None]:
            # close, refresh, set_postfix_str, ...: for the eye.
            return lambda *_, **__: None

    return Bar


@contextmanager
def quiet(*others: Any) -> Iterator[None]:
    """Keep lines, bars and warnings of huggingface_hub off stderr, and of the `utils` of others."""
    from huggingface_hub import utils

    with ExitStack() as restored:
        for library in (utils, *others):
            restored.callback(library.logging.set_verbosity, library.logging.get_verbosity())
            library.logging.set_verbosity(logging.CRITICAL)
        # Where a variable has the last word on bars, the libraries warn.
        restored.enter_context(warnings.catch_warnings(action="ignore"))
        for library in (utils, *others):
            if not library.are_progress_bars_disabled():
                restored.callback(library.enable_progress_bars)
                library.disable_progress_bars()
        yield
