"""Head only: the backbone is frozen and nothing is added to it; the lower line of a comparison."""

from prefprop_cli.core.methods.base import Method


class HeadOnly(Method):
    """A trained head on frozen features."""

    def forward(self, n_rows: int) -> None:
        return None
