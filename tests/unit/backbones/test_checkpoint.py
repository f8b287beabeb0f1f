import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from prefprop_cli.backbones.load import load_backbone
from prefprop_cli.core.encoder.checkpoint import encoder_files
from prefprop_cli.errors import CorruptFileError, DataError
from tests.helpers import tiny

TYPES = ["longformer", "roberta", "bert"]


def folder(tmp_path: Path, model_type: str = "longformer") -> Path:
    return tiny.save(tiny.hugging_face(model_type), tmp_path)


def rewrite(path: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Path:
    """The folder with other weights."""
    weights = {name: tensor.clone() for name, tensor in load_file(path / WEIGHTS).items()}
    save_file(change(weights), path / WEIGHTS)
    return path


WEIGHTS = "model.safetensors"
QUERY = "encoder.layer.0.attention.self.query.weight"


def state(path: Path) -> dict[str, Tensor]:
    return load_backbone(path).state_dict()


def assert_same_weights(path: Path, expected: dict[str, Tensor]) -> None:
    actual = state(path)
    assert actual.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(actual[name], tensor), name


@pytest.mark.parametrize("model_type", TYPES)
def test_names_may_begin_with_the_model(model_type: str, tmp_path: Path):
    """As in a checkpoint of a model with a task head, whose own weights are left out."""
    path = folder(tmp_path, model_type)
    expected = state(path)
    head = {"lm_head.bias": torch.ones(3), "classifier.weight": torch.ones(2, 2)}
    rewrite(path, lambda weights: {f"{model_type}.{n}": t for n, t in weights.items()} | head)
    assert_same_weights(path, expected)


WRAPPINGS = [
    "module.{type}.",
    "_orig_mod.",
    "module._orig_mod.{type}.",
    "model.{type}.",
    "encoder.",
    "model.encoder.",
    "{type}.model.",
]


@pytest.mark.parametrize("prefix", WRAPPINGS)
@pytest.mark.parametrize("model_type", ["longformer", "roberta"])
def test_names_may_be_wrapped(prefix: str, model_type: str, tmp_path: Path):
    path = folder(tmp_path, model_type)
    expected = state(path)
    front = prefix.format(type=model_type)
    rewrite(path, lambda weights: {front + name: tensor for name, tensor in weights.items()})
    assert_same_weights(path, expected)


def test_each_layer_may_be_wrapped(tmp_path: Path):
    """As by `torch.compile` or FSDP around each layer."""
    path = folder(tmp_path)
    expected = state(path)

    def wrapped(name: str) -> str:
        return name.replace("layer.0.", "layer.0._orig_mod.").replace(
            "layer.1.", "layer.1._fsdp_wrapped_module._checkpoint_wrapped_module."
        )

    rewrite(path, lambda weights: {wrapped(name): tensor for name, tensor in weights.items()})
    assert any("layer.1._fsdp" in name for name in load_file(path / WEIGHTS))
    assert_same_weights(path, expected)


@pytest.mark.parametrize("other", ["longformer.{}", "module.{}"])
def test_two_tensors_for_one_are_refused(other: str, tmp_path: Path):
    again = other.format(QUERY)
    path = rewrite(folder(tmp_path), lambda w: w | {again: torch.zeros(32, 32)})
    with pytest.raises(CorruptFileError, match=f"hold both {QUERY} and {again}|hold both {again}"):
        load_backbone(path)


def test_a_norm_under_both_names_is_refused(tmp_path: Path):
    gamma = "embeddings.LayerNorm.gamma"
    path = rewrite(folder(tmp_path), lambda w: w | {gamma: torch.ones(32)})
    with pytest.raises(CorruptFileError, match=r"hold both embeddings\.LayerNorm\.(gamma|weight)"):
        load_backbone(path)


@pytest.mark.parametrize("prefix", ["distilbert.", "decoder.roberta.", "text_model."])
def test_an_error_names_what_was_found(prefix: str, tmp_path: Path):
    path = folder(tmp_path)
    n = len(load_file(path / WEIGHTS))
    rewrite(path, lambda weights: {prefix + name: tensor for name, tensor in weights.items()})
    message = rf"lack embeddings\..* and \d+ more; found besides: {prefix}embeddings\..*{n} tensors"
    with pytest.raises(CorruptFileError, match=message):
        load_backbone(path)


def test_whole_numbers_are_no_weights(tmp_path: Path):
    """As in a checkpoint of 8-bit weights, whose scales lie beside them."""
    path = rewrite(folder(tmp_path), lambda w: w | {QUERY: torch.ones(32, 32, dtype=torch.int8)})
    with pytest.raises(CorruptFileError, match=f"{QUERY} is not of floating-point numbers"):
        load_backbone(path)


def test_norms_may_have_the_names_of_tensorflow(tmp_path: Path):
    path = folder(tmp_path, "bert")
    expected = state(path)

    def rename(name: str) -> str:
        return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        )

    rewrite(path, lambda weights: {rename(name): tensor for name, tensor in weights.items()})
    assert any("gamma" in name for name in load_file(path / WEIGHTS))
    assert_same_weights(path, expected)


