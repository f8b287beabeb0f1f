from dataclasses import replace

import pytest

from prefprop_cli.bench import request as module
from prefprop_cli.bench.measure import Timing
from prefprop_cli.bench.models import Ours, Twin
from prefprop_cli.bench.request import Groups, Request, Subject, at_lengths, measure
from prefprop_cli.config.schema import Config, MethodTable, ModelTable
from prefprop_cli.errors import ResourceError, UsageError

OURS = Subject("prefprop", MethodTable(prefix_length=2), "prefix", ((20, 7), (9, 9)), Ours)
THEIRS = replace(OURS, library="transformers", wrap=Twin)
MINILM = Request(Config(), shape="minilm")


def with_method(**method: object) -> Request:
    return Request(Config(method=MethodTable.model_validate(method)), shape="minilm")


def names(groups: Groups) -> list[tuple[str, str, object]]:
    return [(s.library, s.step, s.batches) for group in groups for s in group]


def test_placeholders_count_among_the_positions() -> None:
    request = replace(MINILM, steps=("prefix", "full"), against=True)
    assert names(at_lengths(request, [512], batch_size=2)) == [
        ("prefprop", "prefix", ((504, 504),)),
        ("prefprop", "full", ((512, 512),)),
        ("transformers", "prefix", ((504, 504),)),
        ("transformers", "full", ((512, 512),)),
    ]


def test_each_length_is_a_group() -> None:
    groups = at_lengths(MINILM, [64, 128], batch_size=1)
    assert [subject.batches for (subject,) in groups] == [((56,),), ((120,),)]


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"name": "prefix-tuning"}, "no prefix-tuning"),
        ({"name": "combined"}, "no combined"),
        ({"kernel": "exp"}, "with method.kernel = exp"),
        ({"placeholder": "zero"}, 'with method.placeholder = "zero"'),
    ],
)
def test_what_transformers_cannot_do_is_said(method: dict[str, object], message: str) -> None:
    request = with_method(**method)
    with pytest.raises(UsageError, match=message):
        replace(request, against=True)


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(UsageError, match="--lengths 4097: the backbone has 4096 positions"):
        at_lengths(MINILM, [64, 4097], batch_size=1)
    with pytest.raises(UsageError, match="Use 9 or more"):
        at_lengths(MINILM, [8, 64], batch_size=1)
    with pytest.raises(UsageError, match="is a backbone of its own"):
        Request(Config(model=ModelTable(window=64)), shape="minilm")
    with pytest.raises(UsageError, match="has no prefix"):
        replace(with_method(name="fine-tuning"), steps=("prefix",))


def rows(
    groups: Groups, monkeypatch: pytest.MonkeyPatch, tiny: Config, *wall_s: tuple[float, ...]
) -> list[dict[str, object]]:
    """The rows of subjects that took so long, and twice that of the processor."""
    timings = [Timing(each, tuple(2 * s for s in each)) for each in wall_s]
    monkeypatch.setattr(module, "ready", lambda request, subjects: subjects)
    monkeypatch.setattr(module, "interleaved", lambda subjects, **_: timings)
    return measure(Request(tiny), groups, warmup=0, repeat=1, memory=False)


def test_a_row_has_rates_and_the_ratio_to_the_first_of_its_group(
    tiny: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(THEIRS, batches=((10,),))
    found = rows([[OURS, THEIRS, few]], monkeypatch, tiny, (1, 2, 1), (3, 6, 3), (1.5, 3, 1.5))
    ours, theirs, alone = found
    assert (ours["docs_per_s"], ours["documents"], ours["batch_size"]) == (4, 4, 2)
    assert (ours["tokens"], ours["tokens_per_s"], ours["length"]) == (45 + 4 * 2, 53, None)
    assert [row["ratio"] for row in found] == [1, 3, 6]  # one document for four
    assert [row["cpu_ratio"] for row in found] == [1, 3, 6]
    assert (alone["text"], alone["length"], ours["text"]) == (10, 12, None)
    assert (theirs["wall_s"], theirs["cpu_s"]) == ((3, 6, 3), (6, 12, 6))
    assert (ours["p95_s"], ours["cpu_p50_s"]) == (pytest.approx(1.9), 2)


def test_each_group_has_a_first_of_its_own(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows([[OURS, THEIRS]] * 2, monkeypatch, tiny, (1,), (2,), (10,), (40,))
    assert [row["ratio"] for row in found] == [1, 2, 1, 4]


def test_each_pass_is_told_and_ours_is_measured_before_another_library(tiny: Config) -> None:
    told: list[int] = []
    other = replace(OURS, batches=((60,) * 400,))
    groups = [[OURS, THEIRS], [other]]
    found = measure(Request(tiny), groups, warmup=1, repeat=2, memory=True, on_progress=told.append)
    assert told == list(range(1, 13))
    assert [len(row["wall_s"]) for row in found] == [2, 2, 2]
    # 400 documents of 62 positions: many times 24,800 x 32 float32 numbers of 3.2 MB.
    assert found[2]["peak_bytes"] - found[0]["peak_bytes"] > 16e6


def test_memory_that_ran_out_is_said(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(module, "ready", run_out)
    with pytest.raises(ResourceError, match=r"out of memory\. Use shorter documents") as caught:
        measure(Request(tiny), [[OURS]], warmup=0, repeat=1, memory=True)
    assert caught.value.exit_code == 7
