"""CheckpointManager: everything a run needs to go on as if it had never stopped, without pickle.

```
checkpoints/
  step-000123/
    trained.safetensors     trainable parameters, by name
    optimizer.safetensors   AdamW, `<name>.exp_avg`, `<name>.exp_avg_sq`, `<name>.step`
    state.json              counters, best metric, generators
    MANIFEST.json           size and SHA-256 of each file
  best.json                 which step is the best
```

Each folder appears whole (`prefprop_cli.runs.atomic`). The learning rate is a function of the step
and the data order one of seed and epoch, so neither is stored.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load

from prefprop_cli.errors import CorruptFileError
from prefprop_cli.runs import atomic
from prefprop_cli.training.guards import check_finite_state
from prefprop_cli.training.state import Progress, TrainingState, tensor_file

SCHEMA_VERSION = 1
_FOLDER = re.compile(r"(?:\.old-)?step-(\d+)(?:-\d+)?")
"""A checkpoint, or one whose replacement was cut off."""
_TENSORS = ("trained", "optimizer")


@dataclass
class CheckpointManager:
    """The checkpoints of one run; one process at a time may write."""

    folder: Path
    """Made by the first save."""
    keep: int
    """How many of the newest stay, beside the best one."""
    warnings: list[str] = field(default_factory=list)
    """One line for each damaged checkpoint that was passed over."""

    def save(self, state: TrainingState) -> Path:
        """Save a state, whole or not at all, and return its folder.

        Checkpoints of later steps are removed: they are of a future that this run has left.

        Raises:
            NonFiniteError: a tensor holds a NaN or an infinity; nothing is written.
            ResourceError: the disk is full or cannot be written.
        """
        check_finite_state({**state.trained, **state.optimizer}, step=state.step)
        path = self._path(state.step)
        atomic.save_folder(path, _to_files(state))
        self._prune(newest=state.step)
        return path

    def mark_best(self, step: int) -> None:
        """Note that this step has the best checkpoint, and drop the one that was.

        Raises:
            ResourceError: the disk is full or cannot be written.
        """
        atomic.write_atomically(self._best_file, atomic.seal({"step": step}))
        self._prune(newest=max(self._steps(), default=step))

    def newest(self) -> TrainingState | None:
        """Return the newest state that is whole; `warnings` names the damaged ones passed over.

        Raises:
            CorruptFileError: there are checkpoints and none is whole.
        """
        steps = self._steps()
        for step in steps:
            try:
                return self._load(step)
            except CorruptFileError as error:
                self.warnings.append(f"{error}; an older checkpoint is used")
        if steps:
            raise CorruptFileError(f"no checkpoint in {self.folder} is whole: {self.warnings[0]}")
        return None

    def best(self) -> TrainingState | None:
        """Return the state that was marked as the best; None if none was or it is gone.

        Raises:
            CorruptFileError: it is damaged.
        """
        step = self._best_step()
        return self._load(step) if step in self._steps() else None

    @property
    def _best_file(self) -> Path:
        return self.folder / "best.json"

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:06d}"

    def _steps(self) -> list[int]:
        """Return the steps on the disk, the newest first."""
        names = os.listdir(self.folder) if self.folder.is_dir() else []
        found = map(_FOLDER.fullmatch, names)
        return sorted({int(match[1]) for match in found if match}, reverse=True)

    def _best_step(self) -> int | None:
        if not self._best_file.exists():
            return None
        step: int = atomic.read_sealed(self._best_file)["step"]
        return step

    def _load(self, step: int) -> TrainingState:
        path = self._path(step)
        files = atomic.read_verified(path)
        try:
            return _from_files(files)
        except (KeyError, TypeError, ValueError, SafetensorError) as error:
            raise CorruptFileError(f"{path} is not a checkpoint: {error!r}") from None

    def _prune(self, *, newest: int) -> None:
        try:
            best = self._best_step()
        except CorruptFileError as error:  # then nobody knows which of them is the best
            self.warnings.append(f"{error}; no checkpoint is removed until a step is the best")
            return
        steps = self._steps()
        kept = {best, *[step for step in steps if step <= newest][: self.keep]}
        for step in steps:
            if step not in kept and self._path(step).exists():
                atomic.remove_folder(self._path(step))


def _to_files(state: TrainingState) -> dict[str, bytes]:
    values = dict(vars(state))
    files = {f"{kind}.safetensors": tensor_file(values.pop(kind)) for kind in _TENSORS}
    state_json = json.dumps({"schema_version": SCHEMA_VERSION, **values})
    return {**files, "state.json": state_json.encode()}


def _from_files(files: Mapping[str, bytes]) -> TrainingState:
    values = json.loads(files["state.json"])
    version = values.pop("schema_version")
    if version != SCHEMA_VERSION:
        raise ValueError(f"schema version {version}, this program reads {SCHEMA_VERSION}")
    if missing := {each.name for each in fields(Progress)} - values.keys():
        raise KeyError(*missing)
    return TrainingState(
        **{kind: load(files[f"{kind}.safetensors"]) for kind in _TENSORS}, **values
    )
