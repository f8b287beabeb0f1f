import re

from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.config.space import Range
from prefprop_cli.sweep.plan import Stage, make_stage, n_stages


def config(*stages: dict[str, list[object]], **table: object) -> Config:
    return Config(sweep=SweepTable(stages=list(stages), **table))


def settings(stage: Stage) -> list[dict[str, object]]:
    return [dict(point.settings) for point in stage.points]


def test_a_stage_is_the_product_of_its_keys_on_what_was_fixed():
    asked = config({"train.lr": [0.1]}, {"method.alpha": [1, 2], "train.epochs": [3, 4]})
    stage = make_stage(asked, 2, fixed={"train.lr": 0.1})
    assert tuple(stage.space) == ("method.alpha", "train.epochs")
    assert settings(stage) == [
        {"train.lr": 0.1, "method.alpha": alpha, "train.epochs": epochs}
        for alpha in (1.0, 2.0)
        for epochs in (3, 4)
    ]
    last = stage.points[-1].config
    assert (last.train.lr, last.method.alpha, last.train.epochs) == (0.1, 2, 4)
    assert last.sweep is None


def test_seeds_come_last():
    asked = config({"train.lr": [0.1, 0.2]}, seeds=[5, 3])
    assert n_stages(asked) == 2
    assert n_stages(config({"train.lr": [0.1]})) == 1
    stage = make_stage(asked, 2, fixed={"train.lr": 0.2})
    assert stage.is_of_seeds
    assert not make_stage(asked, 1, fixed={}).is_of_seeds
    assert [point.config.train.seed for point in stage.points] == [5, 3]
    assert [point.config.train.lr for point in stage.points] == [0.2, 0.2]


def test_only_searches_are_pruned():
    asked = config({"train.lr": [0.1]}, seeds=[1], pruner="median")
    assert make_stage(asked, 1, fixed={}).prunes
    assert not make_stage(asked, 2, fixed={}).prunes
    assert not make_stage(config({"train.lr": [0.1]}), 1, fixed={}).prunes


def test_the_same_configuration_has_the_same_digest():
    asked = config({"train.lr": [0.1]}, {"method.alpha": [0.005, 1]}, seeds=[0, 1])
    (first,) = make_stage(asked, 1, fixed={}).points
    default, other = make_stage(asked, 2, fixed={"train.lr": 0.1}).points
    same, seed = make_stage(asked, 3, fixed={"train.lr": 0.1, "method.alpha": 0.005}).points
    assert first.digest == default.digest == same.digest
    assert len({first.digest, other.digest, seed.digest}) == 3


def test_another_configuration_is_another_study():
    asked = config({"train.lr": [0.1]}, {"method.alpha": [1]})
    changed = asked.model_copy(update={"eval": asked.eval.model_copy(update={"bins": 3})})
    more = config({"train.lr": [0.1, 0.2]}, {"method.alpha": [1]})
    names = [make_stage(each, 1, fixed={}).study for each in (asked, changed, more)]
    names += [make_stage(asked, 2, fixed={"train.lr": lr}).study for lr in (0.1, 0.2)]
    assert len(set(names)) == 5
    assert names[0] == make_stage(asked, 1, fixed={}).study
    assert re.fullmatch("run-stage-1-[0-9a-f]{16}", names[0])


def test_a_later_stage_does_not_change_the_name_of_an_earlier_one():
    short, long = config({"train.lr": [0.1]}), config({"train.lr": [0.1]}, seeds=[1])
    assert make_stage(short, 1, fixed={}).study == make_stage(long, 1, fixed={}).study


def test_a_run_folder_has_a_readable_name_of_its_own():
    asked = config(
        {"train.lr": [1e-5], "data.source": ["../a b/c;d"], "method.alpha_per_head": [True]}
    )
    (point,) = make_stage(asked, 1, fixed={}).points
    assert re.fullmatch("lr=1e-05_source=..-a-b-c-d_alpha_per_head=true-[0-9a-f]{8}", point.folder)
    (long,) = make_stage(config({"data.source": ["x" * 999]}), 1, fixed={}).points
    assert len(long.folder) < 100


def test_bounds_make_a_search():
    bounds = {"train.lr": Range(low=1e-4, high=0.1, log=True), "method.kernel": ["none", "exp"]}
    search = make_stage(config(bounds, trials=7, seeds=[1]), 1, fixed={"train.epochs": 2})
    assert (search.points, search.n_trials, search.prunes) == ((), 7, True)
    assert not make_stage(config(bounds, pruner="none"), 1, fixed={}).prunes
    point = search.point({"train.lr": 0.01, "method.kernel": "exp"})
    assert (point.config.train.lr, point.config.train.epochs) == (0.01, 2)
    more = make_stage(config(bounds, trials=9), 1, fixed={"train.epochs": 2})
    assert more.study == search.study  # more trials are more of the same
    other = {**bounds, "train.lr": Range(low=1e-4, high=0.2, log=True)}
    assert make_stage(config(other), 1, fixed={"train.epochs": 2}).study != search.study
