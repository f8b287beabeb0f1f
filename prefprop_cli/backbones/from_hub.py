"""A backbone of the hub in the local cache of huggingface_hub: what it needs and nothing else.

What a commit needs is written down before the first file is fetched, and what a branch stands for
after the last. So an interrupted download is never taken for a whole one, and a whole one needs the
hub only to ask whether the branch has moved; a commit hash, not even that.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prefprop_cli.backbones.files import read_json
from prefprop_cli.backbones.weights import (
    INDEX,
    PICKLE,
    SAFETENSORS,
    published_files,
    shard_names,
)
from prefprop_cli.cache import default_cache
from prefprop_cli.core.encoder.config import from_hugging_face
from prefprop_cli.errors import CorruptFileError, DataError, ResourceError
from prefprop_cli.hub import (
    hub_cause,
    hub_errors,
    is_commit,
    is_offline,
    last_commit,
    snapshot,
    split_name,
)
from prefprop_cli.hub.client import TIMEOUT_S, fetch, remember
from prefprop_cli.notes import note
from prefprop_cli.runs.atomic import make_folder, write_atomically
from prefprop_cli.words import listed

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

CONFIG = "config.json"
_TEXT_FILES = ("tokenizer.json", "vocab.json", "merges.txt", "vocab.txt")
_READ = (
    *(CONFIG, *_TEXT_FILES),
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
)
_SAFE = {SAFETENSORS, SAFETENSORS + INDEX}
_BOT, _BOT_TITLE = "SFconvertbot", "Adding `safetensors` variant of this model"
_ADVICE = (
    "Without network, say where it is: -s 'model.backbone=\"FOLDER\"', a folder with config.json "
    "and model.safetensors; or take a small one: -s model.backbone=minilm"
)


def from_hub(name: str) -> Path:
    """Return the folder with a backbone of the hub, `NAME` or `NAME@REVISION`.

    Where the hub does not give it, for whatever reason, the cache does, if it has all of it.

    Raises:
        DataError: neither has it, or it is no backbone.
        CorruptFileError: its index of weights is damaged.
    """
    repository, revision = split_name(name)
    if is_commit(revision) and (folder := _listed(repository, str(revision))):
        return folder
    what = f'model.backbone = "{name}" is no folder here, and not to be had from the hub'
    try:
        with hub_errors(what, advice=_ADVICE):
            return _from_network(repository, revision or "main")
    except DataError as failure:
        folder = kept_folder(repository, revision or "main")
        if folder is None:
            raise
        if not is_offline():
            cause = hub_cause(failure.__cause__ or failure)
            why = cause.sentence if cause else failure
            note(f"{name}: {why}; the copy in the local cache is used")
        return folder


def kept_folder(repository: str, revision: str) -> Path | None:
    """Return the folder of a branch or commit if the cache has all of it."""
    known = str(_read(repository, revision).get("commit"))
    for commit in (last_commit(repository, revision, "models"), known, revision):
        if commit and is_commit(commit):
            find = _listed if _read(repository, commit) else _unlisted
            if folder := find(repository, commit):
                return folder
    return None


def _from_network(repository: str, revision: str) -> Path:
    from huggingface_hub import HfApi

    api = HfApi()
    info = api.model_info(repository, revision=revision, files_metadata=True, timeout=TIMEOUT_S)
    commit = str(info.sha)
    if not is_commit(commit):
        raise DataError(f"{repository}: what answers is no hub; it gives no commit")
    folder = _listed(repository, commit)
    if folder is None:
        source, sizes = _needs(api, repository, info, revision)
        # The smallest file tells whether the largest is worth its time.
        from_hugging_face(read_json(fetch(repository, source, {CONFIG: 0}) / CONFIG))
        _write(repository, commit, {"commit": source, "files": [*sizes]})
        folder = fetch(repository, source, sizes)
        if source == commit and not is_commit(revision):
            remember(repository, revision)
    if revision != commit:
        _write(repository, revision, {"commit": commit})
    return folder


def _needs(
    api: Any, repository: str, info: "ModelInfo", revision: str
) -> tuple[str, dict[str, int | None]]:
    """Where the files are taken from, a commit or the hub's conversion of it, and their sizes."""
    sizes = {sibling.rfilename: sibling.size for sibling in info.siblings or []}
    if CONFIG not in sizes:
        raise DataError(f"{repository} has no {CONFIG}; a backbone needs one")
    is_safe = bool(_SAFE & sizes.keys())
    if not is_safe and revision == "main" and (found := _conversion(api, repository, info)):
        return _needs(api, repository, found, "")
    weights = _weights(repository, str(info.sha), sizes)
    needed = [*(name for name in _READ if name in sizes), *weights]
    return str(info.sha), {name: sizes.get(name) for name in needed}


