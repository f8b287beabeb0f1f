"""The folder of what was trained, and all it takes to predict with it, without the data.

```
adapter.json          labels, tables of the configuration, hashes, calibrator
trained.safetensors   prefix and head (and, after fine-tuning, the backbone)
MANIFEST.json         sha256 and size of each file
```
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.calibration.calibrators import Calibrator, Identity, Temperature, calibrator_from
from prefprop_cli.config.schema import Config
from prefprop_cli.errors import CorruptFileError, DataError, UsageError
from prefprop_cli.runs import read_verified, save_folder
from prefprop_cli.tables import METHODS, TASKS
from prefprop_cli.tasks.base import Task

# What is said of an adapter is read without torch.
if TYPE_CHECKING:
    from torch import Tensor

    from prefprop_cli.experiment.model import Classifier
    from prefprop_cli.experiment.plan import Plan

SCHEMA_VERSION = 3
"""2 had no `backbone_config`, and hashes of files where there are those of contents now; 1 had
`temperature`, a number or null, in the place of `calibrator`."""


@dataclass(frozen=True)
class Adapter:
    """What an adapter folder says beside its tensors."""

    labels: tuple[str, ...]
    config: Config
    backbone_sha256: str
    tokenizer_sha256: str
    calibrator: Calibrator = field(default_factory=Identity)
    """Turns logits into calibrated ones; no change before `calibrate`."""
    backbone_config: Mapping[str, object] | None = None
    """What was read of its `config.json`; None in an adapter of schema 2 or earlier, whose hashes
    are of files."""

    @property
    def task(self) -> Task:
        """What it was trained for."""
        return TASKS[self.config.data.task]


def make_adapter(plan: "Plan", *, labels: tuple[str, ...]) -> Adapter:
    """Return the description of what a plan trains."""
    from prefprop_cli.experiment.record import backbone_record

    return Adapter(labels=labels, config=plan.config, **backbone_record(plan))


def save_adapter(folder: Path, adapter: Adapter, trained: Mapping[str, "Tensor"]) -> None:
    """Write an adapter folder, all or nothing; an earlier one is replaced."""
    from prefprop_cli.training.state import tensor_file

    files = {"adapter.json": _to_json(adapter), "trained.safetensors": tensor_file(trained)}
    save_folder(folder, files)


def read_adapter(folder: Path) -> Adapter:
    """Return what an adapter folder says.

    Raises:
        CorruptFileError: a file is missing, damaged or of a later version.
    """
    return _from_json(read_verified(folder)["adapter.json"], folder)


def set_calibrator(folder: Path, calibrator: Calibrator) -> None:
    """Store what predictions are calibrated by, in the place of an earlier one.

    Raises:
        CorruptFileError: a file is missing, damaged or of a later version.
    """
    files = read_verified(folder)
    adapter = _from_json(files["adapter.json"], folder)
    changed = _to_json(replace(adapter, calibrator=calibrator))
    save_folder(folder, {**files, "adapter.json": changed})


def load_adapter(
    folder: Path, *, backbone: str | None = None
) -> "tuple[Adapter, Plan, Classifier]":
    """Load what an adapter folder says, the plan it was trained by, and the model, to evaluate.

    `backbone` is where its backbone is now, if not where it was.

    Raises:
        CorruptFileError: a file is missing, damaged or of a later version.
        DataError: the backbone is missing, or is another one than the adapter was trained on.
    """
    from safetensors.torch import load

    from prefprop_cli.experiment.plan import load_classifier, make_plan, with_backbone
    from prefprop_cli.experiment.record import check_backbone
    from prefprop_cli.training.state import load_parameters

    files = read_verified(folder)
    adapter = _from_json(files["adapter.json"], folder)
    try:
        plan = make_plan(with_backbone(adapter.config, backbone))
    except DataError as error:
        if backbone:
            raise
        raise DataError(f"{error}. If it is elsewhere now, say where with --backbone") from error
    check_backbone(vars(adapter), plan, of=folder, advice="Give the original with --backbone")
    model = load_classifier(plan, n_labels=len(adapter.labels))
    load_parameters(load(files["trained.safetensors"]), model.trainable, source=str(folder))
    return adapter, plan, model.eval()


def _to_json(adapter: Adapter) -> bytes:
    values = {
        **{each.name: getattr(adapter, each.name) for each in fields(adapter)},
        "config": adapter.config.model_dump(exclude_none=True),
        "calibrator": adapter.calibrator.as_dict(),
        "schema_version": SCHEMA_VERSION if adapter.backbone_config is not None else 2,
    }
    if adapter.backbone_config is None:  # schema 2, which does not know it
        del values["backbone_config"]
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


def _from_json(data: bytes, folder: Path) -> Adapter:
    try:
        values = json.loads(data)
        version, labels = values.pop("schema_version"), tuple(values.pop("labels"))
        if version > SCHEMA_VERSION:
            raise CorruptFileError(
                f"a later version of prefprop wrote it (schema {version}, this one reads "
                f"{SCHEMA_VERSION}). Update prefprop"
            )
        if version == 1:
            temperature = values.pop("temperature")
            calibrator: Calibrator = Identity() if temperature is None else Temperature(temperature)
        else:
            calibrator = calibrator_from(values.pop("calibrator"))
        method = values["config"]["method"]["name"]
        if method not in METHODS:
            raise UsageError(
                f'{folder}: the method "{method}" is of a package that is not installed here. '
                f"There are {', '.join(METHODS)}"
            )
        config = Config(**values.pop("config"))
        adapter = Adapter(labels=labels, config=config, calibrator=calibrator, **values)
        of_classes = calibrator.n_classes in (None, len(labels))
        if not (of_classes if adapter.task.has_classes else calibrator.for_candidates):
            raise CorruptFileError(f"its calibrator ({calibrator.name}) is not of its labels")
        return adapter
    except (ValueError, KeyError, TypeError, AttributeError, CorruptFileError) as error:
        raise CorruptFileError(f"{folder}/adapter.json cannot be read: {error}") from error
