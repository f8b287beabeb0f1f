"""Fine-tuning: every weight of the backbone trains, and nothing is added to it."""

from prefprop_cli.core.methods.base import Method


class FineTuning(Method):
    """The upper line of the paper's tables."""

    trains_backbone = True

    def forward(self, n_rows: int) -> None:
        return None