def _weights(repository: str, commit: str, sizes: Mapping[str, int | None]) -> list[str]:
    for name in (SAFETENSORS, PICKLE):
        if name in sizes:
            return [name]
        if (index := name + INDEX) in sizes:
            folder = fetch(repository, commit, {index: sizes[index]})
            return [index, *shard_names(folder / index)]
    others = sorted(n for n in sizes if n.endswith((".h5", ".msgpack", ".onnx", ".gguf")))
    found = f"; {listed(others)} cannot be read" if others else ""
    raise DataError(f"{repository} has no model.safetensors, and no pytorch_model.bin{found}")


def _conversion(api: Any, repository: str, info: "ModelInfo") -> "ModelInfo | None":
    """The hub's own conversion of a pickle, on a pull request of its bot; None if there is none.

    It counts only while all else that is read, and the pickle, are what they are on the branch.
    """
    try:
        for number in _pull_requests(api, repository):
            asked = {"revision": f"refs/pr/{number}", "files_metadata": True, "timeout": TIMEOUT_S}
            found: ModelInfo = api.model_info(repository, **asked)
            is_safe = bool(_SAFE & {sibling.rfilename for sibling in found.siblings or []})
            if is_safe and is_commit(found.sha) and _contents(info) == _contents(found):
                return found
    except (KeyError, TypeError, AttributeError):
        pass  # a mirror of the hub, which answers in its own way
    except Exception as error:
        if hub_cause(error) is None:
            raise
    return None


def _pull_requests(api: Any, repository: str) -> list[int]:
    """The open ones of the hub's bot; anybody may propose weights, and it alone is trusted."""
    from huggingface_hub import utils

    client: Any = utils
    answer = client.get_session().get(
        f"{api.endpoint}/api/models/{repository}/discussions",
        params={"author": _BOT, "type": "pull_request", "status": "open"},
        headers=client.build_hf_headers(),
        timeout=TIMEOUT_S,
    )
    client.hf_raise_for_status(answer)
    return [
        int(said["num"])
        for said in answer.json()["discussions"]
        if (said["author"]["name"], said["title"]) == (_BOT, _BOT_TITLE)
        and said["isPullRequest"]
        and said["status"] == "open"
    ]


def _contents(info: "ModelInfo") -> dict[str, str | None]:
    """The hashes of all that is read from a repository, but for safetensors files."""
    return {
        sibling.rfilename: sibling.blob_id
        for sibling in info.siblings or []
        if sibling.rfilename in _READ or sibling.rfilename.startswith("pytorch_model")
    }


def _listed(repository: str, commit: str) -> Path | None:
    """The folder of a commit if its listing and all the files of it are there."""
    entry = _read(repository, commit)
    names, folder = entry.get("files"), snapshot(repository, str(entry.get("commit")), "models")
    if folder is None or not isinstance(names, list):
        return None
    return folder if all(isinstance(n, str) and (folder / n).is_file() for n in names) else None


def _unlisted(repository: str, commit: str) -> Path | None:
    """The folder of a commit that another program fetched, if it looks whole."""
    folder = snapshot(repository, commit, "models")
    if folder is None:
        return None
    has = {name for name in (CONFIG, *_TEXT_FILES) if (folder / name).is_file()}
    is_text = bool({"tokenizer.json", "vocab.txt"} & has) or {"vocab.json", "merges.txt"} <= has
    if not is_text or CONFIG not in has:
        return None
    try:
        published_files(folder)
    except (DataError, CorruptFileError):
        return None
    return folder


def _write(repository: str, revision: str, entry: dict[str, object]) -> None:
    """Keep a listing, or the commit that a branch stands for; without it, it is asked for again."""
    if _read(repository, revision) != entry:
        path = _path(repository, revision)
        with suppress(ResourceError):
            make_folder(path.parent)
            write_atomically(path, json.dumps(entry, indent=1).encode())


def _read(repository: str, revision: str) -> dict[str, object]:
    try:
        entry = json.loads(_path(repository, revision).read_bytes())
    except (OSError, ValueError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _path(repository: str, revision: str) -> Path:
    folder = default_cache() / "hub" / repository.replace("/", "--")
    return folder / f"{quote(revision, safe='')}.json"
