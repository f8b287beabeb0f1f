import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Freshly made methods are the same ones in every run."""
    torch.manual_seed(0)
