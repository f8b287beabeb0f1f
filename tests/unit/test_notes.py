"""Notes of those who work, for whoever listens."""

from copy import copy

from prefprop_cli.notes import Note, having, note, progress, warnings
from tests.helpers.heard import hearing


def test_notes_and_progress_are_heard() -> None:
    with hearing() as heard:
        note("first")
        with progress(total=3, label="file") as told:
            told(2)
    assert (heard.notes, heard.loops, heard.done) == (["first"], [("file", 3)], [2])


def test_a_note_is_its_text_and_has_a_severity() -> None:
    fact, doubt = Note("drawn from train"), *warnings(["leak: 1 of 2"])
    assert [fact, doubt] == ["drawn from train", "leak: 1 of 2"]
    assert (fact.severity, doubt.severity) == ("info", "warning")
    assert having("warning", [fact, doubt]) == (doubt,)
    assert copy(doubt).severity == "warning"


def test_nobody_has_to_listen() -> None:
    note("into the void")
    with progress(total=3, label="file") as told:
        told(2)


def test_nobody_listens_any_more() -> None:
    with hearing() as heard:
        pass
    note("late")
    assert not heard.notes


def test_what_is_done_again_is_said_once() -> None:
    for _ in range(2):
        with hearing() as heard:
            note("the copy in the cache is used")
            note("the copy in the cache is used")
            note("another")
        assert heard.notes == ["the copy in the cache is used", "another"]
