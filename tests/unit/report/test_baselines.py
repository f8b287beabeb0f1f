from dataclasses import replace

import numpy as np
import pytest

from prefprop_cli.data.corpus import Corpus, Document, content_hash
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.stored_logits import load_logits, save_logits
from prefprop_cli.notes import Note
from prefprop_cli.report.baselines import baselines_of
from prefprop_cli.runs import RunFolder
from tests.helpers import finished

LABELS = ("false", "true")


def documents(split, n=60):
    """The documents of the helper's runs; their words give the class away in all but one in ten."""
    words = ("calm measured report", "outrage scandal shame")
    return [
        Document(f"{split}-{k}", f"a {words[(k + (k % 10 == 0)) % 2]} today", LABELS[k % 2])
        for k in range(n)
    ]


NOTES = (Note("a note"), Note("second note"), Note("a warning", "warning"))


def corpus(splits):
    return Corpus("made", splits, LABELS, {}, NOTES)


def test_baselines_on_the_same_documents(scored):
    tables = []
    splits = {"train": [*documents("train"), *documents("more", 3)], "test": documents("test")}

    def corpus_of(table):
        tables.append(table)
        return corpus(splits)

    found = baselines_of(scored, corpus_of=corpus_of)
    assert tables == [scored.variants[0].config.data]
    assert found.notes == ("a note", "second note")
    assert found.warnings[0].startswith("leak: documents of test that are in train, too: 60 of 60")
    assert found.warnings[1] == "a warning"
    tfidf, majority = found.found
    assert (tfidf.name, majority.name) == ("TF-IDF, logistic regression", "most frequent class")
    assert tfidf.mean("f1_binary") == pytest.approx(60 / 66)  # 6 of class 0 look like class 1
    interval = tfidf.estimates["f1_binary"].overall
    assert interval.low < 60 / 66 < interval.high
    assert majority.mean("recall_binary") == 0.0
    assert majority.mean("ece") == pytest.approx(32 / 63 - 0.5, abs=0.01)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d[::-1],
        lambda d: d[:-1],
        lambda d: [replace(each, id="x" + each.id) for each in d],
    ],
    ids=["order", "number", "names"],
)
def test_other_documents_give_a_note_and_no_baselines(scored, change):
    splits = {"train": documents("train"), "test": change(documents("test"))}
    found = baselines_of(scored, corpus_of=lambda table: corpus(splits))
    assert found.found == ()
    assert found.notes == ("without baselines: the documents are no longer those of the runs",)


def test_data_that_are_gone_give_a_note(scored):
    def corpus_of(table):
        raise DataError("no such folder")

    found = baselines_of(scored, corpus_of=corpus_of)
    assert found.notes == ("without baselines: no such folder",)
    assert found.warnings is None


def test_without_words_there_is_still_the_majority(scored):
    silent = [Document(d.id, "", d.label) for d in documents("train")]
    splits = {"train": silent, "test": documents("test")}
    found = baselines_of(scored, corpus_of=lambda table: corpus(splits))
    assert [each.name for each in found.found] == ["most frequent class"]
    assert "needs texts with words" in found.notes[-1]


def test_candidates_have_chance(tmp_path):
    path = finished.write(tmp_path / "run", finished.config(set_name="wikihop"), n_classes=4)
    saved = load_logits(path / "eval", "test")
    logits = saved.logits.copy()
    logits[saved.labels < 2, 2:] = -np.inf
    save_logits(path / "eval", "test", replace(saved, logits=logits))
    RunFolder(path).update_manifest(data_warnings=["leak: all of them"])
    found = baselines_of(finished.scored_in(tmp_path), corpus_of=corpus)
    assert found.warnings == ("leak: all of them",)
    (chance,) = found.found
    assert chance.as_dict() == {
        "name": "a candidate by lot",
        "figures": {"accuracy": 3 / 8},
        "intervals": {},
    }


@pytest.mark.parametrize("word", ["today", "yesterday"])
def test_other_texts_of_the_same_names_and_labels_give_no_baselines(scored, word):
    run = scored.data.variants[0].runs[0].folder
    splits = {"train": documents("train"), "test": documents("test")}
    digests = {name: content_hash(each) for name, each in splits.items()}
    run.update_manifest(documents_sha256=digests)
    splits["train"][0] = Document("train-0", f"a calm measured report {word}", LABELS[0])
    is_same = content_hash(splits["train"]) == digests["train"]
    found = baselines_of(scored, corpus_of=lambda _: corpus(splits))
    run.update_manifest(documents_sha256=None)  # the run is that of the other tests, too
    assert bool(found.found) == is_same
    if not is_same:
        assert found.notes == ("without baselines: the documents are no longer those of the runs",)
