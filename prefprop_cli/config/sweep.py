"""What the stages of a sweep set: keys of the configuration with values that it takes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from pydantic import ValidationError

from prefprop_cli.config.explain import expected, found, is_key, unknown_key
from prefprop_cli.config.locate import KeyPath
from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.config.space import Range
from prefprop_cli.errors import ConfigError

STAGES: KeyPath = ("sweep", "stages")

Values = Mapping[str, object]
"""Values by dotted key, e.g. `{"train.lr": 0.01}`."""

_NOT_TO_VARY = {
    "train.seed": "seeds are a stage of their own: set sweep.seeds",
    "train.metric": "runs are compared by it, so it is the same for all",
    "method.extra": "a table cannot be varied, nor a key in it: set it for each sweep",
}


def with_values(config: Config, values: Values) -> Config:
    """Make the configuration of a single run: these values set, without the table `[sweep]`.

    Raises:
        ValidationError: the tables do not agree.
    """
    tables = config.model_dump(exclude={"sweep"})
    for key, value in values.items():
        table, _, name = key.partition(".")
        tables[table][name] = value
    return Config.model_validate(tables, strict=True)


def value_of(config: Config, key: str) -> object:
    """Return the value of a dotted key."""
    table, _, name = key.partition(".")
    return getattr(getattr(config, table), name)


def check_sweep(config: Config) -> None:
    """See that there is a sweep, and that all it can come to are configurations.

    Of a search the ends of its ranges are tried.

    Raises:
        ConfigError: there is nothing to run, or tables do not agree; each disagreement once.
    """
    sweep = config.sweep or SweepTable()
    if not sweep.stages and not sweep.seeds:
        raise ConfigError(
            ["[sweep] has neither stages nor seeds, so there is nothing to run"],
            hint="See `prefprop presets --schema`.",
        )
    problems: dict[str, None] = {}
    for parts in product(*map(combinations_of, sweep.stages)):
        try:
            with_values(config, {key: value for part in parts for key, value in part.items()})
        except ValidationError as error:
            problems |= {f"sweep.stages: {reason}": None for reason in reasons(error)}
    if problems:
        raise ConfigError(list(problems), hint="See `prefprop presets --schema`.")


def reasons(error: ValidationError) -> list[str]:
    """What tables disagree about, a line each."""
    return [str(each.get("ctx", {}).get("error", each["msg"])) for each in error.errors()]


def combinations_of(space: Mapping[str, list[object] | Range]) -> Iterator[Values]:
    ends = ([v.low, v.high] if isinstance(v, Range) else v for v in space.values())
    for combination in product(*ends):
        yield dict(zip(space, combination, strict=True))


def takes_integers(key: str) -> bool:
    """Whether the values of a dotted key are integers."""
    return expected(tuple(key.split("."))).startswith("expected an integer")


def stage_problems(layer: Mapping[str, object]) -> list[str]:
    """What is wrong with the keys and values of the stages that a layer sets, one line each.

    Args:
        layer: tables by name; what is not even of the form of stages is passed over.
    """
    table = layer.get("sweep")
    others = SweepTable.model_fields.keys() - {"stages"}
    values = {k: v for k, v in table.items() if k not in others} if isinstance(table, dict) else {}
    try:
        sweep = SweepTable.model_validate(values, strict=True)
    except ValidationError as error:
        bounds = [each for each in error.errors() if "range" in each["loc"]]
        return list(dict.fromkeys(map(_range_problem, bounds)))
    return [
        f"{key}: {text}"
        for stage in sweep.stages
        for key, values in stage.items()
        for text in _key_problems(key, values)
    ]


def is_of_a_range(place: Sequence[int | str]) -> bool:
    """Whether a problem of pydantic is inside of the bounds of a stage."""
    return tuple(place[:2]) == STAGES and "range" in place


def _range_problem(problem: Mapping[str, Any]) -> str:
    bounds = "expected bounds, e.g. { low = 1e-4, high = 5e-2, log = true }"
    key, text = problem["loc"][2], problem.get("ctx", {}).get("error", bounds)
    return f"{key}: {_NOT_TO_VARY.get(key, text)}"


def _key_problems(key: str, values: Sequence[object] | Range) -> Iterator[str]:
    path = tuple(key.split("."))
    if key in _NOT_TO_VARY:
        yield _NOT_TO_VARY[key]
    elif len(path) != 2 or path[0] == STAGES[0]:
        yield "expected a key of the configuration with its table, e.g. train.lr"
    elif not is_key(path):
        yield unknown_key(path)
    else:
        if isinstance(values, Range):
            if takes_integers(key) and isinstance(values.step, float):
                yield f"expected a step that is an integer, found {values.step}"
            values = [values.low, values.high]
        right = [value for value in values if _is_taken(path, value)]
        wrong = (value for value in values if not _is_taken(path, value))
        yield from (f"{expected(path)}, found {found(value)}" for value in wrong)
        twice = (one for one, other in combinations(right, 2) if one == other)
        yield from (f"{found(value)} is there twice" for value in twice)


def _is_taken(path: KeyPath, value: object) -> bool:
    """Whether the key takes the value by itself, whatever the others say."""
    table, name = path
    try:
        Config.model_validate({table: {name: value}}, strict=True)
    except ValidationError as error:
        return all(problem["type"] == "value_error" for problem in error.errors())
    return True
