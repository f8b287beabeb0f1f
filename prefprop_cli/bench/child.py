"""The process that measures: a job on stdin, messages on stdout, one JSON document a line.

python -m prefprop_cli.bench.child
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import TextIO

import torch

from prefprop_cli.bench.job import Job, Message
from prefprop_cli.bench.measure import interleaved
from prefprop_cli.bench.subjects import ready
from prefprop_cli.errors import PrefpropError, is_out_of_memory
from prefprop_cli.malloc import return_freed_memory

OUT_OF_MEMORY = "out of memory. Use shorter documents, or a smaller --batch-size"


def main() -> None:
    """Do the job, and report an error that is known as the last message."""
    with _own_stdout() as stdout:

        def send(message: Message) -> None:
            print(message.model_dump_json(exclude_none=True), file=stdout, flush=True)

        try:
            job = Job.model_validate_json(sys.stdin.read())
            if job.config.model.gradient_checkpointing:
                return_freed_memory()
            if job.measures == "memory":
                send(Message(peak_bytes=_peak_bytes(job)))
                return
            timings = interleaved(
                ready(job),
                warmup=job.warmup,
                repeat=job.repeat,
                progress=lambda done: send(Message(done=done)),
            )
            send(Message(timings=timings))
        except PrefpropError as error:
            send(Message(error=str(error), exit_code=error.exit_code))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            send(Message(error=OUT_OF_MEMORY, exit_code=7))


def _own_stdout() -> TextIO:
    """The standard output for messages alone; what a library prints goes to stderr."""
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return own


def _peak_bytes(job: Job) -> int:
    """Most memory the process holds while the subject, already loaded, does its work once."""
    run, *_ = ready(job)
    if torch.device(job.device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(job.device)
        run()
        return torch.cuda.max_memory_allocated(job.device)
    # From here on VmHWM is the peak of the work, without what loading needed for a moment.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    run()
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
