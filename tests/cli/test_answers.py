import pytest

from prefprop_cli.cli.work.predict import Tally
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.texts import TextRecord
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.predict import best
from prefprop_cli.experiment.predictor import Prediction
from prefprop_cli.tables import TASKS


def answer(label: str, **probs: float) -> Prediction:
    return Prediction(label, probs[label], probs, n_tokens=1, truncated=False)


def record(name: str) -> TextRecord:
    return TextRecord(name, Document(name, "a", label=None), name)


def test_of_two_labels_that_are_as_probable_the_answer_comes_first() -> None:
    assert best(answer("b", a=0.4, b=0.4, c=0.2), 2) == [("b", 0.4), ("a", 0.4)]
    assert best(answer("a", a=0.4, b=0.4, c=0.2), 9) == [("a", 0.4), ("b", 0.4), ("c", 0.2)]


def test_counts_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 0.0)  # a busy machine takes its time
    tally = Tally(TASKS["classification"])
    assert tally.told() == "predicted 0 documents in 0 s"
    labels = ["space"] * 1200 + ["cars"] * 1300
    tally.add([(record("a"), answer(label, **{label: 1.0})) for label in labels])
    assert tally.told() == "predicted 2,500 documents in 0 s: cars 1,300, space 1,200"
    tally.add([(record("a"), DataError("no"))])
    assert tally.told().endswith(
        "2,500 of 2,501 documents in 0 s: cars 1,300, space 1,200; 1 could not be read"
    )


def test_a_label_that_ends_in_a_digit_does_not_run_into_its_count() -> None:
    tally = Tally(TASKS["classification"])
    tally.add([(record("a"), answer("class 1", **{"class 1": 1.0}))])
    assert tally.told() == "predicted 1 document in 0 s: class 1 (1)"
    assert tally.record() == {"n_documents": 1, "n_failed": 0, "labels": {"class 1": 1}}
