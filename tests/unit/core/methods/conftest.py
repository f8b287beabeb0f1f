import pytest
import torch

from prefprop_cli.core.encoder.config import EncoderConfig
from tests.helpers.shapes import LONGFORMER_BASE


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Initial values and dropout are the same in every run."""
    torch.manual_seed(0)


@pytest.fixture
def base() -> EncoderConfig:
    """The shape of Longformer-base; no weights are made."""
    return LONGFORMER_BASE