def test_half_precision_is_loaded_as_float32(tmp_path: Path):
    path = rewrite(folder(tmp_path), lambda w: {name: t.half() for name, t in w.items()})
    assert {tensor.dtype for tensor in state(path).values()} == {torch.float32}


def test_a_loaded_encoder_is_in_evaluation_mode_with_the_options(tmp_path: Path):
    encoder = load_backbone(folder(tmp_path), attention="reference", gradient_checkpointing=True)
    assert not encoder.training
    assert encoder.attention == "reference"
    assert encoder.gradient_checkpointing
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    assert not any(parameter.is_meta for parameter in encoder.parameters())


def test_the_files_have_the_names_of_transformers(tmp_path: Path):
    path = folder(tmp_path)
    files = encoder_files(load_backbone(path))
    assert files.keys() == {"config.json", WEIGHTS}
    (path / WEIGHTS).rename(path / "original")
    (path / WEIGHTS).write_bytes(files[WEIGHTS])
    original, written = load_file(path / "original"), load_file(path / WEIGHTS)
    assert written.keys() == original.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in original.items())


def test_a_pickle_beside_safe_weights_is_not_read(tmp_path: Path):
    path = folder(tmp_path)
    expected = state(path)
    (path / "pytorch_model.bin").write_bytes(b"not even a pickle")
    assert_same_weights(path, expected)


def test_no_weights_at_all(tmp_path: Path):
    path = folder(tmp_path)
    (path / WEIGHTS).unlink()
    with pytest.raises(DataError, match=r"has no model\.safetensors"):
        load_backbone(path)


@pytest.mark.parametrize("keep", [0, 7, 200, -1])
def test_cut_weights(keep: int, tmp_path: Path):
    path = folder(tmp_path)
    (path / WEIGHTS).write_bytes((path / WEIGHTS).read_bytes()[:keep])
    with pytest.raises(CorruptFileError, match=r"model\.safetensors is not a whole safetensors"):
        load_backbone(path)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("embeddings.LayerNorm.bias", r"embeddings\.norm\.bias"),
        (QUERY, r"layers\.0\.attention\.qkv\.weight"),
        ("encoder.layer.1.attention.self.value_global.bias", r"layers\.1\.attention\.value_global"),
    ],
)
def test_a_missing_weight_is_named(name: str, ours: str, tmp_path: Path):
    path = rewrite(folder(tmp_path), lambda w: {n: t for n, t in w.items() if n != name})
    with pytest.raises(CorruptFileError, match=f"weights lack {ours}"):
        load_backbone(path)


def test_many_missing_weights_are_counted(tmp_path: Path):
    path = rewrite(folder(tmp_path), lambda w: {n: t for n, t in w.items() if "layer.1" not in n})
    with pytest.raises(CorruptFileError, match=r"lack layers\.1\..*and \d+ more"):
        load_backbone(path)


def test_a_config_with_other_sizes(tmp_path: Path):
    path = folder(tmp_path)
    values = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(values | {"intermediate_size": 48}))
    message = r"layers\.0\.up\.weight has shape \(64, 32\), config.json says \(48, 32\)"
    with pytest.raises(CorruptFileError, match=message):
        load_backbone(path)


@pytest.mark.parametrize("shape", [(32, 30), (16, 32)])
def test_weights_that_do_not_fit_together(shape: tuple[int, int], tmp_path: Path):
    path = rewrite(folder(tmp_path), lambda w: w | {QUERY: torch.zeros(shape)})
    with pytest.raises(CorruptFileError, match=r"self\.query\.weight.*differ in shape"):
        load_backbone(path)


def test_no_config(tmp_path: Path):
    with pytest.raises(DataError, match=r"has no config\.json"):
        load_backbone(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "is not JSON"), (b"\xff\xfe", "is not JSON"), (b"[1]", "holds no JSON object")],
)
def test_a_damaged_config(content: bytes, message: str, tmp_path: Path):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(CorruptFileError, match=message):
        load_backbone(tmp_path)


def test_a_model_of_another_type_is_named_before_its_keys_are_missed(tmp_path: Path):
    (tmp_path / "config.json").write_text('{"model_type": "distilbert", "n_layers": 6}')
    with pytest.raises(DataError, match='type "distilbert" cannot be used'):
        load_backbone(tmp_path)


def test_an_activation_that_is_not_ours(tmp_path: Path):
    path = folder(tmp_path)
    values = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(values | {"hidden_act": "quick_gelu"}))
    with pytest.raises(DataError, match=r'hidden_act = "quick_gelu".*these are: gelu, gelu_new'):
        load_backbone(path)
