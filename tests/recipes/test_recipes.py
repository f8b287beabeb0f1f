"""Every preset that comes with the program, against what the paper says (table 5, appendix B)."""

from pathlib import Path

import pytest
import tomli

from prefprop_cli.config.load import load_config

FOLDER = Path(__file__).parents[2] / "presets"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))
PAPER = {
    # name: epochs, prefix length, data set
    "hyperpartisan": (20, 8, "hyperpartisan"),
    "arxiv": (10, 8, "arxiv"),
    "newsgroups": (10, 8, "newsgroups"),
}


@pytest.fixture(autouse=True)
def no_other_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def read(name: str) -> dict:
    return tomli.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def test_all_are_there():
    assert NAMES == ["arxiv", "base", "demo", "hyperpartisan", "newsgroups"]


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_under_its_own_name_and_says_what_it_is(name):
    config = load_config(preset=name).config
    assert config.name == name
    assert 20 <= len(config.description) <= 80


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_the_command_that_runs_it(name):
    first = (FOLDER / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
    command, _, rest = first.partition(f"# prefprop train -p {name}")
    assert (command, rest.split(" ")[0]) == ("", "")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "base"])
def test_it_extends_base_and_says_only_what_is_its_own(name):
    own, base = read(name), read("base")
    assert own["extends"] == "base"
    for table in ("model", "data", "method", "train"):
        assert not own.get(table, {}).items() & base.get(table, {}).items()


@pytest.mark.parametrize("name", PAPER)
def test_the_hyper_parameters_are_the_papers(name):
    config = load_config(preset=name).config
    epochs, prefix_length, data_set = PAPER[name]
    assert config.train.epochs == epochs
    assert config.method.prefix_length == prefix_length
    assert config.data.set == data_set
    assert config.train.batch_size == 32
    assert config.train.warmup == 0.1
    assert (config.model.dropout, config.method.dropout) == (0.1, 0.1)
    assert config.train.lr in (1e-2, 5e-2, 1e-3, 5e-3, 5e-4)
    assert config.method.name == "prefix-propagation"
    assert config.model.backbone == "allenai/longformer-base-4096"
    assert config.data.max_length == 4096
    assert config.train.metric.startswith("f1_")


def test_hyperpartisan_does_not_leak_by_default():
    assert load_config(preset="hyperpartisan").config.data.split == "dedup"


def test_demo_needs_no_network_and_reads_long_documents():
    config = load_config(preset="demo").config
    assert (config.model.backbone, config.model.to_long) == ("minilm", 4096)
    assert config.data.set == "sotu"
    assert config.data.max_length >= 2048
    assert config.method.name == "prefix-propagation"
