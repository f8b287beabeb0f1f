"""`prefprop bench`: documents and tokens per second and peak memory, at each length."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.experiment import load_settings
from prefprop_cli.cli.text import size
from prefprop_cli.errors import UsageError

if TYPE_CHECKING:
    from prefprop_cli.bench.measure import Timing
    from prefprop_cli.bench.subjects import Work
    from prefprop_cli.build.plan import Plan

HEADER = ("subject", "length", "docs/s", "95 %", "tokens/s", "p50 s", "p95 s", "memory", "ratio")


def run(
    console: Console,
    *,
    run: Path | None,
    preset: str | None,
    lengths: Sequence[int],
    batch_size: int,
    warmup: int,
    repeat: int,
    train: bool,
    against: str | None,
    device: str,
) -> None:
    """Time the backbone of a run or a preset, beside another library if asked for.

    Raises:
        UsageError: a run and a preset were both given, or a length is more than the backbone has.
    """
    if run and preset:
        raise UsageError(f"bench {run} --preset {preset}: give one of them")
    plan = _plan(run, preset)
    too_long = [length for length in lengths if length > plan.encoder.max_length]
    if too_long:
        raise UsageError(
            f"--lengths {too_long[0]}: the backbone has {plan.encoder.max_length} positions"
        )
    from prefprop_cli.bench.subjects import OURS, Work
    from prefprop_cli.build.run import resolve_device

    names = [OURS, *([against] if against else [])]
    rows = []
    with console.progress(
        total=len(lengths) * len(names) * (warmup + repeat), label="pass"
    ) as progress:
        for length in lengths:
            work = Work(length, batch_size=batch_size, train=train)
            rows += _measure(
                names,
                plan,
                work,
                device=resolve_device(device),
                warmup=warmup,
                repeat=repeat,
                progress=progress.ahead(),
            )
    if console.common.json:
        console.result_json({"what": _what(plan, train=train), "rows": rows})
        return
    console.info(_what(plan, train=train))
    console.table([_cells(row) for row in rows], header=HEADER)


def _plan(run: Path | None, preset: str | None) -> "Plan":
    from prefprop_cli.build.plan import make_plan

    if run:
        from prefprop_cli.runs import RunFolder

        preset = str(RunFolder.open(run).config)
    return make_plan(load_settings(preset, []).config)


def _measure(
    names: Sequence[str],
    plan: "Plan",
    work: "Work",
    *,
    device: str,
    warmup: int,
    repeat: int,
    progress: Callable[[int], None],
) -> list[dict[str, object]]:
    from prefprop_cli.bench.measure import interleaved
    from prefprop_cli.bench.memory import peak_bytes
    from prefprop_cli.bench.subjects import OURS, subject

    subjects = {name: subject(name, plan, work, device=device) for name in names}
    timings = interleaved(subjects, warmup=warmup, repeat=repeat, progress=progress)
    ours = timings[OURS]
    return [
        {
            **_record(name, timing, work),
            "peak_bytes": peak_bytes(name, plan, work, device=device),
            # Processor time, which the neighbours of this process disturb least.
            "ratio": timing.cpu_p50_s / ours.cpu_p50_s
            if device == "cpu"
            else timing.p50_s / ours.p50_s,
        }
        for name, timing in timings.items()
    ]


def _record(name: str, timing: "Timing", work: "Work") -> dict[str, object]:
    docs_per_s, interval = timing.per_second(work.batch_size)
    return {
        "subject": name,
        "length": work.length,
        "batch_size": work.batch_size,
        "docs_per_s": docs_per_s,
        "docs_per_s_low": interval.low,
        "docs_per_s_high": interval.high,
        "tokens_per_s": docs_per_s * work.length,
        "p50_s": timing.p50_s,
        "p95_s": timing.p95_s,
        "cpu_p50_s": timing.cpu_p50_s,
    }


def _cells(row: Mapping[str, object]) -> list[str]:
    return [
        str(row["subject"]),
        str(row["length"]),
        f"{row['docs_per_s']:.3g}",
        f"{row['docs_per_s_low']:.3g}-{row['docs_per_s_high']:.3g}",
        f"{row['tokens_per_s']:.0f}",
        f"{row['p50_s']:.3f}",
        f"{row['p95_s']:.3f}",
        size(int(str(row["peak_bytes"]))),
        f"{row['ratio']:.2f}",
    ]


def _what(plan: "Plan", *, train: bool) -> str:
    what = "training step" if train else "forward pass"
    return (
        f"{what}, {plan.config.method.name}, {plan.encoder.n_layers} layers of width "
        f"{plan.encoder.width}; ratio: time of the subject / time of ours"
    )
