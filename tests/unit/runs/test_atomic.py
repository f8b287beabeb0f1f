import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from prefprop_cli.errors import CorruptFileError, ResourceError
from prefprop_cli.runs import atomic
from prefprop_cli.runs.atomic import (
    MANIFEST,
    disk_errors,
    make_folder,
    read_sealed,
    read_verified,
    remove_folder,
    save_folder,
    seal,
    write_atomically,
)
from tests.helpers.crash import Killed, disk_full_at, every_death, killed_at

OLD = {"a.bin": b"old" * 40, "b.json": b"{}", "empty": b""}
NEW = {"a.bin": b"new" * 50, "c.json": b"[]"}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "parent" / "adapter"


def dead_pid() -> int:
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    return int(done.stdout)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


class TestWriteAtomically:
    def test_writes_and_replaces(self, tmp_path):
        file = tmp_path / "x.json"
        write_atomically(file, b"1")
        write_atomically(file, b"2")
        assert file.read_bytes() == b"2"
        assert names(tmp_path) == ["x.json"]

    def test_killed_at_any_moment_leaves_the_old_or_the_new(self, tmp_path):
        file = tmp_path / "x.json"
        seen = []
        for _ in every_death(
            lambda: file.write_bytes(b"old" * 40), lambda: write_atomically(file, b"new" * 40)
        ):
            seen.append(file.read_bytes()[:3] * (file.stat().st_size == 120))
        assert seen == [b"old", b"old", b"old", b"old", b"new"]

    def test_the_file_is_synchronised_before_and_the_folder_after_the_rename(self, tmp_path):
        with killed_at(10_000) as changes:
            write_atomically(tmp_path / "x", b"new")
        assert changes == ["open", "write", "fsync", "replace", "fsync"]

    def test_disk_full_names_path_and_bytes_and_leaves_the_old(self, tmp_path):
        file = tmp_path / "x.json"
        write_atomically(file, b"old")
        for n in range(1, 5):  # the fifth comes after the new one is in place
            with (
                disk_full_at(n),
                pytest.raises(ResourceError, match=r"x\.json \(1,234 bytes\)") as e,
            ):
                write_atomically(file, b"x" * 1234)
            assert e.value.exit_code == 7
            assert file.read_bytes() == b"old"
            assert names(tmp_path) == ["x.json"]

    def test_a_file_size_limit_is_a_full_disk(self, tmp_path):
        code = (
            "import resource, sys; from pathlib import Path;"
            "from prefprop_cli.runs.atomic import write_atomically;"
            "from prefprop_cli.errors import ResourceError;"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
            "path = Path(sys.argv[1])\n"
            "try: write_atomically(path, b'x' * 2000)\n"
            "except ResourceError as error: print(error)"
        )
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "x")],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith(f"no room to write {tmp_path / 'x'} (2,000 bytes): File too")
        assert names(tmp_path) == []

    def test_no_folder(self, tmp_path):
        with pytest.raises(ResourceError, match=r"cannot write .*/no/x: No such file or directory"):
            write_atomically(tmp_path / "no" / "x", b"")


