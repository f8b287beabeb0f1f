from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods import Options, create


def test_it_trains_the_backbone_and_adds_nothing(base: EncoderConfig):
    method = create("fine-tuning", base, Options())
    assert method.trains_backbone
    assert method.n_placeholders == 0
    assert method(3) is None
    assert not list(method.parameters())
