"""Every preset that comes with the program, against what the paper says (table 5, appendix B)."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli
import torch

from prefprop_cli.config.load import load_config
from prefprop_cli.config.schema import Config
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.experiment.model import ParameterCounts, count_parameters, create_classifier
from tests.helpers.shapes import LONGFORMER_BASE

FOLDER = Path(__file__).parents[2] / "presets"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))
PREFIX_LRS = [1e-2, 5e-2, 1e-3, 5e-3, 5e-4]
FINE_TUNING_LRS = [3e-5, 5e-5]
ALPHAS = [1e-2, 4e-2, 1e-3, 3e-3, 5e-3, 7e-3]
SETS = {
    # data set: epochs, prefix length, labels, metric
    "hyperpartisan": (20, 8, 2, "f1_binary"),
    "arxiv": (10, 8, 11, "f1_micro"),
    "newsgroups": (10, 8, 20, "f1_micro"),
    "wikihop": (10, 32, 0, "accuracy"),
}
LONGFORMER = "allenai/longformer-base-4096"
ROBERTA = "FacebookAI/roberta-base"
METHODS = {
    # what follows the name of the set: method, backbone, positions, learning rates
    "": ("prefix-propagation", LONGFORMER, 4096, PREFIX_LRS),
    "-prefix-tuning": ("prefix-tuning", LONGFORMER, 4096, PREFIX_LRS),
    "-roberta": ("prefix-tuning", ROBERTA, 512, PREFIX_LRS),
    "-fine-tuning": ("fine-tuning", LONGFORMER, 4096, FINE_TUNING_LRS),
}
CELLS = {name + method: (name, method) for name in SETS for method in METHODS}
OTHERS = {"arxiv-calibration", "base", "demo", "hyperpartisan-kernel", "runtime"}
SHAPES = {
    LONGFORMER: LONGFORMER_BASE,
    ROBERTA: replace(LONGFORMER_BASE, model_type="roberta", n_positions=514, windows=None),
}


@pytest.fixture(autouse=True)
def no_other_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def text(name: str) -> str:
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def read(name: str) -> dict[str, Any]:
    return tomli.loads(text(name))


def resolved(name: str) -> dict[str, Any]:
    """The keys of a preset and of all it extends."""
    own = read(name)
    keys = resolved(own["extends"]) if "extends" in own else {}
    return keys | {
        key: keys.get(key, {}) | value if isinstance(value, dict) else value
        for key, value in own.items()
    }


def load(name: str) -> Config:
    return load_config(preset=name).config


def counted(config: Config, *, n_labels: int) -> ParameterCounts:
    with torch.device("meta"):
        backbone = Encoder(SHAPES[config.model.backbone])
        return count_parameters(create_classifier(backbone, config, n_labels=n_labels))


def test_all_are_there() -> None:
    assert set(NAMES) == {*CELLS, *OTHERS}


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_under_its_own_name_and_says_what_it_is(name: str) -> None:
    config = load(name)
    assert config.name == name
    assert 20 <= len(config.description) <= 80


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_the_command_that_runs_it(name: str) -> None:
    mark, program, command, *arguments = shlex.split(text(name).splitlines()[0])
    assert (mark, program) == ("#", "prefprop")
    assert command == ("bench" if name == "runtime" else "train")
    assert arguments[:2] == ["-p", name]
    sources = {"base": ["-s", "data.source=my.jsonl"], "wikihop": ["--source", "qangaroo_v1.1.zip"]}
    timed = ["--lengths", "4096", "--repeat", "30"]
    known = {"runtime": timed, "base": sources["base"]}
    assert arguments[2:] == known.get(name, sources.get(name.split("-")[0], []))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "base"])
def test_it_says_only_what_is_its_own(name: str) -> None:
    own = read(name)
    parent = resolved(own["extends"])
    tables = {key: value for key, value in own.items() if isinstance(value, Mapping)}
    for table, keys in tables.items():
        assert keys
        assert [key for key in keys if parent.get(table, {}).get(key) == keys[key]] == []
    assert {*own} - {*tables} == {"extends", "name", "description"}


@pytest.mark.parametrize("name", CELLS)
def test_the_hyper_parameters_are_the_papers(name: str) -> None:
    config, (set_name, method) = load(name), CELLS[name]
    epochs, prefix_length, _, metric = SETS[set_name]
    method_name, backbone, n_positions, lrs = METHODS[method]
    assert (config.train.epochs, config.train.metric) == (epochs, metric)
    assert (config.data.set, config.data.max_length) == (set_name, n_positions)
    assert (config.method.name, config.method.prefix_length) == (method_name, prefix_length)
    assert (config.method.kernel, config.method.pool) == ("none", "cls")
    assert config.model.backbone == backbone
    assert config.train.lr == lrs[0]
    assert (config.train.batch_size, config.train.warmup) == (32, 0.1)
    assert (config.model.dropout, config.method.dropout) == (0.1, 0.1)
    assert config.data.chunk_pooling == "mean"
    assert config.sweep is not None
    assert config.sweep.stages == [{"train.lr": lrs}]
    assert len(config.sweep.seeds) == (5 if set_name == "hyperpartisan" else 0)


@pytest.mark.parametrize("name", CELLS)
def test_what_trains_is_what_the_paper_counts(name: str) -> None:
    set_name, method = CELLS[name]
    _, prefix_length, n_labels, _ = SETS[set_name]
    numbers = counted(load(name), n_labels=n_labels)
    per_vector = {"": 9_216, "-prefix-tuning": 18_432, "-roberta": 18_432, "-fine-tuning": 0}
    assert numbers.method == prefix_length * per_vector[method]
    assert numbers.backbone == (numbers.of_backbone if method == "-fine-tuning" else 0)
    heads = {"hyperpartisan": 592_130, "arxiv": 599_051, "newsgroups": 605_972}
    # WikiHop: a score without bias, and the embeddings of four marker tokens.
    assert numbers.head == heads.get(set_name, 768 + 4 * 768)
    size = 124.1e6 if method == "-roberta" else 148.1e6
    assert numbers.of_backbone == pytest.approx(size, abs=0.05e6)


@pytest.mark.parametrize(
    ("name", "numbers", "percent"),
    [
        ("hyperpartisan", 73_728, 0.0498),
        ("hyperpartisan-prefix-tuning", 147_456, 0.0996),
        ("wikihop", 294_912, 0.199),
        ("wikihop-prefix-tuning", 589_824, 0.398),
    ],
)
def test_the_papers_shares(name: str, numbers: int, percent: float) -> None:
    found = counted(load(name), n_labels=2)
    assert found.method == numbers
    assert found.method_percent == pytest.approx(percent, abs=5e-4 if numbers > 2e5 else 5e-5)


def test_the_kernel_form_searches_alpha_after_the_learning_rate() -> None:
    config = load("hyperpartisan-kernel")
    assert (config.method.name, config.method.kernel) == ("prefix-propagation", "exp")
    assert config.sweep is not None
    assert config.sweep.stages == [{"train.lr": PREFIX_LRS}, {"method.alpha": ALPHAS}]
    assert config.sweep.seeds == [0, 1, 2, 3, 4]
    assert config.method.alpha in ALPHAS
    assert not config.method.alpha_trainable
    assert counted(config, n_labels=2).method == 73_728
    plain = load("hyperpartisan")
    assert (config.data, config.train, config.model) == (plain.data, plain.train, plain.model)


def test_calibration_follows_the_run_of_table_2() -> None:
    config, plain = load("arxiv-calibration"), load("arxiv")
    assert config.eval.bins == 10
    assert (config.data, config.train, config.method) == (plain.data, plain.train, plain.method)


def test_runtime_fills_the_positions_of_longformer() -> None:
    config = load("runtime")
    (line,) = (line for line in text("runtime").splitlines() if "benchmarks/table_7.py" in line)
    words = shlex.split(line)
    n_tokens = int(words[words.index("--lengths") + 1])
    assert n_tokens + config.method.prefix_length == LONGFORMER_BASE.max_length
    assert config.model.backbone == LONGFORMER


def test_hyperpartisan_does_not_leak_by_default() -> None:
    assert load("hyperpartisan").data.split == "dedup"


def test_wikihop_is_not_tested_on_what_chose_the_epoch() -> None:
    assert load("wikihop").data.split in ("default", "halves")


def test_demo_needs_no_network_and_reads_long_documents() -> None:
    config = load("demo")
    assert (config.model.backbone, config.model.to_long) == ("minilm", 4096)
    assert config.data.set == "sotu"
    assert config.data.max_length >= 2048
    assert config.method.name == "prefix-propagation"
