"""Peak memory of one subject, in a process of its own.

python -m prefprop_cli.bench.memory SUBJECT CONFIG.toml LENGTH BATCH_SIZE TRAIN DEVICE
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from prefprop_cli.bench.subjects import Work, subject
from prefprop_cli.build.plan import Plan, make_plan
from prefprop_cli.config.load import dump_config, load_config
from prefprop_cli.errors import PrefpropError


def peak_bytes(name: str, plan: Plan, work: Work, *, device: str) -> int:
    """Most memory a process needs that loads the subject and does the work once, in bytes.

    On CPU that is the resident set, interpreter and libraries included; on CUDA what the
    allocator gave out.

    Raises:
        PrefpropError: the process failed; with its last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text(dump_config(plan.config))
        command = [sys.executable, "-m", __spec__.name, name, str(config)]
        command += [str(work.length), str(work.batch_size), str(int(work.train)), device]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().split("\n")[-1]
        raise PrefpropError(f"measuring the memory of {name} at {work.length} failed: {last}")
    return int(done.stdout)


def _main(name: str, config: str, length: str, batch_size: str, train: str, device: str) -> int:
    plan = make_plan(load_config(preset=config).config)
    work = Work(int(length), batch_size=int(batch_size), train=train == "1")
    subject(name, plan, work, device=device)()
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device)
    # Not getrusage: its peak outlives exec, so a large parent would be counted.
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    print(_main(*sys.argv[1:]))
