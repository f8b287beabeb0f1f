"""`prefprop prepare`: data read, split, audited and tokenised before anything is trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.work.experiment import load_settings, tell_data
from prefprop_cli.errors import UsageError

if TYPE_CHECKING:
    from prefprop_cli.build.plan import Plan
    from prefprop_cli.data.prepare import Prepared


def run(
    console: Console,
    *,
    name: str | None,
    preset: str | None,
    overrides: Sequence[str],
    source: str | None,
    out: Path | None,
    limit: int | None,
    force: bool,
) -> None:
    """Prepare the documents, and write the backbone if it is to be turned into a Longformer.

    Raises:
        UsageError: a name and a preset were both given.
    """
    if name and preset:
        raise UsageError(f"prepare {name} --preset {preset}: two presets. Give one of them")
    loaded = load_settings(name or preset, overrides, source=source, limit=limit)
    from prefprop_cli.build.plan import make_plan, prepare_data
    from prefprop_cli.cache import default_cache
    from prefprop_cli.data import check_source

    check_source(loaded.config.data)
    cache = out or default_cache()
    with StopRequest() as stop:
        plan = make_plan(loaded.config)
        prepared = prepare_data(plan, cache=cache, force=force, stop=stop.raise_if_requested)
    tell_data(console, prepared)
    backbone = _write_backbone(plan, cache)
    if backbone:
        console.info(f"backbone: {backbone}, a Longformer; use it with model.backbone")
    if console.common.json:
        console.result_json(_record(prepared, backbone))
    else:
        console.result(str(prepared.folder))


def _write_backbone(plan: "Plan", cache: Path) -> Path | None:
    """The converted backbone as a Hugging Face folder; None if nothing is converted."""
    table = plan.config.model
    if table.to_long is None:
        return None
    from prefprop_cli.build.backbones import weights_sha256
    from prefprop_cli.build.plan import load_encoder
    from prefprop_cli.model.checkpoint import encoder_files
    from prefprop_cli.runs import save_folder

    sha256s = weights_sha256(plan.backbone), plan.encoder.fingerprint, plan.tokenizer.fingerprint
    name = "-".join(["backbone", *(each[:12] for each in sha256s)])
    if not (cache / name).exists():
        files = encoder_files(load_encoder(plan))
        save_folder(cache / name, {**plan.tokenizer.files(), **files})
    return cache / name


def _record(prepared: "Prepared", backbone: Path | None) -> dict[str, object]:
    return {"folder": prepared.folder, "backbone": backbone, **prepared.summary}
