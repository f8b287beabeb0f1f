"""What is said of a run that was just trained."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from prefprop_cli.cli.work import end
from prefprop_cli.config.schema import DataTable
from prefprop_cli.experiment.evaluation import RunEvaluation
from prefprop_cli.experiment.stored_logits import SavedLogits
from prefprop_cli.tables import TASKS

LABELS = ("cars", "space")


def evaluation(
    said: list[int], labels: list[int], *, names: tuple[str, ...] = LABELS, **options: object
) -> RunEvaluation:
    """Documents 1, 2, … of a file; the later, the surer the model is of what it says."""
    logits = np.zeros((len(said), len(names) or 2), np.float32)
    logits[np.arange(len(said)), said] = 1 + np.arange(len(said))
    ids = tuple(f"a.csv:{n}" for n in range(1, len(said) + 1))
    saved = SavedLogits(ids, logits, np.array(labels))
    task = TASKS["classification" if names else "wikihop"]
    return RunEvaluation("test", saved, task, names, **options)


def told(
    found: RunEvaluation,
    *,
    width: int | None = 80,
    is_cut: bool = False,
    losses: tuple[float, ...] = (),
) -> list[str]:
    lines: list[str] = []
    console = SimpleNamespace(info=lambda text, style="": lines.append(text), width=width)
    folder = SimpleNamespace(metrics=lambda: [{"loss": loss} for loss in losses])
    end.tell_end(console, found, SimpleNamespace(is_cut=is_cut), folder)
    return lines


def test_figures_matrix_loss_and_a_mistake() -> None:
    found = evaluation([0] * 5 + [1] * 7, [0] * 5 + [1] * 6 + [0])
    found = replace(found, baselines={"TF-IDF": 1.0, 'always "space"': 0.5})
    assert told(found, losses=(0.7, 0.4, 0.1)) == [
        'accuracy 0.92 [0.65, 0.99] on 12    TF-IDF 1.00    always "space" 0.50',
        "         cars  space     loss █▅▁ 0.700 to 0.100",
        "   cars     5      1     1 mistake: line 12, cars → space (1.00)",
        "  space     0      6",
        "TF-IDF does better here; more epochs may help: -s train.epochs=N",
    ]


def test_on_a_narrow_terminal_one_below_the_other() -> None:
    lines = told(evaluation([0, 1], [1, 1]), width=40)
    assert lines[1:] == [
        "         cars  space",
        "   cars     0      0",
        "  space     1      1",
        "1 mistake: line 1, space → cars (0.73)",
    ]


def test_tfidf_reads_whole_documents() -> None:
    found = evaluation([0], [0], baselines={"TF-IDF": 1.0})
    assert "TF-IDF of whole documents 1.00" in told(found, is_cut=True)[0]


def test_the_surest_mistakes_come_first() -> None:
    lines = told(evaluation([1, 1, 1, 1, 0], [0, 0, 0, 0, 0]))
    assert lines[1].endswith("     4 mistakes, the surest:")
    assert lines[2].endswith("       line 4, cars → space (0.98)")
    assert "line 1" not in "".join(lines)


def test_no_mistake_is_said() -> None:
    assert told(evaluation([0, 1], [0, 1]))[1].endswith("no mistake")


def test_of_many_classes_the_pairs_that_are_confused() -> None:
    names = tuple("abcdefg")
    found = evaluation([0, 1, 1, 1, 2], [0, 0, 0, 2, 2], names=names)
    lines = told(found)
    assert lines[1].startswith("  2 of 5 documents right; confused most:")
    assert lines[2].startswith("    a → b  2")
    assert lines[3].startswith("    c → b  1")


@pytest.mark.parametrize("width", [50, 60, 80])
def test_a_matrix_fits(width: int) -> None:
    names = tuple(f"{year}-{year + 37}" for year in range(1790, 1796))
    lines = told(evaluation([0, 1, 2, 3, 4, 5], [0, 0, 2, 3, 4, 5], names=names), width=width)
    assert max(map(len, lines[1:])) <= width
    assert "    1790" in lines[1]


def test_where_no_matrix_fits_the_pairs_are_told() -> None:
    names = tuple(f"{year}-{year + 37}" for year in range(1790, 1796))
    lines = told(evaluation([0, 1], [0, 0], names=names), width=40)
    assert lines[1] == "  1 of 2 documents right; confused most:"


def test_questions_have_no_classes() -> None:
    found = evaluation([0, 1], [0, 0], names=())
    found = replace(found, baselines={"a candidate by lot": 0.5})
    assert told(found) == ["accuracy 0.50 [0.09, 0.91] on 2    a candidate by lot 0.50"]


def test_names_are_escaped_and_shortened() -> None:
    found = evaluation([1], [0], names=("\x1b[31mred", "x" * 40))
    lines = "".join(told(found, width=200))
    assert "\x1b" not in lines
    assert "xxxxxxxxxxx…" in lines


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ("space/a:b.txt", "space/a:b.txt"),
        ("a.parquet:7", "row 7"),
        ("acme/reviews/train:7", "row 7"),
        ("a.JSONL:7", "line 7"),
    ],
)
def test_where_a_mistake_is(id: str, said: str) -> None:
    saved = SavedLogits((id,), np.array([[0.0, 1.0]], np.float32), np.array([0]))
    assert f": {said}, cars → space" in "".join(
        told(RunEvaluation("test", saved, TASKS["classification"], LABELS))
    )


def _of(source: str | None, name: str) -> Any:
    return SimpleNamespace(data=DataTable(source=source, set=name))


@pytest.mark.parametrize(
    ("source", "set_name", "new"),
    [
        ("a.jsonl", "files", "new.jsonl"),
        ("a.csv", "files", "new.csv"),
        ("folder", "files", "new.txt"),
        (None, "files", "new.txt"),
        ("folder", "wikihop", "questions.jsonl"),
    ],
)
def test_what_comes_next_is_of_the_same_kind(
    source: str | None, set_name: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    console = SimpleNamespace(info=lines.append)
    monkeypatch.delenv("PREFPROP_RUN", raising=False)
    end.next_line(console, SimpleNamespace(path=Path("runs/a")), _of(source, set_name))
    assert lines == [
        "next:  prefprop calibrate",
        f"       prefprop predict {new} --out labelled.csv",
    ]
    monkeypatch.setenv("PREFPROP_RUN", "runs/other")
    end.next_line(console, SimpleNamespace(path=Path("runs/a")), _of(source, set_name))
    assert lines[2] == "next:  prefprop calibrate runs/a"


def test_names_that_begin_alike_are_told_from_each_other() -> None:
    names = tuple(f"a class with a long name {n}" for n in range(8))
    lines = told(evaluation([1, 2], [0, 0], names=names))
    assert "    a cla…name 0 → a cla…name 1  1" in [line.split("     ")[0] for line in lines]