class TestSaveFolder:
    def test_round_trip(self, target):
        save_folder(target, OLD)
        assert read_verified(target) == OLD
        assert names(target) == ["MANIFEST.json", "a.bin", "b.json", "empty"]

    def test_replaces_the_whole_folder(self, target):
        save_folder(target, OLD)
        save_folder(target, NEW)
        assert read_verified(target) == NEW
        assert names(target.parent) == ["adapter"]
        assert names(target) == ["MANIFEST.json", "a.bin", "c.json"]

    def test_manifest_holds_size_and_sha256(self, target):
        save_folder(target, OLD)
        entry = json.loads((target / MANIFEST).read_text())["files"]["a.bin"]
        assert entry == {"size": 120, "sha256": hashlib.sha256(OLD["a.bin"]).hexdigest()}

    def test_every_file_is_synchronised_before_the_rename(self, target):
        with killed_at(10_000) as changes:
            save_folder(target, {"a": b"1", "b": b"2"})
        one_file = ["open", "write", "fsync"]
        made = ["mkdir", "fsync", "mkdir"]
        assert changes == [*made, *one_file * 3, "fsync", "rename", "fsync"]

    def test_killed_at_any_moment_leaves_the_old_or_the_new(self, target):
        seen = []
        for _ in every_death(lambda: save_folder(target, OLD), lambda: save_folder(target, NEW)):
            seen.append(read_verified(target))
            save_folder(target, OLD)
            assert names(target.parent) == ["adapter"]
        assert len(seen) > 15
        assert [files in (OLD, NEW) for files in seen] == [True] * len(seen)
        assert seen[0] == OLD
        assert seen[-1] == NEW

    def test_killed_in_the_first_save_leaves_none_or_a_whole_one(self, target):
        whole = []
        for _ in every_death(
            lambda: target.exists() and remove_folder(target), lambda: save_folder(target, NEW)
        ):
            whole.append(target.exists() and read_verified(target) == NEW)
        assert len(whole) > 10
        assert whole == [False] * (len(whole) - 1) + [True]

    def test_disk_full_at_any_moment_leaves_the_old_and_no_litter(self, target):
        save_folder(target, OLD)
        for n in range(1, 12):  # up to the rename of the old one
            with disk_full_at(n), pytest.raises(ResourceError, match=r"adapter \(152 bytes\)"):
                save_folder(target, NEW)
            assert read_verified(target) == OLD
            assert names(target.parent) == ["adapter"]
        save_folder(target, NEW)
        assert read_verified(target) == NEW

    def test_leftovers_of_dead_writers_are_removed_and_of_live_ones_kept(self, target):
        save_folder(target, OLD)
        dead, live = dead_pid(), os.getppid()
        for name in (f".tmp-adapter-{dead}", f".tmp-adapter-{live}", f".old-adapter-{dead}"):
            (target.parent / name).mkdir()
            (target.parent / name / "x").write_text("x")
        (target.parent / f".tmp-best.json-{dead}").write_text("x")
        (target.parent / f".tmp-x-{10**30}").write_text("x")
        save_folder(target, NEW)
        assert names(target.parent) == [f".tmp-adapter-{live}", "adapter"]

    def test_a_folder_whose_replacement_never_came_is_read_and_put_back(self, target):
        save_folder(target, OLD)
        aside = target.with_name(f".old-adapter-{dead_pid()}")
        target.rename(aside)
        assert read_verified(target) == OLD
        save_folder(target.with_name("other"), NEW)
        assert names(target.parent) == ["adapter", "other"]


class TestReadVerified:
    @pytest.mark.parametrize("name", [*OLD, MANIFEST])
    def test_every_flipped_bit_is_found(self, target, name):
        save_folder(target, OLD)
        file = target / name
        whole = file.read_bytes()
        for position in range(len(whole)):
            for bit in {position % 8, 5}:  # 5: an upper-case letter
                flipped = bytearray(whole)
                flipped[position] ^= 1 << bit
                file.write_bytes(flipped)
                with pytest.raises(CorruptFileError, match=name):
                    read_verified(target)

    @pytest.mark.parametrize("name", [*OLD, MANIFEST])
    def test_every_truncation_a_longer_and_a_missing_file_are_found(self, target, name):
        save_folder(target, OLD)
        file = target / name
        whole = file.read_bytes()
        for damaged in [*(whole[:length] for length in range(len(whole))), whole + b"\0"]:
            file.write_bytes(damaged)
            with pytest.raises(CorruptFileError, match=name):
                read_verified(target)
        file.unlink()
        with pytest.raises(CorruptFileError, match=f"{name} cannot be read: No such file"):
            read_verified(target)

    def test_a_folder_that_is_not_there(self, target):
        with pytest.raises(CorruptFileError, match="No such file"):
            read_verified(target)

    @pytest.mark.parametrize(
        "record", [{}, {"files": 3}, {"files": {"a": 3}}, {"files": {"a": {"size": 1}}}]
    )
    def test_a_manifest_that_lists_no_files(self, tmp_path, record):
        (tmp_path / MANIFEST).write_bytes(seal(record))
        with pytest.raises(CorruptFileError, match="lists no files"):
            read_verified(tmp_path)

    @pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..", "a/b", ""])
    def test_a_manifest_that_points_out_of_its_folder(self, tmp_path, name):
        (tmp_path / MANIFEST).write_bytes(seal({"files": {name: {"size": 1, "sha256": ""}}}))
        with pytest.raises(CorruptFileError, match=r"not a file name|Is a directory"):
            read_verified(tmp_path)

    def test_a_reader_meets_a_writer_that_replaces_the_folder(self, target, monkeypatch):
        save_folder(target, OLD)
        original = atomic._read

        def slow_read(path: Path) -> bytes:
            if path.name == "a.bin" and path.read_bytes() == OLD["a.bin"]:
                save_folder(target, NEW)
            return original(path)

        monkeypatch.setattr(atomic, "_read", slow_read)
        assert read_verified(target) == NEW


