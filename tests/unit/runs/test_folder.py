import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prefprop_cli.errors import CorruptFileError, ResourceError, RunLockedError, UsageError
from prefprop_cli.runs import RunFolder, check_free, choose_run, is_begun, newest_run
from tests.helpers.crash import Killed, disk_full_at, every_death, killed_at

ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "demo")


@pytest.fixture(autouse=True)
def empty_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("PREFPROP_RUN", raising=False)


class TestCreate:
    def test_name_date_time_and_a_manifest(self, tmp_path, monkeypatch):
        now = time.struct_time((2026, 11, 21, 9, 30, 0, 5, 325, 0))
        monkeypatch.setattr(time, "localtime", lambda *_: now)
        monkeypatch.setattr(time, "strftime", lambda form: "20261121-093000")
        first, second, third = (RunFolder.create(tmp_path / "a" / "runs", "demo") for _ in range(3))
        assert first.path == tmp_path / "a" / "runs" / "demo-20261121-093000"
        assert second.path.name == "demo-20261121-093000-2"
        assert third.path.name == "demo-20261121-093000-3"
        assert first.manifest["schema_version"] == 1
        assert first.manifest["status"] == "running"

    @pytest.mark.parametrize(
        ("name", "plain"),
        [
            ("a b/c", "a-b-c-"),
            ("../..", "run-"),
            ("-rf", "rf-"),
            ("ü" * 300, "run-"),
            ("\0", "run-"),
        ],
    )
    def test_a_name_that_is_no_file_name(self, tmp_path, name, plain):
        run = RunFolder.create(tmp_path, name)
        assert run.path.parent == tmp_path
        assert run.path.name.startswith(plain + "20")

    def test_a_long_name(self, tmp_path):
        assert len(RunFolder.create(tmp_path, "x" * 300).path.name) == 96

    def test_where_nothing_can_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(ResourceError, match="cannot write"):
            RunFolder.create(tmp_path / "file", "demo")

    def test_at_a_path_of_the_users(self, tmp_path):
        run = RunFolder.create_at(tmp_path / "deep" / "mine")
        assert run.path == tmp_path / "deep" / "mine"
        assert RunFolder.open(run.path) == run
        (tmp_path / "empty").mkdir()
        assert RunFolder.create_at(tmp_path / "empty").manifest["status"] == "running"

    def test_not_at_a_path_that_is_taken(self, run, tmp_path):
        run.update_manifest(config_sha256="0", status="interrupted")
        with pytest.raises(UsageError, match=r"a run; name a new folder, or .*: --resume .*demo"):
            RunFolder.create_at(run.path)
        run.update_manifest(status="finished")
        (tmp_path / "reviews.csv").write_text("text,label")
        for path, what in [
            (run.path, "a run"),
            (tmp_path, "a folder with something in it"),
            (tmp_path / "reviews.csv", "a file"),
        ]:
            with pytest.raises(UsageError, match=f"is there already, {what}; name a new folder$"):
                RunFolder.create_at(path)
        assert (tmp_path / "reviews.csv").read_text() == "text,label"

    def test_where_a_start_came_to_nothing(self, tmp_path):
        path = tmp_path / "run"

        def start() -> None:
            run = RunFolder.create_at(path)
            with run.lock():
                run.config.write_text("")
                run.update_manifest(config_sha256="0")

        for _ in every_death(lambda: shutil.rmtree(path, ignore_errors=True), start):
            if not (path / "manifest.json").exists() or not is_begun(RunFolder(path).manifest):
                assert RunFolder.create_at(path).manifest["status"] == "running"

    def test_not_where_another_process_begins_one(self, run):
        with other_process_holding(run) as process, pytest.raises(RunLockedError) as caught:
            RunFolder.create_at(run.path)
        assert f"in use by process {process.pid} on" in str(caught.value)

    def test_free_and_writable_before_anything_is_made(self, tmp_path):
        check_free(tmp_path / "deep" / "new")
        assert not (tmp_path / "deep").exists()
        (tmp_path / "file").touch()
        with pytest.raises(ResourceError, match="file is not a folder"):
            check_free(tmp_path / "file" / "run")

    def test_no_permission_is_told_before_anything_is_made(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
        with pytest.raises(ResourceError, match=f"no permission to write to {tmp_path}"):
            check_free(tmp_path / "run")


class TestOpen:
    def test_paths(self, run):
        opened = RunFolder.open(run.path)
        names = [
            path.relative_to(run.path).as_posix()
            for path in (
                opened.config,
                opened.checkpoints,
                opened.adapter,
                opened.evaluation,
                opened.calibration,
                opened.log,
                opened.metrics_file,
            )
        ]
        assert names == [
            "config.toml",
            "checkpoints",
            "adapter",
            "eval",
            "calibration",
            "train.log",
            "metrics.jsonl",
        ]

    def test_what_is_not_a_run_folder(self, tmp_path):
        with pytest.raises(UsageError, match="no does not exist") as caught:
            RunFolder.open(tmp_path / "no")
        assert caught.value.exit_code == 2
        (tmp_path / "file").write_text("")
        for path in (tmp_path, tmp_path / "file"):
            with pytest.raises(UsageError, match=r"is not a run folder: it has no manifest\.json"):
                RunFolder.open(path)

    def test_a_damaged_manifest(self, run):
        file = run.path / "manifest.json"
        whole = file.read_bytes()
        for position in range(len(whole)):
            changed = bytearray(whole)
            changed[position] ^= 1 << position % 8
            for damaged in (changed, whole[:position]):
                file.write_bytes(damaged)
                with pytest.raises(CorruptFileError, match=r"manifest\.json is damaged"):
                    RunFolder.open(run.path)

    def test_a_manifest_of_another_version(self, run):
        run.update_manifest(schema_version=2)
        with pytest.raises(CorruptFileError, match="has schema version 2, this program reads 1"):
            RunFolder.open(run.path)


class TestManifest:
    def test_update_keeps_the_other_keys(self, run):
        run.update_manifest(status="finished", device="cpu")
        run.update_manifest(seed=3)
        manifest = RunFolder.open(run.path).manifest
        assert (manifest["status"], manifest["device"], manifest["seed"]) == ("finished", "cpu", 3)
        assert manifest["started"] <= "9"

    def test_killed_in_an_update_leaves_the_old_or_the_new(self, run):
        seen = []
        for _ in every_death(
            lambda: run.update_manifest(seed=1), lambda: run.update_manifest(seed=2)
        ):
            seen.append(run.manifest["seed"])
        assert seen == [1, 1, 1, 1, 2]


class TestMetrics:
    def test_rows_come_back_in_order(self, run):
        assert run.metrics() == []
        rows = [{"step": step, "loss": 0.1 * step, "ids": ["ü"]} for step in range(3)]
        for row in rows:
            run.append_metrics(row)
            assert run.metrics_file.read_bytes().endswith(b"\n")
        assert run.metrics() == rows

    def test_what_json_has_no_word_for(self, run):
        run.append_metrics({"step": 1, "a": float("nan"), "b": float("-inf"), "c": 1.0})
        assert run.metrics() == [{"step": 1, "a": None, "b": None, "c": 1.0}]

    def test_a_torn_last_line_is_ignored_at_every_length(self, run):
        run.append_metrics({"step": 1})
        whole = run.metrics_file.read_bytes()
        line = b'{"step": 2, "loss": 0.5}'
        for length in range(len(line) + 1):
            run.metrics_file.write_bytes(whole + line[:length])
            assert run.metrics() == [{"step": 1}]
        run.metrics_file.write_bytes(whole + line + b"\n")
        assert [row["step"] for row in run.metrics()] == [1, 2]

    @pytest.mark.parametrize("line", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
    def test_another_damaged_line_is_named(self, run, line):
        run.metrics_file.write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 2}\n')
        with pytest.raises(CorruptFileError, match=r"metrics\.jsonl:2 is damaged"):
            run.metrics()

    def test_rows_after_a_step_and_a_torn_line_are_dropped(self, run):
        run.drop_metrics_after(5)
        assert not run.metrics_file.exists()
        for step in (1, 2, 2, 3, 4):
            run.append_metrics({"step": step})
        with run.metrics_file.open("ab") as file:
            file.write(b'{"step": 2')
        run.drop_metrics_after(2)
        run.append_metrics({"step": 9})
        assert [row["step"] for row in run.metrics()] == [1, 2, 2, 9]

    def test_killed_while_appending(self, run):
        run.append_metrics({"step": 1})
        with killed_at(2), pytest.raises(Killed):
            run.append_metrics({"step": 2})
        assert run.metrics_file.read_bytes() == b'{"step": 1}\n{"step'
        run.drop_metrics_after(2)
        run.append_metrics({"step": 2})
        assert [row["step"] for row in run.metrics()] == [1, 2]

    def test_disk_full(self, run):
        run.append_metrics({"step": 1})
        with disk_full_at(3), pytest.raises(ResourceError, match=r"metrics\.jsonl \(\d+ bytes\)"):
            run.drop_metrics_after(0)
        assert run.metrics() == [{"step": 1}]


@contextmanager
def other_process_holding(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    code = (
        "import sys, time; from pathlib import Path; from prefprop_cli.runs import RunFolder\n"
        "with RunFolder.open(Path(sys.argv[1])).lock():\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


class TestLock:
    def test_held_by_another_process_and_free_after_its_death(self, run):
        with other_process_holding(run) as process:
            begun_at = time.monotonic()
            with pytest.raises(RunLockedError) as caught, run.lock():
                pass
            assert time.monotonic() - begun_at < 1
            assert caught.value.exit_code == 5
            assert f"process {process.pid} on {socket.gethostname()}" in str(caught.value)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with run.lock():
            assert json.loads((run.path / ".lock").read_text())["pid"] == os.getpid()

    def test_readers_need_none(self, run):
        with other_process_holding(run):
            assert RunFolder.open(run.path).manifest["status"] == "running"

    def test_let_go_of_after_an_error_and_taken_again(self, run):
        with pytest.raises(OSError, match="mine"), run.lock():  # not turned into a ResourceError
            raise OSError("mine")
        assert (run.path / ".lock").read_bytes() == b""
        with run.lock(), pytest.raises(RunLockedError, match=f"process {os.getpid()} "), run.lock():
            pass

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"])
    def test_a_lock_that_does_not_name_its_holder(self, run, content):
        with run.lock():
            (run.path / ".lock").write_bytes(content)
            with pytest.raises(RunLockedError, match="in use by another process"), run.lock():
                pass

    def test_it_removes_what_dead_writers_left(self, run):
        (run.path / f".tmp-manifest.json-{os.getpid()}").write_text("torn")
        with run.lock():
            assert sorted(os.listdir(run.path)) == [".lock", "manifest.json"]

    def test_where_nothing_can_be_written(self, run):
        (run.path / ".lock").mkdir()
        with pytest.raises(ResourceError, match=r"cannot write .*\.lock"), run.lock():
            pass

    def test_a_folder_removed_while_held_hides_no_error(self, run):
        def remove_all_and_fail() -> None:
            shutil.rmtree(run.path)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), run.lock():
            remove_all_and_fail()


class TestResolve:
    @staticmethod
    def finished(parent: Path, name: str, started: str) -> Path:
        run = RunFolder.create_at(parent / name)
        run.update_manifest(status="finished", started=started)
        return run.path

    def test_newest_is_by_start_and_finished_and_whole(self, tmp_path):
        assert newest_run(tmp_path / "no") is None
        parent = tmp_path / "runs"
        self.finished(parent, "a", "2026-01-02")
        newest = self.finished(parent, "b", "2026-01-03")
        self.finished(parent, "c", "2026-01-01")
        RunFolder.create_at(parent / "d").update_manifest(started="2026-01-04")
        damaged = self.finished(parent, "e", "2026-01-05")
        (damaged / "manifest.json").write_text("{")
        (parent / "file").write_text("")
        assert newest_run(parent) == newest

    def test_the_named_one_then_the_environment_then_the_newest(self, tmp_path, monkeypatch):
        newest = self.finished(Path("runs"), "new", "2026-01-03")
        of_environment = self.finished(tmp_path, "env", "2026-01-01")
        named = self.finished(tmp_path, "named", "2026-01-01")
        assert choose_run(None).folder.path == newest
        monkeypatch.setenv("PREFPROP_RUN", str(of_environment))
        assert choose_run(None).folder.path == of_environment
        assert choose_run(named).folder.path == named

    def test_only_a_run_that_is_accepted_is_chosen_but_any_may_be_named(self):
        older = self.finished(Path("runs"), "older", "2026-01-01")
        newer = self.finished(Path("runs"), "newer", "2026-01-02")
        accept = {"accept": lambda run: run.path == older, "does": " that is older"}
        assert choose_run(None, **accept).folder.path == older
        assert choose_run(newer, **accept).folder.path == newer
        with pytest.raises(UsageError, match="holds no finished run that is older"):
            choose_run(None, **accept | {"accept": lambda run: False})

    def test_none_says_what_to_do(self):
        with pytest.raises(UsageError, match=r"no run was named.*prefprop train -p demo"):
            choose_run(None)

    def test_a_wrong_environment(self, monkeypatch):
        monkeypatch.setenv("PREFPROP_RUN", "nowhere")
        with pytest.raises(UsageError, match="nowhere does not exist"):
            choose_run(None)
