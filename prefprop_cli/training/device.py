"""The device of a run: accelerate set up for it, its precision, and what runs out of memory."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import GradientAccumulationPlugin, patch_environment

from prefprop_cli.errors import ResourceError, is_out_of_memory
from prefprop_cli.runs.distributed import world
from prefprop_cli.words import first_line

Precision = Literal["fp32", "bf16"]


def resolve_precision(asked: Literal["auto", "fp32", "bf16"], *, device: str) -> Precision:
    """Return the precision of the forward pass: `auto` is bf16 on a GPU that computes in it."""
    if asked != "auto":
        return asked
    on_gpu = torch.device(device).type == "cuda"
    return "bf16" if on_gpu and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"


def make_accelerator(*, device: str, precision: Precision) -> Accelerator:
    """Return an Accelerator on exactly this device; parameters and gradients stay float32."""
    world().connect()
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    # Its state is one per process, and it refuses a second run with another device or precision.
    AcceleratorState._reset_state(reset_partial_state=True)
    with patch_environment(ACCELERATE_TORCH_DEVICE=device), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Accelerator(
            cpu=torch.device(device).type == "cpu",
            mixed_precision="bf16" if precision == "bf16" else "no",
            # The loop divides by the effective batch itself, also where the last one is short.
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
        )


@contextmanager
def resource_errors() -> Iterator[None]:
    """Turn any out-of-memory error of the block into a ResourceError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory("training", found=error) from error


def out_of_memory(asked: str, *, found: BaseException) -> ResourceError:
    """Return the error to raise where what was asked does not fit."""
    return ResourceError(
        f"out of memory: {asked} does not fit ({first_line(found)}). "
        "Use a smaller data.max_length, or model.gradient_checkpointing = true"
    )
