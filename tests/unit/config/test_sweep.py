import pytest
import tomli
from pydantic import ValidationError

from prefprop_cli.config.load import dump_config, load_config
from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.config.space import Range
from prefprop_cli.config.sweep import (
    check_sweep,
    stage_problems,
    takes_integers,
    value_of,
    with_values,
)
from prefprop_cli.errors import ConfigError

PAPER = """
[sweep]
stages = [
  { "train.lr" = [1e-2, 5e-2], "method.name" = ["prefix-tuning", "combined"] },
  { method.alpha = [1e-2, 4e-2] },
]
seeds = [0, 1, 2]
pruner = "median"
"""


def problems(toml: str) -> list[str]:
    with open("x.toml", "w") as file:
        file.write(toml)
    with pytest.raises(ConfigError) as caught:
        load_config(preset="x.toml")
    return list(caught.value.problems)


def sweep(toml: str) -> SweepTable:
    with open("x.toml", "w") as file:
        file.write(toml)
    found = load_config(preset="x.toml").config.sweep
    assert found is not None
    return found


def test_keys_with_and_without_quotes_are_the_same():
    assert sweep(PAPER).stages == [
        {"train.lr": [0.01, 0.05], "method.name": ["prefix-tuning", "combined"]},
        {"method.alpha": [0.01, 0.04]},
    ]


def test_stages_may_be_written_as_tables():
    tables = "[[sweep.stages]]\ntrain.lr = [0.1]\n[[sweep.stages]]\n'method.alpha' = [1.0]\n"
    assert sweep(tables).stages == [{"train.lr": [0.1]}, {"method.alpha": [1.0]}]


def test_the_table_comes_back_from_what_is_written():
    sweep(PAPER)
    loaded = load_config(preset="x.toml")
    assert tomli.loads(loaded.toml)["sweep"]["seeds"] == [0, 1, 2]
    with open("again.toml", "w") as file:
        file.write(loaded.toml)
    assert load_config(preset="again.toml").config == loaded.config


def test_a_later_layer_replaces_the_stages():
    sweep(PAPER)
    changed = load_config(preset="x.toml", overrides=['sweep.stages=[{"train.lr"=[0.5]}]']).config
    assert changed.sweep == SweepTable(
        stages=[{"train.lr": [0.5]}], seeds=[0, 1, 2], pruner="median"
    )


def test_a_single_run_has_no_such_table():
    config = Config(sweep=SweepTable(seeds=[1]))
    single = with_values(config, {"train.seed": 1, "method.alpha": 1, "train.patience": 3})
    assert "sweep" not in tomli.loads(dump_config(single))
    assert (single.train.seed, single.train.patience) == (1, 3)
    assert single.train.lr == config.train.lr
    assert repr(value_of(single, "method.alpha")) == "1.0"


def test_values_that_do_not_agree_are_no_configuration():
    with pytest.raises(ValidationError, match="decomposes a prefix"):
        with_values(Config(), {"method.name": "head-only", "method.kernel": "exp"})


