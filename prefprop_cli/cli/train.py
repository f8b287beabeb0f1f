"""`prefprop train`: a run folder with an adapter in it."""

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.experiment import load_settings, tell_data
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.text import size
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
        UsageError: `--resume` beside a configuration, or of a run that is finished.
        Interrupted: a signal came; the state is saved.
    """
    stay_offline(offline)
    if resume and (preset or overrides or source or out or seed is not None):
        raise UsageError(
            f"--resume {resume} goes on with that run's own configuration. Leave the others out"
        )
    here = world()
    folder = here.on_each(lambda: _open(resume)) if resume else None
    known = str(folder.config) if folder else preset
    loaded = here.on_each(lambda: load_settings(known, overrides, source=source, seed=seed))
    from prefprop_cli.build.launch import create_run
    from prefprop_cli.config.sweep import with_values

    with StopRequest() as stop:
        plan, prepared = prepare(console, with_values(loaded.config, {}), stop)
        if dry_run:
            _tell_plan(console, plan, prepared)
            return
        folder = folder or create_run(
            plan, prepared, out=out, sources=loaded.sources, argv=sys.argv
        )
        with ExitStack() as held:
            lock = folder.lock()
            here.on_main(lambda: held.enter_context(lock))
            result = _train(console, plan, prepared, folder, device, stop, resume=bool(resume))
        if result.status == "interrupted":
            again = f"prefprop train --resume {shlex.quote(str(folder.path))}"
            told = f"stopped at step {result.step}, saved. Go on with: {again}"
            here.on_each(lambda: stop.raise_if_requested(told))
    _tell_result(console, folder, result)


def _open(path: Path) -> "RunFolder":
    from prefprop_cli.runs import RunFolder

    folder = RunFolder.open(path)
    if folder.manifest["status"] == "finished":
        raise UsageError(f"{path} is finished; there is nothing to resume")
    return folder


def stay_offline(offline: bool) -> None:
    """Keep the hub's libraries, which read this when they are imported, from the network."""
    if offline:
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")


def prepare(console: Console, config: "Config", stop: StopRequest) -> tuple["Plan", "Prepared"]:
    """Find the backbone, prepare the data, and say what they are.

    Raises:
        ConfigError: they do not fit each other.
        DataError: they cannot be used.
        Interrupted: a signal came.
    """
    from prefprop_cli.build.plan import make_plan, prepare_data
    from prefprop_cli.cache import default_cache

    plan = world().first_on_machine(lambda: make_plan(config))
    converted = plan.config.model.to_long
    if converted and not config.model.to_long:
        console.info(
            f"model: {plan.config.model.backbone} is turned into a Longformer of {converted} "
            "positions, since data.max_length asks for more than it has"
        )
    prepared = prepare_data(plan, cache=default_cache(), stop=stop.raise_if_requested)
    tell_data(console, prepared)
    _tell_trained(console, plan, prepared)
    return plan, prepared


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
    from prefprop_cli.build.run import resolve_device
    from prefprop_cli.cli.train_view import TrainView

    device = resolve_device(device)
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


def _tell_result(console: Console, folder: "RunFolder", result: "FitResult") -> None:
    console.info(
        f"{result.status} after {result.step} steps and {result.seconds:.0f} s; "
        f"best at step {result.best_step}. Next: prefprop eval {shlex.quote(str(folder.path))}"
    )
    if console.common.json:
        console.result_json({"run": folder.path, **vars(result)})
    else:
        console.result(str(folder.path))
