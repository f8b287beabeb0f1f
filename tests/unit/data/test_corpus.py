from dataclasses import replace

import pytest

from prefprop_cli.data.corpus import (
    Corpus,
    Document,
    check,
    content_hash,
    labels_of,
    text_key,
    with_one_spelling,
    with_warnings,
)
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note


def corpus(**splits: str) -> Corpus:
    """One document for each letter, which is its label; `.` stands for an empty text of x."""
    documents = {
        name: [
            Document(
                f"{name}:{i}", "" if letter == "." else f"text {name} {i}", letter.strip(".") or "x"
            )
            for i, letter in enumerate(letters)
        ]
        for name, letters in splits.items()
    }
    return Corpus("mine", documents, labels_of(documents), {})


def labelled(*labels: str | None) -> list[Document]:
    return [Document(str(i), "", label) for i, label in enumerate(labels)]


def test_labels_of_all_splits() -> None:
    splits = {"train": labelled("b", "10", None), "test": labelled("9", "-1")}
    assert labels_of(splits) == ("-1", "9", "10", "b")


def test_labels_that_mean_the_same_become_one_class() -> None:
    splits = {
        "train": labelled("True", "False", "true", "1", None),
        "test": labelled("TRUE", "2.0"),
    }
    merged, notes = with_one_spelling(splits)
    assert [d.label for d in merged["train"]] == ["true", "false", "true", "1", None]
    assert [d.label for d in merged["test"]] == ["true", "2"]
    assert notes == (
        "labels that mean the same are read as one class: 'TRUE' and 'True' and 'true' as 'true'",
    )


def test_labels_of_one_spelling_each_keep_it() -> None:
    splits = {"train": labelled("True ", "False", "1.0")}
    assert with_one_spelling(splits) == ({"train": labelled("True", "False", "1.0")}, ())


def test_text_key_ignores_white_space_and_case() -> None:
    assert text_key(" The\n  Law ") == text_key("the law")
    assert text_key("the law") != text_key("thelaw")


@pytest.mark.parametrize(
    "changed", [("b", "y", "t"), ("a", "x", "t"), ("a", "y", "u"), ("a", None, "t")]
)
def test_content_hash_sees_every_field(changed: tuple[str, str | None, str]) -> None:
    def hashed(id: str, label: str | None, text: str) -> str:
        return content_hash([Document(id, text, label)])

    assert hashed("a", "y", "t") == hashed("a", "y", "t")
    assert hashed(*changed) != hashed("a", "y", "t")


def test_a_sound_corpus_passes_unchanged() -> None:
    sound = corpus(train="xxyy", validation="xy" * 15)
    check(sound)
    assert with_warnings(sound) == sound


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": ""}, "no documents in split train"),
        ({"test": "xy"}, "no documents in split train"),
        ({"train": "xxyy", "test": ""}, "no documents in split test"),
        ({"train": "xx"}, "all documents have the label 'x'"),
        ({"train": "xxyy", "test": "xzyz"}, r"2 documents .* test:1 \('z'\), test:3 \('z'\)"),
    ],
)
def test_an_unusable_corpus_is_refused(splits: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check(corpus(**splits))


def test_many_unseen_labels_are_not_all_listed() -> None:
    with pytest.raises(DataError, match=r"7 documents .*test:4 \('z'\) and 2 more. Correct"):
        check(corpus(train="xxyy", test="zzzzzzz"))


def test_labels_that_programs_write_for_none() -> None:
    found = corpus(train="xxyy??", test="xy")
    assert with_warnings(found).warnings[-1] == (
        "classes that look like a missing label, with their documents in training: '?' 2"
    )
    assert "missing" not in "".join(with_warnings(corpus(train="xxyy", test="xy")).warnings)


def test_faults_are_told_with_their_number_and_rows() -> None:
    found = with_warnings(
        replace(corpus(train="x.xyyzwvuXX", test="x.."), notes=(Note("of the reader", "warning"),))
    )
    assert found.warnings == (
        "of the reader",
        "documents without text, which are kept: 3 (train:1, test:1, test:2)",
        "documents of test: 3; accuracy on them is known to ± 37 points",
        "classes with a single training document: 4 ('z': train:5, 'w': train:6, 'v': train:7 and "
        "1 more)",
        "classes that differ in upper and lower case alone: 'X' and 'x'",
    )


@pytest.mark.parametrize(("n", "points"), [(1, 45), (29, 17)])
def test_a_small_split_is_told_with_what_it_can_show(n: int, points: int) -> None:
    (told,) = with_warnings(corpus(train="xxyy", test="x" * n)).warnings
    assert told == f"documents of test: {n}; accuracy on them is known to ± {points} points"
    assert with_warnings(corpus(train="xxyy", test="x" * 30)).warnings == ()


def test_labels_that_look_like_a_quantity_are_told() -> None:
    documents = [Document(str(k), "text", str(k % 118)) for k in range(400)]
    found = with_warnings(Corpus("mine", {"train": documents}, labels_of({"train": documents}), {}))
    (told,) = found.warnings
    assert told.startswith("118 distinct numeric labels in 400 documents, 0 to 117: is this a")


def test_documents_with_candidates_of_their_own_may_have_any_label() -> None:
    own = replace(corpus(train="xx", test="zy" * 15), labels=(), has_classes=False)
    check(own)
    assert with_warnings(own) == own
    with pytest.raises(DataError, match="no documents in split test"):
        check(replace(corpus(train="xx", test=""), labels=(), has_classes=False))
