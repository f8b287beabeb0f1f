"""What an error says of disk and memory."""

import errno

import pytest
import torch

from prefprop_cli.errors import is_disk_full, is_out_of_memory

HOST = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 4000000000000 bytes."
)


@pytest.mark.parametrize(
    "error",
    [
        HOST,
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_knows_each_way_to_run_out(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_disk_full(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), ValueError("can't allocate memory"), OSError("odd")]
)
def test_other_errors_are_others(error: Exception) -> None:
    assert not is_out_of_memory(error)
    assert not is_disk_full(error)


def test_the_message_of_the_host_is_the_one_torch_gives() -> None:
    with pytest.raises(RuntimeError) as found:
        torch.empty(2**60)
    assert is_out_of_memory(found.value)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_disk_is_full_where_nothing_more_can_be_written(code: int) -> None:
    assert is_disk_full(OSError(code, "No room"))
