import pytest

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods import Options, create


@pytest.mark.parametrize(("name", "trains_backbone"), [("fine-tuning", True), ("head-only", False)])
def test_it_adds_nothing(base: EncoderConfig, name: str, trains_backbone: bool):
    method = create(name, base, Options())
    assert method.trains_backbone == trains_backbone
    assert method.n_placeholders == 0
    assert method(3) is None
    assert not list(method.parameters())
