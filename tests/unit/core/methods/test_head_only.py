from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods import Options, create


def test_it_leaves_the_backbone_alone_and_adds_nothing(base: EncoderConfig):
    method = create("head-only", base, Options())
    assert not method.trains_backbone
    assert method.n_placeholders == 0
    assert method(3) is None
    assert not list(method.parameters())