class TestSeal:
    def test_round_trip(self, tmp_path):
        record = {"a": [1, 2.5, None, "ü"], "sha256": "own", "b": {"c": True}}
        (tmp_path / "x").write_bytes(seal(record))
        assert read_sealed(tmp_path / "x") == record

    @pytest.mark.parametrize(
        "data", [b"", b"[]", b"3", b"{}", b"\xff", b"[" * 100_000, b'{"a": 1, "seal": "00"}']
    )
    def test_what_was_not_sealed(self, tmp_path, data):
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(CorruptFileError, match="is damaged"):
            read_sealed(tmp_path / "x")


def test_remove_folder_is_all_or_nothing(target):
    deaths = list(every_death(lambda: save_folder(target, NEW), lambda: remove_folder(target)))
    assert len(deaths) == 5  # rename, three unlinks, rmdir
    for n in deaths:
        save_folder(target, NEW)
        with killed_at(n), pytest.raises(Killed):
            remove_folder(target)
        assert target.exists() == (n == 1)
        if target.exists():
            read_verified(target)


def test_make_folder_is_no_error_where_it_exists(tmp_path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match=r"cannot write .*file/b"):
        make_folder(tmp_path / "file" / "b")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_errors_of_a_full_disk_say_how_much_is_needed(code):
    with pytest.raises(ResourceError, match=r"no room to write x \(5,000 bytes\)"):  # noqa: SIM117
        with disk_errors(Path("x"), 5000):
            raise OSError(code, os.strerror(code))


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EIO, errno.EPERM])
def test_other_errors_of_the_disk_name_the_path(code):
    with pytest.raises(ResourceError, match=f"cannot write x: {os.strerror(code)}"):  # noqa: SIM117
        with disk_errors(Path("x")):
            raise OSError(code, os.strerror(code))


@pytest.mark.parametrize("old", [None, {"a": b"old"}])
def test_of_two_writers_at_once_the_first_stays(target, old, monkeypatch):
    if old:
        save_folder(target, old)
    real, waiting = os.rename, [True]

    def rename(source, to):
        if waiting and str(to) == str(target):
            waiting.clear()
            save_folder(target, {"a": b"first"})
        real(source, to)

    monkeypatch.setattr(os, "rename", rename)
    # The same process is both: what it has begun is no leftover of a dead one.
    monkeypatch.setattr(atomic, "remove_leftovers", lambda folder: None)
    monkeypatch.setattr(
        atomic, "_beside", lambda path, kind: path.parent / f".{kind}-{path.name}-{len(waiting)}"
    )
    save_folder(target, {"a": b"second"})
    assert read_verified(target) == {"a": b"first"}
    assert names(target.parent) == [target.name]
