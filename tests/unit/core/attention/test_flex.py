"""The tiles and the forward pass, uncompiled; both directions on CUDA are in tests/gpu."""

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, create_mask

from prefprop_cli.core.attention import Band, Rows, flex, reference
from tests.helpers.bands import BANDS, CPU, VISIBLE, D, H, V, is_read, make_band, tensors
from tests.helpers.compare import assert_close


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("band", BANDS, ids=str)
def test_it_is_the_reference(band: tuple, visible: str):
    for unseen in (False, True):
        given, keys = make_band(*band, visible=visible, unseen=unseen)
        actual = flex.attend(*tensors(given), given, visible=keys)
        expected = reference.attend(*tensors(given), given, visible=keys)
        read = is_read(given, keys)
        assert actual.isfinite().all()
        assert_close(actual[read], expected[read], within=1e-5)


@pytest.mark.parametrize(("width", "padded"), [(4, 16), (16, 16), (24, 32)])
def test_heads_are_widened_to_what_the_kernel_has(
    width: int, padded: int, monkeypatch: pytest.MonkeyPatch
):
    widths: list[int] = []
    run = flex.flex_attention

    def keep(*given: Tensor, **options: object) -> Tensor:
        widths.extend(tensor.shape[-1] for tensor in given)
        return run(*given, **options)

    monkeypatch.setattr(flex, "flex_attention", keep)
    band, _ = make_band([150, 30], 16, None)
    actual = flex.attend(*tensors(band, width=width), band)
    assert_close(actual, reference.attend(*tensors(band, width=width), band), within=1e-5)
    assert widths == [padded] * 3


def test_visible_keys_of_another_precision():
    """Those of prefix-tuning stay float32 under autocast."""
    band, visible = make_band([150, 30], 16, None, visible="all")
    given = [tensor.to(torch.bfloat16) for tensor in tensors(band)]
    actual = flex.attend(*given, band, visible=visible)
    assert actual.dtype == torch.bfloat16
    assert_close(actual, reference.attend(*given, band, visible=visible), within=0.02)


def test_no_queries():
    band = Band(Rows.of_lengths([0, 0]), Rows.of_lengths([3, 4]))
    assert flex.attend(*tensors(band), band).shape == (0, H, D)


def test_dropout_is_refused():
    band, _ = make_band([5], 2, None)
    with pytest.raises(ValueError, match=r"dropout = 0\.1"):
        flex.attend(*tensors(band), band, dropout=0.1)


def dense(counts: Tensor, indices: Tensor) -> Tensor:
    """The tiles of a list as a table."""
    table = torch.zeros(indices.shape[-2:], dtype=torch.bool)
    for line, (count, places) in enumerate(zip(counts[0, 0], indices[0, 0], strict=True)):
        table[line, places[:count].long()] = True
    return table


def tiles(mask: BlockMask) -> tuple[Tensor, Tensor]:
    """Tiles in which some pairs are visible, and those in which all are."""
    assert mask.full_kv_num_blocks is not None
    return (
        dense(mask.kv_num_blocks, mask.kv_indices),
        dense(mask.full_kv_num_blocks, mask.full_kv_indices),
    )


@pytest.mark.parametrize(("visible", "unseen"), [*product(VISIBLE, [False, True])])
@pytest.mark.parametrize("band", BANDS, ids=str)
def test_the_tiles_are_those_that_pytorch_finds_pair_by_pair(
    band: tuple, visible: str, unseen: bool
):
    given, keys = make_band(*band, visible=visible, unseen=unseen)
    plan = flex.plan_of(given, n_visible=0 if keys is None else V, device=CPU)
    mask = plan.mask_with(None if keys is None else keys.mask)
    some, full = tiles(mask)
    found = create_block_mask(mask.mask_mod, None, None, *mask.seq_lengths, device="cpu")
    found_some, found_full = tiles(found)
    assert torch.equal(full, found_full)
    assert not (some & full).any()
    assert not (found_some & ~some).any(), "a tile with a visible pair is missing"
    if visible != "masked":  # there, keys that are not there may empty a tile
        assert torch.equal(some, found_some)
    by_key = (
        dense(mask.q_num_blocks, mask.q_indices),
        dense(mask.full_q_num_blocks, mask.full_q_indices),
    )
    assert torch.equal(by_key[0].T, some)
    assert torch.equal(by_key[1].T, full)


