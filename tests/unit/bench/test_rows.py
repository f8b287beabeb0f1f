import pytest

from prefprop_cli.bench.job import Subject
from prefprop_cli.bench.measure import Timing
from prefprop_cli.bench.rows import rows, with_overhead
from prefprop_cli.config.schema import MethodTable

OURS = Subject(
    library="prefprop", method=MethodTable(), step="prefix", batches=((10, 20), (30, 30))
)
THEIRS = OURS.model_copy(update={"library": "transformers"})
PADDED = THEIRS.model_copy(update={"pad_to": 50, "batches": ((10,),)})
P = {"prefix-propagation": 8, "prefix-tuning": 0, "head-only": 0}


def timing(*wall_s: float) -> Timing:
    return Timing(wall_s, tuple(2 * s for s in wall_s))


def test_a_row_has_rates_and_the_ratio_to_the_first_of_its_group() -> None:
    timings = [timing(1, 2, 1), timing(3, 6, 3), timing(1.5, 3, 1.5)]
    found = rows(
        [[OURS, THEIRS, PADDED]],
        timings,
        n_placeholders=P,
        malloc="tuned",
        peaks={OURS: 100, THEIRS: 200},
    )
    ours, theirs, padded = found
    assert (ours["docs_per_s"], ours["documents"], ours["batch_size"]) == (4, 4, 2)
    assert (ours["tokens"], ours["tokens_per_s"], ours["length"]) == (90 + 4 * 8, 122, None)
    assert [row["ratio"] for row in found] == [1, 3, 6]  # padded: one document for four
    assert [row["cpu_ratio"] for row in found] == [1, 3, 6]
    assert [row["padding"] for row in found] == ["none", "longest", "50"]
    assert [row["peak_bytes"] for row in found] == [100, 200, None]
    assert {row["malloc"] for row in found} == {"tuned"}
    assert (padded["text"], padded["length"], ours["text"]) == (10, 18, None)
    assert (theirs["wall_s"], theirs["cpu_s"]) == ((3, 6, 3), (6, 12, 6))


def test_each_group_has_a_first_of_its_own() -> None:
    timings = [timing(1), timing(2), timing(10), timing(40)]
    found = rows([[OURS, THEIRS]] * 2, timings, n_placeholders=P, malloc="installed", peaks={})
    assert [row["ratio"] for row in found] == [1, 2, 1, 4]


def test_table_7_has_overheads_beside_the_papers() -> None:
    methods = ("head-only", "prefix-tuning", "prefix-propagation")
    group = [OURS.model_copy(update={"method": MethodTable(name=name)}) for name in methods]
    timings = [timing(1, 1, 1), timing(1.02, 1.03, 1.05), timing(1.0, 1.01, 1.02)]
    found = rows([group], timings, n_placeholders=P, malloc="installed", peaks={})
    table = [with_overhead(row) for row in found]
    assert [row["overhead"] for row in table] == pytest.approx([0, 0.03, 0.01])
    assert [row["overhead_low"] for row in table] == pytest.approx([0, 0.02, 0.0])
    assert [row["overhead_high"] for row in table] == pytest.approx([0, 0.05, 0.02])
    assert [row["paper_overhead"] for row in table] == [None, 0.021, 0.002]
