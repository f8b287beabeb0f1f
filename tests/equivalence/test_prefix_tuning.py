"""Prefix-tuning is its formula, computed densely in float64: on local and on global rows."""

import pytest
import torch

from prefprop_cli.core.methods import Options, create
from tests.helpers import oracle, tiny
from tests.helpers.backends import ON_CPU
from tests.helpers.compare import assert_close
from tests.helpers.encode import assert_is_the_formula

LAYOUTS = {  # type, lengths, global tokens of each row
    "local rows only": ("longformer", [9, 20], [0, 0]),
    "local and global rows": ("longformer", [9, 20, 1], [2, 1, 0]),
    "too many globals to absorb": ("longformer", [40, 7], [34, 7]),
    "roberta": ("roberta", [9, 20], [0, 3]),
    "bert": ("bert", [9, 20], [0, 0]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_oracle_itself_is_the_transformers_model(layout: str):
    model_type, lengths, n_globals = LAYOUTS[layout]
    theirs = tiny.hugging_face(model_type, windows=(4, 8))
    texts = tiny.batch(lengths, n_globals, pad_id=theirs.config.pad_token_id)
    with torch.no_grad():
        expected = theirs(**texts.arguments_of(model_type)).last_hidden_state
        for row, mask in enumerate(texts.attention_mask):
            ids, is_global = texts.input_ids[row, mask], texts.global_mask[row, mask]
            actual = oracle.Oracle(theirs)(ids, is_global)
            assert_close(actual, expected[row, mask], within=1e-5, what=f"row {row}")


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_and_gradients(layout: str, backend: str):
    model_type, lengths, n_globals = LAYOUTS[layout]
    theirs = tiny.hugging_face(model_type, windows=(4, 8))
    encoder = tiny.ours(theirs, attention=backend)
    method = create("prefix-tuning", encoder.config, Options(prefix_length=3, init_std=1)).eval()
    texts = tiny.batch(lengths, n_globals, pad_id=theirs.config.pad_token_id)
    assert_is_the_formula(theirs, encoder, method, texts)
