"""Trained models from adapter folders and back."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load, save
from torch import Tensor

from prefprop_cli.config.schema import Config
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.adapter import Adapter, from_json, to_json
from prefprop_cli.experiment.model import Classifier
from prefprop_cli.experiment.plan import Plan, load_classifier, make_plan, with_backbone
from prefprop_cli.experiment.record import backbone_record, check_backbone
from prefprop_cli.runs import read_verified, save_folder
from prefprop_cli.training.progress import load_trained


def save_adapter(folder: Path, adapter: Adapter, trained: Mapping[str, Tensor]) -> None:
    """Write an adapter folder, all or nothing.

    Args:
        folder: replaced if it is there.
        adapter: what it says.
        trained: the trained tensors by name.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in trained.items()}
    save_folder(folder, {"adapter.json": to_json(adapter), "trained.safetensors": save(tensors)})


def make_adapter(plan: Plan, *, labels: tuple[str, ...]) -> Adapter:
    """The description of what a plan trains."""
    return Adapter(labels=labels, config=plan.config, **backbone_record(plan))


def load_adapter(folder: Path, *, backbone: str | None = None) -> tuple[Adapter, Plan, Classifier]:
    """The trained model of an adapter folder.

    Args:
        folder: an adapter folder.
        backbone: where its backbone is now, if not where it was.

    Returns:
        What the folder says, the plan it was trained by, and the model in evaluation mode.

    Raises:
        CorruptFileError: a file is missing, damaged or of a later version.
        DataError: the backbone is missing, or is another one than the adapter was trained on.
    """
    files = read_verified(folder)
    adapter = from_json(files["adapter.json"], folder)
    plan = _plan(adapter.config, backbone)
    check_backbone(vars(adapter), plan, of=folder, advice="Give the original with --backbone")
    model = load_classifier(plan, n_labels=len(adapter.labels))
    load_trained(load(files["trained.safetensors"]), model.trained, source=str(folder))
    return adapter, plan, model.eval()


def _plan(config: Config, backbone: str | None) -> Plan:
    try:
        return make_plan(with_backbone(config, backbone))
    except DataError as error:
        if backbone:
            raise
        raise DataError(f"{error}. If it is elsewhere now, say where with --backbone") from error
