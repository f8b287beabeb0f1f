"""What `prefprop bench` does: documents and tokens per second and peak memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from prefprop_cli.bench.job import Job, Step, Subject
from prefprop_cli.bench.process import Malloc, can_measure_memory, can_tune_malloc, run_job
from prefprop_cli.bench.request import Groups, Request, at_lengths, like, table_7
from prefprop_cli.bench.rows import Row, rows
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.progress import Progress
from prefprop_cli.cli.work.bench_view import tell
from prefprop_cli.config.load import load_config
from prefprop_cli.config.schema import Config
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.predictor import resolve_device
from prefprop_cli.runs import RunFolder

__all__ = [
    "Request",
    "at_lengths",
    "configuration",
    "like",
    "mallocs_of",
    "measure",
    "resolve_device",
    "steps_of",
    "table_7",
    "tell",
]


def steps_of(train: str | None) -> tuple[Step, ...]:
    """Read `--train`; without it a forward pass.

    Raises:
        UsageError: it names no step.
    """
    known: dict[str, Step] = {"prefix": "prefix", "full": "full"}
    names = [name.strip() for name in train.split(",")] if train else []
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"--train {train}: no step {unknown[0]!r}. Use prefix, full or prefix,full"
        )
    return tuple(dict.fromkeys(known[name] for name in names)) or ("forward",)


def configuration(run: Path | None, preset: str | None, overrides: Sequence[str] | None) -> Config:
    """The configuration of a run, or of a preset.

    Raises:
        UsageError: there is no such run.
        ConfigError: all problems of the preset and the overrides.
    """
    known = str(RunFolder.open(run).checked_config) if run else preset
    return load_config(preset=known, overrides=overrides or []).config


def mallocs_of(
    asked: Literal["installed", "tuned", "both"] | None, *, against: bool, device: str
) -> tuple[Malloc, ...]:
    """By default tuned, as `runtime` does for this program; beside another library both.

    Raises:
        UsageError: there is nothing to tune.
    """
    if asked in ("tuned", "both") and not can_tune_malloc():
        raise UsageError(f"--malloc {asked} needs glibc, and this is none. Use --malloc installed")
    matters = device == "cpu" and can_tune_malloc()
    asked = asked or (("both" if against else "tuned") if matters else "installed")
    return ("installed", "tuned") if asked == "both" else (asked,)


def measure(
    console: Console,
    request: Request,
    groups: Groups,
    job: Job,
    mallocs: Sequence[Malloc],
    *,
    memory: bool,
) -> list[Row]:
    """Time each setting of malloc in a process of its own, with progress; memory first.

    Raises:
        PrefpropError: a measuring process failed.
    """
    memory = memory and can_measure_memory(job.device)
    n_placeholders: dict[str, int] = {
        subject.method.name: request.n_placeholders(subject.method) for subject in job.subjects
    }
    n_timed = len(mallocs) * len(job.subjects) * (job.warmup + job.repeat)
    found = []
    with console.progress(total=n_timed + memory * len(job.subjects), label="pass") as progress:
        progress.update(0)
        peaks = _peaks(job, progress) if memory else {}
        for malloc in mallocs:
            timings = run_job(job, malloc=malloc, progress=progress.ahead()).timings or ()
            found += rows(
                groups, timings, n_placeholders=n_placeholders, malloc=malloc, peaks=peaks
            )
    return found


def _peaks(job: Job, progress: Progress) -> dict[Subject, int]:
    peaks = {}
    for subject in job.subjects:
        alone = job.model_copy(update={"subjects": (subject,), "measures": "memory"})
        peaks[subject] = run_job(alone).peak_bytes or 0
        progress.update(progress.done + 1)
    return peaks
