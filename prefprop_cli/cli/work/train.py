"""`prefprop train`: a run folder with an adapter in it."""

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.text import size
from prefprop_cli.cli.work.experiment import load_settings, tell_data
from prefprop_cli.errors import UsageError
from prefprop_cli.parallel import world

if TYPE_CHECKING:
    from prefprop_cli.build.model import TrainedNumbers
    from prefprop_cli.build.plan import Plan
    from prefprop_cli.config.schema import Config
    from prefprop_cli.data.prepare import Prepared
    from prefprop_cli.runs import RunFolder
    from prefprop_cli.training.events import FitResult


def run(
    console: Console,
    *,
    preset: str | None,
    overrides: Sequence[str],
    source: str | None,
    out: Path | None,
    resume: Path | None,
    device: str,
    seed: int | None,
    dry_run: bool,
    offline: bool,
) -> None:
    """Train, and write the run folder to stdout.

    Raises:
        UsageError: `--resume` beside a configuration, of a run that is finished, or of one whose
            configuration was changed; something is in the new folder; there is no such device.
        DataError: the backbone or the documents are not those of the run that is resumed.
        RunLockedError: another process trains it.
        Interrupted: a signal came; the state is saved.
    """
    stay_offline(offline)
    if resume and (preset or overrides or source or out or seed is not None):
        raise UsageError(
            f"--resume {resume} goes on with that run's own configuration. Leave the others out"
        )
    here = world()
    with ExitStack() as held:
        folder = _taken_up(resume, held) if resume else None
        known = str(folder.config) if folder else preset
        loaded = here.on_each(lambda: load_settings(known, overrides, source=source, seed=seed))
        from prefprop_cli.build.launch import create_run
        from prefprop_cli.build.run import resolve_device
        from prefprop_cli.config.sweep import with_values

        device = here.on_each(lambda: resolve_device(device))
        if not folder and not dry_run:
            here.on_main(lambda: _check_out(out))
        stop = held.enter_context(StopRequest())
        plan, prepared = _inputs(console, with_values(loaded.config, {}), folder, stop)
        if dry_run:
            _tell_plan(console, plan, prepared)
            return
        if folder is None:
            folder = create_run(plan, prepared, out=out, sources=loaded.sources, argv=sys.argv)
            _hold(folder, held)
        result = _train(console, plan, prepared, folder, device, stop, resume=bool(resume))
    if result.status == "interrupted":
        again = f"prefprop train --resume {shlex.quote(str(folder.path))}"
        told = f"stopped at step {result.step}, saved. Go on with: {again}"
        here.on_each(lambda: stop.raise_if_requested(told))
    _tell_result(console, folder, result, warnings=prepared.warnings)


def _taken_up(path: Path, held: ExitStack) -> "RunFolder":
    """The run to go on with, its lock held before anything takes time."""
    folder = world().on_each(lambda: _unfinished(path))
    _hold(folder, held)
    return folder


def _hold(folder: "RunFolder", held: ExitStack) -> None:
    lock = folder.lock()
    world().on_main(lambda: held.enter_context(lock))


def _unfinished(path: Path) -> "RunFolder":
    from prefprop_cli.runs import RunFolder, check_config, is_begun, unfinished

    folder = RunFolder.open(path)
    manifest = folder.manifest
    if manifest["status"] == "finished":
        raise UsageError(f"{path} is finished; there is nothing to resume")
    if not is_begun(manifest):
        raise unfinished(path, manifest)
    check_config(folder.config, manifest)
    return folder


def _inputs(
    console: Console, config: "Config", folder: "RunFolder | None", stop: StopRequest
) -> tuple["Plan", "Prepared"]:
    """Backbone and data; those of a run that is resumed are the ones it was started with."""
    if folder is None:
        plan = find(console, config)
        return plan, prepare(console, plan, stop)
    from prefprop_cli.build.record import check_backbone, check_data

    record, path, advice = folder.manifest, folder.path, _advice(folder)
    plan = find(console, config)
    world().on_main(lambda: check_backbone(record, plan, of=path, advice=advice))
    prepared = prepare(console, plan, stop)
    world().on_main(lambda: check_data(record, prepared, of=path, advice=advice))
    return plan, prepared