@pytest.mark.parametrize(
    ("grid", "problem"),
    [
        ('"train.epohcs" = [1]', "train.epohcs: unknown key - did you mean `train.epochs`?"),
        ('"train.lr" = [0.1, 2]', "train.lr: expected a number (0 < lr < 1), found 2"),
        ('"train.lr" = ["x"]', 'train.lr: expected a number (0 < lr < 1), found "x"'),
        ('"train.epochs" = [1.0, 1]', "train.epochs: expected an integer (0 < epochs), found 1.0"),
        ('"train.lr" = [0.1, 0.2, 0.1]', "train.lr: 0.1 is there twice"),
        ('"train.seed" = [1]', "train.seed: seeds are a stage of their own: set sweep.seeds"),
        (
            '"train.metric" = ["nll"]',
            "train.metric: runs are compared by it, so it is the same for all",
        ),
        (
            '"method.extra" = [{ start = 1 }, { start = 2 }]',
            "method.extra: a table cannot be varied, nor a key in it",
        ),
        ("method.extra.start = [1, 2]", "method.extra: a table cannot be varied, nor a key in it"),
        ('"sweep.seeds" = [[1]]', "sweep.seeds: expected a key of the configuration with its"),
        ('name = ["a"]', "name: expected a key of the configuration with its table, e.g. train.lr"),
        ('"a.b.c" = [1]', "a.b.c: expected a key of the configuration with its table"),
        ('"model.to_long.x" = [1]', "model.to_long.x: expected a key of the configuration"),
    ],
)
def test_what_is_wrong_with_a_stage(grid, problem):
    (line,) = problems(f"\n[sweep]\nseeds = [1]\nstages = [{{ {grid} }}]\n")
    assert line.startswith(f"x.toml:4:1  sweep.stages: {problem}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("stages = 3", "sweep.stages: expected an array, found 3"),
        ("stages = [3]", "sweep.stages: expected a table that is not empty, found 3"),
        ("stages = [{}]", "sweep.stages: expected a table that is not empty, found a table"),
        (
            '[[sweep.stages]]\n"train.lr" = []',
            "sweep.stages: expected an array that is not empty, found an array",
        ),
        ("seeds = [-1]", "sweep.seeds: expected an integer (0 <= seeds < 4294967296), found -1"),
        ("seeds = [2, 2]", "sweep: seeds = [2, 2] has one twice; each is a run of its own"),
        ("seed = 3", "sweep.seed: unknown key - did you mean `sweep.seeds`?"),
        ("pruner = 1", "sweep.pruner: expected one of auto, none, median, found 1"),
        (
            "seeds = { low = 1, high = 3 }",
            "sweep.seeds: expected an array, found a table",
        ),
        (
            "pruner = { low = 1, high = 3 }",
            "sweep.pruner: expected one of auto, none, median, found a table",
        ),
        (
            "trials = { low = 1, high = 3 }",
            "sweep.trials: expected an integer (0 < trials), found a table",
        ),
        ("trials.x.low = 1", "sweep.trials: expected an integer (0 < trials), found a table"),
        ("stages = { low = 1, high = 3 }", "sweep.stages: expected an array, found a table"),
    ],
)
def test_what_is_wrong_with_the_table(line, problem):
    (found,) = problems(f"[sweep]\n{line}\n")
    assert found.startswith("x.toml:2:1  " if "[[" not in line else "x.toml:2:9  ")
    assert found.endswith(problem)


def test_all_problems_of_all_stages_at_once():
    lines = problems(
        "[sweep]\npruner = 'x'\nstages = [\n{ train.lr = [5, 'a'] },\n{ method.alph = [1] }]\n"
        "[train]\nlr = 9\n"
    )
    assert [line.split("  ", 1) for line in lines] == [
        ["x.toml:2:1", 'sweep.pruner: expected one of auto, none, median, found "x"'],
        ["x.toml:3:1", "sweep.stages: train.lr: expected a number (0 < lr < 1), found 5"],
        ["x.toml:3:1", 'sweep.stages: train.lr: expected a number (0 < lr < 1), found "a"'],
        ["x.toml:3:1", "sweep.stages: method.alph: unknown key - did you mean `method.alpha`?"],
        ["x.toml:7:1", "train.lr: expected a number (0 < lr < 1), found 9"],
    ]


def test_what_is_no_table_is_for_others_to_say():
    assert stage_problems({"sweep": 3}) == []
    assert stage_problems({"sweep": {"stages": [3]}}) == []
    assert stage_problems({}) == []


def varying(*stages: dict[str, object]) -> Config:
    return Config(sweep=SweepTable(stages=list(stages)))


@pytest.mark.parametrize("asked", [Config(), varying()])
def test_there_is_something_to_run(asked):
    with pytest.raises(ConfigError, match="neither stages nor seeds"):
        check_sweep(asked)


def test_all_that_a_sweep_can_come_to_is_checked_before():
    names = {"method.name": ["prefix-tuning", "head-only", "fine-tuning"]}
    kernels = {"method.kernel": ["none", "exp"], "model.window": [511, 512]}
    with pytest.raises(ConfigError) as caught:
        check_sweep(varying(names, kernels))
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        "sweep.stages: window = 511 is odd",
        'sweep.stages: method.kernel = "exp" decomposes a prefix, and method.name = "head-only" '
        'has none. Use kernel = "none"',
        'sweep.stages: method.kernel = "exp" decomposes a prefix, and method.name = "fine-tuning" '
        'has none. Use kernel = "none"',
    ]
    check_sweep(varying({"method.name": ["prefix-tuning"]}, {"method.kernel": ["none", "exp"]}))


def test_of_bounds_the_ends_are_checked_before():
    windows = {"model.window": Range(low=2, high=511), "method.kernel": ["none", "exp"]}
    with pytest.raises(ConfigError, match="window = 511 is odd"):
        check_sweep(varying(windows))
    check_sweep(varying({"model.window": Range(low=2, high=512, step=2)}))


