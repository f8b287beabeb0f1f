"""Accelerate, set up for one run: device, precision, nothing from the environment's past."""

import logging
import warnings
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import GradientAccumulationPlugin, patch_environment

from prefprop_cli.runs.distributed import world

Precision = Literal["fp32", "bf16"]


def resolve_precision(asked: Literal["auto", "fp32", "bf16"], *, device: str) -> Precision:
    """The precision of the forward pass: `auto` is bf16 on a GPU that computes in it, else fp32."""
    if asked != "auto":
        return asked
    on_gpu = torch.device(device).type == "cuda"
    return "bf16" if on_gpu and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"


def make_accelerator(*, device: str, precision: Precision) -> Accelerator:
    """An Accelerator on exactly this device.

    Args:
        device: `cpu`, `cuda` or `cuda:N`, the one of this process where there are several.
        precision: of the forward pass; parameters and gradients stay float32.
    """
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
