"""Backbones of the hub by its real client: names, forms, what is fetched, and a hub that fails."""

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from prefprop_cli.backbones import from_hub
from prefprop_cli.backbones.load import find_backbone, load_backbone, weights_sha256
from prefprop_cli.errors import CorruptFileError, DataError
from prefprop_cli.hub.client import bar_class
from tests.helpers import tiny
from tests.helpers.forms import FORMS, PICKLE, SAFE, in_form
from tests.helpers.heard import hearing
from tests.helpers.hub import Hub

NAME = "acme/roberta"
RESTRICTED = "Access to model acme/roberta is restricted and you are not in the authorized list."
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "closed": ({"close": True}, "connection to the hub was cut"),
    "503": ({"status": 503, "message": "maintenance"}, r"the hub failed \(503: maintenance\)"),
    "500": ({"status": 500}, r"the hub failed \(500\); try again later"),
    "429": ({"status": 429, "headers": {"Retry-After": "17"}}, r"\(429\); try again in 17 s"),
    "portal": ({"portal": True}, "what answers is no hub: a login page or proxy"),
    "json of others": ({"status": 200, "message": "hello"}, "what answers is no hub"),
    "401": (
        {"status": 401, "code": "RepoNotFound", "message": "Repository not found"},
        r"no such repository \(401\), or it is private.*hf auth login",
    ),
    "token": (
        {"status": 401, "message": "Invalid credentials in Authorization header"},
        r"refuses access \(401: Invalid credentials.*hf auth login",
    ),
    "gated": (
        {"status": 403, "code": "GatedRepo", "message": RESTRICTED},
        r"it is gated: Access to model acme/roberta is restricted.*hf auth login",
    ),
    "404": ({"status": 404}, r"no such repository \(404\)"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository as people publish it, with files that nobody here needs."""
    folder = tiny.save(tiny.hugging_face("roberta"), tmp_path / "published")
    for name in ("README.md", "tf_model.h5", "flax_model.msgpack", "model.fp16.safetensors"):
        (folder / name).write_text("x" * 5000)
    (folder / "onnx").mkdir()
    (folder / "onnx" / "tokenizer.json").write_text("{}")
    for name in ("vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"):
        (folder / name).write_text(f'{{"name": "{name}"}}')
    (folder / "tokenizer.json").write_text("{}")
    return folder


def fetched(hub: Hub) -> set[str]:
    """The files that were downloaded since the last call."""
    got = [line.split("/resolve/")[1].split("/", 1)[1] for line in hub.requests if " /acme" in line]
    hub.requests.clear()
    return set(got)


TEXT = {"vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"}
TEXT |= {"tokenizer.json", "config.json"}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_fetched_and_nothing_else(
    form: str, hub: Hub, folder: Path, tmp_path: Path
) -> None:
    published = in_form(folder, form, tmp_path / "form")
    if form in ("safetensors", "shards"):
        (published / PICKLE).write_bytes(b"of no interest")
    hub.add_model(NAME, published)
    found = find_backbone(NAME)
    weights = {
        "safetensors": {SAFE},
        "shards": {f"{SAFE}.index.json", *(f"model-0000{n}-of-00002.safetensors" for n in (1, 2))},
        "pickle shards": {
            f"{PICKLE}.index.json",
            *(f"pytorch_model-0000{n}-of-00002.bin" for n in (1, 2)),
        },
    }.get(form, {PICKLE})
    assert fetched(hub) == TEXT | weights
    assert weights_sha256(found) == weights_sha256(folder)
    assert load_backbone(NAME).state_dict().keys() == load_backbone(folder).state_dict().keys()


def test_of_a_type_that_cannot_be_used_no_weights_are_fetched(hub: Hub, folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "distilbert"}')
    hub.add_model(NAME, folder)
    with pytest.raises(DataError, match='"distilbert" cannot be used'):
        find_backbone(NAME)
    assert fetched(hub) == {"config.json"}


@pytest.mark.parametrize("name", ["roberta-tiny", "acme/roberta"])
@pytest.mark.parametrize("revision", ["", "@refs/pr/1", "@v1.0", "@COMMIT"])
def test_names_and_revisions(name: str, revision: str, hub: Hub, folder: Path) -> None:
    hub.add_model(name, folder)
    weights = {n: torch.ones_like(t) for n, t in load_file(folder / SAFE).items()}
    save_file(weights, folder / SAFE)
    commits = [hub.add_model(name, folder, revision=ref) for ref in ("refs/pr/1", "v1.0")]
    found = find_backbone(name + revision.replace("COMMIT", commits[1]))
    assert bool((load_file(found / SAFE)["embeddings.LayerNorm.bias"] == 1).all()) == bool(revision)


def test_a_folder_of_that_name_comes_first(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_model(folder.name, {"config.json": "{}"})
    monkeypatch.chdir(folder.parent)
    assert find_backbone(folder.name) == Path(folder.name)
    assert not hub.requests


def test_a_revision_that_is_not_there(hub: Hub, folder: Path) -> None:
    hub.add_model(NAME, folder)
    with pytest.raises(DataError, match=r"no such revision: Invalid rev id: v9\.$"):
        find_backbone(f"{NAME}@v9")


class TestConversion:
    """The bot of the hub keeps safetensors of old repositories on a pull request."""

    @pytest.fixture
    def pickled(self, hub: Hub, folder: Path, tmp_path: Path) -> Hub:
        hub.add_model(NAME, in_form(folder, "pickle", tmp_path / "pickled"))
        return hub

    def test_it_is_used(self, pickled: Hub, folder: Path) -> None:
        commit = pickled.add_pull_request(NAME, {SAFE: (folder / SAFE).read_bytes()})
        found = find_backbone(NAME)
        assert found.name == commit
        assert fetched(pickled) == TEXT | {SAFE}
        assert weights_sha256(found) == weights_sha256(folder)
        pickled.close()
        assert find_backbone(NAME) == found

    def test_in_shards_too(self, pickled: Hub, folder: Path, tmp_path: Path) -> None:
        pickled.add_pull_request(NAME, in_form(folder, "shards", tmp_path / "shards"))
        assert weights_sha256(find_backbone(NAME)) == weights_sha256(folder)
        assert PICKLE not in fetched(pickled)

    @pytest.mark.parametrize(
        "how", [{"author": "mallory"}, {"title": "Better weights"}, {"status": "closed"}]
    )
    def test_that_of_anybody_else_is_not(
        self, how: dict[str, str], pickled: Hub, folder: Path
    ) -> None:
        pickled.add_pull_request(NAME, {SAFE: b"not to be read"}, **how)
        assert weights_sha256(find_backbone(NAME)) == weights_sha256(folder)
        assert fetched(pickled) == TEXT | {PICKLE}

    @pytest.mark.parametrize("file", [PICKLE, "config.json", "vocab.json"])
    def test_nor_one_of_an_earlier_state(
        self, file: str, pickled: Hub, folder: Path, tmp_path: Path
    ) -> None:
        pickled.add_pull_request(NAME, {SAFE: (folder / SAFE).read_bytes()})
        newer = tmp_path / "pickled"
        if file == PICKLE:
            weights = {n: torch.ones_like(t) for n, t in load_file(folder / SAFE).items()}
            torch.save(weights, newer / PICKLE)
        else:
            (newer / file).write_text((newer / file).read_text() + "\n")
        pickled.add_model(NAME, newer)
        find_backbone(NAME)
        assert fetched(pickled) == TEXT | {PICKLE}

    @pytest.mark.parametrize(
        "how", [{"status": 403}, {"portal": True}, {"close": True}, {"status": 200}]
    )
    def test_where_nothing_is_told_of_requests_the_pickle_does(
        self, how: dict[str, Any], pickled: Hub
    ) -> None:
        pickled.fail("/discussions", **how)
        find_backbone(NAME)
        assert fetched(pickled) >= {PICKLE}

    def test_a_mirror_with_fields_of_its_own(self, pickled: Hub) -> None:
        pickled.add_pull_request(NAME, {SAFE: b"not to be read"})
        del pickled.repositories["models", NAME].discussions[0]["author"]
        find_backbone(NAME)
        assert fetched(pickled) >= {PICKLE}

    def test_a_revision_that_was_named_is_that_revision(self, pickled: Hub, folder: Path) -> None:
        pickled.add_pull_request(NAME, {SAFE: (folder / SAFE).read_bytes()})
        commit = pickled.repositories["models", NAME].revisions["main"].name
        assert find_backbone(f"{NAME}@{commit}").name == commit


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_is_one_sentence(fault: str, hub: Hub, folder: Path) -> None:
    hub.add_model(NAME, folder)
    how, message = FAULTS[fault]
    hub.fail(**how)
    with pytest.raises(DataError, match=message) as caught:
        find_backbone(NAME)
    said = str(caught.value)
    assert said.startswith(f'model.backbone = "{NAME}" is no folder here')
    assert "\n" not in said
    # Who was answered is not advised to do without a network.
    assert ("Without network" in said) == (fault not in ("401", "token", "gated", "404"))


@pytest.mark.parametrize(
    ("fault", "revision"),
    [*((fault, "") for fault in (*FAULTS, "refused", "slow", "cut", "offline")), ("503", "@v1")],
)
def test_what_is_cached_needs_no_hub(
    fault: str, revision: str, hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_model(NAME, folder)
    hub.add_model(NAME, folder, revision="v1")
    name = NAME + revision
    first = find_backbone(name)
    if fault == "refused":
        hub.close()
    elif fault == "offline":
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    elif fault == "slow":
        monkeypatch.setattr(from_hub, "TIMEOUT_S", 0.05)
        hub.fail(delay=5)
    else:
        hub.fail(**({"cut": 10} if fault == "cut" else FAULTS[fault][0]))
    started = time.monotonic()
    with hearing() as heard:
        assert find_backbone(name) == first
    assert time.monotonic() - started < 3
    if fault == "offline":
        assert not heard.notes
    else:
        (line,) = heard.notes
        assert line.startswith(f"{name}: ")
        assert line.endswith("; the copy in the local cache is used")


def test_a_commit_is_asked_for_once(hub: Hub, folder: Path) -> None:
    name = f"{NAME}@{hub.add_model(NAME, folder)}"
    first = find_backbone(name)
    hub.requests.clear()
    assert find_backbone(name) == first
    assert not hub.requests


def test_a_branch_that_moved_is_followed_and_left_where_it_was_if_the_hub_fails(
    hub: Hub, folder: Path
) -> None:
    hub.add_model(NAME, folder)
    first = find_backbone(NAME)
    (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")
    commit = hub.add_model(NAME, folder)
    fault = hub.fail("/config.json", method="GET", cut=5)
    with hearing() as heard:
        assert find_backbone(NAME) == first
    assert "cut" in heard.notes[-1]
    fault.times = 0
    assert find_backbone(NAME).name == commit
    hub.close()
    assert find_backbone(NAME).name == commit


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer_config.json", "merges.txt"])
def test_an_interrupted_download_is_not_taken_for_a_whole_one(
    file: str, hub: Hub, folder: Path
) -> None:
    hub.add_model(NAME, folder)
    hub.fail(f"/{file}", method="GET", close=True)
    for _ in range(2):
        with pytest.raises(DataError, match="cut"):
            find_backbone(NAME)
    hub.heal()
    with hearing() as heard:
        assert {path.name for path in find_backbone(NAME).iterdir()} == TEXT | {SAFE}
    n_left = {SAFE: 1, "tokenizer_config.json": 3, "merges.txt": 4}[file]
    assert f"downloading {NAME}: {n_left} file" in heard.notes[0]


def test_nor_beside_what_another_program_left(hub: Hub, folder: Path) -> None:
    """Its weights and our half of the tokenizer would be another model."""
    from huggingface_hub import hf_hub_download

    hub.add_model(NAME, folder)
    for name in ("config.json", SAFE):
        hf_hub_download(NAME, name)
    hub.fail("/tokenizer_config.json", method="GET", close=True)
    for _ in range(2):
        with pytest.raises(DataError, match="cut"):
            find_backbone(NAME)


def test_what_another_program_left_in_the_cache_is_used(hub: Hub, folder: Path) -> None:
    from huggingface_hub import hf_hub_download

    commit = hub.add_model(NAME, folder)
    for name in ("config.json", "vocab.json", "merges.txt"):
        hf_hub_download(NAME, name)
    hub.fail(status=503)
    with pytest.raises(DataError, match="503"):
        find_backbone(NAME)
    hub.heal()
    hf_hub_download(NAME, SAFE)
    hub.close()
    assert find_backbone(NAME).name == commit
    assert find_backbone(f"{NAME}@{commit}").name == commit


def test_other_programs_find_it_without_the_hub(hub: Hub, folder: Path) -> None:
    from huggingface_hub import try_to_load_from_cache

    hub.add_model(NAME, folder)
    found = find_backbone(NAME)
    assert try_to_load_from_cache(NAME, "config.json") == str(found / "config.json")


def test_a_repository_without_weights(hub: Hub, folder: Path) -> None:
    (folder / SAFE).unlink()
    hub.add_model(NAME, folder)
    with pytest.raises(DataError, match=r"no model\.safetensors.*flax_model\.msgpack, tf_model"):
        find_backbone(NAME)


def test_a_repository_without_a_configuration(hub: Hub, folder: Path) -> None:
    (folder / "config.json").unlink()
    hub.add_model(NAME, folder)
    with pytest.raises(DataError, match=r"has no config\.json"):
        find_backbone(NAME)


def test_an_index_cannot_write_outside_the_cache(hub: Hub, folder: Path, tmp_path: Path) -> None:
    published = in_form(folder, "shards", tmp_path / "shards")
    index = json.loads((published / f"{SAFE}.index.json").read_text())
    index["weight_map"]["x"] = "../../../../stolen.safetensors"
    (published / f"{SAFE}.index.json").write_text(json.dumps(index))
    files = {path.name: path.read_bytes() for path in published.iterdir() if path.is_file()}
    hub.add_model(NAME, files | {"../../../../stolen.safetensors": b"x"})
    with pytest.raises(CorruptFileError, match=r"no \.safetensors file beside it"):
        find_backbone(NAME)
    assert not list(tmp_path.rglob("stolen*"))


def test_a_hub_cannot_name_a_folder(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = hub.add_model(NAME, {"config.json": "{}"})
    object.__setattr__(hub.repositories["models", NAME].at(commit), "name", "../../..")
    with pytest.raises(DataError, match="it gives no commit"):
        find_backbone(NAME)


def test_a_download_is_announced_and_counted(
    hub: Hub, folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefprop_cli.hub.client._MB", 1000)
    hub.add_model(NAME, folder)
    with hearing() as heard:
        find_backbone(NAME)
        size = sum((folder / name).stat().st_size for name in TEXT - {"config.json"} | {SAFE})
        assert heard.notes == [f"downloading {NAME}: 6 files, {size / 1000:,.1f} MB"]
        assert heard.loops == [("downloaded MB", size // 1000)]
        assert heard.done[-1] == size // 1000
        find_backbone(NAME)
    assert len(heard.notes) == 1
    out, err = capfd.readouterr()
    assert out + err == ""


def test_a_disk_that_is_nearly_full_is_no_warning(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings are errors in these tests."""
    hub.add_model(NAME, folder)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1))
    find_backbone(NAME)


def test_bytes_are_counted_once_where_the_client_has_two_bars() -> None:
    """As it has for files that come in packed chunks."""
    module = pytest.importorskip("huggingface_hub.utils._xet_progress_reporting")
    counted: list[float] = []
    bars = {"reconstruction_desc": "", "log_level": 30, "tqdm_class": bar_class(counted.append)}
    with module.XetDownloadProgressReporter(total=10, **bars) as reporter:
        for n in (4, 10):
            reporter.update_progress(
                SimpleNamespace(
                    total_bytes=10,
                    total_bytes_completed=n,
                    total_transfer_bytes_completed=n - 1,
                    total_bytes_completion_rate=1.0,
                    total_transfer_bytes_completion_rate=1.0,
                )
            )
    assert sum(counted) == 10


def test_a_cache_of_ours_that_cannot_be_written_costs_a_question(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "file" / "cache"))
    hub.add_model(NAME, folder)
    found = find_backbone(NAME)
    hub.close()
    assert find_backbone(NAME) == found
