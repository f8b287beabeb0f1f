"""An option that stands once, given twice, whatever the command."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperOption

from prefprop_cli.cli.app import app
from tests.cli.conftest import Output

REPEATABLE = {"-s", "--set", "--compare", "--fail-below"}


def options() -> Iterator[tuple[str, TyperOption]]:
    """Every option of every command."""
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        for option in command.params:
            if isinstance(option, TyperOption):
                yield name, option


def twice(option: TyperOption) -> list[str]:
    """The option once by its first and once by its last name, with a value if it takes one."""
    names = [*option.opts, *option.secondary_opts]
    value = [] if option.is_flag else ["7"]
    return [names[0], *value, names[-1], *value]


ONCE = [
    (command, option)
    for command, option in options()
    if not REPEATABLE & {*option.opts} and (not option.is_flag or option.secondary_opts)
]


@pytest.mark.parametrize(("command", "option"), ONCE, ids=[f"{c} {o.opts[-1]}" for c, o in ONCE])
def test_given_twice_it_is_refused(command: str, option: TyperOption, output: Output) -> None:
    code, out, err = output(command, "here", *twice(option))
    assert (code, out) == (2, "")
    assert f"{option.opts[0]}'" in err
    assert "given 2 times, and only one can count. Give it once" in err


def test_there_are_such_options() -> None:
    names = {(command, option.opts[-1]) for command, option in ONCE}
    assert {("train", "--preset"), ("train", "--seed"), ("predict", "--run")} < names
    assert ("bench", "--memory") in names  # with --no-memory


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "-p", "a.toml", "-p", "demo"),
        ("train", "--preset=demo", "-pdemo"),
        ("bench", "--memory", "--no-memory"),
        ("sweep", "-p", "demo", "--out", "a", "-s", "train.lr=1", "--out=b"),
    ],
)
def test_however_it_is_written(arguments: tuple[str, ...], output: Output) -> None:
    code, _, err = output(*arguments)
    assert code == 2
    assert "given 2 times" in err


def test_what_may_be_repeated_still_may(output: Output) -> None:
    code, _, err = output("presets", "-q", "-q", "demo", "--json", "--json")
    assert (code, err) == (0, "")
    nowhere = ("--compare", "a", "--compare", "b", "--fail-below", "nll=1", "--fail-below", "ece=1")
    code, _, err = output("eval", "nowhere", *nowhere)
    assert "--compare a does not exist" in err
    code, _, err = output("train", "-s", "no.key=1", "-s", "no.other=2")
    assert "no.key" in err
    assert "no.other" in err


def test_an_environment_variable_is_not_a_second_time(
    output: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFPROP_RUN", "elsewhere")
    Path("x.txt").touch()
    _, _, err = output("predict", "--run", "nowhere", "x.txt")
    assert "nowhere does not exist" in err
