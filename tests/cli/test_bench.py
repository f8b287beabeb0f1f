"""`prefprop bench` on a tiny backbone."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from prefprop_cli.bench.process import can_tune_malloc
from prefprop_cli.cli.app import main
from prefprop_cli.cli.work.bench import mallocs_of as mallocs
from prefprop_cli.errors import UsageError
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


@pytest.mark.skipif(not can_tune_malloc(), reason="needs glibc")
def test_both_are_timed_with_malloc_as_installed_and_tuned(bench: Bench) -> None:
    flags = ["--lengths", "16", "--train", "prefix", "--against", "transformers"]
    code, out, err = bench(*flags, "--no-memory", "--json")
    assert code == 0, err
    rows = json.loads(out)["rows"]
    assert [(row["malloc"], row["length"], row["subject"]) for row in rows] == [
        (malloc, 16, library)
        for malloc in ("installed", "tuned")
        for library in ("prefprop", "transformers")
    ]
    assert all(row["docs_per_s"] > 0 and row["peak_bytes"] is None for row in rows)
    assert all((row["ratio"] == 1) == (row["subject"] == "prefprop") for row in rows)


def test_two_steps_stand_side_by_side_on_real_lengths(bench: Bench) -> None:
    code, out, err = bench(
        *("--like", "newsgroups", "--documents", "6", "--batch-size", "2"),
        *("--train", "prefix,full", "--json"),
    )
    assert code == 0, err
    result = json.loads(out)
    prefix, full = result["rows"]
    assert (prefix["method"], full["method"]) == ("prefix-propagation", "fine-tuning")
    assert (prefix["documents"], prefix["batch_size"], prefix["step"]) == (6, 2, "prefix")
    assert min(prefix["peak_bytes"], full["peak_bytes"]) > 50e6
    assert prefix["ratio"] == 1
    assert full["ratio"] != 1
    assert "as long as those of newsgroups" in result["what"]


@pytest.mark.parametrize(
    ("asked", "against", "device", "expected"),
    [
        (None, False, "cpu", ("tuned",)),
        (None, True, "cpu", ("installed", "tuned")),
        (None, True, "cuda", ("installed",)),
        ("installed", True, "cpu", ("installed",)),
        ("both", False, "cpu", ("installed", "tuned")),
    ],
)
@pytest.mark.skipif(not can_tune_malloc(), reason="needs glibc")
def test_malloc_is_as_the_program_has_it_and_beside_another_library_both(
    asked: str | None, against: bool, device: str, expected: tuple[str, ...]
) -> None:
    assert mallocs(asked, against=against, device=device) == expected


def test_without_glibc_malloc_is_as_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefprop_cli.cli.work.bench.can_tune_malloc", lambda: False)
    assert mallocs(None, against=True, device="cpu") == ("installed",)
    with pytest.raises(UsageError, match="Use --malloc installed"):
        mallocs("both", against=True, device="cpu")


def test_table_7_is_a_row_for_each_method(bench: Bench) -> None:
    code, out, err = bench("--table", "7", "--lengths", "40", "--no-memory")
    assert code == 0, err
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[0] for row in rows] == ["no PEFT", "prefix-tuning", "prefix-propagation"]
    assert [row[-1] for row in rows] == ["", "+2.1%", "+0.2%"]
    assert "table 7 of the paper" in err
    assert "pass 3/3 100%" in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--shape", "minilm"], "--preset and --shape each name a backbone"),
        (["--lengths", "65"], "the backbone has 64 positions. Use --lengths 64 or less"),
        (["--lengths", "2"], "2 of the positions are placeholders"),
        (["--like", "newsgroups", "--lengths", "16"], "Leave out --lengths"),
        (["--pad-to", "32"], "Add --like"),
        (["--table", "7"], "Use shorter --lengths, or a --shape"),
        (["--table", "7", "--train", "full"], "Leave out --train"),
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


def measuring(pid: int) -> list[psutil.Process]:
    """The processes of a program that measure; it has others for a moment."""
    found = []
    for child in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):
            found += [child] if "prefprop_cli.bench.child" in child.cmdline() else []
    return found


def test_ctrl_c_ends_the_process_that_measures(
    config: Path, program: list[str], environment: dict[str, str]
) -> None:
    flags = ["--lengths", "16", "--repeat", "1000000", "--no-memory"]
    parent = subprocess.Popen(
        [*program, "bench", "-p", str(config), *flags],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not (children := measuring(parent.pid)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        parent.send_signal(signal.SIGINT)
        out, err = parent.communicate(timeout=60)
    finally:
        parent.kill()
    assert (parent.returncode, out) == (130, "")
    assert "interrupted" in err
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
