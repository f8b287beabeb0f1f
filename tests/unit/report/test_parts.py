import numpy as np
import pytest

from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.report import scores
from prefprop_cli.report.page import markdown
from prefprop_cli.report.parts import make_report
from tests.helpers import finished

TIMINGS = """{"rows": [{"method": "head-only", "text": 4096, "docs_per_s": 2, "docs_per_s_low": 1,
"docs_per_s_high": 3, "overhead": 0, "overhead_low": 0, "overhead_high": 0}]}"""


def missing(_asked):
    raise DataError("gone")


def report(path, *names, lengths_of=missing, **settings):
    return make_report(path, names, corpus_of=missing, lengths_of=lengths_of, **settings)


def names(found):
    return [page.name for page in found.pages]


def test_parts_for_which_there_is_something(runs, tmp_path):
    (tmp_path / "speed.json").write_text(TIMINGS)
    both = report([runs, tmp_path / "speed.json"])
    assert names(both) == ["table-2", "table-3", "figure-2", "figure-4", "table-7"]
    assert both.notes[-1] == "without figure 3: gone"
    assert names(report([tmp_path / "speed.json"])) == ["table-7"]
    assert names(report([runs], has_pictures=False)) == ["table-2", "table-3"]


@pytest.mark.parametrize(("name", "is_picture"), [("table-3", False), ("figure-2", True)])
def test_a_report_can_be_printed_and_is_json(runs, name, is_picture):
    found = report([runs], name)
    (page,) = found.pages
    assert (page.draw is not None) == is_picture
    assert str(found) == markdown([page]) == str(page)
    assert found.as_dict() == {"parts": {name: page.record}, "notes": ()}


def test_runs_that_were_not_evaluated_are_but_not_those_that_lost_a_search(tmp_path, monkeypatch):
    asked = []

    def evaluate(run, split, *, machine):
        asked.append((run.path.name, split))
        finished.evaluate(run, split, machine=machine)

    monkeypatch.setattr(scores, "logits_of", evaluate)
    finished.write(tmp_path / "won", finished.config(), quality=2.0, splits=["validation"])
    finished.write(tmp_path / "lost", finished.config(train={"lr": 0.5}), splits=["validation"])
    found = report(
        [tmp_path],
        "table-2",
    )
    assert asked == [("won", "test")]
    assert found.pages[0].record["sets"][0]["lines"][0]["seeds"] == [0]


def test_lengths_of_the_sets_that_can_be_read(tmp_path):
    finished.write(tmp_path / "a", finished.config())
    finished.write(tmp_path / "b", finished.config(set_name="arxiv"))

    def lengths_of(run):
        return missing(run) if run.config.data.set == "arxiv" else np.array([5, 900])

    found = report([tmp_path], "figure-3", lengths_of=lengths_of)
    assert list(found.pages[0].record["sets"]) == ["hyperpartisan"]
    assert found.notes == ("without the lengths of arxiv: gone",)
    with pytest.raises(DataError, match="gone"):
        report([tmp_path], "figure-3")


def test_what_is_missing_is_said(tmp_path):
    run = finished.write(tmp_path / "a", finished.config(), status="interrupted")
    with pytest.raises(UsageError, match=f"Train one first\nleft out, interrupted: {run}"):
        report([run])
    with pytest.raises(UsageError, match=r"table_7\.py > FILE\.json"):
        report([run], "table-7")
