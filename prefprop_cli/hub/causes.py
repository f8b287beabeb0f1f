"""What a failure of the Hugging Face hub, or on the way to it, means in words.

Its clients - huggingface_hub, datasets, and below them httpx or requests - raise some forty
classes of errors, few of them with a message for people, and differ from version to version. Here
they are told apart by name, so that none of the libraries has to be imported, or installed.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from prefprop_cli.errors import DataError, PrefpropError, ResourceError, is_disk_full
from prefprop_cli.words import first_line

_UNUSABLE = {errno.EROFS, errno.EACCES, errno.ENOTDIR}
"""What is said of a cache folder that is not full."""
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_CUT = {
    *("RemoteProtocolError", "ReadError", "WriteError", "ChunkedEncodingError", "ProtocolError"),
    *("IncompleteRead", "ClientPayloadError", "ConnectionResetError", "ConnectionAbortedError"),
    "BrokenPipeError",
}
_NO_HUB = {"FileMetadataError", "DecodingError", "JSONDecodeError"}
_UNREACHABLE = {
    *("ConnectError", "ConnectionError", "TransportError", "NetworkError", "HTTPError"),
    *("ClientError", "RequestException", "TooManyRedirects", "gaierror"),
}
_NOT_IN_CACHE = {"LocalEntryNotFoundError", "IncompleteSnapshotError"}
_LOGIN = "log in with a token that may read it: `hf auth login`"


@dataclass(frozen=True)
class Cause:
    """Why the hub did not give something."""

    sentence: str
    """In words, without a full stop."""
    is_answer: bool = False
    """Whether the hub itself said so; otherwise it failed, or was not reached."""


@contextmanager
def hub_errors(what: str, *, advice: str = "") -> Iterator[None]:
    """Turn a failure of the hub, or on the way to it, into one sentence.

    An error that has nothing to do with the hub goes through as it is.

    The sentence begins with what was asked for; `advice` is for those whom the hub did not answer.

    Raises:
        DataError: the hub did not give it.
        ResourceError: the cache has no room for it, or cannot be used.
    """
    try:
        yield
    except PrefpropError:
        raise
    except Exception as error:
        if cause := hub_cause(error):
            rest = f" {advice}" if advice and not cause.is_answer else ""
            raise DataError(f"{what}: {cause.sentence}.{rest}") from error
        if isinstance(error, OSError) and (is_disk_full(error) or error.errno in _UNUSABLE):
            where = f": {error.filename}" if error.filename else ""
            raise ResourceError(
                f"{what}: {error.strerror}{where}. HF_HOME names another folder for the hub's cache"
            ) from error
        raise


def hub_cause(error: BaseException) -> Cause | None:
    """Find what an error says of the hub; None if it says nothing of it.

    The first in a chain of errors that has a cause of its own counts; "cannot connect" and the
    like count only if none has.
    """
    chain = [(link, _names(link)) for link in _chain(error)]
    for link, names in chain:
        if cause := _own_cause(link, names):
            return cause
    for link, names in chain:
        if names & _UNREACHABLE and "LocalEntryNotFoundError" not in names:
            return Cause(f"the hub cannot be reached: {_line(link)}")
    if any(names & _NOT_IN_CACHE for _, names in chain):
        return Cause("the hub did not give it, and it is not in the local cache")
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _own_cause(error: BaseException, names: set[str]) -> Cause | None:
    """What one error says for itself."""
    if "OfflineModeIsEnabled" in names:
        return Cause("it is not in the local cache, and the network is switched off (offline mode)")
    response: Any = getattr(error, "response", None)
    if isinstance(getattr(response, "status_code", None), int):
        return _answer(error, response)
    # The clients put a token into a request as it is.
    if isinstance(error, UnicodeEncodeError) and _raised_in(error).startswith("http"):
        return Cause(
            f"the token of HF_TOKEN, or of the file that `hf auth login` writes, has the character "
            f"{error.object[error.start]!a}, which no token has",
            is_answer=True,
        )
    if names & {"HFValidationError", "HfUriError"}:
        return Cause(f"this is no name on the hub: {_line(error)}", is_answer=True)
    sentence = _on_the_way(error, names)
    return Cause(sentence) if sentence else None


def _answer(error: BaseException, response: Any) -> Cause:
    """An answer of the hub, or of a machine that stands before it."""
    status = response.status_code
    told = getattr(error, "server_message", None) or response.headers.get("X-Error-Message") or ""
    said = " ".join(str(told).split()).rstrip(".")[:300]
    and_said = f": {said}" if said else ""
    if status == 429:
        return Cause(f"the hub has had too many requests (429){_later(response)}{and_said}")
    if status >= 500:
        return Cause(f"the hub failed ({status}{and_said}); try again later")
    if status == 407:
        return Cause(f"the proxy{_proxy()} wants a name and password (407)")
    return Cause(_refusal(status, said, and_said, response), is_answer=True)


def _refusal(status: int, said: str, and_said: str, response: Any) -> str:
    where, code = urlsplit(str(response.url)), response.headers.get("X-Error-Code", "")
    if code == "RevisionNotFound":
        return f"the repository has no such revision{and_said}"
    if code == "EntryNotFound":
        return f"the repository has no such file: {unquote(where.path.partition('/resolve/')[2])}"
    if code == "GatedRepo" or "gated" in said.lower() or "restricted" in said.lower():
        return f"it is gated{and_said}. Ask for access on its page, then {_LOGIN}"
    if code == "RepoNotFound" or status == 404:
        return f"{where.netloc} has no such repository ({status}), or it is private: then {_LOGIN}"
    if status in (401, 403):
        return f"{where.netloc} refuses access ({status}{and_said}). If it is yours, {_LOGIN}"
    return f"{where.netloc} answers {status}{and_said}"


def _later(response: Any) -> str:
    after = str(response.headers.get("Retry-After", "")).strip()
    if not after and (found := re.search(r"\bt=(\d+)", response.headers.get("RateLimit", ""))):
        after = found[1]
    return f"; try again in {after} s" if after.isdigit() else "; try again later"


def _on_the_way(error: BaseException, names: set[str]) -> str | None:
    """What went wrong between here and the hub."""
    text, line = str(error), _line(error)
    if isinstance(error, ImportError) and "socks" in text.lower():
        text = text.strip().rstrip(".")
        return f"the proxy{_proxy()} speaks SOCKS, for which a package is missing: {text}"
    if "ProxyError" in names or "scheme for proxy" in text:
        return f"the proxy{_proxy()} does not work: {line}"
    if "SSLError" in names or "CERTIFICATE_VERIFY_FAILED" in text or "[SSL:" in text:
        return (
            f"the connection to the hub is not secure: {line}. A proxy or login page on the way "
            "looks like this; SSL_CERT_FILE names certificates to trust"
        )
    # A refused connection of urllib3 is a timeout by descent.
    if any("Timeout" in name for name in names) and "NewConnectionError" not in names:
        return "the hub did not answer in time"
    # Of an answer of somebody else the clients read fields that it has not got.
    is_odd = isinstance(error, KeyError | TypeError | AttributeError | AssertionError)
    if names & _NO_HUB or (is_odd and _raised_in(error).startswith("huggingface_hub")):
        return "what answers is no hub: a login page or proxy on the way, or a wrong HF_ENDPOINT"
    is_half = isinstance(error, OSError) and "Consistency check failed" in text
    return f"the connection to the hub was cut: {line}" if names & _CUT or is_half else None


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _raised_in(error: BaseException) -> str:
    """The module whose code raised an error."""
    trace, module = error.__traceback__, ""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    return module


def _proxy() -> str:
    """The proxy that the environment names, without a password in it."""
    named = [(name, os.environ[name]) for name in _PROXIES if os.environ.get(name)]
    return "".join(f" {name}={re.sub(r'//[^@/]*@', '//', url)}" for name, url in named[:1])


def _line(error: BaseException) -> str:
    return first_line(error).rstrip(".")[:300]
