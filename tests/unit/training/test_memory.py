import pytest
import torch

from prefprop_cli.errors import ResourceError
from prefprop_cli.training.memory import halve_micro_batch, resource_errors

HOST = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"
)
DEVICE = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nDetails")


@pytest.mark.parametrize(("size", "half"), [(8, 4), (3, 1), (2, 1)])
def test_halves(size, half):
    assert halve_micro_batch(size, found=DEVICE) == half


def test_one_document_cannot_be_halved():
    with pytest.raises(ResourceError, match=r"micro_batch_size = 1.*2.00 GiB\.\).*max_length"):
        halve_micro_batch(1, found=DEVICE)


def test_running_out_is_a_resource_error():
    with pytest.raises(ResourceError, match="max_length"), resource_errors():
        raise HOST


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match=r"^shapes differ$"), resource_errors():
        raise RuntimeError("shapes differ")
