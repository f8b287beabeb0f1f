"""`prefprop train`: a run folder with an adapter in it."""

import hashlib
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.experiment import load_settings, tell_data
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.text import size
from prefprop_cli.errors import UsageError

if TYPE_CHECKING:
    from prefprop_cli.build.model import TrainedNumbers
    from prefprop_cli.build.plan import Plan
    from prefprop_cli.config.load import Loaded
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
    if offline:
        # Read by the hub's libraries when they are imported, which is below.
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    if resume and (preset or overrides or source or out or seed is not None):
        raise UsageError(
            f"--resume {resume} goes on with that run's own configuration. Leave the others out"
        )
    folder = _open(resume) if resume else None
    loaded = load_settings(
        str(folder.config) if folder else preset, overrides, source=source, seed=seed
    )
    with StopRequest() as stop:
        plan, prepared = _prepare(console, loaded, stop)
        if dry_run:
            _tell_plan(console, plan, prepared)
            return
        folder = folder or _create(loaded, plan, prepared, out=out)
        with folder.lock():
            result = _train(console, plan, prepared, folder, device, stop, resume=bool(resume))
        if result.status == "interrupted":
            again = f"prefprop train --resume {shlex.quote(str(folder.path))}"
            stop.raise_if_requested(f"stopped at step {result.step}, saved. Go on with: {again}")
    _tell_result(console, folder, result)


def _open(path: Path) -> "RunFolder":
    from prefprop_cli.runs import RunFolder

    folder = RunFolder.open(path)
    if folder.manifest["status"] == "finished":
        raise UsageError(f"{path} is finished; there is nothing to resume")
    return folder


def _prepare(console: Console, loaded: "Loaded", stop: StopRequest) -> tuple["Plan", "Prepared"]:
    from prefprop_cli.build.plan import make_plan, prepare_data
    from prefprop_cli.data.prepare import default_cache

    plan = make_plan(loaded.config)
    converted = plan.config.model.to_long
    if converted and not loaded.config.model.to_long:
        console.info(
            f"model: {plan.config.model.backbone} is turned into a Longformer of {converted} "
            "positions, since data.max_length asks for more than it has"
        )
    prepared = prepare_data(plan, cache=default_cache(), stop=stop.raise_if_requested)
    tell_data(console, prepared)
    tell_trained(console, plan, prepared)
    return plan, prepared


def tell_trained(console: Console, plan: "Plan", prepared: "Prepared") -> None:
    """Say how many numbers train, as the paper counts them and in total."""
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

    return trained_numbers(empty_classifier(plan, n_classes=len(prepared.labels)))


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


def _create(
    loaded: "Loaded", plan: "Plan", prepared: "Prepared", *, out: Path | None
) -> "RunFolder":
    from prefprop_cli.build.backbones import weights_sha256
    from prefprop_cli.config.load import dump_config
    from prefprop_cli.provenance import run_manifest
    from prefprop_cli.runs import RunFolder, write_atomically

    folder = RunFolder.create_at(out) if out else RunFolder.create(Path("runs"), plan.config.name)
    config = dump_config(plan.config).encode()
    write_atomically(folder.config, config)
    folder.update_manifest(
        **run_manifest(sys.argv),
        sources=list(loaded.sources),
        seed=plan.config.train.seed,
        config_sha256=hashlib.sha256(config).hexdigest(),
        data_sha256=prepared.summary["inputs"],
        data_folder=prepared.folder.name,
        backbone_sha256=weights_sha256(plan.backbone),
    )
    return folder


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
    from prefprop_cli.build.experiment import Experiment
    from prefprop_cli.build.run import resolve_device
    from prefprop_cli.cli.train_view import TrainView

    device = resolve_device(device)
    console.info(f"run: {folder.path} on {device}")
    folder.update_manifest(status="running", device=device, exit_reason=None)
    with _ending(folder), TrainView(console, log=folder.log) as view:
        experiment = Experiment(
            plan=plan,
            prepared=prepared,
            run=folder,
            device=device,
            emit=view.show,
            stop=lambda: stop.requested,
            progress=view.evaluated,
        )
        result = experiment.train(resume=resume)
        status = "interrupted" if result.status == "interrupted" else "finished"
        spent = folder.manifest.get("seconds") or 0.0
        folder.update_manifest(
            status=status,
            exit_reason=result.status,
            seconds=round(spent + result.seconds, 3),
            best_step=result.best_step,
            validation=dict(result.metrics),
        )
    return result


@contextmanager
def _ending(folder: "RunFolder") -> Iterator[None]:
    """Note in the manifest how the run failed, if it does."""
    try:
        yield
    except Exception as error:
        folder.update_manifest(status="failed", exit_reason=f"{type(error).__name__}: {error}")
        raise


def _tell_result(console: Console, folder: "RunFolder", result: "FitResult") -> None:
    console.info(
        f"{result.status} after {result.step} steps and {result.seconds:.0f} s; "
        f"best at step {result.best_step}. Next: prefprop eval {shlex.quote(str(folder.path))}"
    )
    if console.common.json:
        console.result_json({"run": folder.path, **vars(result)})
    else:
        console.result(str(folder.path))
