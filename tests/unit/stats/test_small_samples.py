import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefprop_cli.calibration.metrics import classification_metrics, stated_intervals
from prefprop_cli.stats.intervals import Interval, mean_interval, wilson_interval
from prefprop_cli.stats.small_samples import (
    LEAST_DISCORDANT,
    Answers,
    bootstrap_obstacle,
    difference_obstacle,
    mean,
    share,
    shares,
)
from prefprop_cli.tasks.metrics import ClassMetrics
from prefprop_cli.tasks.wikihop import CandidateMetrics

TWO = ClassMetrics(2)


def answers(labels, predicted, metrics=TWO):
    return Answers(np.array(labels), np.array(predicted), metrics)


def of_counts(both, only_label, only_said, neither):
    """A model of two classes by its confusion matrix."""
    counts = (both, only_label, only_said, neither)
    return answers(np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts))


def test_shares_have_wilsons_interval_of_the_documents_they_are_of():
    found = shares(of_counts(6, 0, 2, 12))
    assert found["accuracy"] == found["f1_micro"] == wilson_interval(18, 20)
    assert found["recall_binary"] == wilson_interval(6, 6)
    assert found["precision_binary"] == wilson_interval(6, 8)
    assert found["recall_binary"].low == pytest.approx(0.61, abs=1e-3)


def test_f1_is_where_the_share_of_both_among_either_puts_it():
    found = shares(of_counts(6, 3, 2, 12))["f1_binary"]
    jaccard = wilson_interval(6, 11)
    assert found.low == pytest.approx(2 / (1 + 1 / jaccard.low))
    assert found.high == pytest.approx(2 / (1 + 1 / jaccard.high))
    assert found.low < 12 / 17 < found.high


def test_the_interval_of_f1_holds_it_with_few_positives():
    """Eight positives of a hundred, in 95 of 100 worlds; resampled documents in about 91."""
    rng = np.random.default_rng(0)
    chances = np.array([0.08 * 0.8, 0.08 * 0.2, 0.92 * 0.05, 0.92 * 0.95])
    truth = 2 * chances[0] / (2 * chances[0] + chances[1] + chances[2])
    found = [
        shares(of_counts(*counts))["f1_binary"] for counts in rng.multinomial(100, chances, 600)
    ]
    held = [each.low <= truth <= each.high for each in found if isinstance(each, Interval)]
    assert len(held) > 595
    assert 0.935 < np.mean(held) < 0.985


@pytest.mark.parametrize(
    ("counts", "name", "why"),
    [
        ((1, 0, 0, 0), "accuracy", "1 document, at least 2 are needed"),
        ((1, 0, 0, 9), "f1_binary", "1 document positive or called so, at least 2"),
        ((0, 0, 0, 9), "recall_binary", "0 positive documents, at least 2 are needed"),
        ((0, 3, 0, 9), "precision_binary", "0 documents called positive, at least 2 are needed"),
    ],
)
def test_of_one_document_or_none_there_is_no_interval(counts, name, why):
    found = shares(of_counts(*counts))[name]
    assert found.startswith(why)


def test_more_classes_and_candidates_have_fewer_shares():
    assert set(shares(answers([0, 1], [0, 2], ClassMetrics(3)))) == {"accuracy", "f1_micro"}
    assert set(shares(answers([0, 1], [0, 2], CandidateMetrics()))) == {"accuracy"}


def test_the_mean_of_a_loss_takes_twenty_documents_that_differ():
    losses = np.random.default_rng(0).exponential(size=20)
    assert mean(losses, bounds=(0, 9)) == mean_interval(losses, bounds=(0, 9))
    assert mean(losses[:19], bounds=(0, 9)) == "19 documents, at least 20 are needed"
    assert mean(np.full(50, np.log(2)), bounds=(0, 9)) == "it is the same for all documents"


