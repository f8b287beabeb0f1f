import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prefprop_cli.bench.job import Job, Subject
from prefprop_cli.bench.process import TUNED_MALLOC, run_job
from prefprop_cli.config.schema import Config, MethodTable
from prefprop_cli.errors import PrefpropError, ResourceError

StandIn = Callable[[str], None]

SUBJECT = Subject(
    library="prefprop", method=MethodTable(prefix_length=2), step="prefix", batches=((20, 7),)
)


def job(config: Config, **changes: object) -> Job:
    plain = Job(
        config=config, shape=None, subjects=(SUBJECT,), device="cpu", measures="time", repeat=3
    )
    return plain.model_copy(update=changes)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A shell script in place of the process that measures."""

    def install(script: str) -> None:
        file = tmp_path / "child"
        file.write_text(f"#!/bin/sh\nread job\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(file))

    return install


def test_a_job_is_timed_in_a_process_of_its_own(tiny: Config) -> None:
    told: list[int] = []
    two = (SUBJECT, SUBJECT.model_copy(update={"step": "forward"}))
    message = run_job(job(tiny, subjects=two, warmup=1), progress=told.append)
    assert told == list(range(1, 9))
    assert message.timings is not None
    assert [len(timing.wall_s) for timing in message.timings] == [3, 3]
    assert all(s > 0 for timing in message.timings for s in timing.wall_s + timing.cpu_s)


def test_the_peak_of_the_work_grows_with_it(tiny: Config) -> None:
    def peak(n: int) -> int:
        subject = SUBJECT.model_copy(update={"batches": ((60,) * n,)})
        return run_job(job(tiny, measures="memory", subjects=(subject,))).peak_bytes or 0

    # 400 documents of 62 positions: many times 24,800 x 32 float32 numbers of 3.2 MB.
    assert peak(400) - peak(1) > 16e6


def test_an_error_that_is_known_keeps_its_message_and_exit_code(tiny: Config) -> None:
    model = tiny.model.model_copy(update={"backbone": "/nowhere"})
    with pytest.raises(PrefpropError, match="no such folder") as caught:
        run_job(job(tiny.model_copy(update={"model": model})))
    assert caught.value.exit_code == 3


def test_an_unknown_error_ends_with_its_last_line(stand_in: StandIn, tiny: Config) -> None:
    stand_in("echo Traceback >&2; echo 'ValueError: abc' >&2; exit 1")
    with pytest.raises(PrefpropError, match=r"^measuring failed: ValueError: abc$") as caught:
        run_job(job(tiny))
    assert caught.value.exit_code == 1


def test_a_process_that_was_killed_is_most_often_out_of_memory(
    stand_in: StandIn, tiny: Config
) -> None:
    stand_in("echo '{\"done\": 1}'; kill -9 $$")
    with pytest.raises(ResourceError, match="killed by signal 9"):
        run_job(job(tiny))


@pytest.mark.parametrize(("malloc", "value"), [("installed", ""), ("tuned", "268435456")])
def test_the_allocator_is_tuned_before_the_process_starts(
    malloc: str, value: str, stand_in: StandIn, tiny: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in TUNED_MALLOC:
        monkeypatch.delenv(name, raising=False)
    stand_in('echo "{\\"error\\": \\"<$MALLOC_TOP_PAD_>\\"}"')
    with pytest.raises(PrefpropError) as caught:
        run_job(job(tiny), malloc=malloc)
    assert str(caught.value) == f"<{value}>"
