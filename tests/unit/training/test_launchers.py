"""The launchers people use, with two processes on a CPU."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import data_parallel
from tests.helpers.ranks import free_port

ROOT = Path(__file__).parents[3]
TORCHRUN = ("torch.distributed.run", "--nproc-per-node", "2", "--master-port")
ACCELERATE = (
    *("accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"),
    *("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port"),
)


@pytest.mark.parametrize(
    "launcher", [TORCHRUN, pytest.param(ACCELERATE, marks=pytest.mark.slow)], ids=lambda it: it[0]
)
def test_two_processes_train_and_evaluate_as_one(launcher: tuple[str, ...], tmp_path: Path):
    folders = tmp_path / "one", tmp_path / "several"
    for folder in folders:
        folder.mkdir()
    method = "prefix-propagation"
    program = ("-m", "tests.helpers.data_parallel", str(folders[1]), method)
    done = subprocess.run(
        [sys.executable, "-m", *launcher, str(free_port()), *program],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    data_parallel.train(folders[0], method)
    one, several = map(data_parallel.Trained.read, folders)
    several.assert_close(one)
    np.testing.assert_array_equal(*several.logits)
