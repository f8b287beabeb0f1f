"""Our encoder is the `transformers` model: values, all gradients, and the export."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN

from prefprop_cli.backbones.load import load_backbone
from prefprop_cli.core.encoder.checkpoint import (
    encoder_files,
    to_hugging_face_names,
)
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.errors import DataError
from tests.helpers import tiny
from tests.helpers.backends import ON_CPU
from tests.helpers.compare import assert_close, random
from tests.helpers.encode import gradients

# One has weights of its own, and one asks for a package that is not needed here.
ACTIVATIONS = sorted(ACT2FN.keys() - {"prelu", "xielu"})
USUAL = {"gelu", "gelu_new", "gelu_fast", "gelu_python", "gelu_pytorch_tanh", "silu", "swish"}
TYPES = ["longformer", "roberta", "bert"]
LAYOUTS = {  # lengths, global tokens of each row, windows
    "below the window": ([5], [1], (8, 8)),
    "at the window": ([16], [0], (16, 16)),
    "one above the window": ([17], [2], (16, 16)),
    "half a window and one more": ([5, 4, 6], [0, 1, 0], (8, 8)),
    "padding, no globals": ([7, 40, 23], [0, 0, 0], (8, 16)),
    "padding, some rows without globals": ([7, 40, 23], [0, 3, 7], (4, 16, 8)),
    "a row of globals only": ([6, 30], [6, 1], (8, 8)),
    "many blocks, many globals": ([131, 64, 300], [70, 1, 0], (4, 16)),
    "wide windows": ([257, 192, 129], [1, 9, 20], (128, 256)),
}
HEADS = [2, 4]  # with four, more than 16 globals in a row are too many for the absorbed form


def watch(embeddings: nn.Module) -> list[Tensor]:
    """Fills with the output of the embeddings, whose gradient is kept."""
    seen: list[Tensor] = []

    def keep(module: nn.Module, args: object, output: Tensor) -> None:
        output.retain_grad()
        seen.append(output)

    embeddings.register_forward_hook(keep)
    return seen


def run_both(theirs: PreTrainedModel, encoder: Encoder, texts: tiny.Batch) -> tuple[Tensor, Tensor]:
    """Outputs at the tokens, (T, W), of ours and of theirs."""
    expected = theirs(**texts.arguments_of(encoder.config.model_type)).last_hidden_state
    actual = encoder(texts.input_ids, texts.attention_mask, texts.global_mask)
    return actual[texts.attention_mask], expected[texts.attention_mask]


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("n_heads", HEADS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_longformer(layout: str, n_heads: int, backend: str):
    lengths, n_globals, windows = LAYOUTS[layout]
    theirs = tiny.hugging_face("longformer", windows=windows, n_heads=n_heads, n_positions=600)
    with torch.no_grad():
        pair = run_both(
            theirs, tiny.ours(theirs, attention=backend), tiny.batch(lengths, n_globals)
        )
    assert_close(*pair, within=1e-5, what=layout)


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu", "silu"])
@pytest.mark.parametrize("model_type", ["roberta", "bert"])
def test_full_attention(model_type: str, activation: str, backend: str):
    theirs = tiny.hugging_face(model_type, n_heads=4, activation=activation)
    texts = tiny.batch([7, 90, 23], [0, 3, 0], pad_id=theirs.config.pad_token_id)
    with torch.no_grad():
        pair = run_both(theirs, tiny.ours(theirs, attention=backend), texts)
    assert_close(*pair, within=1e-5, what=model_type)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_of_transformers(activation: str):
    """The same hidden states, or refused by name."""
    theirs = tiny.hugging_face("bert", activation=activation)
    texts = tiny.batch([7, 40], [0, 0], pad_id=theirs.config.pad_token_id)
    try:
        encoder = tiny.ours(theirs)
    except DataError as error:
        assert re.match(f'hidden_act = "{activation}" .* these are: gelu', str(error))  # noqa: PT017
        assert activation not in USUAL
        return
    with torch.no_grad():
        assert_close(*run_both(theirs, encoder, texts), within=1e-5, what=activation)


@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_a_decoder_is_refused(model_type: str):
    theirs = tiny.hugging_face(model_type)
    theirs.config.is_decoder = True
    with pytest.raises(DataError, match="is_decoder = true"):
        tiny.ours(theirs)


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize(
    ("model_type", "layout"),
    [
        ("longformer", "padding, some rows without globals"),
        ("longformer", "padding, no globals"),
        ("longformer", "many blocks, many globals"),
        ("roberta", "padding, no globals"),
        ("bert", "padding, no globals"),
    ],
)
def test_gradients(model_type: str, layout: str, backend: str):
    lengths, n_globals, windows = LAYOUTS[layout]
    theirs = tiny.hugging_face(model_type, windows=windows)
    encoder = tiny.ours(theirs, attention=backend)
    texts = tiny.batch(lengths, n_globals, pad_id=theirs.config.pad_token_id)
    their_embedded, our_embedded = watch(theirs.embeddings), watch(encoder.embeddings)
    actual, expected = run_both(theirs, encoder, texts)
    weights = random(*expected.shape)
    (expected * weights).sum().backward()
    (actual * weights).sum().backward()

    of_weights = to_hugging_face_names(gradients(encoder), encoder.config)
    assert of_weights.keys() == dict(theirs.named_parameters()).keys()
    for name, gradient in gradients(theirs).items():
        assert_close(of_weights[name], gradient, within=5e-5, relative=True, what=name)
    padded = their_embedded[0].grad[:, : texts.attention_mask.shape[1]]  # theirs fill up the window
    assert_close(
        our_embedded[0].grad,
        padded[texts.attention_mask],
        within=5e-5,
        relative=True,
        what="embeddings",
    )


@pytest.mark.parametrize("model_type", TYPES)
def test_a_folder_there_and_back_is_the_same_model(model_type: str, tmp_path: Path):
    theirs = tiny.hugging_face(model_type)
    encoder = load_backbone(tiny.save(theirs, tmp_path / "theirs"))
    (tmp_path / "ours").mkdir()
    for name, content in encoder_files(encoder).items():
        (tmp_path / "ours" / name).write_bytes(content)
    again = load_backbone(tmp_path / "ours")
    exported = type(theirs).from_pretrained(tmp_path / "ours", add_pooling_layer=False).eval()

    assert again.config == encoder.config
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(exported.state_dict()[name], tensor), name
    texts = tiny.batch([7, 40], [2, 0], pad_id=theirs.config.pad_token_id)
    given = texts.arguments_of(model_type)
    with torch.no_grad():
        assert torch.equal(exported(**given).last_hidden_state, theirs(**given).last_hidden_state)
        assert_close(*run_both(exported, again, texts), within=1e-5)
