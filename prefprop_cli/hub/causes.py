"""What a failure of the Hugging Face hub, or on the way to it, means in words.

Its clients - huggingface_hub, datasets, and below them httpx or requests - raise some forty
classes of errors, few of them with a message for people, and differ from version to version. Here
they are told apart by name, so that none of the libraries has to be imported, or installed.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_CUT = {
    "RemoteProtocolError",
    "ReadError",
    "WriteError",
    "ChunkedEncodingError",
    "ProtocolError",
    "IncompleteRead",
    "ClientPayloadError",
    "ConnectionResetError",
    "ConnectionAbortedError",
    "BrokenPipeError",
}
_UNREACHABLE = {
    "ConnectError",
    "ConnectionError",
    "TransportError",
    "NetworkError",
    "HTTPError",
    "ClientError",
    "RequestException",
    "TooManyRedirects",
    "gaierror",
}
_LOGIN = "log in with a token that may read it: `hf auth login`"


@dataclass(frozen=True)
class Cause:
    """Why the hub did not give something.

    Attributes:
        sentence: in words, without a full stop.
        is_answer: whether the hub itself said so; otherwise it failed, or was not reached.
    """

    sentence: str
    is_answer: bool = False


def hub_cause(error: BaseException) -> Cause | None:
    """What an error says of the hub; None if it says nothing of it.

    The first in a chain of errors that has a cause of its own counts; "cannot connect" and the
    like count only if none has.
    """
    chain = list(_chain(error))
    for kinds in (_CAUSES, (_unreachable,), (_not_in_cache,)):
        for link in chain:
            for kind in kinds:
                if cause := kind(link):
                    return cause
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _offline(error: BaseException) -> Cause | None:
    if not _is(error, "OfflineModeIsEnabled"):
        return None
    return Cause("it is not in the local cache, and the network is switched off (offline mode)")


def _status(error: BaseException) -> Cause | None:
    """An answer of the hub, or of a machine that stands before it."""
    response: Any = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if not isinstance(status, int):
        return None
    said = _said(error, response)
    code = response.headers.get("X-Error-Code", "")
    if status == 429:
        return Cause(f"the hub has had too many requests (429){_later(response)}{_colon(said)}")
    if status >= 500:
        return Cause(f"the hub failed ({status}{_colon(said)}); try again later")
    if status == 407:
        return Cause(f"the proxy{_proxy()} wants a name and password (407)")
    return Cause(_refusal(status, code, said, response), is_answer=True)


def _refusal(status: int, code: str, said: str, response: Any) -> str:
    where = urlsplit(str(response.url))
    if code == "RevisionNotFound":
        return f"the repository has no such revision{_colon(said)}"
    if code == "EntryNotFound":
        return f"the repository has no such file: {unquote(where.path.partition('/resolve/')[2])}"
    if code == "GatedRepo" or "gated" in said.lower() or "restricted" in said.lower():
        return f"it is gated{_colon(said)}. Ask for access on its page, then {_LOGIN}"
    if code == "RepoNotFound" or status == 404:
        return f"{where.netloc} has no such repository ({status}), or it is private: then {_LOGIN}"
    if status in (401, 403):
        return f"{where.netloc} refuses access ({status}{_colon(said)}). If it is yours, {_LOGIN}"
    return f"{where.netloc} answers {status}{_colon(said)}"


def _said(error: BaseException, response: Any) -> str:
    """The hub's own words, in one line."""
    told = getattr(error, "server_message", None) or response.headers.get("X-Error-Message") or ""
    return " ".join(str(told).split()).rstrip(".")[:300]


def _later(response: Any) -> str:
    after = str(response.headers.get("Retry-After", "")).strip()
    if not after and (found := re.search(r"\bt=(\d+)", response.headers.get("RateLimit", ""))):
        after = found[1]
    return f"; try again in {after} s" if after.isdigit() else "; try again later"


def _timeout(error: BaseException) -> Cause | None:
    # A refused connection of urllib3 is a timeout by descent.
    timed_out = any("Timeout" in name for name in _names(error)) and not _is(
        error, "NewConnectionError"
    )
    return Cause("the hub did not answer in time") if timed_out else None


def _wrong_proxy(error: BaseException) -> Cause | None:
    text = str(error).strip().rstrip(".")
    if isinstance(error, ImportError) and "socks" in text.lower():
        return Cause(f"the proxy{_proxy()} speaks SOCKS, for which a package is missing: {text}")
    if _is(error, "ProxyError") or "scheme for proxy" in text:
        return Cause(f"the proxy{_proxy()} does not work: {_first_line(error)}")
    return None


def _certificate(error: BaseException) -> Cause | None:
    text = str(error)
    if not (_is(error, "SSLError") or "CERTIFICATE_VERIFY_FAILED" in text or "[SSL:" in text):
        return None
    return Cause(
        f"the connection to the hub is not secure: {_first_line(error)}. A proxy or login page on "
        "the way looks like this; SSL_CERT_FILE names certificates to trust"
    )


def _stranger(error: BaseException) -> Cause | None:
    """An answer of somebody else: a login page, a proxy; the clients look for a field in vain."""
    is_odd = isinstance(error, KeyError | TypeError | AttributeError | AssertionError)
    if not (
        _is(error, "FileMetadataError")
        or _is(error, "DecodingError")
        or isinstance(error, json.JSONDecodeError)
        or (is_odd and _raised_in(error).startswith("huggingface_hub"))
    ):
        return None
    return Cause("what answers is no hub: a login page or proxy on the way, or a wrong HF_ENDPOINT")


def _odd_token(error: BaseException) -> Cause | None:
    """Something else that was saved as a token; the clients put it into a request as it is."""
    if not (isinstance(error, UnicodeEncodeError) and _raised_in(error).startswith("http")):
        return None
    return Cause(
        f"the token of HF_TOKEN, or of the file that `hf auth login` writes, has the character "
        f"{error.object[error.start]!a}, which no token has",
        is_answer=True,
    )


def _not_a_name(error: BaseException) -> Cause | None:
    if not (_is(error, "HFValidationError") or _is(error, "HfUriError")):
        return None
    return Cause(f"this is no name on the hub: {_first_line(error).rstrip('.')}", is_answer=True)


def _cut(error: BaseException) -> Cause | None:
    is_half = isinstance(error, OSError) and "Consistency check failed" in str(error)
    if not (_names(error) & _CUT or is_half):
        return None
    return Cause(f"the connection to the hub was cut: {_first_line(error)}")


def _unreachable(error: BaseException) -> Cause | None:
    if _is(error, "LocalEntryNotFoundError") or not _names(error) & _UNREACHABLE:
        return None
    return Cause(f"the hub cannot be reached: {_first_line(error)}")


def _not_in_cache(error: BaseException) -> Cause | None:
    if not (_is(error, "LocalEntryNotFoundError") or _is(error, "IncompleteSnapshotError")):
        return None
    return Cause("the hub did not give it, and it is not in the local cache")


_CAUSES: tuple[Callable[[BaseException], Cause | None], ...] = (
    _offline,
    _status,
    _wrong_proxy,
    _certificate,
    _timeout,
    _stranger,
    _odd_token,
    _not_a_name,
    _cut,
)


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _is(error: BaseException, name: str) -> bool:
    return name in _names(error)


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


def _first_line(error: BaseException) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__).rstrip(".")[:300]


def _colon(said: str) -> str:
    return f": {said}" if said else ""
