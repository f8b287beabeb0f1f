from dataclasses import replace

import pytest

from prefprop_cli import attention
from prefprop_cli.attention import BACKENDS, Backend, choose


@pytest.fixture
def _modest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table whose first backend can do little."""
    modest = replace(
        BACKENDS["sdpa"], name="modest", devices=("cuda",), dropout=False, backward=False
    )
    table: dict[str, Backend] = {"modest": modest, **BACKENDS}
    monkeypatch.setattr(attention, "BACKENDS", table)


def test_auto_is_the_first_of_the_table():
    assert choose().name == "sdpa"
    assert list(BACKENDS) == ["sdpa", "reference"]
    assert all(name == backend.name for name, backend in BACKENDS.items())


def test_by_name():
    assert choose("reference", dropout=True, device="cuda").name == "reference"


@pytest.mark.usefixtures("_modest")
def test_auto_passes_over_what_lacks_an_ability():
    assert choose(device="cuda", backward=False).name == "modest"
    assert choose(device="cuda").name == "sdpa"
    assert choose(device="cuda", backward=False, dropout=True).name == "sdpa"
    assert choose(device="cpu", backward=False).name == "sdpa"


@pytest.mark.usefixtures("_modest")
@pytest.mark.parametrize(
    ("wish", "missing"),
    [
        ({"device": "cpu"}, "support for cpu"),
        ({"device": "cuda", "dropout": True, "backward": False}, "dropout"),
        ({"device": "cuda"}, "backward pass"),
    ],
)
def test_says_what_is_missing_and_what_would_work(wish: dict[str, object], missing: str):
    message = f'^attention = "modest" has no {missing}. These work: sdpa, reference$'
    with pytest.raises(ValueError, match=message):
        choose("modest", **wish)


def test_names_those_there_are():
    message = '^attention = "flash": no such backend for cpu. These work: sdpa, reference$'
    with pytest.raises(ValueError, match=message):
        choose("flash")


def test_says_so_when_nothing_works():
    with pytest.raises(ValueError, match=r'attention = "auto".* for xpu\. These work: none'):
        choose(device="xpu")
