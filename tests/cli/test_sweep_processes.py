"""`prefprop sweep` killed, stopped, and in two processes at once."""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from prefprop_cli.cli.app import main
from tests.helpers import sweeps

pytest.importorskip("optuna")

SWEEP = """
stages = [{ "train.lr" = [0.02, 0.01] }]
seeds = [0, 1]
"""
LONGEST_S = 120


@dataclass(frozen=True)
class Sweep:
    config: Path
    whole: Path
    """What a process that nobody disturbs leaves."""
    start: Callable[[Path], "subprocess.Popen[str]"]

    def finish(self, out: Path) -> int:
        return main(["sweep", "-p", str(self.config), "--out", str(out), "-q"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("sweep")
    config = sweeps.write_sweep(folder, SWEEP, epochs=4, save_every=2)
    os.environ["PREFPROP_CACHE"] = str(folder / "cache")
    assert main(["sweep", "-p", str(config), "--out", str(folder / "whole"), "-q"]) == 0
    yield folder
    del os.environ["PREFPROP_CACHE"]


@pytest.fixture
def sweep(project: Path, program: list[str], environment: dict[str, str]) -> Iterator[Sweep]:
    cache = {"PREFPROP_CACHE": os.environ["PREFPROP_CACHE"]}
    with ExitStack() as processes:

        def start(out: Path) -> "subprocess.Popen[str]":
            process = processes.enter_context(
                subprocess.Popen(
                    [*program, "sweep", "-p", str(project / "tiny.toml"), "--out", str(out)],
                    env={**environment, **cache},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            processes.callback(process.kill)
            return process

        yield Sweep(project / "tiny.toml", project / "whole", start)


def wait_for(process: "subprocess.Popen[str]", out: Path, name: str, *, n_steps: int) -> None:
    """Wait until the run of that setting has done so many steps."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        run = sweeps.runs(out).get(name) if (out / "runs").is_dir() else None
        if run and (run / "metrics.jsonl").exists() and len(sweeps.steps(run)) >= n_steps:
            return
        time.sleep(0.005)
    raise AssertionError(f"{name} has not done {n_steps} steps in {LONGEST_S} s")


def assert_same_runs(out: Path, whole: Path) -> None:
    """The same settings were run, to the same bits."""
    found, expected = sweeps.runs(out), sweeps.runs(whole)
    assert found.keys() == expected.keys()
    for name, run in found.items():
        for file in ("adapter/trained.safetensors", "eval/validation.safetensors"):
            assert (run / file).read_bytes() == (expected[name] / file).read_bytes()
        assert sweeps.steps(run) == list(range(1, 25))


def test_a_sweep_that_is_killed_and_then_stopped_goes_on_where_it_was(
    sweep: Sweep, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    killed = sweep.start(out)
    wait_for(killed, out, "lr=0.01", n_steps=5)
    killed.kill()
    killed.wait()
    stopped = sweep.start(out)
    wait_for(stopped, out, "lr=0.01", n_steps=12)
    stopped.send_signal(signal.SIGTERM)
    printed, told = stopped.communicate(timeout=LONGEST_S)
    assert (stopped.returncode, printed) == (143, ""), told
    runs = sweeps.runs(out)
    n_steps = len(sweeps.steps(runs["lr=0.01"]))
    again = f"Go on with: prefprop sweep -p {sweep.config} --out {out}"
    assert told.endswith(f"stopped at step {n_steps}, saved. {again}\n")
    assert sweep.finish(out) == 0
    assert_same_runs(out, sweep.whole)
    assert len(sweeps.starts(runs["lr=0.02"])) == 1
    began, after_kill, after_stop = sweeps.starts(runs["lr=0.01"])
    assert "from step" not in began
    assert "training from step" in after_kill
    assert f"from step {n_steps}:" in after_stop


def test_two_processes_share_the_trials(sweep: Sweep, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = sweep.start(out)
    wait_for(first, out, "lr=0.02", n_steps=2)
    stop_outside_the_journal(first, out / "sweep.journal")
    second = sweep.start(out)
    wait_for(second, out, "lr=0.01", n_steps=1)
    first.send_signal(signal.SIGCONT)
    ends = [process.communicate(timeout=LONGEST_S) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], ends
    assert ends[0][0] == ends[1][0] != ""
    assert_same_runs(out, sweep.whole)
    assert all(len(sweeps.starts(run)) == 1 for run in sweeps.runs(out).values())
    headings = [
        [line for line in told.splitlines() if line.startswith("trial ")] for _, told in ends
    ]
    assert "train.lr = 0.02" in headings[0][0]
    assert "train.lr = 0.01" in headings[1][0]
    assert len(headings[0]) + len(headings[1]) == len(sweeps.runs(out))


def stop_outside_the_journal(process: "subprocess.Popen[str]", journal: Path) -> None:
    """Stop a process where it does not hold the lock that others need for a moment."""
    while True:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        with journal.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.05)
