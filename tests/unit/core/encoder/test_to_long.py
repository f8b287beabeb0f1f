from dataclasses import replace

import pytest
import torch
from torch import Tensor

from prefprop_cli.core.encoder.checkpoint import to_own_names
from prefprop_cli.core.encoder.config import EncoderConfig, from_hugging_face
from prefprop_cli.core.encoder.to_long import to_long
from prefprop_cli.errors import DataError
from tests.helpers import tiny


def original(model_type: str) -> tuple[EncoderConfig, dict[str, Tensor]]:
    """With 20 rows in the table of positions."""
    theirs = tiny.hugging_face(model_type, n_positions=20)
    config = from_hugging_face(theirs.config.to_dict())
    return config, to_own_names(theirs.state_dict(), config)


@pytest.mark.parametrize(("model_type", "first"), [("roberta", 2), ("bert", 0)])
def test_positions_are_tiled_behind_the_row_of_padding(model_type: str, first: int):
    config, weights = original(model_type)
    learned = weights["embeddings.position.weight"][first:]
    long_config, long = to_long(config, weights, n_positions=50, window=8)
    table = long["embeddings.position.weight"]
    assert len(table) == long_config.n_positions == 50 + config.pad_id + 1
    assert long_config.max_length == 50
    for position in range(50):
        row = table[long_config.first_position + position]
        assert torch.equal(row, learned[position % len(learned)]), position


@pytest.mark.parametrize("model_type", ["roberta", "bert"])
def test_global_projections_begin_as_copies(model_type: str):
    config, weights = original(model_type)
    _, long = to_long(config, weights, n_positions=50, window=8)
    for number in range(config.n_layers):
        name = f"layers.{number}.attention"
        for kind in ("weight", "bias"):
            parts = [long[f"{name}.{part}_global.{kind}"] for part in ("query", "key", "value")]
            assert torch.equal(torch.cat(parts), weights[f"{name}.qkv.{kind}"])
            assert parts[0].data_ptr() != weights[f"{name}.qkv.{kind}"].data_ptr()


def test_all_else_stays():
    config, weights = original("roberta")
    before = {name: tensor.clone() for name, tensor in weights.items()}
    long_config, long = to_long(config, weights, n_positions=50, window=8)
    assert long_config == replace(
        config, model_type="longformer", n_positions=52, windows=(8,) * config.n_layers
    )
    assert weights.keys() == before.keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in before.items())
    same = before.keys() - {"embeddings.position.weight"}
    assert all(long[name] is weights[name] for name in same)


def test_as_many_positions_as_before_may_stay():
    config, weights = original("bert")
    _, long = to_long(config, weights, n_positions=20, window=8)
    assert torch.equal(
        long["embeddings.position.weight"][1:], weights["embeddings.position.weight"]
    )


def test_a_longformer_is_refused():
    config, weights = original("longformer")
    with pytest.raises(DataError, match="is a Longformer already; leave `to_long` out"):
        to_long(config, weights, n_positions=50, window=8)


def test_fewer_positions_are_refused():
    config, weights = original("roberta")
    with pytest.raises(DataError, match="to_long = 17 is less than the 18 positions it has"):
        to_long(config, weights, n_positions=17, window=8)


def test_an_odd_window_is_refused():
    config, weights = original("roberta")
    with pytest.raises(DataError, match="attention window 7 is not an even number"):
        to_long(config, weights, n_positions=50, window=7)
