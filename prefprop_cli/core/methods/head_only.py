"""Head only: the backbone is frozen and nothing is added to it; the lower line of a comparison."""

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods.base import Method, Options


class HeadOnly(Method):
    """A trained head on frozen features."""

    def __init__(self, config: EncoderConfig, options: Options) -> None:
        super().__init__()

    def forward(self, n_rows: int) -> None:
        return None
