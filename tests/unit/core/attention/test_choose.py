from dataclasses import replace

import pytest

from prefprop_cli.core import attention
from prefprop_cli.core.attention import BACKENDS, choose


@pytest.fixture
def _modest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table whose first backend can do little."""
    modest = replace(
        BACKENDS["sdpa"], name="modest", devices=("cuda",), dropout=False, backward=False
    )
    others = {name: BACKENDS[name] for name in ("sdpa", "reference")}
    monkeypatch.setattr(attention, "BACKENDS", {"modest": modest, **others})


@pytest.fixture
def _cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table, as on a machine that compiles for CUDA."""
    flex = replace(BACKENDS["flex"], why_not=lambda: "")
    monkeypatch.setattr(attention, "BACKENDS", {**BACKENDS, "flex": flex})


def test_auto_is_the_first_of_the_table():
    assert choose().name == ("sdpa" if BACKENDS["native"].why_not() else "native")
    assert list(BACKENDS) == ["flex", "native", "sdpa", "reference"]
    assert all(name == backend.name for name, backend in BACKENDS.items())


def test_by_name():
    assert choose("reference", dropout=True, device="cuda").name == "reference"


@pytest.mark.usefixtures("_cuda")
def test_flex_is_for_cuda():
    assert choose(device="cuda").name == "flex"
    assert choose(device="cuda", dropout=True).name == "sdpa"
    assert choose(device="cpu", backward=False).name != "flex"


@pytest.mark.usefixtures("_cuda")
def test_flex_computes_a_forward_pass_on_the_cpu_if_asked_by_name():
    assert choose("flex", device="cpu", backward=False).name == "flex"
    with pytest.raises(ValueError, match=r'^attention = "flex" has no backward pass'):
        choose("flex", device="cpu")
    with pytest.raises(ValueError, match='"flex" has no support for mps'):
        choose("flex", device="mps", backward=False)


def test_a_backend_that_cannot_be_used_on_this_machine(monkeypatch: pytest.MonkeyPatch):
    flex = replace(BACKENDS["flex"], why_not=lambda: "no compiler")
    monkeypatch.setattr(attention, "BACKENDS", {**BACKENDS, "flex": flex})
    assert choose(device="cuda").name == "sdpa"
    message = '^attention = "flex" is not available: no compiler. These work: sdpa, reference$'
    with pytest.raises(ValueError, match=message):
        choose("flex", device="cuda")
    assert choose("flex", device="cpu", backward=False).name == "flex"


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


@pytest.mark.usefixtures("_modest")
def test_names_those_there_are():
    message = '^attention = "flash": no such backend for cpu. These work: sdpa, reference$'
    with pytest.raises(ValueError, match=message):
        choose("flash")


def test_says_so_when_nothing_works():
    with pytest.raises(ValueError, match=r'attention = "auto".* for xpu\. These work: none'):
        choose(device="xpu")
