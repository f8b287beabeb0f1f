"""PyTorch's modes, which a caller may have set for work of their own, put aside for ours."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import torch


@contextmanager
def plain_modes() -> Iterator[None]:
    """As in a fresh process: with gradients, float32 on the CPU, no inference mode, no autocast.

    For what outlives the call, as weights that are loaded and answers that are kept.
    """
    dtype = torch.get_default_dtype()
    with ExitStack() as modes:
        modes.callback(torch.set_default_dtype, dtype)
        torch.set_default_dtype(torch.float32)
        modes.enter_context(torch.inference_mode(False))
        modes.enter_context(torch.enable_grad())
        modes.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                modes.enter_context(torch.autocast(kind, enabled=False))
        yield


def tensors_on_cpu() -> AbstractContextManager[object]:
    """Tensors that are made without a device are made on the CPU, whatever the default is."""
    # Not always: the mode costs a little in each call of PyTorch.
    return nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu")
