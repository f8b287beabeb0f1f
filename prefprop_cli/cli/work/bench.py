"""`prefprop bench`: documents and tokens per second and peak memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.progress import Progress
from prefprop_cli.cli.work.bench_view import tell
from prefprop_cli.cli.work.settings import load_settings
from prefprop_cli.errors import UsageError

if TYPE_CHECKING:
    from prefprop_cli.bench.job import DType, Job, Step, Subject
    from prefprop_cli.bench.lengths import Distribution
    from prefprop_cli.bench.process import Malloc
    from prefprop_cli.bench.records import Row
    from prefprop_cli.bench.request import Groups, Request
    from prefprop_cli.config.schema import Config

DEFAULT_LENGTHS = (512, 1024, 2048, 4096)
TABLE_7_LENGTHS = (4096,)


def run(
    console: Console,
    *,
    run: Path | None,
    preset: str | None,
    overrides: Sequence[str],
    shape: str | None,
    lengths: Sequence[int] | None,
    like: "Distribution | None",
    documents: int,
    pad_to: int | None,
    table: Literal["7"] | None,
    batch_size: int,
    warmup: int,
    repeat: int,
    train: str | None,
    dtype: "DType",
    against: bool,
    malloc: Literal["installed", "tuned", "both"] | None,
    memory: bool,
    device: str,
) -> None:
    """Time a backbone, beside `transformers` if asked for, each setting in its own process.

    Raises:
        UsageError: flags exclude each other, or ask for what the backbone cannot do.
        PrefpropError: a measuring process failed.
    """
    _check_flags(
        like=like, lengths=lengths, pad_to=pad_to, table=table, against=against, train=train
    )
    config = _config(run, preset, overrides, shape=shape)
    from prefprop_cli.bench import request as r
    from prefprop_cli.bench.process import can_measure_memory
    from prefprop_cli.build.run import resolve_device

    device = resolve_device(device)
    mallocs = _mallocs(malloc, against=against, device=device)
    request = r.Request(
        config=config,
        shape=shape,
        steps=_steps(train),
        dtype=dtype,
        against=against,
        device=device,
    )
    if table:
        request, groups = r.table_7(request, lengths or TABLE_7_LENGTHS, batch_size=batch_size)
    elif like:
        groups = r.like(request, like, n_documents=documents, batch_size=batch_size, pad_to=pad_to)
    else:
        groups = r.at_lengths(request, lengths or DEFAULT_LENGTHS, batch_size=batch_size)
    job = request.job(groups).model_copy(update={"warmup": warmup, "repeat": repeat})
    memory = memory and can_measure_memory(device)
    rows = _measure(console, request, groups, job, mallocs, memory=memory)
    tell(console, request, rows, documents=_documents(like, table), is_table_7=bool(table))


def _steps(train: str | None) -> tuple["Step", ...]:
    known: dict[str, Step] = {"prefix": "prefix", "full": "full"}
    names = [name.strip() for name in train.split(",")] if train else []
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"--train {train}: no step {unknown[0]!r}. Use prefix, full or prefix,full"
        )
    return tuple(dict.fromkeys(known[name] for name in names)) or ("forward",)


def _check_flags(
    *,
    like: str | None,
    lengths: Sequence[int] | None,
    pad_to: int | None,
    table: str | None,
    against: bool,
    train: str | None,
) -> None:
    if like and lengths:
        raise UsageError(f"--like {like} has lengths of its own. Leave out --lengths")
    if pad_to and not like:
        raise UsageError(f"--pad-to {pad_to} pads real lengths. Add --like newsgroups, for example")
    others = {"--like": like, "--train": train, "--against": against}
    if table and (given := [flag for flag, value in others.items() if value]):
        raise UsageError(f"--table {table} is inference alone, ours. Leave out {', '.join(given)}")


def _config(
    run: Path | None, preset: str | None, overrides: Sequence[str], *, shape: str | None
) -> "Config":
    given = {"RUN": run, "--preset": preset, "--shape": shape}
    if len(found := [name for name, value in given.items() if value]) > 1:
        raise UsageError(f"{' and '.join(found)} each name a backbone. Give one of them")
    if run:
        from prefprop_cli.runs import RunFolder

        preset = str(RunFolder.open(run).checked_config)
    return load_settings(preset, overrides).config


def _mallocs(
    asked: Literal["installed", "tuned", "both"] | None, *, against: bool, device: str
) -> tuple["Malloc", ...]:
    """By default tuned, as `runtime` does for this program; beside another library both."""
    from prefprop_cli.bench.process import can_tune_malloc

    if asked in ("tuned", "both") and not can_tune_malloc():
        raise UsageError(f"--malloc {asked} needs glibc, and this is none. Use --malloc installed")
    matters = device == "cpu" and can_tune_malloc()
    asked = asked or (("both" if against else "tuned") if matters else "installed")
    return ("installed", "tuned") if asked == "both" else (asked,)


def _measure(
    console: Console,
    request: "Request",
    groups: "Groups",
    job: "Job",
    mallocs: Sequence["Malloc"],
    *,
    memory: bool,
) -> list["Row"]:
    from prefprop_cli.bench.process import run_job
    from prefprop_cli.bench.records import rows

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


def _peaks(job: "Job", progress: Progress) -> "dict[Subject, int]":
    from prefprop_cli.bench.process import run_job

    peaks = {}
    for subject in job.subjects:
        alone = job.model_copy(update={"subjects": (subject,), "measures": "memory"})
        peaks[subject] = run_job(alone).peak_bytes or 0
        progress.update(progress.done + 1)
    return peaks


def _documents(like: str | None, table: str | None) -> str:
    if like:
        return f"documents as long as those of {like}"
    return f"table {table} of the paper" if table else "random documents"
