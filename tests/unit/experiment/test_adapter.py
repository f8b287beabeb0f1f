import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from prefprop_cli.calibration.calibrators import METHODS, Identity, Temperature
from prefprop_cli.errors import CorruptFileError, UsageError
from prefprop_cli.experiment.adapter import Adapter, read_adapter, save_adapter, set_calibrator
from prefprop_cli.runs import save_folder
from prefprop_cli.runs.atomic import read_verified
from tests.helpers import finished
from tests.helpers.recalibration import confused


def adapter(**changed) -> Adapter:
    labels = ("a", "b", "c")
    return Adapter(
        **{"labels": labels, "config": finished.config(), "backbone_sha256": "0" * 64} | changed,
        tokenizer_sha256="1" * 64,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_adapter(tmp_path / "adapter", adapter(), {"weight": torch.ones(2)})
    return tmp_path / "adapter"


def rewrite(folder: Path, **changed) -> None:
    """Change values of adapter.json, by its own rules or not; None takes one out."""
    files = read_verified(folder)
    values = {**json.loads(files["adapter.json"]), **changed}
    kept = {name: value for name, value in values.items() if value is not None}
    save_folder(folder, {**files, "adapter.json": json.dumps(kept).encode()})


def test_a_fresh_adapter_changes_nothing(folder: Path) -> None:
    assert read_adapter(folder) == adapter()
    assert read_adapter(folder).calibrator == Identity()


@pytest.mark.parametrize("name", METHODS)
def test_a_calibrator_is_stored_in_the_place_of_another(folder: Path, name: str) -> None:
    set_calibrator(folder, Temperature(3.0))
    calibrator = METHODS[name].fit(*confused())
    set_calibrator(folder, calibrator)
    assert read_adapter(folder) == adapter(calibrator=calibrator)
    assert load(read_verified(folder)["trained.safetensors"])["weight"].tolist() == [1, 1]


@pytest.mark.parametrize(("stored", "expected"), [(2.5, Temperature(2.5)), (None, Identity())])
def test_the_temperature_of_an_older_version_is_read(folder, stored, expected) -> None:
    values = json.loads(read_verified(folder)["adapter.json"])
    del values["calibrator"]
    older = {**values, "temperature": stored, "schema_version": 1}
    tensors = save({"weight": torch.ones(2)})
    files = {"adapter.json": json.dumps(older).encode(), "trained.safetensors": tensors}
    save_folder(folder, files)
    assert read_adapter(folder) == adapter(calibrator=expected)
    set_calibrator(folder, expected)
    assert read_adapter(folder) == adapter(calibrator=expected)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"schema_version": 4}, "a later version of prefprop wrote it"),
        ({"calibrator": {"schema_version": 9, "name": "temperature"}}, "of schema version 9"),
        ({"calibrator": {"schema_version": 1, "name": "beta"}}, "the calibrator is 'beta'"),
        ({"calibrator": {**Temperature(2.0).as_dict(), "value": -2.0}}, "greater than 0"),
        ({"calibrator": 2.0}, "cannot be read"),
        ({"calibrator": None}, "calibrator"),
        ({"labels": None}, "labels"),
        ({"more": 1}, "more"),
    ],
)
def test_what_cannot_be_read_is_refused(folder: Path, changed, message: str) -> None:
    rewrite(folder, **changed)
    with pytest.raises(CorruptFileError, match=message):
        read_adapter(folder)


@pytest.mark.parametrize("labels", [["a", "b"], []], ids=["two classes", "candidates"])
def test_a_calibrator_of_other_labels_is_refused(folder: Path, labels: list[str]) -> None:
    set_calibrator(folder, METHODS["vector"].fit(*confused(n_classes=3)))
    rewrite(folder, labels=labels)
    with pytest.raises(CorruptFileError, match=r"calibrator \(vector\) is not of its labels"):
        read_adapter(folder)


HISTOGRAM = {"edges": [[0.5], [0.4], [0.3]], "shares": [[0.2, 0.8]] * 3}
DIRICHLET = {"matrix": [[1.0, 0.0], [0.0, 1.0]], "offsets": [0.0, 0.0]}


@pytest.mark.parametrize(("name", "values"), [("histogram", HISTOGRAM), ("dirichlet", DIRICHLET)])
def test_a_calibrator_of_a_method_there_was_is_kept_but_not_applied(folder, name, values) -> None:
    record = {"schema_version": 1, "name": name, **values}
    rewrite(folder, calibrator=record)
    found = read_adapter(folder).calibrator
    assert found.as_dict() == record
    with pytest.raises(UsageError, match=rf"calibrated by {name}.*: prefprop calibrate RUN"):
        found.logits([[0.0, 1.0, 2.0]])


def test_a_temperature_is_of_any_labels(folder: Path) -> None:
    set_calibrator(folder, Temperature(2.0))
    rewrite(folder, labels=[])
    assert np.allclose(read_adapter(folder).calibrator.logits([[2.0, -np.inf]]), [[1.0, -np.inf]])


def schema(folder: Path) -> int:
    return json.loads(read_verified(folder)["adapter.json"])["schema_version"]


def test_hashes_of_files_stay_of_the_schema_they_are_of(folder: Path) -> None:
    assert schema(folder) == 2
    set_calibrator(folder, Temperature(2.0))
    assert schema(folder) == 2
    assert b"backbone_config" not in read_verified(folder)["adapter.json"]
    assert read_adapter(folder).backbone_config is None


def test_the_config_of_the_backbone_is_kept(folder: Path) -> None:
    known = adapter(backbone_config={"attention_window": [8, 8]})
    save_adapter(folder, known, {"weight": torch.ones(2)})
    set_calibrator(folder, Identity())
    assert schema(folder) == 3
    assert read_adapter(folder) == known
