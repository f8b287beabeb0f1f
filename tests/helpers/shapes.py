"""Shapes of published encoders; no weights are made."""

from prefprop_cli.bench.shapes import LONGFORMER_BASE

__all__ = ["LONGFORMER_BASE"]
