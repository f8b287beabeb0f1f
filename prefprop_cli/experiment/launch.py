"""A run from its folder to its end: what `train` and `sweep` share."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from prefprop_cli.config.load import dump_config
from prefprop_cli.data.prepare import KEYS, Prepared
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.experiment import Experiment
from prefprop_cli.experiment.plan import Plan
from prefprop_cli.experiment.record import (
    check_backbone,
    check_config,
    check_data,
    record_of,
)
from prefprop_cli.runs import RunFolder, is_begun, write_atomically
from prefprop_cli.runs.distributed import world
from prefprop_cli.runs.provenance import run_manifest
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
    emit: Callable[[Event], None],
    progress: Callable[[int, int], None],
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
        progress: told how many documents of how many of an evaluation are done.
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
        _note_sealed(
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


def _note_sealed(folder: RunFolder, **changes: object) -> None:
    """The same at the end of a run, with what its metrics are by then."""
    if world().is_main:
        folder.seal_metrics(**changes)
