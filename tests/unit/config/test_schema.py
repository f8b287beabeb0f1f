import pytest

from prefprop_cli.config.load import load_config
from prefprop_cli.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["data.max_chunks=3"], r'max_chunks = 3 bounds chunks, and beyond = "truncate" makes'),
        (["data.max_chunks=3", "data.beyond=head+tail"], r'beyond = "head\+tail" makes none'),
        (["data.set=wikihop", "data.beyond=chunk"], r'beyond = "chunk" .* set = "wikihop"'),
        (["data.set=wikihop", "data.max_chunks=3"], r'set = "wikihop", which reads all its texts'),
    ],
)
def test_keys_that_would_do_nothing_are_refused(settings: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(preset=None, overrides=settings)


def test_chunks_may_be_bounded_and_pooled() -> None:
    chunked = ["data.beyond=chunk", "data.max_chunks=3", "data.chunk_pooling=max"]
    data = load_config(preset=None, overrides=chunked).config.data
    assert (data.beyond, data.max_chunks, data.chunk_pooling) == ("chunk", 3, "max")
    summed = ["data.set=wikihop", "data.chunk_pooling=sum"]
    assert load_config(preset=None, overrides=summed).config.data.chunk_pooling == "sum"
