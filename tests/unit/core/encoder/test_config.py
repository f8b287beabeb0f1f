from collections.abc import Mapping
from dataclasses import replace

import pytest

from prefprop_cli.core.encoder.config import from_hugging_face, to_hugging_face
from prefprop_cli.errors import DataError
from tests.helpers import tiny
from tests.helpers.shapes import LONGFORMER_BASE

VALUES: Mapping[str, object] = {
    "model_type": "longformer",
    "vocab_size": 50265,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 4098,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "layer_norm_eps": 1e-05,
    "hidden_act": "gelu",
    "attention_window": [512] * 12,
}


def test_the_keys_of_longformer_base():
    config = from_hugging_face(VALUES)
    assert config == LONGFORMER_BASE
    assert config.head_width == 64
    assert config.first_position == 2
    assert config.max_length == 4096


@pytest.mark.parametrize("model_type", ["longformer", "roberta", "bert"])
def test_there_and_back(model_type: str):
    config = from_hugging_face(VALUES | {"model_type": model_type})
    assert from_hugging_face(to_hugging_face(config)) == config


@pytest.mark.parametrize("model_type", ["longformer", "roberta", "bert"])
def test_transformers_reads_what_we_write(model_type: str):
    theirs = tiny.hugging_face(model_type).config
    written = to_hugging_face(from_hugging_face(theirs.to_dict()))
    again = type(theirs).from_dict(written).to_dict()
    assert {key: again[key] for key in written} == written
    assert {key: theirs.to_dict()[key] for key in VALUES if key in written} == {
        key: written[key] for key in VALUES if key in written
    }


def test_windows_may_be_written_as_floats():
    config = from_hugging_face({**VALUES, "attention_window": [512.0] * 12})
    assert config == from_hugging_face(VALUES)
    assert config.fingerprint == from_hugging_face(VALUES).fingerprint
    assert all(type(window) is int for window in config.windows or ())


@pytest.mark.parametrize("key", ["is_decoder", "add_cross_attention", "chunk_size_feed_forward"])
def test_what_changes_nothing(key: str):
    assert from_hugging_face({**VALUES, key: False, "use_cache": True}) == from_hugging_face(VALUES)


@pytest.mark.parametrize(("alias", "name"), [("gelu_python", "gelu"), ("swish", "silu")])
def test_the_names_of_an_activation_are_one(alias: str, name: str):
    one, other = (from_hugging_face({**VALUES, "hidden_act": each}) for each in (alias, name))
    assert one.fingerprint == other.fingerprint


def test_one_window_for_all_layers():
    assert from_hugging_face({**VALUES, "attention_window": 64}).windows == (64,) * 12


@pytest.mark.parametrize("model_type", ["roberta", "bert"])
def test_full_attention_has_no_windows(model_type: str):
    config = from_hugging_face({**VALUES, "model_type": model_type})
    assert config.windows is None


def test_the_texts_of_bert_begin_at_position_0():
    config = from_hugging_face({**VALUES, "model_type": "bert", "pad_token_id": 0})
    assert (config.first_position, config.max_length) == (0, 4098)


@pytest.mark.parametrize(("model_type", "pad_id"), [("longformer", 1), ("roberta", 1), ("bert", 0)])
def test_left_out_keys_have_the_defaults_of_transformers(model_type: str, pad_id: int):
    needed = {
        key: value for key, value in VALUES.items() if key not in ("pad_token_id", "hidden_act")
    }
    config = from_hugging_face(needed | {"model_type": model_type})
    assert config.pad_id == pad_id
    assert config.activation == "gelu"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model_type": "gpt2"},
            'type "gpt2" cannot be used; these can: longformer, roberta, bert',
        ),
        ({"model_type": None}, "config.json names no model_type"),
        ({"position_embedding_type": "relative_key"}, '"relative_key" is not supported'),
        ({"num_attention_heads": 7}, "hidden_size 768 does not divide into 7 heads"),
        ({"attention_window": [512] * 3}, "3 attention windows for 12 layers"),
        ({"attention_window": 511}, "attention window 511 is not an even number"),
        ({"attention_window": [512] * 11 + [0]}, "attention window 0 is not an even number"),
        ({"hidden_size": "big"}, "no whole number under `hidden_size`"),
        ({"pad_token_id": None}, "no whole number under `pad_token_id`"),
        ({"pad_token_id": -1}, "pad_token_id = -1 in the backbone's config.json cannot be"),
        ({"pad_token_id": 50265}, "pad_token_id = 50265 in .*, with vocab_size = 50265"),
        ({"pad_token_id": 4097}, "pad_token_id = 4097 in .*max_position_embeddings = 4098"),
        ({"hidden_size": True}, "no whole number under `hidden_size`"),
        ({"hidden_size": 768.0}, "no whole number under `hidden_size`"),
        ({"hidden_size": -768}, "hidden_size = -768 .* cannot be"),
        ({"vocab_size": 10**12}, "vocab_size = 1000000000000 .* cannot be"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers = 1000000 .* cannot be"),
        ({"num_attention_heads": 0}, "num_attention_heads = 0 .* cannot be"),
        ({"type_vocab_size": 0}, "type_vocab_size = 0 .* cannot be"),
        ({"attention_window": [512.5] * 12}, "attention_window = 512.5 .* no whole number"),
        ({"attention_window": "512"}, 'attention_window = "512" .* no whole number'),
        ({"attention_window": [True] * 12}, "attention_window = true .* no whole number"),
        ({"attention_window": None}, "attention_window = null .* no whole number"),
        ({"attention_window": -512}, "attention window -512 is not an even number"),
        ({"layer_norm_eps": "1e-5"}, 'layer_norm_eps = "1e-5" .* no small number'),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps = NaN .* no small number"),
        ({"layer_norm_eps": float("inf")}, "layer_norm_eps = Infinity .* no small number"),
        ({"layer_norm_eps": -1e-5}, "layer_norm_eps = -1e-05 .* no small number"),
        ({"layer_norm_eps": True}, "layer_norm_eps = true .* no small number"),
        ({"hidden_act": "mish"}, 'hidden_act = "mish" .*these are: gelu, gelu_new, .*swish'),
        ({"hidden_act": {"name": "gelu"}}, 'hidden_act = {"name": "gelu"} .*these are: gelu'),
        ({"is_decoder": True}, "is_decoder = true .* in both directions"),
        ({"add_cross_attention": True}, "add_cross_attention = true"),
        ({"quantization_config": {"bits": 8}}, 'quantization_config = {"bits": 8} .*plain numbers'),
    ],
)
def test_what_cannot_be_used(changes: dict[str, object], message: str):
    with pytest.raises(DataError, match=message):
        from_hugging_face({**VALUES, **changes})


@pytest.mark.parametrize("key", ["vocab_size", "num_hidden_layers", "max_position_embeddings"])
def test_names_the_key_that_is_missing(key: str):
    with pytest.raises(DataError, match=f"no whole number under `{key}`"):
        from_hugging_face({name: value for name, value in VALUES.items() if name != key})


def test_a_config_made_by_hand_is_checked_as_well():
    with pytest.raises(DataError, match="attention window 3"):
        replace(from_hugging_face(VALUES), windows=(3,) * 12)
