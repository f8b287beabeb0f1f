from dataclasses import replace

import pytest

from prefprop_cli.data.corpus import Corpus, Document, checked, content_hash, labels_of, text_key
from prefprop_cli.errors import DataError


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


def test_numbers_are_ordered_by_value_and_names_by_name() -> None:
    documents = [
        Document(str(i), "", label) for i, label in enumerate(["b", "10", "9", "aa", "100"])
    ]
    assert labels_of({"train": documents}) == ("9", "10", "100", "aa", "b")


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
    sound = corpus(train="xxyy", validation="xy")
    assert checked(sound) == sound


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
        checked(corpus(**splits))


def test_many_unseen_labels_are_not_all_listed() -> None:
    with pytest.raises(DataError, match=r"7 documents .*test:4 \('z'\), \.\.\.\. Correct"):
        checked(corpus(train="xxyy", test="zzzzzzz"))


def test_empty_documents_and_rare_classes_are_noted() -> None:
    noted = checked(corpus(train="x.xyyz", test="x."))
    assert noted.notes == (
        "2 documents have no text; they are kept",
        "classes with a single training document: z",
    )


def test_documents_with_candidates_of_their_own_may_have_any_label() -> None:
    own = replace(corpus(train="xx", test="zy"), labels=())
    assert checked(own) == own
    with pytest.raises(DataError, match="no documents in split test"):
        checked(replace(corpus(train="xx", test=""), labels=()))
