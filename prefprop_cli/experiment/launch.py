"""A training run from its folder to its adapter, without a word to anybody."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from prefprop_cli.cache import default_cache
from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.config.load import dump_config
from prefprop_cli.config.schema import Config
from prefprop_cli.core.modes import training_modes
from prefprop_cli.data.prepare import KEYS, Prepared
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment import stored_logits
from prefprop_cli.experiment.adapter import make_adapter, save_adapter
from prefprop_cli.experiment.plan import (
    Plan,
    examples_of,
    load_classifier,
    make_plan,
    prepare_data,
    with_documents,
)
from prefprop_cli.experiment.predictor import resolve_device
from prefprop_cli.experiment.record import check_backbone, check_config, check_data, record_of
from prefprop_cli.malloc import return_freed_memory
from prefprop_cli.runs import RunFolder, is_begun, write_atomically
from prefprop_cli.runs.distributed import world
from prefprop_cli.runs.provenance import run_manifest
from prefprop_cli.training import events
from prefprop_cli.training.checkpoint import CheckpointManager
from prefprop_cli.training.events import Evaluation, Event, FitResult, Hooks
from prefprop_cli.training.forecast import weight
from prefprop_cli.training.inference import predict_logits
from prefprop_cli.training.rng import seed_everything
from prefprop_cli.training.trainer import Trainer

_SILENT = Hooks()


@training_modes()
def train(
    config: Config, *, out: str | Path | None = None, device: str = "auto", hooks: Hooks = _SILENT
) -> RunFolder:
    """Train what a configuration asks for, from its documents to an adapter, in a new run folder.

    `config` is what `load_config(...)` returns, `out` the folder, or None for a new one in
    `./runs`; `device` is `auto`, or a device as PyTorch names it.

    Raises:
        PrefpropError: it cannot be trained.
    """
    device = resolve_device(device)
    plan = make_plan(config)
    prepared = prepare_data(plan, cache=default_cache())
    folder = create_run(plan, prepared, out=Path(out) if out else None, sources=[], argv=[])
    lock = folder.lock()
    with ExitStack() as held:
        world().on_main(lambda: held.enter_context(lock))
        train_run(plan, prepared, folder, device=device, hooks=hooks)
    return folder


def create_run(
    plan: Plan, prepared: Prepared, *, out: Path | None, sources: Sequence[str], argv: Sequence[str]
) -> RunFolder:
    """Make a new run folder with its configuration and the manifest of its start.

    Of several processes one does, and all get the folder. The manifest keeps `sources`, the files
    and settings that the configuration came from, and `argv`, the command line.

    Raises:
        UsageError: something is in the folder.
        RunLockedError: another process is beginning a run there.
        ResourceError: it cannot be written.
    """

    def create() -> RunFolder:
        name = plan.config.name
        folder = RunFolder.create_at(out) if out else RunFolder.create(Path("runs"), name)
        with folder.lock():
            if is_begun(folder.manifest):
                raise UsageError(f"{folder.path} is a run by now; name a new folder")
            describe_run(folder, plan, prepared, sources=sources, argv=argv)
        return folder

    return world().on_main(create)


def describe_run(
    folder: RunFolder,
    plan: Plan,
    prepared: Prepared,
    *,
    sources: Sequence[str],
    argv: Sequence[str],
) -> None:
    """Write configuration and manifest into a folder, unless an earlier process has done so.

    Raises:
        UsageError: it did so with another configuration.
        DataError: it did so with another backbone, or with other documents.
    """
    manifest = folder.begin().manifest
    if is_begun(manifest):
        advice = "Put back what it was, or take another folder: --out FOLDER"
        check_config(manifest, plan.config, of=folder.checked_config.parent, advice=advice)
        check_backbone(manifest, plan, of=folder.path, advice=advice)
        check_data(manifest, prepared, of=folder.path, advice=advice)
        return
    write_atomically(folder.config, dump_config(plan.config).encode())
    write_atomically(folder.texts, (prepared.folder / KEYS).read_bytes())
    folder.update_manifest(
        **run_manifest(argv),
        sources=list(sources),
        seed=plan.config.train.seed,
        data_folder=prepared.folder.name,
        data_leaks=prepared.summary["leaks"],
        data_warnings=prepared.warnings,
        **record_of(plan, prepared),
    )


def train_run(
    plan: Plan,
    prepared: Prepared,
    folder: RunFolder,
    *,
    device: str,
    hooks: Hooks = _SILENT,
    resume: bool = False,
) -> FitResult:
    """Train, or go on training, and keep the manifest; the caller holds the lock of the folder.

    The folder is one that `describe_run` has described. A run that was not interrupted leaves its
    adapter, and the validation logits of the tensors in it.

    Raises:
        PrefpropError: as `Trainer.fit`; the manifest says so.
    """
    is_main = world().is_main
    try:
        if is_main:
            folder.update_manifest(status="running", device=device, exit_reason=None)
        result = _train(plan, prepared, folder, device=device, hooks=hooks, resume=resume)
        if is_main:
            spent = folder.manifest.get("seconds") or 0.0
            folder.seal_metrics(
                status="interrupted" if result.status == "interrupted" else "finished",
                exit_reason=result.status,
                seconds=round(spent + result.seconds, 3),
                best_step=result.best_step,
                validation=dict(result.metrics),
            )
    except Exception as error:
        if is_main:
            reason = f"{type(error).__name__}: {error}"
            folder.update_manifest(status="failed", exit_reason=reason)
        raise
    return result


def _train(
    plan: Plan, prepared: Prepared, folder: RunFolder, *, device: str, hooks: Hooks, resume: bool
) -> FitResult:
    config = plan.config
    if config.model.gradient_checkpointing:
        return_freed_memory()
    seed_everything(config.train.seed)
    model = load_classifier(plan, n_labels=len(prepared.labels))
    validation = examples_of(plan, prepared, "validation")

    def on_event(event: Event) -> None:
        _record(folder, event)
        hooks.on_event(event)

    def evaluate() -> Evaluation | None:
        logits = predict_logits(
            model,
            validation,
            batch_size=config.eval.batch_size,
            device=device,
            should_stop=hooks.should_stop,
            on_progress=hooks.on_progress,
        )
        if logits is None:
            return None
        found = with_documents(logits, prepared, "validation")
        if world().is_main:
            name = stored_logits.step_name(trainer.progress.step)
            stored_logits.save_logits(folder.evaluation, name, found)
        return _evaluation(found, plan, n_classes=len(prepared.labels))

    trainer = Trainer(
        model,
        examples_of(plan, prepared, "train", training=True),
        config.train,
        CheckpointManager(folder.checkpoints, keep=config.train.keep),
        device=device,
        hooks=replace(hooks, on_event=on_event),
    )
    result = trainer.fit(evaluate, resume=resume, evaluation_tokens=weight(validation.lengths))

    def keep() -> None:
        adapter = make_adapter(plan, labels=prepared.labels)
        save_adapter(folder.adapter, adapter, model.trainable)
        best = "" if result.best_step is None else stored_logits.step_name(result.best_step)
        # Else `eval` computes them: an earlier version of the program evaluated that step.
        if best and stored_logits.is_stored(folder.evaluation, best):
            found = stored_logits.load_logits(folder.evaluation, best)
            stored_logits.save_logits(folder.evaluation, "validation", found)

    if result.status != "interrupted":
        world().on_main(keep)
    return result


def _evaluation(found: stored_logits.SavedLogits, plan: Plan, *, n_classes: int) -> Evaluation:
    names, n_bins = plan.task.metrics(n_classes), plan.config.eval.bins
    metrics = classification_metrics(found.logits, found.labels, metrics=names, n_bins=n_bins)
    if not plan.task.has_classes:
        return Evaluation(metrics, (), ())
    n_predicted, n_labelled = (
        tuple(np.bincount(classes, minlength=n_classes).tolist())
        for classes in (found.logits.argmax(axis=1), found.labels)
    )
    return Evaluation(metrics, n_predicted, n_labelled)


def _record(folder: RunFolder, event: Event) -> None:
    """Keep the metrics of a run, and how long it is to be."""
    match event:
        case events.Started(step=step, n_steps=n_steps):
            folder.drop_metrics_after(step)
            folder.update_manifest(n_steps=n_steps)
        case events.Saved():
            folder.seal_metrics()
        case events.Step():
            names = ("step", "epoch", "loss", "lr", "grad_norm")
            figures = {name: getattr(event, name) for name in names}
            tokens_per_s = round(event.tokens_per_s, 1)
            folder.append_metrics({**figures, "tokens_per_s": tokens_per_s, "ids": list(event.ids)})
        case events.Evaluated(epoch=epoch, step=step, metrics=metrics):
            folder.append_metrics({"step": step, "epoch": epoch, "validation": dict(metrics)})
