"""A run from its folder to its end: what `train` and `sweep` share."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from prefprop_cli.build.backbones import weights_sha256
from prefprop_cli.build.experiment import Experiment
from prefprop_cli.build.plan import Plan
from prefprop_cli.config.load import dump_config
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.parallel import world
from prefprop_cli.provenance import run_manifest
from prefprop_cli.runs import RunFolder, write_atomically
from prefprop_cli.training.events import Event, FitResult


def create_run(
    plan: Plan,
    prepared: Prepared,
    *,
    out: Path | None,
    sources: Sequence[str],
    argv: Sequence[str],
) -> RunFolder:
    """Make a new run folder with its configuration and the manifest of its start.

    Of several processes one does, and all get the folder.

    Args:
        plan: what the run uses.
        prepared: its documents.
        out: the folder; None for a new one in `./runs`.
        sources: files and settings that the configuration came from.
        argv: the command line.

    Raises:
        UsageError: something is in the folder.
        ResourceError: it cannot be written.
    """

    def create() -> RunFolder:
        name = plan.config.name
        folder = RunFolder.create_at(out) if out else RunFolder.create(Path("runs"), name)
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
    """Write configuration and manifest into a folder, unless an earlier process has done so."""
    if "config_sha256" in folder.begin().manifest:
        return
    config = dump_config(plan.config).encode()
    write_atomically(folder.config, config)
    folder.update_manifest(
        **run_manifest(argv),
        sources=list(sources),
        seed=plan.config.train.seed,
        config_sha256=hashlib.sha256(config).hexdigest(),
        data_sha256=prepared.summary["inputs"],
        data_folder=prepared.folder.name,
        data_warnings=prepared.warnings,
        backbone_sha256=weights_sha256(plan.backbone),
    )


def train_run(
    plan: Plan,
    prepared: Prepared,
    folder: RunFolder,
    *,
    device: str,
    emit: Callable[[Event], None],
    progress: Callable[[int], None],
    stop: Callable[[], bool],
    resume: bool,
) -> FitResult:
    """Train and keep the manifest; the caller holds the lock of the folder.

    Args:
        plan: what the run uses.
        prepared: its documents.
        folder: where it is kept; described.
        device: `cpu`, `cuda` or `cuda:N`.
        emit: receives each event of the training.
        progress: told how many documents of an evaluation are done.
        stop: whether to stop; the state is then saved.
        resume: go on from the newest checkpoint.

    Returns:
        How it ended.

    Raises:
        PrefpropError: as `fit`; the manifest says so.
    """
    _note(folder, status="running", device=device, exit_reason=None)
    with _noting_failure(folder):
        result = Experiment(
            plan=plan,
            prepared=prepared,
            run=folder,
            device=device,
            emit=emit,
            stop=stop,
            progress=progress,
        ).train(resume=resume)
        spent = folder.manifest.get("seconds") or 0.0
        _note(
            folder,
            status="interrupted" if result.status == "interrupted" else "finished",
            exit_reason=result.status,
            seconds=round(spent + result.seconds, 3),
            best_step=result.best_step,
            validation=dict(result.metrics),
        )
    return result


@contextmanager
def _noting_failure(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _note(folder, status="failed", exit_reason=f"{type(error).__name__}: {error}")
        raise


def _note(folder: RunFolder, **changes: object) -> None:
    """Change the manifest, of several processes in the first alone."""
    if world().is_main:
        folder.update_manifest(**changes)
