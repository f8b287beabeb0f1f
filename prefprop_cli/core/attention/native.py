"""Band attention by a C kernel, see `native/band.c`: no strip, mask or score is ever in memory.

Exact float32 softmax. The backward pass computes the scores again from the log of their sums, and
only what needs a gradient: where the tokens themselves need none, as in the first layer under a
frozen backbone, only the visible keys are looked at.

Axes: B rows, T packed tokens, H heads, D head width, V visible keys.
"""

import ctypes
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from prefprop_cli.core import native
from prefprop_cli.core.attention import reference, sdpa
from prefprop_cli.core.attention.spec import Backend, Band, Rows, VisibleKeys
from prefprop_cli.core.modes import plain_modes


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    band: Band,
    *,
    visible: VisibleKeys | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """See `spec.Attend`; memory is linear in the row length.

    Queries that are not the tokens of the keys are few, and left to `sdpa`; so is dropout.
    """
    if band.query_rows != band.key_rows or not len(query) or dropout:
        return sdpa.attend(query, key, value, band, visible=visible, dropout=dropout)
    given = (visible.key, visible.value, visible.mask) if visible else (None,) * 3
    mixed = cast(Tensor, _Attention.apply(query, key, value, *given, band))  # type: ignore[no-untyped-call]
    return mixed.to(value.dtype)


_INPUTS = ("query", "key", "value", "visible_key", "visible_value", "is_there")
_GRADIENTS = ("grad_query", "grad_key", "grad_value", "grad_visible_key", "grad_visible_value")


class _Call(ctypes.Structure):
    """Mirrors `Call` in band.c."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("n_rows", "n_heads", "head_width")),
        *((name, ctypes.c_int64) for name in ("half_window", "n_visible")),
        *((name, ctypes.c_void_p) for name in ("offsets", *_INPUTS, "unseen")),
        *((name, ctypes.c_int64) for name in ("query_stride", "key_stride", "value_stride")),
        *((name, ctypes.c_void_p) for name in ("output", "log_sum", "grad_output", *_GRADIENTS)),
        ("grad_stride", ctypes.c_int64),
    )


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        *given, band = arguments
        ctx.band, ctx.dtypes = band, [None if x is None else x.dtype for x in given[:-1]]
        wanted = [None if x is None else _as_the_kernel_wants(x) for x in given]
        inputs = dict(zip(_INPUTS, wanted, strict=True))
        shape = given[0].shape
        # Never of the default type, which a caller can set: the kernel writes float32.
        output = given[0].new_empty(shape, dtype=torch.float32)
        log_sum = output.new_empty(shape[:2])
        _run(native.load().band_forward, band, {**inputs, "output": output, "log_sum": log_sum})
        ctx.save_for_backward(*inputs.values(), output, log_sum)
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        *saved, output, log_sum = ctx.saved_tensors
        inputs = dict(zip(_INPUTS, saved, strict=True))
        results: list[Tensor | None] = [None] * 3
        if any(ctx.needs_input_grad[:3]):
            # In one piece, as the projection that gave the three wants them back.
            results = list(saved[0].new_empty(len(output), 3, *output.shape[1:]).unbind(1))
        results += [x if x is None else torch.empty_like(x) for x in saved[3:5]]
        tensors = {
            **inputs,
            "output": output,
            "log_sum": log_sum,
            "grad_output": grads[0].contiguous(),
            **dict(zip(_GRADIENTS, results, strict=True)),
        }
        _run(native.load().band_backward, ctx.band, tensors)
        pairs = zip(results, ctx.dtypes, strict=True)
        return (*(x if x is None else x.to(dtype) for x, dtype in pairs), None, None)


def _run(kernel: Callable[[Any], int], band: Band, tensors: Mapping[str, Tensor | None]) -> None:
    there = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    offsets = band.key_rows.offsets
    there["offsets"] = band.once("offsets", lambda: torch.tensor(offsets, device="cpu"))
    if band.unseen is not None:
        there["unseen"] = band.unseen
    (_, n_heads, head_width), longest = there["query"].shape, max(band.key_rows.lengths)
    call = _Call(
        n_rows=len(band.key_rows),
        n_heads=n_heads,
        head_width=head_width,
        half_window=longest if band.half_window is None else min(band.half_window, longest),
        n_visible=there["visible_key"].shape[1] if "visible_key" in there else 0,
        query_stride=there["query"].stride(0),
        key_stride=there["key"].stride(0),
        value_stride=there["value"].stride(0),
        grad_stride=there["grad_query"].stride(0) if "grad_query" in there else 0,
        **{name: tensor.data_ptr() for name, tensor in there.items()},
    )
    if kernel(ctypes.byref(call)):
        raise MemoryError("not enough memory for the attention of one head")


def _as_the_kernel_wants(x: Tensor) -> Tensor:
    """Heads one after the other without a gap, numbers as float32; a mask as it is."""
    x = x if x.dtype == torch.bool else x.float()
    tokens_apart = x.ndim == 3 and x.stride()[1:] == (x.shape[2], 1)
    return x if tokens_apart else x.contiguous()


@cache
def why_not() -> str:
    """Say why the kernel cannot be used here; empty if it can."""
    return native.why_not(_is_right)


@plain_modes()
def _is_right() -> bool:
    """Whether output and gradients are those of `reference`."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(3, 90, 2, 24, generator=generator).requires_grad_()
    visible = VisibleKeys(*torch.randn(2, 2, 3, 2, 24, generator=generator))
    rows = Rows.of_lengths([70, 20])
    results = []
    # Inside a checkpoint its hooks would count what is saved here, and not find it the next time.
    with saved_tensors_hooks(lambda saved: saved, lambda saved: saved):
        for backend in (attend, reference.attend):
            query, key, value = tokens.unbind()
            output = backend(query, key, value, Band(rows, rows, 16), visible=visible)
            results.append((output, *torch.autograd.grad(output.square().sum(), tokens)))
    return all(torch.allclose(x, y, rtol=1e-4, atol=1e-4) for x, y in zip(*results, strict=True))


BACKEND = Backend(
    name="native",
    summary="a C kernel compiled on this machine, everything in cache; float32",
    attend=attend,
    devices=("cpu",),
    dropout=False,
    backward=True,
    why_not=why_not,
)
