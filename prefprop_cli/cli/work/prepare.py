"""What `prefprop prepare` does once its options are checked."""

from pathlib import Path

from prefprop_cli.backbones.load import weights_sha256
from prefprop_cli.cache import default_cache
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.work.experiment import prepare
from prefprop_cli.core.encoder.checkpoint import encoder_files
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.experiment.choice import choose_backbone
from prefprop_cli.experiment.plan import Plan, load_encoder
from prefprop_cli.runs import save_folder

__all__ = ["choose_backbone", "prepare", "print_prepared"]


def print_prepared(console: Console, plan: Plan, prepared: Prepared, out: Path | None) -> None:
    """Write the prepared folder to stdout, and the backbone to disk if it is to be converted."""
    backbone = _write_backbone(plan, out or default_cache())
    if backbone:
        console.info(f"backbone: {backbone}, a Longformer; use it with model.backbone")
    if console.common.json:
        record = {"folder": prepared.folder, "backbone": backbone, **prepared.summary}
        console.result_json(record)
    else:
        console.result(str(prepared.folder))


def _write_backbone(plan: Plan, cache: Path) -> Path | None:
    """The converted backbone as a Hugging Face folder; None if nothing is converted."""
    if plan.config.model.to_long is None:
        return None
    sha256s = weights_sha256(plan.backbone), plan.encoder.fingerprint, plan.tokenizer.fingerprint
    name = "-".join(["backbone", *(each[:12] for each in sha256s)])
    if not (cache / name).exists():
        files = encoder_files(load_encoder(plan))
        save_folder(cache / name, {**plan.tokenizer.files(), **files})
    return cache / name