def test_the_rule_is_the_reference_pair_by_pair():
    band, keys = make_band([300, 40, 500], 64, None, visible="masked", unseen=True)
    assert keys is not None
    mask = flex.plan_of(band, n_visible=V, device=CPU).mask_with(keys.mask)
    seen = create_mask(mask.mask_mod, 1, 1, *mask.seq_lengths, device="cpu")[0, 0]
    expected = torch.zeros_like(seen)
    n_packed = flex.padded_length(840)
    for row, tokens in enumerate(band.key_rows):
        expected[tokens, tokens] = reference.seen_keys(band, row, device=CPU)
        first = n_packed + row * V
        expected[tokens, first : first + V] = keys.full_mask()[row]
    assert torch.equal(seen, expected)


def test_full_tiles_are_used():
    band, _ = make_band([1024], 256, None)
    _, full = tiles(flex.plan_of(band, n_visible=0, device=CPU).mask)
    assert full.sum(dim=1).tolist() == [2, 3, 3, 3, 3, 3, 3, 2]


def test_the_tiles_are_worked_out_once_per_batch(monkeypatch: pytest.MonkeyPatch):
    band, keys = make_band([300, 40], 64, None, visible="masked")
    plan = flex.plan_of(band, n_visible=V, device=CPU)
    monkeypatch.setattr(BlockMask, "from_kv_blocks", None)
    assert flex.plan_of(band, n_visible=V, device=CPU) is plan
    flex.attend(*tensors(band), band, visible=keys)


def test_lengths_are_padded_to_few_shapes():
    lengths = {flex.padded_length(n) for n in range(1, 8193)}
    assert sorted(lengths)[-9:] == [2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192]
    assert all(length % flex.TILE == 0 for length in lengths)
    assert all(n <= flex.padded_length(n) <= max(128, 1.25 * n + 128) for n in range(8193))
    assert flex.padded_length(0) == 128


@pytest.mark.parametrize("masked", [False, True])
def test_batches_of_one_shape_run_through_the_same_code(
    masked: bool, monkeypatch: pytest.MonkeyPatch
):
    """As CUDA compiles it, up to the last step, which needs CUDA."""
    torch._dynamo.reset()
    traced: list[int] = []

    def keep(graph: torch.fx.GraphModule, _: object) -> torch.fx.GraphModule:
        traced.append(len(traced))
        return graph

    compiled = torch.compile(flex.flex_attention, dynamic=False, fullgraph=True, backend=keep)
    monkeypatch.setattr(flex, "flex_attention", compiled)
    visible = "masked" if masked else "all"
    for lengths in ([300, 40, 500], [890], [10, 20, 30, 780], [896]):
        band, keys = make_band(lengths, 64, None, visible=visible, unseen=masked)
        flex.attend(*tensors(band), band, visible=keys)
    assert traced == [0]
    band, keys = make_band([1100], 64, None, visible=visible)
    flex.attend(*tensors(band), band, visible=keys)
    assert traced == [0, 1], "the count does not see a new shape"


def test_why_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CC", raising=False)
    for triton, compiler, reason in [
        (None, "/usr/bin/gcc", "Triton, which comes with"),
        (object(), None, "C compiler"),
        (object(), "/usr/bin/gcc", ""),
    ]:
        monkeypatch.setattr(flex, "find_spec", lambda _, found=triton: found)
        monkeypatch.setattr(flex.shutil, "which", lambda _, found=compiler: found)
        flex.why_not.cache_clear()
        assert reason in flex.why_not()
        assert bool(flex.why_not()) == bool(reason)
    flex.why_not.cache_clear()
