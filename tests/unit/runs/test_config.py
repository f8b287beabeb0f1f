import hashlib
import tomllib
from pathlib import Path

import pytest

from prefprop_cli.errors import CorruptFileError, UsageError
from prefprop_cli.runs import check_config, differences

TEXT = 'name = "tiny"\n[train]\nlr = 0.5\nepochs = 3\n[method]\nfull = false\n'
VALUES = {"name": "tiny", "train": {"lr": 0.5, "epochs": 3}, "method": {"full": False}}
MANIFEST = {"config": VALUES, "config_sha256": hashlib.sha256(TEXT.encode()).hexdigest()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a run" / "config.toml"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def test_what_was_written_is_the_same(file: Path) -> None:
    check_config(file, MANIFEST)


def test_another_layout_is_the_same(file: Path) -> None:
    file.write_text("# mine\n" + TEXT.replace("0.5", "5e-1"))
    check_config(file, MANIFEST)


def test_each_other_value_is_named_with_the_one_it_was(file: Path) -> None:
    changed = TEXT.replace("0.5", "0.7").replace("false", "true").replace("epochs", "epohcs")
    file.write_text(changed)
    with pytest.raises(UsageError) as caught:
        check_config(file, MANIFEST)
    assert str(caught.value) == (
        f"{file} is not the configuration that the run was started with: train.lr 0.7, was 0.5; "
        "train.epochs not set, was 3; method.full true, was false; train.epohcs 3, was not set. "
        f"Undo the change; or begin a new run with it: prefprop train -p '{file}'"
    )


def test_no_bit_of_it_can_change_a_value_unseen(file: Path) -> None:
    whole = TEXT.encode()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        file.write_bytes(damaged)
        try:
            check_config(file, MANIFEST)
        except UsageError:
            continue
        assert tomllib.loads(damaged.decode()) == VALUES


def test_an_earlier_version_kept_the_hash_alone_or_nothing(file: Path) -> None:
    file.write_text(TEXT.replace("0.5", "0.7"))
    check_config(file, {"status": "finished"})
    with pytest.raises(UsageError, match="its sha256 is another one"):
        check_config(file, {"config_sha256": MANIFEST["config_sha256"]})


@pytest.mark.parametrize("data", [b"[train\n", b"\xff\xfe", b"a = " + b"[" * 5000])
def test_what_is_no_toml_now(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(UsageError, match="it is no TOML now"):
        check_config(file, MANIFEST)


def test_what_is_gone(file: Path) -> None:
    file.unlink()
    with pytest.raises(CorruptFileError, match=r"config\.toml cannot be read"):
        check_config(file, MANIFEST)


def test_a_list_of_the_same_is_shown_as_the_one() -> None:
    was = {"attention_window": [512] * 12, "sizes": [1, 2]}
    now = {"attention_window": [16] * 12, "sizes": []}
    assert differences(was, now) == ["attention_window 16, was 512", "sizes [], was [1, 2]"]
