import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.data.truncation import chunks, pieces

lengths, rooms = st.integers(0, 300), st.integers(1, 40)


@given(lengths, rooms)
def test_chunks_put_together_are_the_text(length: int, room: int) -> None:
    parts = chunks(range(length), room=room)
    assert [token for part in parts for token in part] == list(range(length))


@given(lengths, rooms)
def test_chunks_are_few_and_even(length: int, room: int) -> None:
    sizes = [len(part) for part in chunks(range(length), room=room)]
    assert len(sizes) == max(1, -(-length // room))
    assert max(sizes) <= room
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


def test_no_tiny_chunk_at_the_end() -> None:
    assert [len(part) for part in chunks(range(4099), room=4096)] == [2050, 2049]


@pytest.mark.parametrize(
    ("truncation", "read"),
    [
        ("truncate", [[0, 1, 2, 3, 4]]),
        ("head+tail", [[0, 1, 2, 9, 10]]),
        ("chunk", [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]),
    ],
)
def test_what_is_read_of_eleven_tokens_in_a_room_of_five(
    truncation: str, read: list[list[int]]
) -> None:
    assert [list(part) for part in pieces(range(11), room=5, truncation=truncation)] == read


@pytest.mark.parametrize("truncation", ["truncate", "head+tail", "chunk"])
@pytest.mark.parametrize("length", [0, 1, 5])
def test_what_fits_is_read_whole(truncation: str, length: int) -> None:
    [part] = pieces(range(length), room=5, truncation=truncation)
    assert list(part) == list(range(length))


@given(st.integers(0, 60), st.integers(1, 9))
def test_head_and_tail_fill_the_room(length: int, room: int) -> None:
    [part] = pieces(range(length), room=room, truncation="head+tail")
    assert len(part) == min(length, room)
    assert list(part) == sorted(set(part))
    if length > room > 1:
        assert (part[0], part[-1]) == (0, length - 1)


def test_a_limit_reads_the_first_chunks() -> None:
    parts = pieces(range(11), room=5, truncation="chunk", max_chunks=2)
    assert [list(part) for part in parts] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert len(pieces(range(11), room=5, truncation="chunk", max_chunks=3)) == 3
