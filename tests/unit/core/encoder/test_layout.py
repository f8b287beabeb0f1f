import pytest
import torch
from torch import Tensor

from prefprop_cli.core.attention import Rows
from prefprop_cli.core.encoder.layout import Layout, Tokens, pack, unpack
from tests.helpers.compare import random

IDS = torch.tensor([[5, 6, 7, 1], [8, 9, 1, 1], [2, 3, 4, 5]])
MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]])
GLOBAL = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]])


def layout(n_placeholders: int) -> Layout:
    return Layout.of(pack(IDS, MASK, GLOBAL), n_placeholders=n_placeholders)


def test_packing_takes_the_padding_out():
    tokens = pack(IDS, MASK, GLOBAL)
    assert tokens.input_ids.tolist() == [5, 6, 7, 8, 9, 2, 3, 4, 5]
    assert tokens.rows == Rows.of_lengths([3, 2, 4])
    assert tokens.is_global.tolist() == [True, False, True, *[False] * 3, True, False, False]


def test_without_masks_all_are_tokens_and_none_is_global():
    tokens = pack(IDS, None, None)
    assert tokens.rows.lengths == (4, 4, 4)
    assert not tokens.is_global.any()


def test_unpacking_puts_zeros_at_the_end():
    hidden = random(9, 2)
    padded = unpack(hidden, Rows.of_lengths([3, 2, 4]))
    assert torch.equal(padded[MASK.bool()], hidden)
    assert not padded[~MASK.bool()].any()


@pytest.mark.parametrize(
    ("attention_mask", "message"),
    [
        (torch.tensor([[1, 1], [0, 0]]), "tokens first, then padding"),
        (torch.tensor([[1, 1], [0, 1]]), "tokens first, then padding"),
        (torch.tensor([[1, 1, 1], [1, 1, 1]]), r"\(2, 2\), attention_mask \(2, 3\)"),
    ],
)
def test_a_batch_that_cannot_be_packed(attention_mask: Tensor, message: str):
    with pytest.raises(ValueError, match=message):
        pack(torch.ones(2, 2, dtype=torch.int64), attention_mask, None)


def test_a_single_text_needs_a_row_of_its_own():
    with pytest.raises(ValueError, match=r"input_ids \(3,\).*one shape \(B, S\)"):
        pack(torch.tensor([1, 2, 3]), None, None)


def test_a_global_mask_of_another_shape():
    with pytest.raises(ValueError, match=r"global_mask \(3, 2\)"):
        pack(IDS, MASK, GLOBAL[:, :2])


def test_placeholders_stand_in_front_of_each_text_and_are_global():
    with_two = layout(2)
    assert with_two.rows == Rows.of_lengths([5, 4, 6])
    assert with_two.placeholder_index.tolist() == [0, 1, 5, 6, 9, 10]
    assert with_two.is_placeholder.nonzero().squeeze(1).tolist() == [0, 1, 5, 6, 9, 10]
    assert with_two.text_index.tolist() == [2, 3, 4, 7, 8, 11, 12, 13, 14]
    assert with_two.positions.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    assert with_two.is_global.nonzero().squeeze(1).tolist() == [0, 1, 2, 4, 5, 6, 9, 10, 12]


def test_without_placeholders_the_texts_are_all():
    plain = layout(0)
    assert plain.rows == Rows.of_lengths([3, 2, 4])
    assert plain.placeholder_index.tolist() == []
    assert plain.text_index.tolist() == list(range(9))
    assert not plain.is_placeholder.any()


def test_the_global_tokens_row_by_row():
    assert layout(0).globals.index.tolist() == [0, 2, 6]
    assert layout(0).globals.rows == Rows.of_lengths([2, 0, 1])
    assert layout(2).globals.index.tolist() == [0, 1, 2, 4, 5, 6, 9, 10, 12]
    assert layout(2).globals.rows == Rows.of_lengths([4, 2, 3])


def chosen(table: Tensor, mask: Tensor | None) -> list[list[int]]:
    """Each row's places; those in the gaps left out."""
    if mask is None:
        return table.tolist()
    return [row[there].tolist() for row, there in zip(table, mask, strict=True)]


def test_the_global_table_has_gaps_where_rows_have_fewer():
    table, mask = layout(2).global_table
    assert mask is not None
    assert table.shape == mask.shape == (3, 4)
    assert 0 <= table.min() <= table.max() < 15
    assert chosen(table, mask) == [[0, 1, 2, 4], [5, 6], [9, 10, 12]]


def test_the_table_of_global_text_leaves_the_placeholders_out():
    assert chosen(*layout(2).global_text_table) == [[2, 4], [], [12]]
    assert chosen(*layout(0).global_text_table) == chosen(*layout(0).global_table)


def test_tables_without_gaps_have_no_mask():
    even = Layout.of(pack(IDS, None, torch.eye(3, 4)), n_placeholders=1)
    assert even.global_table[1] is None
    assert chosen(*even.global_table) == [[0, 1], [5, 7], [10, 13]]


def test_a_batch_without_global_tokens_has_an_empty_table():
    table, _ = Layout.of(pack(IDS, MASK, None), n_placeholders=0).global_table
    assert table.shape == (3, 0)


def test_one_per_row():
    read = layout(2).one_per_row(2)
    assert read.index.tolist() == [2, 7, 11]
    assert read.rows == Rows.of_lengths([1, 1, 1])


def test_whether_only_global_tokens_are_read_is_known():
    assert layout(2).one_per_row(0).all_global
    assert not layout(2).one_per_row(2).all_global
    assert layout(2).globals.all_global


def test_a_band_is_made_once():
    one = layout(2)
    assert one.band(4) is one.band(4)
    assert one.band(4) is not one.band(5)
    queries = Rows.of_lengths([1, 1, 1])
    seen, unseen = one.whole_rows(queries), one.whole_rows(queries, sees_placeholders=False)
    assert seen is one.whole_rows(queries)
    assert seen is not unseen is one.whole_rows(queries, sees_placeholders=False)
    assert seen is not one.whole_rows(one.rows)
    assert seen.unseen is None
    assert unseen.unseen is one.is_placeholder


def test_indices_are_where_the_tokens_are():
    moved = Layout.of(pack(IDS, MASK, GLOBAL).to("meta"), n_placeholders=2)
    indices = [moved.positions, moved.text_index, moved.placeholder_index, moved.globals.index]
    masks = [moved.is_global, moved.is_placeholder, *moved.global_table, *moved.global_text_table]
    assert all(tensor.is_meta for tensor in (*indices, *masks, moved.one_per_row(0).index))
    assert moved.globals.rows == layout(2).globals.rows


def test_tokens_move_to_a_device_and_the_global_ones_are_marked_on_the_cpu():
    tokens = Tokens(torch.tensor([3, 4]), Rows.of_lengths([2]), torch.tensor([True, False]))
    moved = tokens.to("meta")
    assert moved.input_ids.is_meta
    assert moved.is_global.tolist() == [True, False]
    assert moved.rows == tokens.rows
