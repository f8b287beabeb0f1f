import pytest
import tomli
from pydantic import ValidationError

from prefprop_cli.config.load import dump_config, load_config
from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.config.sweep import stage_problems, value_of, with_values
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