BOUNDS = "{ low = 1e-4, high = 5e-2, log = true }"
SEARCH = {"train.lr": Range(low=1e-4, high=5e-2, log=True)}


@pytest.mark.parametrize("key", ["lr", "train.lr", "'train.lr'", "stages = [{ train.lr", "own"])
def test_bounds_are_a_search_wherever_they_are(key):
    line = f"{key} = {BOUNDS}" + (" }]" if "stages" in key else "")
    found = sweep(f"[sweep.train]\nlr = {BOUNDS}\n" if key == "own" else f"[sweep]\n{line}\n")
    assert (found.stages, found.trials) == ([SEARCH], 20)


def test_own_bounds_come_first_and_in_place_of_other_values_of_the_key():
    sweep(PAPER)
    again = load_config(preset="x.toml", overrides=[f"sweep.lr={BOUNDS}", "sweep.trials=3"])
    assert again.config.sweep.stages == [
        SEARCH,
        {"method.name": ["prefix-tuning", "combined"]},
        {"method.alpha": [0.01, 0.04]},
    ]
    with open("again.toml", "w") as file:
        file.write(again.toml)
    assert load_config(preset="again.toml").config == again.config


def test_bounds_beside_values_in_one_stage():
    found = sweep(f'[sweep]\nstages = [{{ "train.lr" = {BOUNDS}, method.kernel = ["exp"] }}]\n')
    assert found.stages == [{**SEARCH, "method.kernel": ["exp"]}]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("lr = { low = 0.1, high = 0.01 }", "train.lr: low = 0.1 is not below high = 0.01"),
        ("lr = { low = 0.1, high = 5 }", "train.lr: expected a number (0 < lr < 1), found 5"),
        (
            "lr = { low = 0.1 }",
            "train.lr: expected bounds, e.g. { low = 1e-4, high = 5e-2, log = true }",
        ),
        ("lr = { low = 0.1, hgih = 0.2 }", "train.lr: expected bounds, e.g. { low = 1e-4, high"),
        ("warmup = { low = 0, high = 0.5, log = true }", "train.warmup: log = true needs low > 0"),
        (
            "epochs = { low = 1, high = 9, step = 0.5 }",
            "train.epochs: expected a step that is an integer, found 0.5",
        ),
        ("epochs = { low = 1.5, high = 9 }", "train.epochs: expected an integer (0 < epochs), f"),
        ("kernel = { low = 1, high = 2 }", "method.kernel: expected one of none, "),
        ("extra = { low = 1, high = 2 }", "method.extra: a table cannot be varied, nor a key in"),
        (
            "lr = { low = 0.001, high = 0.002, step = 0.0003 }",
            "train.lr: step = 0.0003 does not divide 0.001 to 0.002, as it must; "
            "high = 0.0019 would fit",
        ),
        (
            "alpha = { low = 1, high = 2, step = 5 }",
            "method.alpha: step = 5 does not divide 1 to 2, as it must; take a smaller one",
        ),
        (
            "epochs = { low = 1, high = 10, step = 4 }",
            "train.epochs: step = 4 does not divide 1 to 10, as it must; high = 9 would fit",
        ),
        (
            "alpha = { low = 0, high = 1, step = 1e-300 }",
            "method.alpha: step = 1e-300 is too small for 0 to 1",
        ),
        ("alpha = { low = 0, high = 1, step = 0 }", "method.alpha: step = 0 is too small for 0"),
        ("lrr = { low = 1, high = 2 }", "lrr: expected a key of the configuration with its table"),
    ],
)
def test_what_is_wrong_with_bounds(line, problem):
    found = problems(f"[sweep]\n{line}\n")
    assert found[0].startswith(f"x.toml  sweep.stages: {problem}")
    assert len(found) == (2 if "kernel" in line else 1)


@pytest.mark.parametrize(
    ("low", "high", "step"), [(0.1, 0.3, 0.1), (1e-4, 5e-2, 1e-4), (-1, 0.4, 0.7), (2, 10, 4)]
)
def test_a_step_divides_as_it_is_written(low, high, step):
    assert Range(low=low, high=high, step=step).high == high


def test_which_keys_take_integers():
    keys = ("train.epochs", "method.prefix_length", "train.lr", "method.alpha", "train.patience")
    assert [takes_integers(key) for key in keys] == [True, True, False, False, True]
