from itertools import pairwise

import numpy as np
import pytest

from prefprop_cli.bench import lengths


@pytest.mark.parametrize("name", ["newsgroups", "hyperpartisan"])
def test_the_quantiles_are_101_rising_lengths(name: lengths.Distribution) -> None:
    table = lengths.quantiles(name)
    assert len(table) == 101
    assert table[0] >= 2  # [CLS] and [SEP]
    assert all(short <= long for short, long in pairwise(table))


def test_one_document_comes_from_each_equal_share() -> None:
    table = range(0, 1001, 10)
    drawn = lengths.draw(table, n=10, longest=2000)
    assert [length // 100 for length in drawn] == list(range(10))
    assert lengths.draw(table, n=10, longest=2000) == drawn
    assert lengths.draw(table, n=10, longest=2000, seed=1) != drawn


def test_long_documents_are_cut() -> None:
    drawn = lengths.draw(range(101), n=10, longest=25)
    assert drawn[3:] == [25] * 7
    assert max(drawn[:2]) < 25


def test_many_documents_have_the_quantiles_they_are_drawn_from() -> None:
    table = lengths.quantiles("newsgroups")
    drawn = lengths.draw(table, n=1000, longest=10**6)
    assert np.percentile(drawn, (25, 50, 75)) == pytest.approx(
        [table[25], table[50], table[75]], abs=1
    )


def test_batches_hold_every_document_once_beside_others_of_its_length() -> None:
    drawn = list(range(1, 34))
    found = lengths.batches(drawn, batch_size=4)
    assert sorted(length for batch in found for length in batch) == drawn
    assert sorted(map(len, found)) == [1, *[4] * 8]
    assert all(list(batch) == sorted(batch) for batch in found)
    spread = [max(batch) - min(batch) for batch in found]
    assert np.mean(spread) < 16  # of random batches: about 20
