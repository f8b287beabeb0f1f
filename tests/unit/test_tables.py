"""The tables of names, and what other packages add to that of the methods."""

import sys
from pathlib import Path

import pytest

from prefprop_cli import tables
from prefprop_cli.config.documented import documented_keys
from prefprop_cli.config.schema import Config
from prefprop_cli.errors import UsageError
from prefprop_cli.tables import NameTable

ALL = [tables.METHODS, tables.KERNELS, tables.BACKENDS, tables.SETS, tables.CALIBRATORS]


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, *entries: str) -> None:
    """A package whose module is found, and what it adds to `prefprop.methods`."""
    (folder / "mine.py").write_text("def make(config, options): return 'made'\n")
    information = folder / "mine-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("\n".join(["[prefprop.methods]", *entries]))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "mine", raising=False)


def methods() -> NameTable[object]:
    return NameTable({"plain": "prefprop_cli.words:plural"}, group="prefprop.methods")


@pytest.mark.parametrize("table", ALL)
def test_each_name_leads_to_something_of_that_name(table: NameTable[object]) -> None:
    assert len(table) == len([*table]) > 0
    for name, found in table.items():
        assert getattr(found, "name", name) == name


def test_the_schema_and_tab_offer_the_names_of_the_tables() -> None:
    choices = {
        "data.set": [*tables.SETS],
        "method.name": [*tables.METHODS],
        "method.kernel": ["none", *tables.KERNELS],
        "model.attention": ["auto", *tables.BACKENDS],
        "data.beyond": ["truncate", "head+tail", "chunk"],
    }
    offered = {key.path: [*key.values] for key in documented_keys() if key.path in choices}
    assert offered == choices
    document = Config.model_json_schema()["$defs"]
    for path, names in choices.items():
        table, _, key = path.partition(".")
        assert document[f"{table.capitalize()}Table"]["properties"][key]["enum"] == names


def test_a_package_adds_a_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "mine = mine:make", "other = mine:missing")
    table = methods()
    assert [*table] == ["plain", "mine", "other"]
    assert "mine" in table
    assert "yours" not in table
    made = table["mine"]
    assert callable(made)
    assert made(None, None) == "made"
    with pytest.raises(UsageError, match=r"^other: mine:missing, which prefprop\.methods names"):
        table["other"]


def test_a_name_that_is_taken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "plain = mine:make", "mine = mine:make")
    table = methods()
    assert [*table] == ["plain", "mine"]  # whoever uses another one is not kept from it
    assert callable(table["mine"])
    message = r"^mine:make, of the package mine, is called plain in prefprop\.methods, and that"
    with pytest.raises(UsageError, match=message):
        table["plain"]
    assert [*table.taken_twice()] == ["plain"]


@pytest.mark.parametrize(
    "source", ["raise RuntimeError('no')", "def (", "raise SystemExit(3)", "import nothing_there"]
)
def test_a_package_that_cannot_be_imported_is_named(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "mine = mine:make")
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(
        UsageError, match=r"^mine: mine:make, which prefprop\.methods names, cannot"
    ):
        methods()["mine"]
