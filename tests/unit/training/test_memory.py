import pytest
import torch

from prefprop_cli.errors import ResourceError
from prefprop_cli.training.memory import (
    halve_micro_batch,
    is_out_of_memory,
    resource_errors,
)

HOST = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 4000000000000 bytes."
)
DEVICE = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nDetails")


@pytest.mark.parametrize("error", [HOST, DEVICE, MemoryError()])
def test_knows_each_way_to_run_out(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), ValueError("can't allocate memory")]
)
def test_other_errors_are_others(error):
    assert not is_out_of_memory(error)


def test_the_message_of_the_host_is_the_one_torch_gives():
    with pytest.raises(RuntimeError) as found:
        torch.empty(2**60)
    assert is_out_of_memory(found.value)


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
