from dataclasses import replace

import pytest

from prefprop_cli.calibration.calibrators import Temperature
from prefprop_cli.data.corpus import Corpus, Document
from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.experiment.adapter import read_adapter, save_adapter, set_calibrator
from prefprop_cli.experiment.stored_logits import load_logits, save_logits
from prefprop_cli.notes import Note
from prefprop_cli.report.run_html import run_page
from prefprop_cli.runs import RunFolder
from tests.helpers import finished
from tests.helpers.html import Page

SCRIPT = "<script>alert(1)</script>"
LABELS = (SCRIPT, "b & c")
SECTIONS = [
    "Scores",
    "Learning curves",
    "Confusion matrix",
    "Class by class",
    "Reliability",
    "By length",
    "Most confidently wrong",
    "Where it comes from",
]


def ids(split, n=finished.N_DOCUMENTS):
    return tuple(f"{split}-{number}{SCRIPT}" for number in range(n))


def corpus(table):
    """The documents of the run, whose texts begin with a script, and are long."""
    splits = {
        split: [
            Document(
                name,
                f"{SCRIPT} \x1b\u202e {('calm', 'shouted')[k % 2]}\n{'report ' * 200}",
                LABELS[k % 2],
            )
            for k, name in enumerate(ids(split))
        ]
        for split in ("train", "test")
    }
    return Corpus("made", splits, LABELS, {}, (Note("a <note>"), Note("a <warning>", "warning")))


def gone(table):
    raise DataError("no such folder")


