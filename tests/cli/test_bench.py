"""`prefprop bench` on a tiny backbone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from prefprop_cli.cli.app import main
from tests.helpers import project

Bench = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    backbone = project.write_backbone(folder / "backbone")
    return project.write_config(
        folder / "tiny.toml", backbone=backbone, documents=folder / "none.jsonl"
    )


@pytest.fixture
def bench(config: Path, capfd: pytest.CaptureFixture[str]) -> Bench:
    """Run `prefprop bench` once over the tiny backbone: exit code, stdout, stderr."""

    def run(*flags: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["bench", "-p", str(config), "--warmup", "0", "--repeat", "1", *flags])
        return code, *capfd.readouterr()

    return run


def test_both_are_timed_at_each_length(bench: Bench) -> None:
    flags = ["--lengths", "16,32", "--train", "prefix", "--against", "transformers"]
    code, out, err = bench(*flags, "--no-memory", "--json")
    assert code == 0, err
    rows = json.loads(out)["rows"]
    assert [(row["length"], row["subject"]) for row in rows] == [
        (length, library) for length in (16, 32) for library in ("prefprop", "transformers")
    ]
    assert all(row["docs_per_s"] > 0 and row["peak_bytes"] is None for row in rows)
    assert all((row["ratio"] == 1) == (row["subject"] == "prefprop") for row in rows)
    assert "pass 4/4 100%" in err


def test_two_steps_stand_side_by_side(bench: Bench) -> None:
    code, out, err = bench(
        "--lengths", "32", "--batch-size", "2", "--train", "prefix,full", "--json"
    )
    assert code == 0, err
    prefix, full = json.loads(out)["rows"]
    assert (prefix["method"], full["method"]) == ("prefix-propagation", "fine-tuning")
    assert (prefix["documents"], prefix["batch_size"], prefix["step"]) == (2, 2, "prefix")
    assert min(prefix["peak_bytes"], full["peak_bytes"]) > 50e6
    assert prefix["ratio"] == 1
    assert full["ratio"] != 1


def test_the_table_has_a_column_for_what_differs(bench: Bench) -> None:
    code, out, err = bench("--lengths", "16,32", "--no-memory")
    assert code == 0, err
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[:2] for row in rows] == [["prefprop", "16"], ["prefprop", "32"]]
    assert len(rows[0]) == 8  # docs/s, tok/s, p50, p95, CPU and the ratio
    assert "forward pass" in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--shape", "minilm"], "--preset and --shape each name a backbone"),
        (["--lengths", "65"], "the backbone has 64 positions. Use --lengths 64 or less"),
        (["--lengths", "2"], "2 of the positions are placeholders"),
        (["--train", "half"], "Use prefix, full or prefix,full"),
        (["--train", "prefix", "-s", "method.name=fine-tuning"], "Use --train full"),
        (
            ["--against", "transformers", "-s", "method.name=prefix-tuning"],
            "its models have no prefix-tuning",
        ),
    ],
)
def test_what_cannot_be_measured_is_a_usage_error(
    bench: Bench, flags: list[str], message: str
) -> None:
    code, out, err = bench(*flags)
    assert (code, out) == (2, "")
    assert message in err
