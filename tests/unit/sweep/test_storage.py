import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage, RDBStorage
from optuna.study import StudyDirection

from prefprop_cli.errors import CorruptFileError, PrefpropError, ResourceError, UsageError
from prefprop_cli.sweep import require_optuna, storage
from prefprop_cli.sweep.storage import (
    KernelLock,
    open_storage,
    storage_errors,
    without_password,
)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal with a study."""
    path = tmp_path / "new" / "sweep.journal"
    open_storage(str(path)).create_new_study([StudyDirection.MINIMIZE], "first")
    return path


def names(place: object) -> list[str]:
    return [study.study_name for study in open_storage(str(place)).get_all_studies()]


def test_a_file_is_a_journal_and_a_url_is_a_database(tmp_path: Path, journal: Path) -> None:
    assert isinstance(open_storage(str(journal)), JournalStorage)
    assert isinstance(open_storage(f"sqlite:///{tmp_path / 'x.db'}"), RDBStorage)
    assert names(journal) == ["first"]


def test_a_torn_last_line_is_cut_off_before_the_next(journal: Path) -> None:
    with journal.open("ab") as file:
        file.write(b'{"op_code":0,"wor')
    assert names(journal) == ["first"]
    open_storage(str(journal)).create_new_study([StudyDirection.MINIMIZE], "second")
    assert names(journal) == ["first", "second"]


def test_the_lock_of_a_killed_process_is_free_at_once(journal: Path) -> None:
    source = (
        "import os, sys; from pathlib import Path; from prefprop_cli.sweep.storage import *\n"
        "KernelLock(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", source, str(journal)], check=False)
    assert done.returncode == -9
    open_storage(str(journal)).create_new_study([StudyDirection.MINIMIZE], "second")
    assert not list(journal.parent.glob("*.lock"))


def test_one_process_at_a_time_writes(journal: Path) -> None:
    lock = KernelLock(journal)
    lock.acquire()
    second = Thread(
        target=lambda: open_storage(str(journal)).create_new_study(
            [StudyDirection.MINIMIZE], "second"
        )
    )
    second.start()
    second.join(0.2)
    assert names(journal) == ["first"]
    lock.release()
    second.join(10)
    assert names(journal) == ["first", "second"]


@pytest.mark.parametrize(
    "data", [b"hello", b"# notes\nof mine\n", b'{"a":1}\n', b'{"op_code":77}\n', b"{}\n{\n{}\n"]
)
def test_a_file_that_is_no_journal_is_left_alone(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"notes\.txt is no journal of a sweep"):
        open_storage(str(path))
    assert path.read_bytes() == data


@pytest.mark.parametrize("line", [b"\xff\xfe\x00", b"{", b"[]", b"", b"\x00" * 9, b"[" * 5000])
def test_a_line_that_is_no_object_is_named(line: bytes, journal: Path) -> None:
    first, *rest = journal.read_bytes().splitlines(keepends=True)
    for data, number in (
        (b"".join([first, *rest, line, b"\n"]), 2 + len(rest)),
        (b"".join([first, line, b"\n", *rest]), 2),
    ):
        journal.write_bytes(data)
        with pytest.raises(CorruptFileError, match=rf"sweep\.journal:{number} is damaged"):
            open_storage(str(journal))
        assert journal.read_bytes() == data


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="file"):
        open_storage(str(tmp_path / "file" / "sweep.journal"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nothing://x", "sqlalchemy.dialects:nothing"),
        ("postgresql://me:secret@host:1/x", "cannot be opened"),
        ("sqlite:////no/such/folder/x.db", "unable to open database file"),
    ],
)
def test_a_database_that_cannot_be_opened(
    url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_TRY_S", 0)
    with pytest.raises(UsageError, match=r"--storage .* cannot be opened: ") as caught:
        open_storage(url)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_database_that_another_process_is_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    outcomes = [OperationalError("CREATE TABLE", None, Exception("exists")), None]

    def make(url: str, **_: object) -> str:
        if outcome := outcomes.pop(0):
            raise outcome
        return url

    monkeypatch.setattr(storage, "RDBStorage", make)
    monkeypatch.setattr(storage, "_TRY_S", 0)
    assert open_storage("sqlite:///x.db") == "sqlite:///x.db"


def test_a_failure_on_the_way_names_the_storage_and_says_how_to_go_on() -> None:
    with (
        pytest.raises(PrefpropError, match="go on with the same command") as caught,
        storage_errors("mysql://me:secret@host/x"),
    ):
        raise StorageInternalError("gone away\nfor good")
    assert str(caught.value).startswith("the storage mysql://me:***@host/x failed: gone away. ")


def test_passwords_are_left_out() -> None:
    text = "--storage postgresql://me:se:cr/et@host:5432/x sqlite:///a:b@c"
    assert without_password(text) == "--storage postgresql://me:***@host:5432/x sqlite:///a:b@c"


def test_optuna_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    require_optuna()
    monkeypatch.setattr("prefprop_cli.sweep.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "prefprop-cli\[sweep\]"'):
        require_optuna()
