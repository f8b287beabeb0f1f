"""A job in a process of its own: a clean peak of memory, and an allocator set up as wanted."""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal

from prefprop_cli.bench import child
from prefprop_cli.bench.job import Job, Message
from prefprop_cli.errors import PrefpropError, ResourceError

Malloc = Literal["installed", "tuned"]

TUNED_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}
"""Keeps freed memory in the process, so that it is not zeroed again: what suits `transformers`'
Longformer best. glibc reads these when a process starts."""


def can_tune_malloc() -> bool:
    """Whether the C library here is glibc, which reads `TUNED_MALLOC`."""
    return platform.libc_ver()[0] == "glibc"


def can_measure_memory(device: str) -> bool:
    """Whether the peak of a process can be told here: on CUDA, or by Linux."""
    return device.startswith("cuda") or Path("/proc/self/clear_refs").exists()


def run_job(
    job: Job, *, malloc: Malloc = "installed", progress: Callable[[int], None] = lambda done: None
) -> Message:
    """Do a job in a child process.

    Args:
        job: what to measure.
        malloc: `tuned` starts it with `TUNED_MALLOC`.
        progress: told how many repetitions of all subjects together are done.

    Returns:
        The message with the result.

    Raises:
        PrefpropError: the job failed; with its message and exit code, or its last line.
        ResourceError: the process was killed, which is how a system without memory ends it.
    """
    environment = {**os.environ, **(TUNED_MALLOC if malloc == "tuned" else {})}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", child.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            process_group=0,  # Ctrl-C reaches the parent alone, which ends the child below
        )
        try:
            last = _talk(process, job, progress)
            process.wait()
        finally:
            process.kill()
            process.wait()
        if last is None or (last.timings is None and last.peak_bytes is None):
            raise _failure(process.returncode, last, errors)
    return last


def _talk(
    process: subprocess.Popen[str], job: Job, progress: Callable[[int], None]
) -> Message | None:
    assert process.stdin
    assert process.stdout
    message = None
    with process.stdin as stdin, process.stdout as stdout:
        stdin.write(job.model_dump_json())
        stdin.close()
        for line in stdout:
            message = Message.model_validate_json(line)
            if message.done is not None:
                progress(message.done)
    return message


def _failure(code: int, last: Message | None, errors: IO[str]) -> PrefpropError:
    if last is not None and last.error is not None:
        failure = PrefpropError(last.error)
        failure.exit_code = last.exit_code
        return failure
    if code < 0:
        return ResourceError(
            f"the measuring process was killed by signal {-code}. "
            "Most often memory ran out: use shorter documents"
        )
    errors.seek(0)
    lines = errors.read().strip().splitlines()
    return PrefpropError(f"measuring failed: {lines[-1] if lines else f'exit code {code}'}")
