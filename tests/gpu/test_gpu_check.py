"""The script of `make gpu-check`, rehearsed on the CPU with a tiny encoder."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]


def gpu_check(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu_check.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_section_runs(tmp_path: Path):
    out = tmp_path / "gpu.json"
    done = gpu_check("--device", "cpu", "--tiny", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(out.read_text())
    assert record["failures"] == []
    assert record["parity"]["forward, float32, 64"]["flex hidden"] < 1e-5
    assert record["parity"]["prefix step, float32, 64"]["sdpa gradient"] < 1e-5
    timed = record["speed"]["prefix step, bfloat16, 32"]
    assert timed["documents"] == 4
    assert timed["sdpa"]["documents_per_s"] == pytest.approx(4 * timed["sdpa"]["steps_per_s"])
    assert timed["transformers"]["documents_per_s"] > 0
    assert "flex, prefix-propagation overhead_percent" in record["table_7"]["float32"]
    assert "prefix step, bfloat16, sdpa, checkpointing" in record["memory"]
    assert record["packages"]["torch"] == torch.__version__


def test_a_section_that_fails_is_recorded_and_the_others_go_on(tmp_path: Path):
    out = tmp_path / "gpu.json"
    script = (
        "import sys; sys.path.insert(0, 'benchmarks'); import gpu_check\n"
        "def parity(_): raise RuntimeError('no luck')\n"
        "gpu_check.SECTIONS = {'parity': parity, 'tests': lambda _: 'fine'}\n"
        f"sys.argv[1:] = ['--device', 'cpu', '--tiny', '--out', {str(out)!r}]\n"
        "sys.exit(gpu_check.main())"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "FAILED parity: RuntimeError: no luck" in done.stdout
    record = json.loads(out.read_text())
    assert record["parity"] == {"error": "RuntimeError", "message": "no luck"}
    assert record["tests"] == "fine"


@pytest.mark.skipif(torch.cuda.is_available(), reason="is for machines without CUDA")
def test_without_cuda_it_says_so_in_one_line():
    done = gpu_check()
    assert done.returncode == 1
    assert done.stdout.startswith("gpu_check: no CUDA device")
    assert done.stdout.count("\n") == 1
