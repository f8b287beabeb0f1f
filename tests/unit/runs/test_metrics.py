"""The rows of a run are those that were written, whatever happened to it since."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from prefprop_cli.errors import CorruptFileError, ResourceError
from prefprop_cli.runs import RunFolder
from tests.helpers.crash import disk_full_at, every_death


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create_at(tmp_path / "run")


def append(run: RunFolder, *steps: int) -> None:
    for step in steps:
        run.append_metrics({"step": step, "loss": 1 / step, "ids": ["ü"]})


def steps(run: RunFolder) -> list[int]:
    return [row["step"] for row in run.metrics()]


@pytest.mark.parametrize("status", ["finished", "interrupted"])
def test_every_bit_of_a_run_that_ended_counts(run: RunFolder, status: str) -> None:
    append(run, 1, 2)
    run.seal_metrics(status=status)
    whole = run.metrics_file.read_bytes()
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        for damaged in (flipped, whole[:position], whole + whole[: position + 1]):
            run.metrics_file.write_bytes(damaged)
            with pytest.raises(CorruptFileError, match=r"metrics\.jsonl is damaged: it is not"):
                run.metrics()
    run.metrics_file.write_bytes(whole)
    assert steps(run) == [1, 2]


def test_of_a_run_that_was_killed_every_bit_up_to_its_last_save_counts(run: RunFolder) -> None:
    append(run, 1, 2)
    run.seal_metrics()
    append(run, 3)
    with run.metrics_file.open("ab") as file:
        file.write(b'{"step": 4')
    assert steps(run) == [1, 2, 3]
    whole = run.metrics_file.read_bytes()
    damaged = whole.replace(b'"loss": 0.5', b'"loss": 0.7')
    run.metrics_file.write_bytes(damaged)
    for read in (run.metrics, lambda: run.drop_metrics_after(2)):
        with pytest.raises(CorruptFileError, match="without one, remove it"):
            read()
    assert run.metrics_file.read_bytes() == damaged


def test_without_the_file_the_run_goes_on_without_its_earlier_rows(run: RunFolder) -> None:
    append(run, 1, 2)
    run.seal_metrics(status="interrupted")
    run.metrics_file.unlink()
    with pytest.raises(CorruptFileError):
        run.metrics()
    run.drop_metrics_after(2)
    append(run, 3)
    run.seal_metrics(status="finished")
    assert steps(run) == [3]


def test_rows_of_an_earlier_version_are_read_and_sealed(run: RunFolder) -> None:
    append(run, 1)
    run.update_manifest(status="interrupted")
    run.drop_metrics_after(1)
    assert steps(run) == [1]
    run.seal_metrics(status="finished")
    assert steps(run) == [1]


def test_what_is_kept_is_not_written_anew(run: RunFolder) -> None:
    run.metrics_file.write_bytes(b'{"step":1,  "x":1.10}\n{"step": 2}\n')
    run.drop_metrics_after(1)
    assert run.metrics_file.read_bytes() == b'{"step":1,  "x":1.10}\n'


LIVES: dict[str, Callable[[RunFolder], None]] = {
    "saves": lambda run: (append(run, 3), run.seal_metrics(), append(run, 4)),
    "resumes at the save": lambda run: (run.drop_metrics_after(2), append(run, 3)),
    "resumes before it": lambda run: (
        run.drop_metrics_after(1),
        append(run, 2),
        run.seal_metrics(),
    ),
    "ends": lambda run: run.seal_metrics(status="finished"),
}


@pytest.mark.parametrize("life", LIVES)
def test_killed_at_any_moment_it_is_readable_and_goes_on(life: str, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")

    def prepare() -> None:
        shutil.rmtree(run.path, ignore_errors=True)
        RunFolder.create_at(run.path)
        append(run, 1, 2)
        run.seal_metrics()
        append(run, 3)

    n_deaths = 0
    for _ in every_death(prepare, lambda: LIVES[life](run)):
        n_deaths += 1
        assert steps(run)[:1] == [1]
        run.drop_metrics_after(1)
        append(run, 2)
        run.seal_metrics(status="finished")
        assert steps(run) == [1, 2]
    assert n_deaths > 3


def test_a_full_disk_while_it_is_sealed(run: RunFolder) -> None:
    append(run, 1)
    run.seal_metrics()
    append(run, 2)
    for n in range(1, 6):
        with disk_full_at(n), suppress(ResourceError):
            run.seal_metrics()
        assert steps(run) == [1, 2]
