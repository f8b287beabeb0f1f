import ast
import inspect
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from prefprop_cli.config import schema
from prefprop_cli.config.reference import documented_schema, schema_rows
from prefprop_cli.config.schema import Config, SweepTable

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

MINE = '# of my own\r\ndescription = "stripes\\u001b[2J"\n\n[train]\nlr = 1e-3'


@pytest.fixture
def mine(tmp_path: Path) -> bytes:
    (tmp_path / "presets").mkdir()
    content = MINE.encode() + b" # x\xe9\n"
    (tmp_path / "presets" / "mine.toml").write_bytes(content)
    (tmp_path / "presets" / "zebra.toml").write_text(MINE)
    return content


def test_list_has_a_line_for_each(cli: Cli, mine: bytes) -> None:
    lines = [line.split("\t") for line in cli("presets").stdout.splitlines()]
    assert ["zebra", r"stripes\x1b[2J"] in lines
    assert {"demo", "newsgroups", "hyperpartisan", "arxiv"} <= {name for name, _ in lines}


def test_verbose_tells_where_each_is(cli: Cli, mine: bytes) -> None:
    lines = [line.split("\t") for line in cli("presets", "-v").stdout.splitlines()]
    origins = {name: where for name, _, where in lines}
    assert origins["zebra"] == "local: presets/zebra.toml"
    assert origins["demo"].startswith("built-in: /")


def test_list_as_json(cli: Cli, mine: bytes) -> None:
    [found] = [p for p in json.loads(cli("presets", "--json").stdout) if p["name"] == "zebra"]
    assert found == {
        "name": "zebra",
        "description": "stripes\x1b[2J",
        "origin": "local",
        "path": "presets/zebra.toml",
    }


def test_preset_is_its_file_unchanged(
    program: list[str], environment: dict[str, str], tmp_path: Path, mine: bytes
) -> None:
    done = subprocess.run(
        [*program, "presets", "mine"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert done.stdout == mine


def test_preset_as_json_holds_the_file(cli: Cli, mine: bytes) -> None:
    found = json.loads(cli("presets", "zebra", "--json").stdout)
    assert (found["toml"], found["origin"]) == (MINE, "local")


def test_unknown_preset_names_the_nearest(cli: Cli) -> None:
    done = cli("presets", "dmeo")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean `demo`?" in done.stderr
    assert "1 error, nothing was started. See `prefprop presets`." in done.stderr


def test_schema_lists_every_key_with_what_it_means(cli: Cli) -> None:
    rows = [line.split("\t") for line in cli("presets", "--schema").stdout.splitlines()]
    keys = [row[0] for row in rows]
    fields = {name for name in Config.model_fields if name not in ("name", "description")}
    full = Config(sweep=SweepTable())
    tables = {name: type(getattr(full, name)) for name in fields}
    assert set(keys) == {"name", "description"} | {
        f"{name}.{key}" for name, table in tables.items() for key in table.model_fields
    }
    assert ["train.lr", "number > 0 < 1", "0.01", "Peak learning rate of AdamW."] in rows
    assert rows[keys.index("model.to_long")][1:3] == ["integer > 0 or unset", "unset"]
    assert rows[keys.index("method.pool")][1:3] == ["cls|prefix", '"cls"']
    assert rows[keys.index("train.keep")][1] == "integer > 0"
    assert rows[keys.index("sweep.seeds")][1:3] == ["array", "[]"]


def test_every_docstring_of_a_field_is_found() -> None:
    meanings = {meaning for *_, meaning in schema_rows(documented_schema())} - {""}
    written = [
        node.value.value
        for table in ast.parse(inspect.getsource(schema)).body
        if isinstance(table, ast.ClassDef)
        for node in table.body[1:]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    assert sorted(meanings) == sorted({" ".join(str(text).split()) for text in written})


def test_schema_as_json_is_a_json_schema(cli: Cli) -> None:
    document = json.loads(cli("presets", "--schema", "--json").stdout)
    lr = document["$defs"]["TrainTable"]["properties"]["lr"]
    assert (lr["type"], lr["exclusiveMaximum"]) == ("number", 1)
    assert lr["description"] == "Peak learning rate of AdamW."
    assert document["properties"]["name"]["description"].startswith("Short name")


def test_name_and_schema_are_too_much(cli: Cli) -> None:
    done = cli("presets", "demo", "--schema")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --schema lists the keys of every preset")
