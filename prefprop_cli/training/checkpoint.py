"""Checkpoints: everything a run needs to go on as if it had never stopped, without pickle.

```
checkpoints/
  step-000123/
    trained.safetensors     what trains, by name
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
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from prefprop_cli.errors import CorruptFileError
from prefprop_cli.runs.atomic import (
    read_sealed,
    read_verified,
    remove_folder,
    save_folder,
    seal,
    write_atomically,
)
from prefprop_cli.training.guards import check_finite_state

SCHEMA_VERSION = 1
_FOLDER = re.compile(r"(?:\.old-)?step-(\d+)(?:-\d+)?")
"""A checkpoint, or one whose replacement was cut off."""
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
_TENSORS = ("trained", "optimizer")


@dataclass(frozen=True)
class TrainingState:
    """A run between two optimizer steps."""

    step: int
    """Optimizer steps done."""
    epoch: int
    position: int
    """Examples of the epoch's order already consumed."""
    trained: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    best_metric: float | None
    best_step: int | None
    epochs_without_improvement: int
    rng: dict[str, str]
    """State of each generator, in hexadecimal."""
    metrics: dict[str, float]
    other_rngs: list[dict[str, str]] = field(default_factory=list)
    """The same of ranks 1, 2, … of a run of several processes."""


@dataclass
class Checkpoints:
    """The checkpoints of one run; one process at a time may write.

    Args:
        folder: holds them; made by the first save.
        keep: how many of the newest stay, beside the best one.
    """

    folder: Path
    keep: int
    warnings: list[str] = field(default_factory=list)
    """One line for each damaged checkpoint that was passed over."""

    def save(self, state: TrainingState) -> Path:
        """Save a state and return its folder; it appears whole or not at all.

        Checkpoints of later steps are removed: they are of a future that this run has left.

        Raises:
            NonFiniteError: a tensor holds a NaN or an infinity; nothing is written.
            ResourceError: the disk is full or cannot be written.
        """
        check_finite_state({**state.trained, **state.optimizer}, step=state.step)
        path = self._path(state.step)
        save_folder(path, _to_files(state))
        self._prune(newest=state.step)
        return path

    def mark_best(self, step: int) -> None:
        """Note that this step has the best checkpoint, and drop the one that was.

        Raises:
            ResourceError: the disk is full or cannot be written.
        """
        write_atomically(self._best_file, seal({"step": step}))
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
        step: int = read_sealed(self._best_file)["step"]
        return step

    def _load(self, step: int) -> TrainingState:
        path = self._path(step)
        files = read_verified(path)
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
                remove_folder(self._path(step))


def rng_state() -> dict[str, str]:
    """Return the state of the generators of Python, NumPy and torch, in hexadecimal."""
    name, keys, *rest = np.random.get_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "python": _hex(random.getstate()),
        "numpy": _hex([name, np.asarray(keys).tolist(), *rest]),
        "torch": torch.get_rng_state().numpy().tobytes().hex(),
        **{f"cuda:{n}": state.numpy().tobytes().hex() for n, state in enumerate(devices)},
    }


def set_rng_state(state: Mapping[str, str]) -> None:
    """Bring the generators back; devices that are not there now are left out."""
    version, words, gauss = _unhex(state["python"])
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = _unhex(state["numpy"])
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(_bytes_tensor(state["torch"]))
    for number in range(torch.cuda.device_count()):
        if f"cuda:{number}" in state:
            torch.cuda.set_rng_state(_bytes_tensor(state[f"cuda:{number}"]), number)


def optimizer_state(optimizer: Optimizer, names: Mapping[str, Parameter]) -> dict[str, Tensor]:
    """Return the state tensors of AdamW as `<parameter>.<exp_avg|exp_avg_sq|step>`.

    Args:
        optimizer: empty before its first step.
        names: its parameters by name.
    """
    return {
        f"{name}.{key}": value
        for name, parameter in names.items()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer_state(
    optimizer: Optimizer, names: Mapping[str, Parameter], state: Mapping[str, Tensor]
) -> None:
    """Give the optimizer the tensors that `optimizer_state` returned; they are copied.

    Args:
        optimizer: of the same parameters.
        names: its parameters by name.
        state: tensors as `optimizer_state` names them.

    Raises:
        CorruptFileError: a tensor belongs to no parameter, or has another shape.
    """
    moments: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        name, _, moment = key.rpartition(".")
        if name not in names or moment not in _MOMENTS:
            raise CorruptFileError(f"the checkpoint holds {key}, and nothing of that name trains")
        shape = () if moment == "step" else names[name].shape
        if value.shape != torch.Size(shape):
            raise CorruptFileError(
                f"the checkpoint holds {key} of shape {tuple(value.shape)}, the run needs "
                f"{tuple(shape)}"
            )
        moments.setdefault(name, {})[moment] = value.clone()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = {parameter: number for number, parameter in enumerate(parameters)}
    optimizer.load_state_dict(
        {
            "state": {numbers[names[name]]: tensors for name, tensors in moments.items()},
            "param_groups": optimizer.state_dict()["param_groups"],
        }
    )


def _to_files(state: TrainingState) -> dict[str, bytes]:
    values = {field.name: getattr(state, field.name) for field in fields(state)}
    tensors = {name: values.pop(name) for name in _TENSORS}
    return {
        **{f"{name}.safetensors": save(_on_cpu(tensors[name])) for name in _TENSORS},
        "state.json": json.dumps({"schema_version": SCHEMA_VERSION, **values}).encode(),
    }


def _from_files(files: Mapping[str, bytes]) -> TrainingState:
    values = json.loads(files["state.json"])
    version = values.pop("schema_version")
    if version != SCHEMA_VERSION:
        raise ValueError(f"schema version {version}, this program reads {SCHEMA_VERSION}")
    return TrainingState(
        **{name: load(files[f"{name}.safetensors"]) for name in _TENSORS}, **values
    )


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _hex(value: object) -> str:
    return json.dumps(value).encode().hex()


def _unhex(text: str) -> Any:
    return json.loads(bytes.fromhex(text))


def _bytes_tensor(text: str) -> Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)
