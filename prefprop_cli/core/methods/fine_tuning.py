"""Fine-tuning: every weight of the backbone trains, and nothing is added to it."""

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods.base import Method, Options


class FineTuning(Method):
    """The upper line of the paper's tables."""

    trains_backbone = True

    def __init__(self, config: EncoderConfig, options: Options) -> None:
        super().__init__()

    def forward(self, n_rows: int) -> None:
        return None
