"""Which files of the hub are read: names, revisions, conversions, and a hub that fails."""

import errno
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import huggingface_hub
import pytest

from prefprop_cli.config.schema import Config, DataTable, ModelTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.corpus import Corpus
from prefprop_cli.data.sets import hub_files
from prefprop_cli.data.sets.hub_names import HubSet, parse
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.plan import make_plan
from prefprop_cli.hub.client import quiet
from tests.helpers import project
from tests.helpers.heard import hearing
from tests.helpers.hub import Hub
from tests.helpers.hub_sets import TEST, TRAIN, parquet

NAME = "acme/reviews"
CONVERSION = "refs/convert/parquet"
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "closed": ({"close": True}, "the connection to the hub was cut: .*local files"),
    "503": ({"status": 503}, r"the hub failed \(503\); try again later.*local files"),
    "429": ({"status": 429, "headers": {"Retry-After": "9"}}, "try again in 9 s"),
    "portal": ({"portal": True}, "what answers is no hub: a login page or proxy on the way"),
    "401": ({"status": 401, "code": "RepoNotFound"}, r"no such repository \(401\).*hf auth login"),
    "gated": ({"status": 403, "code": "GatedRepo"}, "it is gated.*hf auth login"),
    "404": ({"status": 404}, r"has no such repository \(404\)"),
}


def read(source: str = NAME, **options: object) -> Corpus:
    return read_corpus(DataTable(set="hub", source=source, **options))


def n_rows(corpus: Corpus) -> int:
    return sum(map(len, corpus.splits.values()))


def test_names_in_their_parts() -> None:
    assert parse("imdb") == HubSet("imdb")
    assert parse("acme/x:small") == HubSet("acme/x", None, "small")
    asked = HubSet("acme/x", "refs/pr/1", "small")
    assert parse("acme/x@refs/pr/1:small") == asked
    assert str(asked) == "acme/x@refs/pr/1:small"


@pytest.mark.parametrize("name", [NAME, "reviews"])
def test_a_revision_is_read_at_its_commit(sets_hub: Hub, name: str) -> None:
    first = sets_hub.add_dataset(name, {TRAIN: parquet([0, 1] * 10)})
    sets_hub.add_dataset(name, {TRAIN: parquet([0, 1] * 20)})
    proposed = sets_hub.add_dataset(name, {TRAIN: parquet([0, 1] * 30)}, revision="refs/pr/1")
    assert n_rows(read(name)) == 40
    assert n_rows(read(f"{name}@{first}")) == 20
    corpus = read(f"{name}@refs/pr/1")
    assert n_rows(corpus) == 60
    assert corpus.name == f"{name}@refs/pr/1"
    assert f"{name} is read at commit {proposed}" in corpus.facts
    # Each has a place of its own in the cache.
    sets_hub.close()
    found = [n_rows(read(source)) for source in (name, f"{name}@{first}", f"{name}@refs/pr/1")]
    assert found == [40, 20, 60]
    with pytest.raises(DataError, match=f"data.source = {name}@v2: not to be had .*cannot be rea"):
        read(f"{name}@v2")


def test_a_revision_that_is_not_there(sets_hub: Hub) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10)})
    with pytest.raises(DataError, match=r"reviews@v2: .* the repository has no such revision"):
        read(f"{NAME}@v2")


def test_a_name_whose_repository_has_moved_to_an_owner(sets_hub: Hub) -> None:
    sets_hub.add_dataset("owner/old", {TRAIN: parquet([0, 1] * 10)})
    moved = {"Location": "/api/datasets/owner/old"}
    sets_hub.fail("/api/datasets/old", status=307, headers=moved)
    assert n_rows(read("old")) == 20
    sets_hub.close()
    assert n_rows(read("old")) == 20


def test_a_folder_of_the_same_name_is_not_meant(
    sets_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project.write_documents(_made(tmp_path / NAME) / "train.jsonl", range(8))
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10)})
    assert n_rows(read()) == 20
    model = ModelTable(backbone=str(project.write_backbone(tmp_path / "backbone")), window=8)
    table = DataTable(set="hub", source=NAME, max_length=32)
    assert make_plan(Config(model=model, data=table)).config.data.source == NAME


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def test_a_configuration_is_named(sets_hub: Hub) -> None:
    parts = [{"config_name": name, "data_files": f"{name}/*"} for name in ("large", "small")]
    card = f"---\nconfigs: {json.dumps(parts)}\n---\n"
    files = {"large/a.parquet": parquet([0, 1] * 20), "small/a.parquet": parquet([0, 1] * 10)}
    sets_hub.add_dataset(NAME, {"README.md": card, **files})
    several = r"Config name is missing.*'large', 'small'\]. Give owner/name, owner/name:conf"
    with pytest.raises(DataError, match=several):
        read()
    assert n_rows(read(f"{NAME}:small")) == 20
    with pytest.raises(DataError, match=several):  # though one is in the cache by now
        read()
    assert n_rows(read(f"{NAME}:large")) == 40
    with pytest.raises(DataError, match=r"'nope' not found. Available: \['large', 'small'\]"):
        read(f"{NAME}:nope")