def _advice(folder: "RunFolder") -> str:
    again = f"prefprop train -p {shlex.quote(str(folder.config))}"
    return f"Put back what it was, or begin a new run with what there is now: {again}"


def _check_out(out: Path | None) -> None:
    from prefprop_cli.runs import check_free, check_writable

    check_free(out) if out else check_writable(Path("runs"))


def stay_offline(offline: bool) -> None:
    """Keep the hub's libraries, which read this when they are imported, from the network."""
    if offline:
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")


def find(console: Console, config: "Config") -> "Plan":
    """Find the backbone, and say whether it is converted.

    Raises:
        ConfigError: the configuration does not fit it.
        DataError: it cannot be used.
    """
    from prefprop_cli.build.plan import make_plan
    from prefprop_cli.data import check_source

    world().on_each(lambda: check_source(config.data))
    plan = world().first_on_machine(lambda: make_plan(config))
    converted = plan.config.model.to_long
    if converted and not config.model.to_long:
        console.info(
            f"model: {plan.config.model.backbone} is turned into a Longformer of {converted} "
            "positions, since data.max_length asks for more than it has"
        )
    return plan


def prepare(console: Console, plan: "Plan", stop: StopRequest) -> "Prepared":
    """Prepare the data, and say what they are.

    Raises:
        ConfigError: the configuration does not fit them.
        DataError: they cannot be used.
        Interrupted: a signal came.
    """
    from prefprop_cli.build.plan import prepare_data
    from prefprop_cli.cache import default_cache

    prepared = prepare_data(plan, cache=default_cache(), stop=stop.raise_if_requested)
    tell_data(console, prepared)
    _tell_trained(console, plan, prepared)
    return prepared


def _tell_trained(console: Console, plan: "Plan", prepared: "Prepared") -> None:
    numbers = _numbers(plan, prepared)
    method = plan.config.method.name
    console.info(
        f"trained: {method} {numbers.method + numbers.backbone:,} "
        f"({numbers.method_percent:.4f} % of {numbers.of_backbone:,}), head {numbers.head:,}, "
        f"together {numbers.total:,} ({numbers.total_percent:.4f} %)"
    )


def _numbers(plan: "Plan", prepared: "Prepared") -> "TrainedNumbers":
    from prefprop_cli.build.model import trained_numbers
    from prefprop_cli.build.plan import empty_classifier

    return trained_numbers(empty_classifier(plan, n_labels=len(prepared.labels)))


def _tell_plan(console: Console, plan: "Plan", prepared: "Prepared") -> None:
    from prefprop_cli.build.estimate import training_bytes
    from prefprop_cli.config.load import dump_config

    numbers = _numbers(plan, prepared)
    memory = training_bytes(plan, numbers)
    if console.common.json:
        console.result_json(
            {
                "config": plan.config.model_dump(),
                "data": prepared.summary,
                "trained": {**vars(numbers), "total": numbers.total},
                "memory_bytes": memory,
            }
        )
        return
    console.info(f"memory: about {size(memory)} for a training step")
    console.result(dump_config(plan.config).rstrip("\n"))


def _train(
    console: Console,
    plan: "Plan",
    prepared: "Prepared",
    folder: "RunFolder",
    device: str,
    stop: StopRequest,
    *,
    resume: bool,
) -> "FitResult":
    from prefprop_cli.build.launch import train_run
    from prefprop_cli.cli.work.train_view import TrainView

    console.info(f"run: {folder.path} on {device}")
    with TrainView(console, log=folder.log) as view:
        return train_run(
            plan,
            prepared,
            folder,
            device=device,
            emit=view.show,
            progress=view.evaluated,
            stop=lambda: stop.requested,
            resume=resume,
        )


def _tell_result(
    console: Console, folder: "RunFolder", result: "FitResult", *, warnings: Sequence[str]
) -> None:
    console.info(
        f"{result.status} after {result.step} steps and {result.seconds:.0f} s; "
        f"best at step {result.best_step}. Next: prefprop eval {shlex.quote(str(folder.path))}"
    )
    if console.common.json:
        console.result_json({"run": folder.path, **vars(result), "warnings": warnings})
    else:
        console.result(str(folder.path))
