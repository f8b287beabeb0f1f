import importlib.util
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from prefprop_cli.bench.request import Request, ready
from prefprop_cli.config.schema import Config, MethodTable
from prefprop_cli.errors import UsageError

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
MINILM = Request(Config(), shape="minilm")


def script(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


lengths, table_7 = script("real_lengths"), script("table_7")


@pytest.mark.parametrize("name", ["newsgroups", "hyperpartisan"])
def test_the_quantiles_are_101_rising_lengths(name: str) -> None:
    table = lengths.QUANTILES[name]["quantiles"]
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
    table = lengths.QUANTILES["newsgroups"]["quantiles"]
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


def test_padding_to_a_fixed_length_is_measured_on_two_documents(tiny: Config) -> None:
    method = MethodTable(prefix_length=3, dropout=0.0)
    request = Request(tiny.model_copy(update={"method": method}), against=True)
    drawn = ((5, 9, 9, 30), (12, 12))
    ours, dynamic, padded = lengths.subjects(request, drawn, pad_to=50)
    assert ours.batches == dynamic.batches == drawn
    assert padded.batches == ((5, 9),)
    few = replace(ours, batches=((5, 9),))
    mine, other = (run() for run in ready(request, [few, padded]))
    assert torch.allclose(mine, other, atol=1e-5)


def test_table_7_reads_the_same_text_three_times() -> None:
    request, (group,) = table_7.subjects(MINILM, [4096], batch_size=1)
    assert [s.method.name for s in group] == ["head-only", "prefix-tuning", "prefix-propagation"]
    assert {(s.step, s.batches) for s in group} == {("forward", ((4096,),))}
    assert request.encoder.max_length == 4096 + 8
    assert request.encoder == replace(MINILM.encoder, n_positions=4096 + 8 + 2)


def test_table_7_takes_the_length_of_the_prefix() -> None:
    config = Config(method=MethodTable(prefix_length=3))
    _, (group,) = table_7.subjects(Request(config, shape="minilm"), [64], batch_size=1)
    assert {s.method.prefix_length for s in group} == {3}


def test_table_7_says_that_a_backbone_has_too_few_positions(tiny: Config) -> None:
    with pytest.raises(UsageError, match=r"backbone has 64\. Use shorter --lengths, or a --shape"):
        table_7.subjects(Request(tiny), [64], batch_size=1)


def test_table_7_has_overheads_beside_the_papers() -> None:
    row = {"method": "prefix-tuning", "ratio": 1.03, "ratio_low": 1.02, "ratio_high": 1.05}
    found = table_7.with_overhead(row)
    overheads = [found[f"overhead{key}"] for key in ("", "_low", "_high")]
    assert overheads == pytest.approx([0.03, 0.02, 0.05])
    assert found["paper_overhead"] == 0.021
    assert table_7.with_overhead({**row, "method": "head-only"})["paper_overhead"] is None
