"""Prefix-propagation and prefix-tuning together, each with its own length."""

from dataclasses import replace

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.prefix import Prefix
from prefprop_cli.core.methods.base import Method, Options
from prefprop_cli.core.methods.prefix_propagation import PrefixPropagation
from prefprop_cli.core.methods.prefix_tuning import PrefixTuning


class Combined(Method):
    """Placeholders of one method and extra keys of the other in the same layers."""

    def __init__(self, config: EncoderConfig, options: Options) -> None:
        super().__init__()
        self.propagation = PrefixPropagation(config, options)
        self.tuning = PrefixTuning(config, replace(options, prefix_length=options.tuning_length))
        self.n_placeholders = self.propagation.n_placeholders

    def forward(self, n_rows: int) -> Prefix:
        propagated, tuned = self.propagation(n_rows), self.tuning(n_rows)
        layers = tuple(
            replace(layer, visible=other.visible)
            for layer, other in zip(propagated.layers, tuned.layers, strict=True)
        )
        return replace(propagated, layers=layers)
