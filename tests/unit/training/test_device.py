import os

import pytest
import torch

from prefprop_cli.errors import ResourceError
from prefprop_cli.training.device import make_accelerator, resolve_precision, resource_errors


@pytest.mark.parametrize("asked", ["fp32", "bf16"])
def test_an_explicit_precision_is_kept(asked):
    assert resolve_precision(asked, device="cpu") == asked


@pytest.mark.parametrize(
    ("device", "supported", "precision"),
    [("cpu", True, "fp32"), ("cuda", False, "fp32"), ("cuda:1", True, "bf16")],
)
def test_auto_is_bf16_where_a_gpu_computes_in_it(monkeypatch, device, supported, precision):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert resolve_precision("auto", device=device) == precision


def test_bf16_is_for_the_forward_pass():
    accelerator = make_accelerator(device="cpu", precision="bf16")
    weight = torch.ones(2, 2, requires_grad=True)
    with accelerator.autocast():
        product = weight @ weight
    accelerator.backward(product.float().sum())
    assert product.dtype == torch.bfloat16
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_a_process_can_hold_several_runs():
    for precision, dtype in [("bf16", torch.bfloat16), ("fp32", torch.float32)]:
        accelerator = make_accelerator(device="cpu", precision=precision)
        with accelerator.autocast():
            assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == dtype


def test_the_environment_changes_nothing(monkeypatch):
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "meta")
    accelerator = make_accelerator(device="cpu", precision="fp32")
    weight = torch.ones(1, requires_grad=True)
    accelerator.backward(weight.sum())
    assert weight.grad == 1
    assert accelerator.device == torch.device("cpu")
    assert accelerator.mixed_precision == "no"
    assert os.environ["ACCELERATE_TORCH_DEVICE"] == "meta"


def test_says_nothing(capfd):
    make_accelerator(device="cpu", precision="fp32")
    assert capfd.readouterr() == ("", "")


def test_running_out_of_memory_is_a_resource_error_of_one_line():
    found = torch.OutOfMemoryError("CUDA out of memory. Tried 2.00 GiB.\nDetails")
    with pytest.raises(ResourceError, match=r"2.00 GiB\.\).*max_length"), resource_errors():
        raise found


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match=r"^shapes differ$"), resource_errors():
        raise RuntimeError("shapes differ")
