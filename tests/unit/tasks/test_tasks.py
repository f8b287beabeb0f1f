import io
import json

import numpy as np
import pytest

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.questions import Question, read_questions
from prefprop_cli.errors import DataError
from prefprop_cli.tables import SETS, TASK_OF_SET, TASKS
from prefprop_cli.tasks import task_that_recognises

RECORD = {"query": "a b", "candidates": ["x", "y"], "supports": ["x y"], "answer": "y"}
CLASSIFICATION, WIKIHOP = TASKS["classification"], TASKS["wikihop"]


@pytest.fixture
def question() -> Question:
    [found] = read_questions(io.BytesIO(json.dumps(RECORD).encode()))
    return found


def test_each_task_of_a_set_is_in_the_table() -> None:
    assert set(TASK_OF_SET) <= set(SETS)
    assert set(TASK_OF_SET.values()) <= set(TASKS)
    assert len({task.does for task in TASKS.values()}) == len(TASKS)


@pytest.mark.parametrize(
    ("head", "task"),
    [
        (json.dumps(RECORD).encode(), WIKIHOP),
        (b'[ {"supports": [', WIKIHOP),
        (b'{"text": "x", "label": "y"}', CLASSIFICATION),
        (b"text,label", CLASSIFICATION),
        (b"", CLASSIFICATION),
    ],
)
def test_a_file_is_of_the_task_that_recognises_it(head: bytes, task: object) -> None:
    assert task_that_recognises(head) is task


def test_logits_are_of_the_classes_or_of_the_candidates_of_a_question(question: Question) -> None:
    assert CLASSIFICATION.names_of(Document("a", "x", None), ("no", "yes")) == ("no", "yes")
    assert CLASSIFICATION.names_of(question, ("no", "yes")) == ("no", "yes")
    assert WIKIHOP.names_of(question, ()) == ("x", "y")
    with pytest.raises(DataError, match="a: a text without candidates"):
        WIKIHOP.names_of(Document("a", "x", None), ())


def test_candidates_have_an_accuracy_and_no_rates_of_classes() -> None:
    logits, labels = np.array([[0.0, 1.0, -np.inf], [2.0, 1.0, 0.0]]), np.array([1, 2])
    metrics = WIKIHOP.metrics(0)
    assert metrics.scores(metrics.outcomes(logits, labels)) == {"accuracy": 0.5}
    assert metrics.shares(labels, logits.argmax(axis=1)) == {"accuracy": (1, 2, "documents")}


def test_logits_of_another_number_of_classes_are_refused() -> None:
    with pytest.raises(DataError, match="logits have 3 columns, the task 2 classes"):
        CLASSIFICATION.metrics(2).outcomes(np.zeros((1, 3)), np.zeros(1, np.int64))
