"""What an adapter folder says beside its tensors, which `build/trained.py` loads.

The folder holds what was trained and all it takes to predict with it, without the data.

adapter.json          labels, tables of the configuration, hashes, calibrator
trained.safetensors   prefix and head (and, after fine-tuning, the backbone)
MANIFEST.json         sha256 and size of each file
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from prefprop_cli.calibration.calibrators import (
    Calibrator,
    Identity,
    Temperature,
    calibrator_from,
)
from prefprop_cli.config.schema import Config
from prefprop_cli.errors import CorruptFileError
from prefprop_cli.runs import read_verified, save_folder
from prefprop_cli.tables import TASKS
from prefprop_cli.tasks.base import Task

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


def read_adapter(folder: Path) -> Adapter:
    """What an adapter folder says.

    Raises:
        CorruptFileError: a file is missing, damaged or of a later version.
    """
    return from_json(read_verified(folder)["adapter.json"], folder)


def set_calibrator(folder: Path, calibrator: Calibrator) -> None:
    """Store what predictions are calibrated by, in the place of an earlier one.

    Raises:
        CorruptFileError: a file is missing, damaged or of a later version.
    """
    files = read_verified(folder)
    adapter = from_json(files["adapter.json"], folder)
    changed = to_json(replace(adapter, calibrator=calibrator))
    save_folder(folder, {**files, "adapter.json": changed})


def to_json(adapter: Adapter) -> bytes:
    values = {
        **{each.name: getattr(adapter, each.name) for each in fields(adapter)},
        "config": adapter.config.model_dump(exclude_none=True),
        "calibrator": adapter.calibrator.as_dict(),
        "schema_version": SCHEMA_VERSION if adapter.backbone_config is not None else 2,
    }
    if adapter.backbone_config is None:  # schema 2, which does not know it
        del values["backbone_config"]
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


def from_json(data: bytes, folder: Path) -> Adapter:
    try:
        values = json.loads(data)
        version, labels = values.pop("schema_version"), tuple(values.pop("labels"))
        if version > SCHEMA_VERSION:
            raise CorruptFileError(
                f"a later version of prefprop wrote it (schema {version}, this one reads "
                f"{SCHEMA_VERSION}). Update prefprop"
            )
        calibrator = calibrator_from(_calibrator_values(values, version=version))
        config = Config(**values.pop("config"))
        adapter = Adapter(labels=labels, config=config, calibrator=calibrator, **values)
        _check_calibrator(adapter)
        return adapter
    except (ValueError, KeyError, TypeError, AttributeError, CorruptFileError) as error:
        raise CorruptFileError(f"{folder}/adapter.json cannot be read: {error}") from error


def _calibrator_values(values: dict[str, Any], *, version: int) -> Mapping[str, object]:
    if version > 1:
        return values.pop("calibrator")
    temperature = values.pop("temperature")
    return (Identity() if temperature is None else Temperature(temperature)).as_dict()


def _check_calibrator(adapter: Adapter) -> None:
    calibrator = adapter.calibrator
    of_classes = calibrator.n_classes in (None, len(adapter.labels))
    if not (of_classes if adapter.task.has_classes else calibrator.for_candidates):
        raise CorruptFileError(f"its calibrator ({calibrator.name}) is not of its labels")
