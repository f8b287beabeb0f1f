import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from prefprop_cli.errors import CorruptFileError, UsageError
from prefprop_cli.experiment.stored_logits import (
    SavedLogits,
    is_stored,
    load_logits,
    save_logits,
    step_name,
)

IDS = ("speech/1829-Jackson", "ünïcode\n", "42")
LOGITS = np.array([[1.5, -2.0], [0.25, 0.5], [3.0, 1.0]], np.float32)
LABELS = np.array([0, 1, 1])
N_TOKENS = np.array([512, 9, 70_000])


@pytest.fixture
def saved(tmp_path):
    return save_logits(tmp_path / "eval", "test", SavedLogits(IDS, LOGITS, LABELS, N_TOKENS))


def test_logits_come_back_as_they_were(saved):
    found = load_logits(saved.parent, "test")
    assert found.ids == IDS
    assert found.logits.dtype == np.float32
    assert np.array_equal(found.logits, LOGITS)
    assert np.array_equal(found.labels, LABELS)
    assert np.array_equal(found.n_tokens, N_TOKENS)


def test_a_file_without_lengths_is_of_an_earlier_version(saved):
    save_logits(saved.parent, "test", SavedLogits(IDS, LOGITS, LABELS))
    assert load_logits(saved.parent, "test").n_tokens is None


def test_saving_again_replaces_and_leaves_nothing_else(saved):
    save_logits(saved.parent, "test", SavedLogits(IDS, 2 * LOGITS.astype(float), LABELS))
    found = load_logits(saved.parent, "test").logits
    assert np.array_equal(found, 2 * LOGITS)
    assert found.dtype == np.float32
    assert list(saved.parent.iterdir()) == [saved]


def test_a_split_not_evaluated_says_how_to(saved):
    with pytest.raises(UsageError, match=r"prefprop eval .* --split validation"):
        load_logits(saved.parent, "validation")


def test_a_cut_off_file_is_refused(saved):
    saved.write_bytes(saved.read_bytes()[:-8])
    with pytest.raises(CorruptFileError, match="damaged"):
        load_logits(saved.parent, "test")


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        pytest.param({"weight": LOGITS}, {"ids": json.dumps(IDS)}, id="other tensors"),
        pytest.param({"logits": LOGITS, "labels": LABELS}, None, id="no ids"),
        pytest.param({"logits": LOGITS, "labels": LABELS}, {"ids": "[1, "}, id="ids not JSON"),
        pytest.param({"logits": LOGITS, "labels": LABELS}, {"ids": '["a"]'}, id="ids missing"),
        pytest.param(
            {"logits": LOGITS, "labels": LABELS, "n_tokens": LABELS[:2]},
            {"ids": json.dumps(IDS)},
            id="lengths missing",
        ),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, tensors, metadata):
    save_file(tensors, tmp_path / "test.safetensors", metadata)
    with pytest.raises(CorruptFileError, match=r"test\.safetensors"):
        load_logits(tmp_path, "test")


def test_no_bit_of_it_can_change_unseen(saved):
    whole = saved.read_bytes()
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        saved.write_bytes(damaged)
        with pytest.raises(CorruptFileError, match="Remove it, and run `prefprop eval "):
            load_logits(saved.parent, "test")


def test_logits_without_a_checksum_are_of_an_earlier_version(tmp_path):
    tensors = {"logits": LOGITS, "labels": LABELS}
    save_file(tensors, tmp_path / "test.safetensors", {"ids": json.dumps(IDS)})
    assert not is_stored(tmp_path, "test")
    with pytest.raises(CorruptFileError, match="it has no checksum; an earlier version wrote it"):
        load_logits(tmp_path, "test")


def test_what_is_stored(saved):
    assert is_stored(saved.parent, "test")
    assert not is_stored(saved.parent, "validation")
    saved.write_bytes(b"torn")  # for whoever reads it to find
    assert is_stored(saved.parent, "test")


def test_logits_of_a_step_are_not_computed_again(saved):
    saved.rename(saved.parent / f"{step_name(3)}.safetensors")
    saved.with_name(f"{step_name(3)}.safetensors").write_bytes(b"torn")
    with pytest.raises(CorruptFileError, match="only training anew computes it again"):
        load_logits(saved.parent, step_name(3))