def test_resampling_takes_enough_of_each_class():
    labels = [0] * 40 + [1] * 9
    wrong = np.where(np.arange(49) % 4 == 0, 1 - np.array(labels), labels)
    few = "9 documents of the rarest class, at least 10 are needed"
    assert bootstrap_obstacle("f1_macro", [answers(labels, wrong)]) == few
    few = "9 positive documents, at least 10 are needed"
    for name in ("f1_binary", "recall_binary"):
        assert bootstrap_obstacle(name, [answers(labels, wrong)]) == few
    assert bootstrap_obstacle("accuracy", [answers(labels, wrong)]) == ""
    assert bootstrap_obstacle("f1_macro", [answers([*labels, 1], [*wrong, 1])]) == ""
    never_seen = answers([0] * 40, [1] * 10 + [0] * 30)
    assert bootstrap_obstacle("recall_macro", [never_seen]).startswith("0 documents of the rarest")


def test_resampling_takes_documents_that_are_right_and_some_that_are_wrong():
    right, nearly = of_counts(30, 0, 0, 30), of_counts(28, 2, 2, 28)
    for name in ("accuracy", "f1_micro", "f1_macro", "f1_binary"):
        assert bootstrap_obstacle(name, [right]).startswith("0 wrong documents")
        assert bootstrap_obstacle(name, [nearly]).startswith("4 wrong documents")
        # Other seeds are wrong elsewhere: there is something to draw from.
        other = answers(nearly.labels, np.roll(nearly.predicted, 5))
        assert bootstrap_obstacle(name, [nearly, other]) == ""
    for name in ("precision_binary", "recall_binary"):
        assert bootstrap_obstacle(name, [nearly]).startswith("2 wrong documents")
    assert bootstrap_obstacle("accuracy", [of_counts(4, 30, 30, 0)]).startswith("4 right documents")


@pytest.mark.parametrize(("name", "least"), [("nll", 20), ("ece", 2), ("ece_paper", 2)])
def test_losses_and_binned_errors_take_documents_only(name, least):
    for n in (least - 1, least):
        alike = answers([0] * n, [0] * n)
        for why in (bootstrap_obstacle(name, [alike]), difference_obstacle(name, [alike], [alike])):
            assert bool(why) == (n < least)


def test_a_difference_takes_ten_documents_on_which_both_differ():
    labels = np.arange(60) % 2
    for n_differing in (0, 1, 9, 10):
        other = np.where(np.arange(60) < n_differing, 1 - labels, labels)
        for name in ("accuracy", "f1_macro", "f1_binary"):
            why = difference_obstacle(name, [answers(labels, labels)], [answers(labels, other)])
            assert bool(why) == (n_differing < LEAST_DISCORDANT)
            assert not why or why.startswith(f"the two differ on {n_differing} of 60 documents")
    # Recall is of positive documents alone, and five of the ten are.
    why = difference_obstacle("recall_binary", [answers(labels, labels)], [answers(labels, other)])
    assert why.startswith("the two differ on 5 of 60")


def test_two_ways_to_be_wrong_are_no_difference_in_accuracy():
    labels = np.zeros(30, int)
    pair = [[answers(labels, np.full(30, k), 3)] for k in (1, 2)]
    assert difference_obstacle("accuracy", *pair).startswith("the two differ on 0 of 30")
    assert difference_obstacle("f1_macro", *pair) == ""


def test_seeds_differ_by_how_many_say_what():
    labels = np.zeros(20, int)
    yes, no = answers(labels, labels + 1), answers(labels, labels)
    assert difference_obstacle("accuracy", [yes, no], [no, yes, yes, no]) != ""
    assert difference_obstacle("accuracy", [yes, no], [no, yes, yes]) == ""


@settings(max_examples=40)
@given(st.integers(1, 25), st.integers(2, 4), st.integers(0, 2**32), st.booleans())
def test_no_split_is_certain_of_itself(n, n_classes, seed, is_right):
    """Whatever there is an interval of, the interval has a length."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes))
    labels = logits.argmax(axis=1) if is_right else rng.integers(0, n_classes, n)
    metrics = classification_metrics(logits, labels, metrics=ClassMetrics(n_classes))
    stated = stated_intervals(logits, labels, metrics=ClassMetrics(n_classes), n_resamples=50)
    assert set(stated) == set(metrics)
    for name, found in stated.items():
        if isinstance(found, Interval):
            assert n > 1
            assert found.low < found.high
            assert found.low <= metrics[name] + 1e-12
            assert metrics[name] <= found.high + 1e-12
        else:
            assert found


def test_a_share_names_what_it_is_of():
    assert share(0, 1, of="positive documents") == "1 positive document, at least 2 are needed"
