"""What the folder of a run tells without its model: data, training, evaluations, calibration."""

import json
import math
from collections import Counter
from functools import cached_property
from pathlib import Path

from safetensors import SafetensorError, safe_open

from prefprop_cli.errors import CorruptFileError, PrefpropError
from prefprop_cli.experiment.evaluation import RunEvaluation
from prefprop_cli.experiment.stored_logits import is_step_name, load_logits
from prefprop_cli.runs import RunFolder, losses_of, summarize
from prefprop_cli.runs.atomic import Record
from prefprop_cli.tables import TASK_OF_SET, TASKS
from prefprop_cli.tasks.base import Task


class RunDescription:
    """One run, each part read when it is asked for; its manifest at once.

    Raises:
        CorruptFileError: the manifest is damaged.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.summary = folder, summarize(folder)
        self.damaged: list[str] = []
        """What could not be read, of the parts that were asked for."""

    @property
    def task(self) -> Task:
        data_set = str(self.summary.table("data").get("set"))
        return TASKS[TASK_OF_SET.get(data_set, "classification")]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        found = self.summary.manifest.get("labels") or self._adapter.get("labels") or ()
        return tuple(map(str, found))

    @cached_property
    def n_texts(self) -> dict[str, int]:
        """Distinct texts in each split."""
        found = self._json(self.folder.texts)
        return {split: len(keys) for split, keys in found.items() if isinstance(keys, list)}

    @cached_property
    def n_trainable(self) -> Counter[str]:
        """Trainable parameters by part: method, head, backbone."""
        file = self.folder.adapter / "trained.safetensors"
        if not file.exists():
            step = self.summary.state.step or 0
            file = self.folder.checkpoints / f"step-{step:06d}" / file.name
        found: Counter[str] = Counter()
        try:
            with safe_open(file, framework="numpy") as tensors:
                for name in tensors.keys():  # noqa: SIM118
                    shape = tensors.get_slice(name).get_shape()
                    found[name.partition(".")[0]] += math.prod(shape)
        except (SafetensorError, OSError) as error:
            if file.exists():
                self.damaged.append(f"{file} is damaged: {error}")
        return found

    @cached_property
    def losses(self) -> list[float]:
        return losses_of(self._rows)

    @property
    def last_step(self) -> Record:
        """The newest row of a step; empty before the first."""
        return next((row for row in reversed(self._rows) if "loss" in row), {})

    @cached_property
    def evaluations(self) -> list[RunEvaluation]:
        """Of each split whose logits are stored, validation first, then test."""
        order = ("validation", "test")
        n_bins = self.summary.table("eval").get("bins", 15)
        stored = [file.stem for file in self.folder.evaluation.glob("*.safetensors")]
        splits = [name for name in stored if not is_step_name(name)]
        found = []
        for split in sorted(splits, key=lambda name: (name not in order, name != order[0], name)):
            try:
                saved = load_logits(self.folder.evaluation, split)
                each = RunEvaluation(split, saved, self.task, self.labels, n_bins)
                each.metrics  # noqa: B018 - says what is wrong with the logits
                found.append(each)
            except PrefpropError as error:
                self.damaged.append(str(error))
        return found

    @cached_property
    def calibrations(self) -> list[Record]:
        return [self._json(file) for file in sorted(self.folder.calibration.glob("*.json"))]

    @property
    def calibrator(self) -> Record:
        """What predictions are calibrated by; empty where by nothing."""
        found = self._adapter.get("calibrator")
        return found if isinstance(found, dict) and found.get("name") != "none" else {}

    @cached_property
    def adapter_bytes(self) -> int:
        """The size of all that it takes to predict, but for the backbone."""
        return sum(file.stat().st_size for file in self.folder.adapter.glob("*"))

    @cached_property
    def _rows(self) -> list[Record]:
        try:
            return self.folder.metrics()
        except CorruptFileError as error:
            self.damaged.append(str(error))
            return []

    @cached_property
    def _adapter(self) -> Record:
        return self._json(self.folder.adapter / "adapter.json")

    def _json(self, file: Path) -> Record:
        """A JSON object; of a file that is not there an empty one."""
        try:
            found = json.loads(file.read_bytes()) if file.exists() else {}
        except (OSError, ValueError, RecursionError) as error:
            found = error
        if isinstance(found, dict):
            return found
        self.damaged.append(f"{file} is damaged: it holds no JSON object")
        return {}