def written(folder, **settings):
    """A run with scripts in its labels and in the names of its documents."""
    run = RunFolder.open(finished.write(folder / "a run", finished.config(**settings)))
    for split in ("validation", "test"):
        saved = load_logits(run.evaluation, split)
        save_logits(run.evaluation, split, replace(saved, ids=ids(split)))
    save_adapter(run.adapter, replace(read_adapter(run.adapter), labels=LABELS), {})
    run.update_manifest(best_step=10, data_leaks=["a <leak>"], packages={"torch": "2.9"})
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return written(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def page(run):
    return Page(run_page(run, corpus_of=corpus))


def test_it_needs_no_network_and_runs_nothing(page):
    page.assert_alone()
    assert len(page.pictures) == 3


def test_its_sections_and_settings(page, run):
    assert page.texts["h1"] == [str(run.path)]
    assert page.texts["h2"] == SECTIONS
    assert 'name = "prefix-propagation"' in page.texts["pre"][0]
    assert {"longformer-base-4096, sha256 abababababab…", "torch 2.9"} <= set(page.texts["dd"])


def test_what_users_made_is_text(page):
    assert set(LABELS) <= {*page.texts["th"], *page.texts["bdi"]}
    assert page.texts["blockquote"][0].startswith(f"{SCRIPT}   ")
    assert all(len(excerpt) <= 300 for excerpt in page.texts["blockquote"])
    assert {"a <leak>", "a <warning>"} <= set(page.texts["p"])


def test_a_leak_is_a_warning(run):
    text = run_page(run, corpus_of=corpus)
    assert '<p class="warning">a &lt;leak&gt;</p>' in text
    assert '<p class="warning">a &lt;warning&gt;</p>' in text


def test_accuracy_stands_beside_the_baselines(page, run):
    saved = load_logits(run.evaluation, "test")
    accuracy = (saved.logits.argmax(axis=1) == saved.labels).mean()
    values = [text for text in page.texts["b"] if text.endswith("%")]
    assert values == [f"{100 * accuracy:.1f} %", "100.0 %", "50.0 %"]
    assert "TF-IDF, logistic regression" in page.texts["span"]
    assert any(text.startswith("95 %: [") for text in page.texts["span"])


def test_the_confusion_matrix_and_the_rates_of_each_class(page, run):
    saved = load_logits(run.evaluation, "test")
    said = saved.logits.argmax(axis=1)
    matrix = [[int(((saved.labels == i) & (said == j)).sum()) for j in (0, 1)] for i in (0, 1)]
    cells = page.texts["td"]
    where = cells.index(str(matrix[0][0]))
    assert cells[where : where + 4] == [str(count) for row in matrix for count in row]
    recall, precision = matrix[0][0] / sum(matrix[0]), matrix[0][0] / (said == 0).sum()
    f1 = 2 * recall * precision / (recall + precision)
    rates = cells[where + 4 : where + 8]
    assert rates == [f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", "30"]


def test_the_worst_documents_come_surest_first(page, run):
    saved = load_logits(run.evaluation, "test")
    gap = saved.logits[:, 1] - saved.logits[:, 0]
    wrong = [k for k in range(60) if (gap[k] > 0) != saved.labels[k]]
    surest = sorted(wrong, key=lambda k: -abs(gap[k]))[:10]
    names = [text for text in page.texts["b"] if not text.endswith("%")]
    assert names == [saved.ids[k] for k in surest]


def test_without_the_data_there_are_names_and_no_texts(run):
    found = Page(run_page(run, corpus_of=gone))
    assert "blockquote" not in found.texts
    assert "without baselines: no such folder" in found.texts["p"]
    assert "The texts are not at hand as they were in training." in found.texts["p"]
    assert len([text for text in found.texts["b"] if text.endswith("%")]) == 1


def test_texts_can_be_left_out(run, page):
    found = Page(run_page(run, corpus_of=corpus, excerpts=False))
    assert "blockquote" not in found.texts
    assert found.texts["b"] == page.texts["b"]
    assert not any("not at hand" in text for text in found.texts["p"])


def test_texts_of_other_documents_are_not_shown(run):
    def other(table):
        found = corpus(table)
        return replace(found, splits={**found.splits, "test": found.splits["test"][::-1]})

    assert "blockquote" not in Page(run_page(run, corpus_of=other)).texts


def test_a_calibrated_run_is_shown_before_and_after(tmp_path):
    run = written(tmp_path)
    uncalibrated = Page(run_page(run, corpus_of=gone))
    assert any("has no calibrator" in text for text in uncalibrated.texts["p"])
    set_calibrator(run.adapter, Temperature(2.0))
    found = Page(run_page(run, corpus_of=gone))
    assert len(found.pictures) == len(uncalibrated.pictures) + 1
    assert {"Before calibration", "After: T = 2"} <= {
        text.replace("2.000", "2") for text in found.texts["figcaption"]
    }
    same = Page(run_page(run, split="validation", corpus_of=gone))
    assert any("error here is too low" in text for text in same.texts["p"])


def test_many_classes_are_listed_in_place_of_a_matrix(tmp_path):
    path = finished.write(
        tmp_path / "a", finished.config(set_name="newsgroups"), n_classes=50, n=200
    )
    found = Page(run_page(RunFolder.open(path), corpus_of=gone))
    assert "Most frequent confusions" in found.texts["h2"]
    assert "caption" not in found.texts


def test_candidates_have_no_classes(tmp_path):
    path = finished.write(tmp_path / "a", finished.config(set_name="wikihop"), n_classes=4)
    run = RunFolder.open(path)
    save_adapter(run.adapter, replace(read_adapter(run.adapter), labels=()), {})
    found = Page(run_page(run, corpus_of=gone))
    assert not {"Confusion matrix", "Class by class"} & set(found.texts["h2"])
    assert any("candidate " in text for text in found.texts["bdi"])
    assert "a candidate by lot" in found.texts["span"]


def test_what_was_not_evaluated_or_not_finished_says_what_to_do(tmp_path):
    run = RunFolder.open(finished.write(tmp_path / "a", finished.config(), splits=["validation"]))
    with pytest.raises(UsageError, match="prefprop eval"):
        run_page(run, corpus_of=gone)
    run = RunFolder.open(finished.write(tmp_path / "b", finished.config(), status="interrupted"))
    with pytest.raises(UsageError, match=r"left out, interrupted.*--resume"):
        run_page(run, corpus_of=gone)
