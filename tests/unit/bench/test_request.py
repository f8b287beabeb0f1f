from dataclasses import replace

import pytest

from prefprop_cli.bench.request import Groups, Request, at_lengths, like, table_7
from prefprop_cli.config.schema import Config, MethodTable, ModelTable
from prefprop_cli.errors import UsageError

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


def test_only_ours_is_in_bf16() -> None:
    request = replace(MINILM, dtype="bfloat16", against=True)
    (group,) = at_lengths(request, [64], batch_size=1)
    assert [subject.dtype for subject in group] == ["bfloat16", "float32"]


def test_each_length_is_a_group() -> None:
    groups = at_lengths(MINILM, [64, 128], batch_size=1)
    assert [subject.batches for (subject,) in groups] == [((56,),), ((120,),)]


def test_padding_to_a_fixed_length_is_measured_on_two_documents() -> None:
    request = replace(MINILM, steps=("prefix",), against=True)
    (group,) = like(request, "newsgroups", n_documents=8, batch_size=4, pad_to=100)
    ours, dynamic, padded = group
    assert ours.batches == dynamic.batches
    assert [len(batch) for batch in ours.batches] == [4, 4]
    assert max(map(max, ours.batches)) == 100
    assert (padded.pad_to, padded.batches) == (100, (ours.batches[0][:2],))


def test_real_lengths_leave_room_for_the_placeholders() -> None:
    (group,) = like(MINILM, "newsgroups", n_documents=32, batch_size=1, pad_to=None)
    assert max(map(max, group[0].batches)) == 4088


def test_table_7_reads_the_same_text_three_times() -> None:
    request, (group,) = table_7(MINILM, [4096], batch_size=1)
    assert [s.method.name for s in group] == ["head-only", "prefix-tuning", "prefix-propagation"]
    assert {(s.step, s.batches) for s in group} == {("forward", ((4096,),))}
    assert request.encoder.max_length == 4096 + 8
    assert request.job([group]).n_positions == 4096 + 8 + 2


def test_table_7_takes_the_length_of_the_prefix() -> None:
    _, (group,) = table_7(with_method(prefix_length=3), [64], batch_size=1)
    assert {s.method.prefix_length for s in group} == {3}


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
    with pytest.raises(UsageError, match="Use --pad-to 4088"):
        like(replace(MINILM, against=True), "newsgroups", n_documents=2, batch_size=1, pad_to=4089)
    with pytest.raises(UsageError, match="Add --against transformers"):
        like(MINILM, "newsgroups", n_documents=2, batch_size=1, pad_to=64)
    with pytest.raises(UsageError, match="is a backbone of its own"):
        Request(Config(model=ModelTable(window=64)), shape="minilm")
    with pytest.raises(UsageError, match="has no prefix"):
        replace(with_method(name="fine-tuning"), steps=("prefix",))
