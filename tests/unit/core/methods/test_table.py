import pytest

from prefprop_cli.config.schema import MethodTable
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods import METHODS, Method, Options, create


@pytest.mark.parametrize("name", METHODS)
def test_each_name_makes_a_method(name: str, base: EncoderConfig):
    method = create(name, base, Options(prefix_length=2))
    assert isinstance(method, Method)
    assert method.n_placeholders == (2 if name in ("prefix-propagation", "combined") else 0)


def test_the_schema_has_the_same_options_and_defaults():
    table, options = MethodTable(), Options()
    for name in vars(options):
        assert (getattr(table, name) or {}) == (getattr(options, name) or {}), name
