import socket
import time
from collections.abc import Iterator

import pytest
from huggingface_hub import constants

from prefprop_cli.hub import why_unreachable


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_server_that_accepts(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    assert why_unreachable() is None


def test_a_server_that_refuses(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed_port}")
    assert why_unreachable() == "not reachable: Connection refused"


def test_by_way_of_a_proxy(port: int, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{port}")
    assert why_unreachable() is None
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{closed_port}")
    assert why_unreachable() == "not reachable: Connection refused"


def test_switched_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert why_unreachable() == "switched off (offline mode)"


def resolves_late(*_: object, **__: object) -> None:
    time.sleep(2)
    raise OSError("never")


def test_names_that_take_long_to_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", resolves_late)
    begun_s = time.monotonic()
    assert why_unreachable(timeout_s=0.1) == "not reachable: no answer"
    assert time.monotonic() - begun_s < 1.5


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:99999", "nonsense"])
def test_an_endpoint_that_is_none(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    assert str(why_unreachable()).startswith("not reachable: ")