@pytest.fixture
def scripted(sets_hub: Hub) -> Hub:
    """A data set with a loading script, which would leave a trace, and its conversion."""
    sets_hub.add_dataset(NAME, {"README.md": "# Reviews\n", "reviews.py": "raise SystemExit(9)"})
    files = {
        "whole/train/0000.parquet": parquet([0, 1] * 10),
        "whole/train/0001.parquet": parquet([0, 1] * 5),
        "whole/test/0000.parquet": parquet([0, 1, 1], part="test"),
        "part/partial-train/0000.parquet": parquet([1, 0, 2] * 10, names="xyz"),
    }
    sets_hub.add_dataset(NAME, files, revision=CONVERSION)
    return sets_hub


def test_of_a_loading_script_the_conversion_is_read(scripted: Hub) -> None:
    corpus = read(f"{NAME}:whole")
    assert [len(part) for part in corpus.splits.values()] == [27, 3, 3]
    assert corpus.labels == ("no", "yes")
    said = f"of {CONVERSION}; no loading script is run"
    assert corpus.facts[0].endswith(said)
    corpus = read(f"{NAME}@{CONVERSION}:part")
    assert corpus.labels == ("x", "y", "z")
    assert corpus.facts[0].endswith(said)
    assert corpus.facts[1] == "split train: the hub has converted only its beginning"


def test_configurations_of_a_conversion_are_named(scripted: Hub) -> None:
    for source, problem in {
        NAME: "it has several configurations",
        f"{NAME}@{CONVERSION}": "it has several configurations",
        f"{NAME}:nope": 'it has no configuration "nope"',
    }.items():
        with pytest.raises(DataError, match=f"{problem}; found part, whole. Name one .*views:part"):
            read(source)


def test_a_loading_script_without_conversion(scripted: Hub) -> None:
    sets_hub = scripted
    sets_hub.add_dataset("acme/x", {"x.py": "", "data.csv": "text,label\na,1\n"})
    with pytest.raises(DataError, match=r"acme/x: .* script, .* hub has no conversion of it"):
        read("acme/x")
    sets_hub.add_dataset(NAME, {"reviews.py": ""}, revision="v1")
    with pytest.raises(DataError, match=f"main revision only. Give {NAME}@{CONVERSION}"):
        read(f"{NAME}@v1")


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_cached_is_read_whatever_the_hub_does(scripted: Hub, fault: str) -> None:
    sources = [f"{NAME}:whole", f"{NAME}@{CONVERSION}:part", "acme/plain", "acme/card", "one"]
    scripted.add_dataset("acme/plain", {TRAIN: parquet([0, 1] * 10)})
    scripted.add_dataset("acme/card", {"README.md": "# x\n", TRAIN: parquet([0, 1] * 15)})
    scripted.add_dataset("one", {TRAIN: parquet([0, 1] * 20)})
    before = [read(source) for source in sources]
    how, told = FAULTS[fault]
    scripted.fail(**how)
    assert [read(source) for source in sources] == before
    with pytest.raises(DataError, match=f"data.source = acme/new: not to be had .*{told}"):
        read("acme/new")


@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_the_hub_names_and_does_not_give(sets_hub: Hub, fault: str) -> None:
    """As of a gated data set, about which it tells everybody."""
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10)})
    before = read()
    for name in (NAME, "acme/new"):
        sets_hub.add_dataset(name, {TRAIN: parquet([0, 1] * 20)})
    how, told = FAULTS[fault]
    sets_hub.fail("/resolve/", **how)
    assert read() == before
    with pytest.raises(DataError, match=f"data.source = acme/new: not to be had .*{told}"):
        read("acme/new")


@pytest.mark.parametrize(
    "fault",
    [{"part": "/tree/", "close": True}, {"part": TRAIN, "cut": 100, "method": "GET"},
     {"part": TRAIN, "status": 403, "message": "blocked"}],
)  # fmt: skip
def test_a_newer_commit_that_cannot_be_had(sets_hub: Hub, fault: dict[str, Any]) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10)})
    before = read()
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 20)})
    sets_hub.fail(**fault)
    with hearing() as heard:
        assert read() == before
    assert heard.notes[-1].endswith("; the copy in the local cache is used")
    sets_hub.heal()
    assert n_rows(read()) == 40


