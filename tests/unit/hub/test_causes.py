"""Failures of the hub in words: of the real client, and of classes it has had."""

import errno
import json
import os
import socket
import ssl
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from prefprop_cli.errors import DataError, ResourceError
from prefprop_cli.hub import hub_cause, hub_errors
from tests.helpers.hub import Hub

PROXY = "http_proxy"


def ask(repository: str = "acme/one") -> None:
    from huggingface_hub import HfApi

    HfApi().model_info(repository, timeout=5)


def told(work: Callable[[], object], *, advice: str = "") -> str:
    with pytest.raises(DataError) as caught, hub_errors("it", advice=advice):
        work()
    return str(caught.value)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def proxied(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the client go through a proxy."""
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return lambda address: monkeypatch.setenv("ALL_PROXY", address)


def test_a_proxy_that_is_not_there(proxied: Callable[[str], None]) -> None:
    proxied(f"http://user:secret@127.0.0.1:{free_port()}")
    said = told(ask)
    assert "refused" in said
    assert "secret" not in said


def test_a_proxy_that_wants_a_package(proxied: Callable[[str], None]) -> None:
    proxied("socks5://user:secret@127.0.0.1:9")
    said = told(ask)
    assert "the proxy ALL_PROXY=socks5://127.0.0.1:9 speaks SOCKS" in said
    assert "secret" not in said


def test_a_proxy_that_makes_no_sense(proxied: Callable[[str], None]) -> None:
    proxied("gopher://127.0.0.1:9")
    assert "the proxy ALL_PROXY=gopher://127.0.0.1:9 does not work" in told(ask)


def test_a_connection_that_is_not_secure(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    address = hub.url.replace("http:", "https:")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    assert "is not secure: [SSL" in told(ask)


def test_a_name_that_the_hub_would_not_take(hub: Hub) -> None:
    said = told(lambda: ask("-acme--/x.."), advice="Or go without.")
    assert said.startswith("it: this is no name on the hub: ")
    assert "Or go without" not in said
    assert not hub.requests


def test_advice_is_for_those_who_were_not_answered(hub: Hub) -> None:
    assert "no such repository (401)" in told(ask, advice="Or go without.")
    assert "Or go without" not in told(ask, advice="Or go without.")
    hub.close()
    assert told(ask, advice="Or go without.").endswith(". Or go without.")


def response(status: int, **headers: str) -> SimpleNamespace:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    return SimpleNamespace(status_code=status, headers=given, url="https://hub.example/api/x")


def failing(name: str, message: str = "m", **attributes: object) -> Exception:
    """An error of a class of this name, as some client or version of it has one."""
    error = type(name, (Exception,), {})(message)
    for key, value in attributes.items():
        setattr(error, key, value)
    return error


def refused() -> Exception:
    """As urllib3 has it: by descent a timeout."""
    return type("NewConnectionError", (type("ConnectTimeoutError", (Exception,), {}),), {})()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (failing("ReadTimeout"), "did not answer in time"),
        (failing("FSTimeoutError"), "did not answer in time"),
        (TimeoutError(), "did not answer in time"),
        (
            failing("ConnectionError", "[Errno 111] Connection refused", __context__=refused()),
            "cannot be reached: [Errno 111] Connection refused",
        ),
        (failing("OfflineModeIsEnabled"), "network is switched off"),
        (failing("ProxyError", "407 no"), "the proxy does not work: 407 no"),
        (failing("ChunkedEncodingError", "broken"), "was cut: broken"),
        (ConnectionResetError(104, "Connection reset by peer"), "was cut"),
        (OSError("Consistency check failed: size 5"), "was cut"),
        (ssl.SSLCertVerificationError(1, "self-signed"), "is not secure: "),
        (failing("ConnectError", "[SSL: CERTIFICATE_VERIFY_FAILED] x"), "is not secure"),
        (failing("FileMetadataError"), "what answers is no hub"),
        (json.JSONDecodeError("Expecting value", "<html>", 0), "what answers is no hub"),
        (failing("LocalEntryNotFoundError"), "it is not in the local cache"),
        (socket.gaierror(-2, "Name or service not known"), "cannot be reached"),
        (ConnectionRefusedError(111, "Connection refused"), "cannot be reached"),
        (failing("HTTPError", response=response(451)), "hub.example answers 451"),
        (failing("HTTPError", response=response(407)), "wants a name and password"),
        (
            failing("HTTPError", response=response(429, RateLimit='"api";r=0;t=55')),
            "too many requests (429); try again in 55 s",
        ),
        (
            failing("HTTPError", response=response(404, X_Error_Code="EntryNotFound")),
            "no such file",
        ),
    ],
)
def test_failures_by_the_name_of_their_class(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    cause = hub_cause(error)
    assert cause is not None
    assert words in cause.sentence
    assert not cause.sentence.endswith(".")


def test_the_cause_lies_below_what_says_nothing() -> None:
    inner = failing("HTTPError", response=response(503))
    outer = failing("LocalEntryNotFoundError", "An error happened. Check your connection.")
    outer.__cause__ = ConnectionError("Couldn't reach it")
    outer.__cause__.__cause__ = inner
    cause = hub_cause(outer)
    assert cause is not None
    assert "the hub failed (503)" in cause.sentence


@pytest.mark.parametrize("error", [KeyError("id"), ValueError("x"), OSError(2, "No"), TypeError()])
def test_an_error_that_is_not_of_the_hub_stays_what_it_is(error: Exception) -> None:
    assert hub_cause(error) is None
    with pytest.raises(type(error)), hub_errors("it"):
        raise error


@pytest.mark.parametrize("told", ["No space left", "Read-only file system", "Not a directory"])
def test_a_cache_that_cannot_be_written(told: str) -> None:
    number = next(n for n in errno.errorcode if os.strerror(n).startswith(told))
    with pytest.raises(ResourceError, match=f"it: {told}.*: /hf/x. HF_HOME"), hub_errors("it"):
        raise OSError(number, os.strerror(number), "/hf/x")


def test_a_token_that_is_none(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows saves it, with a mark before it, or a word that is no token."""
    for token in ("\ufeffhf_secret", "hf_sécret"):
        monkeypatch.setenv("HF_TOKEN", token)
        said = told(ask, advice="Or go without.")
        assert "the token of HF_TOKEN" in said
        assert "cret" not in said
    assert not hub.requests


def test_an_error_of_ours_stays_what_it_is() -> None:
    with pytest.raises(DataError, match=r"^ours$"), hub_errors("it"):
        raise DataError("ours") from failing("HTTPError", response=response(503))
