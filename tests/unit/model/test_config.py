from collections.abc import Mapping
from dataclasses import replace

import pytest

from prefprop_cli.errors import DataError
from prefprop_cli.model.config import from_hugging_face, to_hugging_face
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
        ({"model_type": None}, 'type "None" cannot be used'),
        ({"position_embedding_type": "relative_key"}, '"relative_key" is not supported'),
        ({"num_attention_heads": 7}, "width 768 does not divide into 7 heads"),
        ({"attention_window": [512] * 3}, "3 attention windows for 12 layers"),
        ({"attention_window": 511}, "attention window 511 is not an even number"),
        ({"attention_window": [512] * 11 + [0]}, "attention window 0 is not an even number"),
        ({"hidden_size": "big"}, "no whole number under `hidden_size`"),
        ({"pad_token_id": None}, "no whole number under `pad_token_id`"),
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
