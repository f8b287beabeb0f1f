import numpy as np
import pytest

from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.report.build import Report
from prefprop_cli.report.collect import Collected, collect
from tests.helpers import finished


def missing(_asked):
    raise DataError("gone")


def report(collected, *, lengths_of=missing):
    return Report(collected, split="test", corpus_of=missing, lengths_of=lengths_of)


def test_parts_for_which_there_is_something(runs):
    of_runs = collect([runs])
    assert report(of_runs).possible == ["table-2", "table-3", "figure-2", "figure-3", "figure-4"]
    of_runs.timings.append({"method": "head-only"})
    assert report(of_runs).possible[-1] == "table-7"
    assert report(Collected()).possible == []


@pytest.mark.parametrize(
    ("name", "is_picture"),
    [("table-2", False), ("table-3", False), ("figure-2", True), ("figure-4", True)],
)
def test_parts_by_name(runs, name, is_picture):
    part = report(collect([runs])).part(name)
    assert part.page.name == name
    assert (part.draw is not None) == is_picture


def test_runs_are_scored_once_and_told(runs):
    made = report(collect([runs]))
    calls = []
    made.scores(told=lambda: calls.append(1))
    assert len(calls) == len(made.runs) == 8
    assert made.scores() is made.scores()


def test_runs_that_lost_a_search_are_not_read_on_the_split(tmp_path):
    finished.write(tmp_path / "won", finished.config(), quality=2.0)
    finished.write(tmp_path / "lost", finished.config(train={"lr": 0.5}), splits=["validation"])
    made = report(collect([tmp_path]))
    assert [run.folder.path.name for run in made.runs] == ["won"]
    assert made.part("table-2").page.record["sets"][0]["lines"][0]["seeds"] == [0]


def test_lengths_of_the_sets_that_can_be_read(tmp_path):
    finished.write(tmp_path / "a", finished.config())
    finished.write(tmp_path / "b", finished.config(set_name="arxiv"))
    collected = collect([tmp_path])

    def lengths_of(run):
        return missing(run) if run.config.data.set == "arxiv" else np.array([5, 900])

    made = report(collected, lengths_of=lengths_of)
    assert list(made.part("figure-3").page.record["sets"]) == ["hyperpartisan"]
    assert made.notes == ["without the lengths of arxiv: gone"]
    with pytest.raises(DataError, match="gone"):
        report(collected).part("figure-3")


def test_what_is_missing_is_said():
    found = Collected(notes=["left out, interrupted: runs/a"])
    with pytest.raises(UsageError, match=r"Train one first\nleft out, interrupted: runs/a"):
        report(found).part("table-2")
    with pytest.raises(UsageError, match="--table 7 --json"):
        report(found).part("table-7")
