"""What was meant by an option or a value that there is not."""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import SequenceMatcher, get_close_matches
from typing import Any

_OF_TABLES = {"method": "method.name", "model": "model.backbone", "data": "data.source"}
_NO_VALUE = re.compile(r"(?P<message>Option '(?P<option>[^']*)' requires an argument)\.$")
_NOT_ONE_OF = re.compile(r"(?P<quoted>'(?P<value>[^']*)') is not one of (?P<names>.+)\.$")


@contextmanager
def suggestions(
    arguments: Sequence[str], *, takes_keys: bool, metavars: Mapping[str, str]
) -> Iterator[None]:
    """Add to a usage error what was meant: a key of the configuration, if the command takes `-s`.

    `metavars` are what stands behind each option in the help.
    """
    try:
        yield
    except Exception as error:
        usage: Any = error  # Typer has its class to itself
        message = str(getattr(usage, "message", ""))
        if choice := _NOT_ONE_OF.search(message):
            names = re.findall("'(.*?)'", choice["names"])
            if near := get_close_matches(choice["value"], names, n=1):
                usage.message = f"{message[choice.start('quoted') :]} Did you mean '{near[0]}'?"
        elif (bare := _NO_VALUE.search(message)) and (metavar := metavars.get(bare["option"])):
            usage.message = f"{bare['message']}: {bare['option']} {metavar}"
        elif takes_keys and type(error).__name__ == "NoSuchOption":
            others = usage.possibilities or ()
            if setting := _setting(usage.option_name, arguments, others=others):
                usage.message = f"{message.rstrip('.')}. As a key of the configuration: {setting}"
                usage.possibilities = None
        raise


@contextmanager
def command_suggested(arguments: Sequence[str]) -> Iterator[None]:
    """Add to the error that there is no such command what was meant, or where all are listed."""
    try:
        yield
    except Exception as error:
        usage: Any = error
        if "Did you mean" not in str(getattr(usage, "message", "Did you mean")):
            line = shlex.join(["train", *arguments])
            may_be_file = os.path.exists(arguments[0]) or os.path.splitext(arguments[0])[1]
            usage.message += (
                f" To train on it: prefprop {line}" if may_be_file else " See prefprop --help"
            )
        raise


def _setting(option: str, arguments: Sequence[str], *, others: Sequence[str]) -> str | None:
    """The `-s` that an option stands for: by its exact name, or one nearer than any option's."""
    from prefprop_cli.config.documented import documented_keys
    from prefprop_cli.config.explain import nearest_key

    name = option.lstrip("-").replace("-", "_")
    exact = [key.path for key in documented_keys() if key.name == name and "." in key.path]
    key = _OF_TABLES.get(name) or next(iter(exact), None)
    if key is None:
        near = nearest_key((name,)) or ""
        key = _OF_TABLES.get(near, near)
        nearest_option = max((_likeness(name, each) for each in others), default=0.0)
        if _likeness(name, key.rpartition(".")[2]) <= nearest_option:
            return None
    if not key or "." not in key:
        return None
    return f"-s {key}={shlex.quote(_value_of(option, arguments))}"


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other.lstrip("-").replace("-", "_")).ratio()


def _value_of(option: str, arguments: Sequence[str]) -> str:
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name == option:
            return value if equals else following.removeprefix("--") or "VALUE"
    return "VALUE"
