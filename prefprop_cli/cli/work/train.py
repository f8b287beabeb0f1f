"""What `prefprop train` does once its options are checked."""

import sys
from dataclasses import dataclass
from math import inf
from pathlib import Path

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.text import about, duration
from prefprop_cli.cli.work.end import evaluated, next_line, record, tell_end
from prefprop_cli.cli.work.experiment import prepare, tell_trained
from prefprop_cli.cli.work.resumed import advice
from prefprop_cli.cli.work.train_view import TrainingDisplay
from prefprop_cli.config.load import dump_config
from prefprop_cli.config.schema import TrainTable
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.experiment.choice import BackboneChoice, choose_backbone
from prefprop_cli.experiment.forecast import costs_of, training_bytes
from prefprop_cli.experiment.launch import create_run, train_run
from prefprop_cli.experiment.model import ParameterCounts
from prefprop_cli.experiment.predictor import resolve_device
from prefprop_cli.experiment.record import check_backbone, check_data
from prefprop_cli.experiment.settings import QUICK_LENGTH, ExperimentSettings, quicker
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.distributed import world
from prefprop_cli.runs.state import again
from prefprop_cli.training.events import FitResult, Hooks
from prefprop_cli.words import size

__all__ = ["resolve_device"]


LONG_S, WORTH_IT = 60, 0.7
"""A quicker training is offered beside one that takes longer, if it takes less than that of it."""


@dataclass(frozen=True)
class Ready:
    """All that a training needs but its folder."""

    chosen: BackboneChoice
    prepared: Prepared
    numbers: ParameterCounts


def make_ready(
    console: Console, settings: ExperimentSettings, folder: RunFolder | None, stop: StopRequest
) -> Ready:
    """Find the backbone, prepare the documents, and say what they are.

    A run that is resumed, that of `folder`, is held to what it was started with.

    Raises:
        ConfigError: the configuration does not fit backbone or documents.
        DataError: one of them cannot be used, or is not that of the run.
        Interrupted: a signal came.
    """
    chosen = choose_backbone(settings)
    if folder:
        manifest, path, why = folder.manifest, folder.path, advice(folder)
        world().on_main(lambda: check_backbone(manifest, chosen.plan, of=path, advice=why))
    chosen, prepared = prepare(console, chosen, stop)
    if folder:
        world().on_main(lambda: check_data(manifest, prepared, of=path, advice=why))
    return Ready(chosen, prepared, tell_trained(console, chosen, prepared))


def forecast(console: Console, ready: Ready, device: str) -> float | None:
    """Say about how long the training takes, and how long one with `--quick` would; in seconds.

    Nobody knows where several processes share the work, and nobody is told where all is quiet.
    """
    common = console.common
    if world().size > 1 or (common.quiet and not common.json):
        return None
    plan, prepared = ready.chosen.plan, ready.prepared
    costs = costs_of(plan, n_labels=len(prepared.labels), device=device)

    def seconds(settings: TrainTable, most: float = inf) -> float:
        lengths = {
            name: [int(min(length, most)) for length in prepared.splits[name]["n_computed"]]
            for name in ("train", "validation")
        }
        return costs.run_s(lengths["train"], lengths["validation"], settings)

    settings = plan.config.train
    found = seconds(settings)
    told = f"{'up to ' if settings.patience else ''}{about(found)} here"
    if found > LONG_S and not ready.chosen.settings.asked.quick:
        quick = settings.model_copy(update=quicker(plan.config)["train"])
        quick_s = seconds(quick, QUICK_LENGTH)
        if quick_s < WORTH_IT * found:
            told += f"; with --quick ({QUICK_LENGTH} tokens) {about(quick_s)}"
    console.info(f"{told}     Ctrl-C saves")
    return found


def print_plan(console: Console, ready: Ready, expected_s: float | None) -> None:
    """Write the configuration to stdout; with `--json` also what is known of the data."""
    plan, numbers = ready.chosen.plan, ready.numbers
    memory = training_bytes(plan, numbers)
    if console.common.json:
        console.result_json(
            {
                "config": plan.config.model_dump(),
                "data": ready.prepared.summary,
                "trained": {**vars(numbers), "total": numbers.total},
                "memory_bytes": memory,
                "forecast_s": expected_s,
            }
        )
        return
    console.info(f"memory: about {size(memory)} for a training step")
    console.result(dump_config(plan.config).rstrip("\n"))


def new_run(ready: Ready, out: Path | None) -> RunFolder:
    """Make the run folder, which nothing is in and no other process begins a run in."""
    sources = ready.chosen.settings.sources
    return create_run(ready.chosen.plan, ready.prepared, out=out, sources=sources, argv=sys.argv)


def train(
    console: Console,
    ready: Ready,
    folder: RunFolder,
    device: str,
    stop: StopRequest,
    *,
    resume: bool,
) -> FitResult:
    """Train, or go on, with progress on stderr."""
    console.info(f"run: {folder.path} on {device}")
    with TrainingDisplay(console, log=folder.log) as view:
        return train_run(
            ready.chosen.plan,
            ready.prepared,
            folder,
            device=device,
            hooks=Hooks(view.show, view.evaluated, should_stop=lambda: stop.requested),
            resume=resume,
        )


def leave_if_interrupted(result: FitResult, folder: RunFolder, stop: StopRequest) -> None:
    """Raise an Interrupted with the command that goes on, if the run was stopped."""
    if result.status == "interrupted":
        told = f"stopped at step {result.step}, saved. Go on with: {again(folder.path)}"
        world().on_each(lambda: stop.raise_if_requested(told))


def tell_result(
    console: Console, ready: Ready, folder: RunFolder, result: FitResult, device: str
) -> None:
    """Evaluate the run, say how good it is and what comes next; the folder goes to stdout."""
    console.info(
        f"{result.status} after {result.step} steps and {duration(result.seconds)}; "
        f"best at step {result.best_step}"
    )
    plan, prepared = ready.chosen.plan, ready.prepared
    found = evaluated(console, plan, prepared, folder, result, device=device)
    if found:
        tell_end(console, found, prepared, folder)
    next_line(console, folder, plan.config)
    if console.common.json:
        console.result_json(
            {
                "run": folder.path,
                **vars(result),
                "warnings": prepared.warnings,
                "evaluation": found and record(found),
            }
        )
    else:
        console.result(str(folder.path))
