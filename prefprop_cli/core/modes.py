"""PyTorch's modes: those a caller may have set are put aside for our work; one of our own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


@contextmanager
def training_modes() -> Iterator[None]:
    """Train as in a fresh process: gradients, float32 by default, no inference mode."""
    dtype = torch.get_default_dtype()
    with ExitStack() as modes:
        modes.callback(torch.set_default_dtype, dtype)
        torch.set_default_dtype(torch.float32)
        modes.enter_context(torch.inference_mode(False))
        modes.enter_context(torch.enable_grad())
        yield


@contextmanager
def plain_modes() -> Iterator[None]:
    """Work as in a fresh process: as `training_modes`, on the CPU and without autocast.

    For what outlives the call, as weights that are loaded and answers that are kept.
    """
    with ExitStack() as modes:
        modes.enter_context(training_modes())
        modes.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                modes.enter_context(torch.autocast(kind, enabled=False))
        yield


def tensors_on_cpu() -> AbstractContextManager[object]:
    """Make tensors that name no device on the CPU, whatever the default is."""
    # Not always: the mode costs a little in each call of PyTorch.
    return nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu")


@contextmanager
def shapes_only() -> Iterator[None]:
    """Make modules whose parameters have the right shapes and no content.

    To draw initial values on the meta device does nothing, but imports the compiler of PyTorch:
    800 modules, 1.4 s. So they are not drawn.
    """
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """The functions of `torch.nn.init` give back their tensor as it is."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if getattr(function, "__module__", None) == nn.init.__name__:
            return given["tensor"]
        return function(*args, **given)
