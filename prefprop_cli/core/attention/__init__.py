"""Attention backends: pure functions of tensors that know neither prefixes nor models.

`tables.BACKENDS` is the table; `choose` picks one for a device and says why another cannot be had.
"""

from prefprop_cli.core.attention.spec import Attend, Backend, Band, Rows, VisibleKeys
from prefprop_cli.tables import BACKENDS


def choose(
    name: str = "auto", *, device: str = "cpu", dropout: bool = False, backward: bool = True
) -> Backend:
    """Find the backend of a name, or for `auto` the first of the table that can do what is asked.

    Raises:
        ValueError: there is no such backend, or it lacks an ability; says what would work.
    """
    able = [
        backend
        for backend in BACKENDS.values()
        if device in backend.devices and not _missing(backend, device, dropout, backward)
    ]
    if name == "auto" and able:
        return able[0]
    works = ", ".join(b.name for b in able) or "none"
    if name not in BACKENDS:
        raise ValueError(f'attention = "{name}": no such backend for {device}. These work: {works}')
    if missing := _missing(BACKENDS[name], device, dropout, backward):
        raise ValueError(f'attention = "{name}" {missing}. These work: {works}')
    return BACKENDS[name]


def _missing(backend: Backend, device: str, dropout: bool, backward: bool) -> str:
    if device not in (*backend.devices, *backend.forward_on):
        return f"has no support for {device}"
    if dropout and not backend.dropout:
        return "has no dropout"
    if backward and (device in backend.forward_on or not backend.backward):
        return "has no backward pass"
    why_not = "" if device in backend.forward_on else backend.why_not()
    return f"is not available: {why_not}" if why_not else ""


__all__ = ["BACKENDS", "Attend", "Backend", "Band", "Rows", "VisibleKeys", "choose"]
