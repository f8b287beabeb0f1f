"""From a configuration to backbone, method, head and data: the place that knows all names."""

from prefprop_cli.build.backbones import load_backbone
from prefprop_cli.build.run import load_run

__all__ = ["load_backbone", "load_run"]