def test_a_download_that_was_cut_is_not_taken_for_whole(scripted: Hub) -> None:
    scripted.fail("whole/train/0001", cut=50, method="GET")
    with pytest.raises(DataError, match=r"not to be had .*the connection to the hub was cut"):
        read(f"{NAME}:whole")
    scripted.close()
    with pytest.raises(DataError, match="not to be had"):
        read(f"{NAME}:whole")


def test_what_a_killed_process_left_is_made_again(sets_hub: Hub) -> None:
    commit = sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10)})
    kept = Path(datasets.config.HF_DATASETS_CACHE) / "prefprop" / commit
    left = kept / "-" / "acme___reviews" / "default" / "0.0.0" / f"{commit}.incomplete"
    left.mkdir(parents=True)
    (left / "reviews-train.arrow").write_bytes(b"half of it")
    before = read()
    assert n_rows(before) == 20
    sets_hub.close()
    assert read() == before


def test_a_download_is_told(scripted: Hub) -> None:
    with hearing() as heard:
        read(f"{NAME}:whole")
    assert heard.notes == ["downloading acme/reviews: 3 files"]
    assert (heard.loops, heard.done) == ([("files", 3)], [1, 2, 3])
    with hearing() as heard:
        read(f"{NAME}:whole")
    assert heard.notes == []


def test_no_library_draws_bars_of_its_own() -> None:
    libraries = (datasets.utils, huggingface_hub.utils)
    before = [library.are_progress_bars_disabled() for library in libraries]
    for library in libraries:
        library.enable_progress_bars()
    try:
        with quiet(datasets.utils):
            assert all(library.are_progress_bars_disabled() for library in libraries)
        assert not any(library.are_progress_bars_disabled() for library in libraries)
    finally:
        for library, was_off in zip(libraries, before, strict=True):
            if was_off:
                library.disable_progress_bars()


def test_offline(sets_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10)})
    before = read()
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    sets_hub.requests.clear()
    assert read() == before
    with pytest.raises(
        DataError, match=r"acme/new: not to be had .*local files .*prefprop train FILE"
    ):
        read("acme/new")
    assert sets_hub.requests == []


def test_what_another_program_has_read_is_used(sets_hub: Hub) -> None:
    commit = sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10), TEST: parquet([0, 1])})
    with quiet(datasets.utils):
        datasets.load_dataset(NAME, revision=commit)
    huggingface_hub.snapshot_download(NAME, repo_type="dataset")
    sets_hub.close()
    assert n_rows(read()) == 22


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"README.md": "# nothing\n"}, "doesn't contain any data files"),
        ({TRAIN: b"PAR1 and no more"}, "Parquet magic bytes not found"),
        ({"README.md": "---\nconfigs: 5\n---\n"}, "Expected configs to be a list"),
        ({"train.jsonl": '{"text": "a", "label": 1}\nno'}, "JSON parse error"),
        ({"train.csv": 'text,label\na,1\n"'}, "EOF inside string"),
    ],
)
def test_data_sets_that_cannot_be_read(
    sets_hub: Hub, files: dict[str, bytes | str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[logging.LogRecord] = []
    listener = logging.Handler()
    monkeypatch.setattr(listener, "emit", said.append)
    monkeypatch.setattr(logging.getLogger("datasets"), "handlers", [listener])
    sets_hub.add_dataset(NAME, files)
    with pytest.raises(DataError, match=f"data.source = {NAME}: not to be had .*{problem}"):
        read()
    assert said == []


@pytest.mark.parametrize("name", [NAME, "reviews"])
def test_a_repository_without_files(sets_hub: Hub, name: str) -> None:
    sets_hub.add_dataset(name, {})
    with pytest.raises(DataError, match=f"data.source = {name}: .*(no files|any data files)"):
        read(name)


def test_an_answer_without_a_commit(sets_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10)})
    answer = SimpleNamespace(id=NAME, sha=None, siblings=[])
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *_, **__: answer)
    with pytest.raises(DataError, match="what answers is no hub"):
        read()


def test_a_full_disk_is_no_fault_of_the_data(
    sets_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        full = OSError(errno.ENOSPC, "No space left on device")
        raise datasets.exceptions.DatasetGenerationError("while generating") from full

    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10)})
    monkeypatch.setattr(datasets.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(OSError, match="No space left"):
        read()


def test_a_fault_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> None:
        raise TypeError("a slip")

    # Raised here, and passed on by the reader as if it were of its own package.
    monkeypatch.setattr("prefprop_cli.data.sets.hub_files._PACKAGE", str(Path(__file__).parent))
    monkeypatch.setattr(hub_files, "info_of", wrong)
    with pytest.raises(TypeError, match="a slip"):
        read()
