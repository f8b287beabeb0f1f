import json
from pathlib import Path

import pytest

from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.report.collect import collect
from tests.helpers import finished

NUMBERS = [f"{name}{end}" for name in ("docs_per_s", "overhead") for end in ("", "_low", "_high")]
ROW = {"method": "head-only", "text": 4096, **dict.fromkeys(NUMBERS, 1.0)}


def test_runs_at_any_depth_once(tmp_path):
    one = finished.write(tmp_path / "sweeps" / "x" / "runs" / "one", finished.config())
    two = finished.write(tmp_path / "two", finished.config("prefix-tuning"), seed=3)
    (one / "checkpoints").mkdir()
    (one / "checkpoints" / "manifest.json").write_text("no run")
    found = collect([tmp_path, one, tmp_path / "two" / ".." / "two"])
    assert [run.folder.path for run in found.runs] == [one, two]
    assert [(run.method, run.seed) for run in found.runs] == [
        ("prefix-propagation", 0),
        ("prefix-tuning", 3),
    ]
    assert found.runs[0].validation["f1_binary"] > 0.5
    assert found.notes == []


def test_unfinished_runs_are_left_out_with_a_note(tmp_path):
    for number in range(7):
        finished.write(tmp_path / f"a{number}", finished.config(), status="interrupted")
    pruned = finished.write(tmp_path / "b", finished.config(), status="interrupted")
    finished.RunFolder.open(pruned).update_manifest(exit_reason="pruned")
    found = collect([tmp_path])
    assert found.runs == []
    assert found.notes == [
        f"left out, interrupted: {', '.join(str(tmp_path / f'a{n}') for n in range(5))} and 2 more"
        f". To go on: prefprop train --resume {tmp_path / 'a0'}",
        f"left out, pruned: {pruned}",
    ]


def test_a_damaged_run_is_left_out_with_the_reason(tmp_path):
    finished.write(tmp_path / "good", finished.config())
    bad = finished.write(tmp_path / "bad", finished.config())
    (bad / "config.toml").write_text("[train]\nepohcs = 3\n")
    (finished.write(tmp_path / "ugly", finished.config()) / "manifest.json").write_text("{")
    found = collect([tmp_path])
    assert [run.folder.path.name for run in found.runs] == ["good"]
    assert "epohcs" in found.notes[0]
    assert "ugly" in found.notes[1]


@pytest.mark.parametrize(
    "document",
    [
        {"what": "x", "rows": [ROW, {"ratio": 1}]},
        {"parts": {"a": {"rows": []}, "b": {"rows": [ROW]}}},
    ],
)
def test_timings_of_bench_and_of_a_benchmark_file(tmp_path, document):
    path = tmp_path / "speed.json"
    path.write_text(json.dumps(document))
    assert collect([path]).timings == [ROW]


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": [{"overhead": 1}]}', '{"rows": 3}', "3"])
def test_a_file_without_timings_says_how_to_measure(tmp_path, text):
    path = tmp_path / "speed.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"table_7\.py > FILE\.json"):
        collect([path])


def test_nothing_there_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="holds no run folder"):
        collect([tmp_path])
    with pytest.raises(UsageError, match="does not exist"):
        collect([Path("nowhere")])
