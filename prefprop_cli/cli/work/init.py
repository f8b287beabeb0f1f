"""What `prefprop init` writes: a preset for one's own documents."""

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.work.experiment import prepare
from prefprop_cli.config.reference import preset_text
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.experiment.choice import BackboneChoice, choose_backbone
from prefprop_cli.words import plural

__all__ = ["choose_backbone", "prepare", "print_preset"]


def print_preset(console: Console, chosen: BackboneChoice, prepared: Prepared) -> None:
    """Write the preset to stdout, or with `--json` the configuration."""
    config = chosen.settings.config
    if console.common.json:
        console.result_json(config.model_dump())
        return
    n_documents = sum(map(len, prepared.splits.values()))
    about = [f"{config.data.source}: {plural(n_documents, 'document')}"]
    if chosen.why:
        about += [f"{config.model.backbone} is taken since {chosen.why}"]
    console.result(preset_text(config, about=about).rstrip("\n"))
