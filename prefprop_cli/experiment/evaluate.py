"""The logits of a run on a split or on other documents; a split is computed once and stored.

What is stored needs no model: only `build/inference.py` loads one.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prefprop_cli.core.encoder.files import file_sha256
from prefprop_cli.experiment.stored_logits import SavedLogits, is_stored, load_logits
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.distributed import world

HASHED_BYTES = 2**28
"""Larger inputs are not read only to see whether they are the same: it would take longest."""


@dataclass(frozen=True)
class OwnDocuments:
    """Labelled documents that are no split of a run.

    Args:
        path: a file, or a folder with one for each class.
        text_column: where a row has its text; None for where the run's own have it.
        label_column: the same for the label.
    """

    path: Path
    text_column: str | None = None
    label_column: str | None = None


@dataclass(frozen=True)
class Evaluator:
    """Gives the logits of one run.

    Args:
        run: its folder.
        device: `auto`, or a device as PyTorch names it.
        batch_size: documents at a time on a GPU; None for what the run says.
        backbone: where the backbone is now, if not where it was in training.
        progress: told how many documents of how many are done.
        warn: told what is wrong with the documents.
    """

    run: RunFolder
    device: str = "auto"
    batch_size: int | None = None
    backbone: str | None = None
    progress: Callable[[int, int], None] = lambda done, total: None
    warn: Callable[[str], None] = lambda text: None

    def of_split(self, split: str) -> SavedLogits:
        """Logits of a split of the run's own data, stored in the run.

        Raises:
            UsageError: there is no such device.
            DataError: there is no such split, or the data are not those of the training.
            CorruptFileError: what is stored is damaged.
        """
        self._check_device()
        for leak in self.run.manifest.get("data_leaks", ()):  # that training has found
            self.warn(leak)
        if not world().on_main(lambda: is_stored(self.run.evaluation, split)):
            from prefprop_cli.experiment.inference import compute_split

            compute_split(self, split)
        else:
            for name in changed_inputs(self.run):
                self.warn(
                    f"{name} is no longer what {self.run.path} was trained on; these figures are "
                    "of the documents it had then"
                )
        return load_logits(self.run.evaluation, split)

    def of_documents(self, own: OwnDocuments) -> SavedLogits:
        """Logits of labelled documents of one's own, not stored.

        Raises:
            UsageError: columns are named, and the run reads questions.
            DataError: they cannot be read, or have a label the run does not know.
        """
        from prefprop_cli.experiment.inference import logits_of_documents

        return logits_of_documents(self, own)

    def _check_device(self) -> None:
        if self.device == "auto" and world().size == 1:  # which is there, and PyTorch takes 1.4 s
            return
        from prefprop_cli.experiment.predictor import resolve_device

        resolve_device(self.device)


def changed_inputs(run: RunFolder) -> list[str]:
    """Names of the files a run was trained on that lie where they lay and are others now.

    What is not there, cannot be read, comes from a hub or is very large is not looked at.
    """
    manifest = run.manifest
    data = (manifest.get("config") or {}).get("data") or {}
    if data.get("set") != "files" or not data.get("source"):
        return []
    source = Path(str(data["source"])).expanduser()
    recorded = manifest.get("data_sha256") or {}
    files = {name: source if source.name == name else source / name for name in recorded}
    there = {name: path for name, path in files.items() if path.is_file()}
    return [
        name
        for name, path in there.items()
        if os.access(path, os.R_OK)
        and path.stat().st_size <= HASHED_BYTES
        and file_sha256(path) != recorded[name]
    ]
