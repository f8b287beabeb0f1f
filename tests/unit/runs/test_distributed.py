import pickle

import pytest
import torch

from prefprop_cli import errors
from prefprop_cli.errors import (
    ConfigError,
    DataError,
    Interrupted,
    PrefpropError,
    UsageError,
)
from prefprop_cli.runs.distributed import World, merged, world
from tests.helpers import parallel_work as work
from tests.helpers.ranks import environment

# One process


def test_a_process_that_was_started_alone(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")  # a cluster's, of its own
    assert world() == World(rank=0, size=1, local_rank=0)
    assert world().is_main


def test_a_process_of_several(monkeypatch):
    for name, value in (environment(5, 8, 1) | {"LOCAL_RANK": "1"}).items():
        monkeypatch.setenv(name, value)
    assert world() == World(rank=5, size=8, local_rank=1)
    assert not world().is_main


def test_alone_there_is_nobody_to_agree_with(monkeypatch):
    monkeypatch.setattr(
        torch.distributed, "is_initialized", lambda: pytest.fail("looked for others")
    )
    alone, tensor = World(), torch.tensor([3.0])
    alone.connect()
    alone.add_up(tensor)
    assert tensor == 3
    assert alone.on_all(lambda: 1) == [1]
    assert alone.on_each(lambda: 2) == alone.on_main(lambda: 2) == 2
    assert alone.first_on_machine(lambda: 3) == 3
    assert list(alone.stream(iter("abcde"), list, size=2)) == [["a", "b"], ["c", "d"], ["e"]]


def test_alone_a_stream_is_read_only_as_far_as_it_is_asked():
    numbers = iter(range(10))
    assert next(World().stream(numbers, list, size=2)) == [0, 1]
    assert next(numbers) == 2


@pytest.mark.parametrize("n", range(8))
@pytest.mark.parametrize("size", [1, 2, 3])
def test_shares_are_a_fair_deal_and_can_be_undone(n, size):
    items = list(range(n))
    shares = [World(rank, size).share(items) for rank in range(size)]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert merged(shares) == items


def test_items_that_are_none_are_items():
    assert merged([[None, 2], [None]]) == [None, None, 2]


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1"])
def test_alone_any_device_is_ones_own(name):
    assert World().own_device(name) == name


def test_each_rank_of_a_machine_has_a_gpu(monkeypatch):
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert World(rank=5, size=8, local_rank=1).own_device("cuda") == "cuda:1"
    assert chosen == [1]
    assert World(rank=5, size=8, local_rank=1).own_device("cpu") == "cpu"
    with pytest.raises(UsageError, match=r"process 3 of this machine has no GPU: there are 2"):
        World(rank=2, size=4, local_rank=2).own_device("cuda")
    with pytest.raises(UsageError, match=r"cuda:0 names one GPU for 8 processes"):
        World(rank=5, size=8, local_rank=1).own_device("cuda:0")


# Errors on their way to another process


def known_errors() -> list[PrefpropError]:
    return [
        ConfigError(["a", "b"], hint="c"),
        Interrupted("stopped", signal_number=15),
        *(kind("message") for kind in PrefpropError.__subclasses__() if kind is not Interrupted),
    ]


@pytest.mark.parametrize("error", known_errors(), ids=repr)
def test_every_known_error_can_be_sent(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.exit_code == error.exit_code
    assert vars(copy) == vars(error)


def test_the_odd_ones_are_among_them():
    assert {type(error).__name__ for error in known_errors()} >= {
        name for name in vars(errors) if name.endswith("Error") or name == "Interrupted"
    } - {"PrefpropError"}


# Two processes


def test_each_rank_gets_what_all_made(ranks):
    assert ranks(work.fails_on, []) == [[0, 1], [0, 1]]


@pytest.mark.parametrize(("failing", "first"), [([0], 0), ([1], 1), ([0, 1], 0)])
def test_an_error_of_one_is_the_error_of_all_and_rank_0_tells(ranks, failing, first):
    answers = ranks(work.fails_on, failing)
    for error, _ in answers:
        assert type(error) is DataError
        assert str(error) == f"rank {first} failed"
    assert [tells for _, tells in answers] == [True, False]
    assert ranks(work.fails_on, []) == [[0, 1], [0, 1]], "they can go on"


@pytest.mark.parametrize(
    "error",
    [
        Interrupted("stopped", signal_number=1),
        torch.OutOfMemoryError("CUDA out of memory."),
        FileNotFoundError(2, "No such file", "there.txt"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
    ids=repr,
)
def test_an_error_arrives_as_what_it_is(ranks, error):
    for found, _ in ranks(work.raises_on_rank_1, error):
        assert type(found) is type(error)
        assert str(found) == str(error)
        assert getattr(found, "exit_code", None) == getattr(error, "exit_code", None)


def test_an_error_that_cannot_be_sent_arrives_with_its_words(ranks):
    for found, _ in ranks(work.raises_an_odd_error):
        assert type(found) is PrefpropError
        assert str(found) == "Odd: of its own kind"


def test_each_rank_keeps_its_own_result_and_shares_an_error(ranks):
    assert ranks(work.keeps_its_own, False) == [0, 1]
    answers = ranks(work.keeps_its_own, True)
    assert [(str(error), tells) for error, tells in answers] == [
        ("on rank 1", True),
        ("on rank 1", False),
    ]


def test_work_of_rank_0_alone(ranks):
    assert ranks(work.alone_on_main) == [({"made by": 0}, [0]), ({"made by": 0}, [])]


def test_an_error_of_rank_0_is_the_error_of_all(ranks):
    answers = ranks(work.fails_on_main)
    for error, _ in answers:
        assert type(error) is ConfigError
        assert (error.problems, error.hint) == (("a = 1 is wrong", "b = 2 too"), "look there")
    assert [tells for _, tells in answers] == [True, False]


def test_one_rank_of_a_machine_goes_first(ranks, tmp_path):
    assert ranks(work.leaves_a_file, tmp_path / "cache") == [False, True]


@pytest.mark.parametrize(("n", "chunks"), [(0, []), (1, [1]), (7, [4, 3]), (8, [4, 4])])
def test_a_stream_is_shared_out_and_comes_back_in_order(ranks, n, chunks):
    (found, failure), (others, _) = ranks(work.streams, n, 2)
    assert failure is None
    assert found == others
    assert [len(chunk) for chunk in found] == chunks
    rows = [row for chunk in found for row in chunk]
    assert [number for number, _ in rows] == list(range(n))
    assert [rank for _, rank in rows] == [place % 2 for place in range(n)]


def test_a_stream_that_cannot_be_read_ends_all(ranks):
    for chunks, (error, _) in ranks(work.streams, 9, 2, 5):
        assert [len(chunk) for chunk in chunks] == [4]
        assert str(error) == "cannot read 5"


def test_tensors_add_up_in_place(ranks):
    assert ranks(work.adds_up) == [([3.0, 30.0], True)] * 2
