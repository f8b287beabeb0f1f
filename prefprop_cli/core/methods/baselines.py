"""The baselines: nothing is added to the backbone, and it is frozen or trains itself."""

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods.base import Method, Options


class HeadOnly(Method):
    """A trainable head on frozen features: the lower baseline of a comparison."""

    def __init__(self, config: EncoderConfig, options: Options) -> None:
        super().__init__()

    def forward(self, n_rows: int) -> None:
        return None


class FineTuning(HeadOnly):
    """Every weight of the backbone trains: the upper baseline of the paper's tables."""

    trains_backbone = True
