from math import ceil
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from prefprop_cli.errors import DataError
from prefprop_cli.tasks.wikihop.rows import (
    END_ENT,
    END_QUESTION,
    ENT,
    MARKERS,
    QUESTION,
    question_rows,
)

CLS, SEP = 1, 2
Ids = list[int]
texts = st.lists(st.integers(3, 9), max_size=12)


class Built(NamedTuple):
    rows: list[Ids]
    n_global: int
    positions: list[int]
    n_cut: int


def build(query: Ids, candidates: list[Ids], supports: list[Ids], *, max_tokens: int) -> Built:
    ids = {"cls_id": CLS, "sep_id": SEP}
    rows, n_cut = question_rows(query, candidates, supports, max_tokens=max_tokens, **ids)
    assert all(
        (row.n_global, row.positions) == (rows[0].n_global, rows[0].positions) for row in rows
    )
    return Built([row.input_ids for row in rows], rows[0].n_global, rows[0].positions, n_cut)


def front(query: Ids, candidates: list[Ids]) -> Ids:
    marked = [token for c in candidates for token in [ENT, *c, END_ENT]]
    return [CLS, QUESTION, *query, END_QUESTION, *marked]


def stream(supports: list[Ids]) -> Ids:
    return [token for support in supports for token in [SEP, *support, SEP]] or [SEP]


def test_the_template() -> None:
    built = build([5, 6], [[7], [8, 8]], [[9], [3, 4]], max_tokens=30)
    assert built.rows == [[CLS, -1, 5, 6, -2, -3, 7, -4, -3, 8, 8, -4, SEP, 9, SEP, SEP, 3, 4, SEP]]
    assert (built.n_global, built.positions, built.n_cut) == (12, [5, 8], 0)


def test_the_markers_are_no_ids_of_a_tokenizer() -> None:
    assert MARKERS == (QUESTION, END_QUESTION, ENT, END_ENT) == (-1, -2, -3, -4)


def test_without_supports_the_row_is_closed() -> None:
    built = build([5], [[7]], [], max_tokens=30)
    assert built.rows == [[CLS, -1, 5, -2, -3, 7, -4, SEP]]
    assert built.n_global == 7


@settings(max_examples=300)
@given(texts, st.lists(texts, min_size=1, max_size=8), st.lists(texts, max_size=8),
       st.integers(12, 80))  # fmt: skip
def test_every_row_is_the_front_and_its_share_of_the_supports(
    query: Ids, candidates: list[Ids], supports: list[Ids], max_tokens: int
) -> None:
    try:
        built = build(query, candidates, supports, max_tokens=max_tokens)
    except DataError:
        shortest, quarter = front([], [c[:1] for c in candidates]), ceil(max_tokens / 4)
        assert len(shortest) + bool(query) > max_tokens - min(len(stream(supports)), quarter)
        return
    fronts = [row[: built.n_global] for row in built.rows]
    assert all(len(row) <= max_tokens for row in built.rows)
    assert all(f == fronts[0] for f in fronts)
    assert [token for row in built.rows for token in row[built.n_global :]] == stream(supports)
    sizes = [len(row) for row in built.rows]
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == -(-len(stream(supports)) // (max_tokens - built.n_global))
    assert [fronts[0][place] for place in built.positions] == [ENT] * len(candidates)
    assert fronts[0].count(ENT) == len(candidates)
    assert built.n_global + built.n_cut == len(front(query, candidates))


@settings(max_examples=200)
@given(texts, st.lists(texts, min_size=1, max_size=8), st.lists(texts, min_size=1, max_size=8),
       st.integers(20, 60), st.randoms())  # fmt: skip
def test_another_order_gives_rows_of_the_same_lengths(
    query: Ids, candidates: list[Ids], supports: list[Ids], max_tokens: int, random: st.DataObject
) -> None:
    try:
        before = build(query, candidates, supports, max_tokens=max_tokens)
    except DataError:
        assume(False)
    random.shuffle(candidates)
    random.shuffle(supports)
    after = build(query, candidates, supports, max_tokens=max_tokens)
    assert list(map(len, after.rows)) == list(map(len, before.rows))
    assert (after.n_global, after.n_cut) == (before.n_global, before.n_cut)


def test_the_longest_are_shortened_to_one_length_where_the_front_leaves_no_room() -> None:
    candidates = [[7] * 10, [8], [9] * 6]
    # Of 40 positions 30 are for the front: [CLS], 8 markers, and 21 tokens of 4 + 10 + 1 + 6.
    whole = build([5] * 4, candidates, [[3] * 50], max_tokens=40)
    assert (whole.n_global, whole.n_cut) == (30, 0)
    # Of 34 positions 25: 16 tokens, which 4 + 5 + 1 + 5 come nearest to.
    cut = build([5] * 4, candidates, [[3] * 50], max_tokens=34)
    assert cut.rows[0][:24] == front([5] * 4, [[7] * 5, [8], [9] * 5])
    assert (cut.n_global, cut.n_cut, cut.positions) == (24, 6, [7, 14, 17])


def test_supports_that_need_less_than_a_quarter_leave_the_rest_to_the_front() -> None:
    candidates = [[7] * 10, [8], [9] * 6]
    built = build([5] * 4, candidates, [[3]], max_tokens=33)
    assert (len(built.rows), built.n_global, built.n_cut) == (1, 30, 0)
    assert build([5] * 4, candidates, [], max_tokens=31).n_cut == 0
    assert build([5] * 4, candidates, [], max_tokens=30).n_cut == 1


def test_too_many_candidates_are_refused() -> None:
    # [CLS], two markers around a token, and three tokens for each candidate.
    assert build([5, 5], [[7, 7]] * 8, [[3] * 50], max_tokens=38).n_global == 28
    message = r"8 candidates need 1 positions more than a row has.*data.max_length"
    with pytest.raises(DataError, match=message):
        build([5, 5], [[7, 7]] * 8, [[3] * 50], max_tokens=36)


def test_a_long_query_costs_no_time() -> None:
    built = build([5] * 2_000_000, [[7]] * 60, [[3] * 5000], max_tokens=512)
    assert built.n_global == 384
    assert built.n_cut == 2_000_060 - (384 - 1 - 2 * 61)
