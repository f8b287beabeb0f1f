from dataclasses import replace

from prefprop_cli.data.audit import Audit
from prefprop_cli.data.corpus import Corpus, Document
from prefprop_cli.notes import Note


def documents(name: str, *texts: str) -> list[Document]:
    return [Document(f"{name}:{i}", text, "xy"[i % 2]) for i, text in enumerate(texts)]


def audit(**splits: list[Document]) -> Audit:
    return Audit(Corpus("mine", splits, ("x", "y"), {}))


def test_counts_duplicates_and_what_is_shared() -> None:
    found = audit(
        train=documents("train", "law", "tax", "Law ", "", " "),
        validation=documents("validation", "tax", "rail"),
        test=documents("test", "LAW", "law", "rail", "peace", ""),
    )
    assert found.counts == {
        "documents": {
            "train": {"x": 3, "y": 2},
            "validation": {"x": 1, "y": 1},
            "test": {"x": 3, "y": 2},
        },
        "empty": {"train": 2, "validation": 0, "test": 1},
        "duplicates": {"train": 1, "validation": 0, "test": 1},
        "shared": {"validation in train": 1, "test in train": 2, "test in validation": 1},
    }


def test_leaks_repetitions_and_contradictions_are_warned_of_with_their_rows() -> None:
    repeated = documents("train", *["war"] * 9, "tax")
    found = audit(train=repeated, test=documents("test", "peace", "WAR", "rail"))
    found = Audit(replace(found.corpus, notes=(Note("of the reader", "warning"),)))
    assert found.warnings == (
        "leak: documents of test that are in train, too: 1 of 3 (test:1); figures of test are not "
        "those of new documents",
        "of the reader",
        "documents that repeat an earlier one: 4 (train:2 as train:0, train:4 as train:0, "
        "train:6 as train:0 and 1 more)",
        "texts with more than one label: 1 (train:0 'x' and train:1 'y')",
    )


def test_one_text_may_stand_with_different_labels_in_two_splits() -> None:
    found = audit(train=documents("train", "war"), test=documents("test", "tax", "war"))
    assert found.warnings[1:] == ("texts with more than one label: 1 (train:0 'x' and test:1 'y')",)


def test_sound_documents_and_empty_ones_give_no_warning() -> None:
    found = audit(train=documents("train", "war", "", ""), test=documents("test", "tax", " "))
    assert found.warnings == ()


def test_candidates_of_their_own_contradict_nothing() -> None:
    found = audit(train=documents("train", "war", "war"))
    assert Audit(replace(found.corpus, labels=(), has_classes=False)).warnings == (
        "documents that repeat an earlier one: 1 (train:1 as train:0)",
    )


def test_classes_of_all_splits_and_texts_that_contradict_themselves() -> None:
    found = audit(train=documents("train", "war", "tax", "law"), test=documents("test", "tax"))
    assert (found.classes, found.n_contradictory) == ({"x": 3, "y": 1}, 1)
    own = Audit(replace(found.corpus, labels=(), has_classes=False))
    assert own.n_contradictory == 0


def test_a_label_that_is_a_text_is_cut() -> None:
    long = [Document("a", "war", "x" * 2000), Document("b", "war", "y")]
    (told,) = audit(train=long).warnings
    assert told.endswith(f"1 (a '{'x' * 39}…' and b 'y')")
