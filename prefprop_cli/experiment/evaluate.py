"""Evaluate a run on a split or on other documents; the logits of a split are computed once.

What is stored needs no model, so PyTorch is imported where one is loaded.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.backbones.files import file_sha256
from prefprop_cli.data.corpus import SPLITS
from prefprop_cli.data.seen import read_keys, seen
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.adapter import read_adapter
from prefprop_cli.experiment.evaluation import RunEvaluation
from prefprop_cli.experiment.stored_logits import (
    SavedLogits,
    is_stored,
    load_logits,
    logits_path,
)
from prefprop_cli.notes import Note
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.distributed import world
from prefprop_cli.words import listed, plural

if TYPE_CHECKING:
    from prefprop_cli.data.prepare import Prepared
    from prefprop_cli.experiment.plan import Plan
    from prefprop_cli.experiment.predictor import Predictor

DEAREST = 0.2
"""Of the time of the training: what an evaluation on test may take that nobody has asked for."""
HASHED_BYTES = 2**28
"""Larger inputs are not read only to see whether they are the same: it would take longest."""


@dataclass(frozen=True)
class OwnDocuments:
    """Labelled documents that are no split of a run."""

    path: Path
    """A file, or a folder with one for each class."""
    text_column: str | None = None
    """Where a row has its text; None for where the run's own have it."""
    label_column: str | None = None


@dataclass(frozen=True)
class Machine:
    """How logits are computed, where they are not stored."""

    backbone: str | None = None
    """Where it is now, if not where it was in training."""
    device: str = "auto"
    """`auto`, or a device as PyTorch names it."""
    batch_size: int | None = None
    """Documents at a time on a GPU; None for what the run says."""

    def load(self, run: RunFolder) -> "Predictor":
        from prefprop_cli.experiment.predictor import load_run

        return load_run(run.path, device=self.device, backbone=self.backbone)


def evaluate_run(
    run: RunFolder | Path | str,
    documents: str | OwnDocuments = "test",
    *,
    machine: Machine = Machine(),
) -> RunEvaluation:
    """Evaluate a run on a split of its data, or on labelled documents of one's own.

    Raises:
        UsageError: the run is not finished, there is no such split, or columns are named and the
            run reads questions.
        DataError: the data are not those of the training; or documents cannot be read, or have a
            label that the run does not know.
        CorruptFileError: what is stored is damaged.
    """
    run = RunFolder.open(run)
    adapter = read_adapter(run.trained_adapter)
    if isinstance(documents, str):
        split, warnings = documents, warnings_on(run, documents)
        saved = logits_of(run, split, machine=machine)
    else:
        split = "own data"
        saved, warnings = _logits_of_own(run, documents, machine)
    return RunEvaluation(
        split,
        saved,
        adapter.task,
        adapter.labels,
        adapter.config.eval.bins,
        adapter.config.eval.resamples,
        tuple(warnings),
        adapter,
    )


def _logits_of_own(
    run: RunFolder, own: OwnDocuments, machine: Machine
) -> tuple[SavedLogits, list[Note]]:
    """Compute the logits of labelled documents of one's own, with a warning if they are not new."""
    from prefprop_cli.experiment.inference import logits_of_documents

    predictor = machine.load(run)
    named = {"text_column": own.text_column, "label_column": own.label_column}
    columns = {key: column for key, column in named.items() if column is not None}
    documents = predictor.task.read_labelled(own.path, predictor.plan.config.data, columns)
    warnings = []
    if known := seen(documents, read_keys(run.texts)):
        leak = (
            f"leak: {len(known)} of {plural(len(documents), 'document')} have a text that the "
            f"run was trained on or chosen by ({listed(known)}); figures on them are not "
            "those of new documents"
        )
        warnings.append(Note(leak, "warning"))
    return logits_of_documents(predictor, documents, batch_size=machine.batch_size), warnings


def evaluate_trained(
    plan: "Plan", prepared: "Prepared", run: RunFolder, *, device: str, n_steps: int
) -> RunEvaluation:
    """Evaluate a run that was just trained, beside baselines; the logits are stored in the run.

    On test; on validation where test would take more than a small part of the time of the
    `n_steps` that it was trained.

    Raises:
        UsageError, DataError, CorruptFileError: as `evaluate_run`.
    """
    from prefprop_cli.experiment.baselines import baseline_accuracies

    split = "test" if _is_cheap(plan, prepared, n_steps) else "validation"
    saved = logits_of(run, split, machine=Machine(device=device), label="evaluating document")
    baselines = world().on_main(lambda: baseline_accuracies(plan, prepared, saved, split))
    return RunEvaluation(split, saved, plan.task, prepared.labels, baselines=baselines)


def _is_cheap(plan: "Plan", prepared: "Prepared", n_steps: int) -> bool:
    """Whether test is a small part of the work of the training, a step thrice a forward pass."""
    if not len(prepared.splits.get("test", ())):
        return False
    tokens = {name: sum(table["n_computed"]) for name, table in prepared.splits.items()}
    epochs = n_steps * plan.config.train.batch_size / len(prepared.splits["train"])
    return tokens["test"] <= DEAREST * epochs * (3 * tokens["train"] + tokens["validation"])


def logits_of(
    run: RunFolder, split: str, *, machine: Machine = Machine(), label: str = "document"
) -> SavedLogits:
    """Load the logits of a split of the run's own data; compute and store them the first time.

    Progress is heard as of so many `label`s.

    Raises:
        UsageError, DataError, CorruptFileError: as `evaluate_run`.
    """
    check_split(run, split)
    if machine.device != "auto" or world().size > 1:  # PyTorch takes 1.4 s to import
        from prefprop_cli.experiment.predictor import resolve_device

        resolve_device(machine.device)
    if not world().on_main(lambda: is_stored(run.evaluation, split)):
        from prefprop_cli.experiment.inference import compute_split

        compute_split(run, machine.load(run), split, batch_size=machine.batch_size, label=label)
    return load_logits(run.evaluation, split)


def check_split(run: RunFolder, split: str) -> None:
    """See that there is such a split, before anything is loaded.

    Raises:
        UsageError: data have no such split, and no logits of that name are stored.
    """
    if split not in SPLITS and not logits_path(run.evaluation, split).exists():
        raise UsageError(f"--split {split}: there is no such split. There are {', '.join(SPLITS)}")


def warnings_on(run: RunFolder, split: str) -> list[Note]:
    """Warn of leaks that training found, and of inputs that changed since logits were stored."""
    leaks = map(str, run.manifest.get("data_leaks", ()))
    was_stored = world().on_main(lambda: is_stored(run.evaluation, split))
    changed = _changed_inputs(run) if was_stored else ()
    others = (
        f"{name} is no longer what {run.path} was trained on; these figures are of the documents "
        "it had then"
        for name in changed
    )
    return [Note(text, "warning") for text in (*leaks, *others)]


def _changed_inputs(run: RunFolder) -> Iterator[str]:
    """Names of the files a run was trained on that lie where they lay and are others now.

    What is not there, cannot be read, comes from a hub or is very large is not looked at.
    """
    manifest = run.manifest
    data = (manifest.get("config") or {}).get("data") or {}
    if data.get("set") != "files" or not data.get("source"):
        return
    source = Path(str(data["source"])).expanduser()
    for name, digest in (manifest.get("data_sha256") or {}).items():
        path = source if source.name == name else source / name
        if (
            path.is_file()
            and os.access(path, os.R_OK)
            and path.stat().st_size <= HASHED_BYTES
            and file_sha256(path) != digest
        ):
            yield name
