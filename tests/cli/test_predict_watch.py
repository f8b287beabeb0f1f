"""`predict --watch`: rows of what appears in a folder, by a real process."""

import json
import os
import queue
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.two_runs import Runs

PATIENCE_S = 120


class Watcher:
    """A process that watches `in` and what it has printed.

    Args:
        process: whose streams are pipes.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def row(self) -> dict[str, Any]:
        """The next row."""
        return json.loads(self._lines.get(timeout=PATIENCE_S))

    def has_rows(self, *, wait_s: float) -> bool:
        """Whether one comes in a time."""
        try:
            self._lines.put(self._lines.get(timeout=wait_s))
        except queue.Empty:
            return False
        return True

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)


@pytest.fixture
def watcher(
    runs: Runs, program: list[str], environment: dict[str, str], tmp_path: Path
) -> Iterator[Watcher]:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "first.txt").write_text("a b c")
    arguments = ("predict", "--run", str(runs.texts), "--watch", "in", "--json")
    with subprocess.Popen(
        [*program, *arguments],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield Watcher(process)
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_files_are_predicted_as_they_appear(
    watcher: Watcher, tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "in"
    assert watcher.row()["id"] == "in/first.txt"

    (tmp_path / "b.csv").write_text("n,body\n1,a b\n2,\n")
    (tmp_path / "b.csv").rename(folder / "b.csv")
    good, bad = watcher.row(), watcher.row()
    assert (good["id"], bad["id"]) == ("in/b.csv:2", "in/b.csv:3")
    assert "is empty" in bad["error"]

    with (folder / "slow.txt").open("w") as slow:
        for _ in range(8):
            slow.write("a ")
            slow.flush()
            assert not watcher.has_rows(wait_s=0.2)
    row = watcher.row()
    assert (row["id"], row["n_tokens"]) == ("in/slow.txt", 10)  # with those of begin and end

    os.utime(folder / "first.txt", (1, 1))
    assert watcher.row()["id"] == "in/first.txt"
    assert not watcher.has_rows(wait_s=1)

    watcher.process.send_signal(number)
    assert watcher.process.wait(timeout=PATIENCE_S) == 128 + number
    assert watcher.process.stderr
    told = watcher.process.stderr.read()
    assert "watching in; Ctrl-C ends it\n" in told
    assert "predicted 4 of 5 documents in " in told
    assert told.endswith(f"stopped by {number.name}\n")


def test_it_ends_when_nobody_reads_its_rows(
    runs: Runs, program: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / f"{name}.txt").write_text("a b c")
    command = shlex.join([*program, "predict", "--run", str(runs.texts), "--watch", "in", "-q"])
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -n 1; echo ${{PIPESTATUS[0]}}"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    row, code = done.stdout.splitlines()
    assert (row.split("\t")[0], code, done.stderr) == ("in/a.txt", "141", "")
