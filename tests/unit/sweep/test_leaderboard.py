from pathlib import Path

import pytest

from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.sweep.leaderboard import Leaderboard, SeedSpread, Standing, State, TrialRecord
from prefprop_cli.sweep.plan import make_stage


def standing(*outcomes: tuple[State, float | None], seeds: bool = False) -> Standing:
    """A stage whose trials ended so; each run is named after its place."""
    n = len(outcomes)
    lrs: list[object] = [(place + 1) / 10 for place in range(n)]
    table = SweepTable(seeds=list(range(n))) if seeds else SweepTable(stages=[{"train.lr": lrs}])
    trials = (
        TrialRecord(
            stage=1,
            values={} if seeds else {"train.lr": lrs[place]},
            seed=place,
            state=state,
            metric=metric,
            run=Path(str(place)),
        )
        for place, (state, metric) in enumerate(outcomes)
    )
    return Standing(make_stage(Config(sweep=table), 1, fixed={}), tuple(trials))


@pytest.mark.parametrize(("metric", "best"), [("accuracy", "1"), ("nll", "0")])
def test_the_best_is_the_first_of_the_best_finished_ones(metric: str, best: str) -> None:
    found = standing(
        ("finished", 0.2), ("finished", 0.7), ("finished", 0.7), ("finished", 0.2),
        ("pruned", 0.9), ("pruned", 0.1), ("failed", None),
    ).best(metric)  # fmt: skip
    assert found is not None
    assert found.run == Path(best)


def test_there_is_no_best_of_failures() -> None:
    board = Leaderboard("nll", (standing(("failed", None), ("pruned", 0.1)),))
    assert board.best is None
    assert board.seeds is None


def test_ranks() -> None:
    outcomes = [("failed", None), ("finished", 0.1), ("pruned", 0.5), ("finished", 0.9)]
    ranked = {m: standing(*outcomes).ranked(m) for m in ("accuracy", "nll")}
    runs = {metric: [str(trial.run) for trial in trials] for metric, trials in ranked.items()}
    assert {metric: names[:2] for metric, names in runs.items()} == {
        "accuracy": ["3", "1"],
        "nll": ["1", "3"],
    }
    assert set(runs["nll"][2:]) == {"0", "2"}


def test_the_spread_is_over_the_seeds_that_finished() -> None:
    last = standing(("finished", 0.5), ("failed", None), ("finished", 0.7), seeds=True)
    spread = Leaderboard("nll", (standing(("finished", 9.0)), last)).seeds
    assert spread is not None
    assert (spread.n, spread.mean) == (2, pytest.approx(0.6))
    assert spread.sd == pytest.approx(0.02**0.5)
    one = Leaderboard("nll", (standing(("finished", 0.5), seeds=True),)).seeds
    assert one == SeedSpread(1, 0.5, None)


def test_the_spread_is_not_over_a_search() -> None:
    assert Leaderboard("nll", (standing(("finished", 0.5)),)).seeds is None


def test_what_tells_trials_apart() -> None:
    search, seeds = standing(("finished", 0.5)), standing(("finished", 0.5), seeds=True)
    assert search.settings(search.trials[0]) == {"train.lr": 0.1}
    assert seeds.settings(seeds.trials[0]) == {"train.seed": 0}
