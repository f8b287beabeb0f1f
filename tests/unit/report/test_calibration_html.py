import re
from dataclasses import replace

import pytest

from prefprop_cli.calibration.calibrators import fit_calibrator
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.report import calibration_report
from prefprop_cli.experiment.adapter import Adapter
from prefprop_cli.experiment.calibrate import Calibration
from prefprop_cli.experiment.stored_logits import load_logits
from prefprop_cli.notes import Note
from prefprop_cli.report.calibration_html import calibration_html
from prefprop_cli.runs import RunFolder
from tests.helpers import finished
from tests.helpers.html import Page

NAMES = ("<script>alert(1)</script>", "b & c")


def calibrated(folder, *, names=NAMES, method="auto"):
    path = finished.write(folder / "a run", finished.config("prefix-tuning"))
    run = RunFolder.open(path)
    fitted_on, reported = (load_logits(run.evaluation, name) for name in ("validation", "test"))
    fitted = fit_calibrator(method, fitted_on.logits, fitted_on.labels)
    calibrator = fitted.calibrator
    report = calibration_report(
        Predictions.from_logits(reported.logits, reported.labels),
        Predictions.from_logits(calibrator.logits(reported.logits), reported.labels),
        n_fit=len(fitted_on.ids),
        class_names=names,
        lengths=reported.n_tokens,
        n_bins=10,
        n_resamples=50,
    )
    adapter = Adapter(
        labels=names,
        config=finished.config("prefix-tuning"),
        backbone_sha256="ab" * 32,
        tokenizer_sha256="cd" * 32,
    )
    return Calibration(
        folder=run,
        adapter=adapter,
        split="test",
        fitted=fitted,
        calibrated=calibrator.logits(reported.logits),
        cross_fitted=False,
        report=report,
        notes=(),
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return calibrated(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(found):
    return Page(calibration_html(found))


def test_it_needs_no_network_and_runs_nothing(page):
    page.assert_alone()
    assert page.tags.count("figure") == 5
    assert len(page.pictures) == 5


def test_its_sections(page):
    assert page.texts["h2"] == [
        "Scores",
        "Reliability",
        "What calibration did",
        "Leaving the uncertain ones to a person",
        "Class by class",
        "By length",
        "Along training",
        "Where it comes from",
    ]


def test_labels_are_text(page):
    assert set(NAMES) <= set(page.texts["th"])


def test_scores_stand_in_its_tables(page, found):
    cells = page.texts["td"]
    for state in (found.report.before, found.report.after):
        assert f"{state.scores['ece'].value:.3f}" in cells
        assert f"{state.scores['ece_debiased'].value:.3f}" in cells
    assert sum(bool(re.search("calibrated model gets", text)) for text in page.texts["p"]) == 2


def told_of_the_paper(page):
    return [text for text in page.texts["p"] if text.startswith("The paper's figures")]


def test_the_paper_is_beside_ours_and_says_on_what(page, found):
    assert "the paper's" in page.texts["th"]
    assert "0.153" in page.texts["td"]
    assert told_of_the_paper(page)[0].endswith("are of longformer-base-4096.")
    config = found.adapter.config
    model = config.model.model_copy(update={"backbone": "minilm"})
    adapter = replace(found.adapter, config=config.model_copy(update={"model": model}))
    other = Page(calibration_html(replace(found, adapter=adapter)))
    assert told_of_the_paper(other)[0].endswith("longformer-base-4096, here it is minilm.")


def test_a_cross_fitted_report_says_so(page, found):
    assert any("fitted on 60 of validation" in text for text in page.texts["dd"])
    crossed = Page(calibration_html(replace(found, cross_fitted=True)))
    assert any("other four fifths" in text for text in crossed.texts["dd"])
    assert not any("of validation" in text for text in crossed.texts["dd"])


def test_a_leak_is_a_warning(found):
    notes = (Note("LEAK: <b>2</b> of 60", "warning"), Note("a fact"))
    text = calibration_html(replace(found, notes=notes))
    assert '<p class="warning">LEAK: &lt;b&gt;2&lt;/b&gt; of 60</p>' in text
    assert "a fact" not in text


def test_the_same_report_gives_the_same_text(found):
    assert calibration_html(found) == calibration_html(found)
