import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.splits import complete, k_fold, split_off
from prefprop_cli.errors import DataError


def documents(*counts: int) -> list[Document]:
    """So many documents of labels a, b, ..., all with texts of their own."""
    return [
        Document(f"{label}{i}", f"text {label} {i}", label)
        for label, count in zip("abcdef", counts, strict=False)
        for i in range(count)
    ]


def ids(part: list[Document]) -> list[str]:
    return [document.id for document in part]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.5, 0.9, 1.0]),
    st.integers(0, 99),
)
def test_totals_are_exact_and_each_label_is_within_one(
    counts: list[int], share: float, seed: int
) -> None:
    everything = documents(*counts)
    taken, rest = split_off(everything, share=share, seed=seed)
    assert sorted(ids(taken) + ids(rest)) == sorted(ids(everything))
    assert abs(len(taken) - share * len(everything)) <= 0.5
    per_label = Counter(document.label for document in taken)
    for label, count in zip("abcdef", counts, strict=False):
        assert abs(per_label[label] - share * count) <= 1


def test_membership_does_not_depend_on_the_order_of_the_documents() -> None:
    everything = documents(20, 30)
    shuffled = random.Random(0).sample(everything, 50)
    taken, _ = split_off(everything, share=0.3, seed=1)
    again, rest = split_off(shuffled, share=0.3, seed=1)
    assert sorted(ids(taken)) == sorted(ids(again))
    assert again + rest == sorted(again, key=shuffled.index) + sorted(rest, key=shuffled.index)


def test_another_seed_takes_others() -> None:
    one, other = (split_off(documents(50, 50), share=0.3, seed=seed)[0] for seed in (1, 2))
    assert set(ids(one)) != set(ids(other))


@pytest.mark.parametrize("seed", range(10))
def test_groups_and_equal_texts_stay_together(seed: int) -> None:
    grouped = [Document(f"g{i}", f"text {i}", "xy"[i % 2], group=str(i // 4)) for i in range(40)]
    equal = [Document(f"e{i}", f"Text  of\n{i // 2}", "xy"[i % 2]) for i in range(40)]
    taken, rest = split_off(grouped + equal, share=0.4, seed=seed)
    assert not {d.group for d in taken if d.group} & {d.group for d in rest if d.group}
    assert not {d.text for d in taken} & {d.text for d in rest}
    assert 28 <= len(taken) <= 36


def test_equal_texts_part_where_it_is_asked_for() -> None:
    equal = [Document(f"e{i}", "the same", "x") for i in range(10)]
    assert len(split_off(equal, share=0.5, seed=0)[0]) in (0, 10)
    assert len(split_off(equal, share=0.5, seed=0, together=False)[0]) == 5


def test_empty_documents_are_not_kept_together() -> None:
    empty = [Document(f"e{i}", " \n", "x") for i in range(10)]
    assert len(split_off(empty, share=0.5, seed=0)[0]) == 5


def test_missing_splits_are_drawn_from_train() -> None:
    given_test = documents(3, 3)
    splits = complete(
        {"test": given_test, "train": documents(50, 30)}, validation=0.1, test=0.1, seed=0
    )
    assert list(splits) == ["train", "validation", "test"]
    assert splits["test"] == given_test
    assert Counter(d.label for d in splits["validation"]) == {"a": 5, "b": 3}
    assert len(splits["train"]) == 72


def test_both_are_drawn_and_zero_leaves_one_out() -> None:
    both = complete({"train": documents(60, 40)}, validation=0.1, test=0.2, seed=0)
    assert {name: len(part) for name, part in both.items()} == {
        "train": 70, "validation": 10, "test": 20,
    }  # fmt: skip
    assert sorted(i for part in both.values() for i in ids(part)) == sorted(ids(documents(60, 40)))
    assert list(complete({"train": documents(60, 40)}, validation=0, test=0.2, seed=0)) == [
        "train", "test",
    ]  # fmt: skip


def test_given_splits_are_left_alone() -> None:
    given = {"train": documents(1, 1), "validation": documents(1), "test": documents(1)}
    assert complete(given, validation=0.1, test=0.1, seed=0) == given


@pytest.mark.parametrize("share", [0.1, 0.25])
@pytest.mark.parametrize("seed", range(20))
def test_a_class_of_two_stays_in_training(share: float, seed: int) -> None:
    splits = complete({"train": documents(2, 2, 2, 13)}, validation=share, test=share, seed=seed)
    assert {d.label for d in splits["train"]} == set("abcd")


def test_a_class_of_one_cannot_be_divided() -> None:
    with pytest.raises(DataError, match=r"'b' \(b0\)"):
        complete({"train": documents(5, 1)}, validation=0.1, test=0, seed=0)
    same = [Document(f"c{i}", "the same", "c") for i in range(4)]
    with pytest.raises(DataError, match=r"'c' \(c3\)"):
        complete({"train": documents(5, 5) + same}, validation=0.1, test=0, seed=0)


def test_nothing_left_for_training() -> None:
    with pytest.raises(DataError, match="validation and test: 110% leaves none"):
        complete({"train": documents(5, 5)}, validation=0.5, test=0.6, seed=0)


def test_folds_part_the_documents() -> None:
    everything = documents(31, 22) + [Document(f"e{i}", "the same", "a") for i in range(3)]
    folds = [k_fold(everything, n_folds=5, fold=fold, seed=3) for fold in range(5)]
    held_out = [ids(fold) for fold, _ in folds]
    assert sorted(i for fold in held_out for i in fold) == sorted(ids(everything))
    assert all(
        set(fold) | set(ids(rest)) == set(ids(everything))
        for fold, (_, rest) in zip(held_out, folds, strict=True)
    )
    assert all(10 <= len(fold) <= 13 for fold in held_out)
    assert all(5 <= sum(i[0] in "ae" for i in fold) <= 9 for fold in held_out)
    assert sum({"e0", "e1", "e2"} <= set(fold) for fold in held_out) == 1


def test_there_is_no_sixth_of_five_folds() -> None:
    with pytest.raises(DataError, match=r"data.fold = 5: there are 5 folds, 0 to 4"):
        k_fold(documents(10, 10), n_folds=5, fold=5, seed=0)


def test_labels_of_their_own_do_not_decide() -> None:
    own = [Document(str(i), f"text {i}", f"label {i:03}") for i in range(60)]
    same = [Document(str(i), f"text {i}", "label") for i in range(60)]
    taken, rest = split_off(own, share=0.5, seed=1, stratified=False)
    assert (len(taken), len(rest)) == (30, 30)
    assert ids(taken) == ids(split_off(same, share=0.5, seed=1)[0])
    assert ids(taken) != ids(split_off(own, share=0.5, seed=1)[0])


def test_texts_in_the_column_of_labels_are_asked_about() -> None:
    documents = [
        Document(f"row {n}", "good", f"A long review, number {n}: " + "x" * 500) for n in range(9)
    ]
    with pytest.raises(DataError, match=r"x…' \(row 0\).*data\.label_column exchanged\?") as caught:
        complete({"train": documents}, validation=0.2, test=0.2, seed=0)
    assert len(str(caught.value)) < 900
