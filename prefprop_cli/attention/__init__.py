"""Attention backends: pure functions of tensors that know neither prefixes nor models.

`BACKENDS` is the table; `choose` picks one for a device and says why another cannot be had.
"""

from prefprop_cli.attention import reference, sdpa
from prefprop_cli.attention.spec import Attend, Backend, Band, Rows, VisibleKeys

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend(
            name="sdpa",
            summary="blocks of queries on scaled_dot_product_attention, memory linear in length",
            attend=sdpa.attend,
            devices=("cpu", "cuda", "mps"),
            dropout=True,
            backward=True,
        ),
        Backend(
            name="reference",
            summary="dense float32 softmax, the definition; memory quadratic in length",
            attend=reference.attend,
            devices=("cpu", "cuda", "mps"),
            dropout=True,
            backward=True,
        ),
    )
}


def choose(
    name: str = "auto", *, device: str = "cpu", dropout: bool = False, backward: bool = True
) -> Backend:
    """The backend of that name, or for `auto` the first of the table that can do what is asked.

    Args:
        name: `auto` or a key of `BACKENDS`.
        device: device type the tensors live on.
        dropout: attention weights are dropped.
        backward: gradients are needed.

    Raises:
        ValueError: there is no such backend, or it lacks an ability; says what would work.
    """
    able = [b for b in BACKENDS.values() if not _missing(b, device, dropout, backward)]
    if name == "auto" and able:
        return able[0]
    works = ", ".join(b.name for b in able) or "none"
    if name not in BACKENDS:
        raise ValueError(f'attention = "{name}": no such backend for {device}. These work: {works}')
    if missing := _missing(BACKENDS[name], device, dropout, backward):
        raise ValueError(f'attention = "{name}" has no {missing}. These work: {works}')
    return BACKENDS[name]


def _missing(backend: Backend, device: str, dropout: bool, backward: bool) -> str:
    if device not in backend.devices:
        return f"support for {device}"
    if dropout and not backend.dropout:
        return "dropout"
    return "backward pass" if backward and not backend.backward else ""


__all__ = ["BACKENDS", "Attend", "Backend", "Band", "Rows", "VisibleKeys", "choose"]
