"""What a sweep has found so far: trials, stages and the leaderboard."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from prefprop_cli.config.sweep import Values
from prefprop_cli.sweep.plan import SEED, Stage
from prefprop_cli.tasks.metrics import LOWER_IS_BETTER, better


class SeedSpread(NamedTuple):
    """A metric over seeds; the sample standard deviation of one is None."""

    n: int
    mean: float
    sd: float | None


State = Literal["waiting", "running", "finished", "pruned", "failed"]


@dataclass(frozen=True)
class TrialRecord:
    """A run of a stage as the storage knows it."""

    stage: int
    values: Values
    """All settings of the sweep up to here, but the seed."""
    seed: int
    state: State = "waiting"
    metric: float | None = None
    """Best `train.metric` on validation; of a pruned run the best until then."""
    metrics: Mapping[str, float] | None = None
    """All validation metrics of that epoch."""
    run: Path | None = None
    """Run folder, on the machine that ran it."""
    host: str | None = None
    """That machine."""
    reused: bool = False
    """Whether an earlier stage ran it."""
    reason: str | None = None
    """Why it failed."""
    exit_code: int | None = None
    """Of that failure."""


@dataclass(frozen=True)
class Standing:
    """A stage with its trials: those of a grid in its order, those of a search as they began."""

    stage: Stage
    trials: tuple[TrialRecord, ...]

    def best(self, metric: str) -> TrialRecord | None:
        """The finished trial with the best metric, of equal ones the first; None if all failed."""
        best: TrialRecord | None = None
        for trial in self.trials:
            if trial.state == "finished" and trial.metric is not None:
                most = best.metric if best else None
                best = trial if better(metric, trial.metric, most) else best
        return best

    def ranked(self, metric: str) -> list[TrialRecord]:
        """Finished trials, best first, and then the others."""
        sign = 1 if metric in LOWER_IS_BETTER else -1
        return sorted(self.trials, key=lambda t: (t.state != "finished", sign * (t.metric or 0)))

    def settings(self, trial: TrialRecord) -> Values:
        """What tells a trial from the others of its stage."""
        values = {**trial.values, SEED: trial.seed}
        return {key: values[key] for key in self.stage.space}


@dataclass(frozen=True)
class Leaderboard:
    """All stages that were reached."""

    metric: str
    standings: tuple[Standing, ...]

    @property
    def best(self) -> TrialRecord | None:
        """The best trial of the last stage; None if all of it failed."""
        return self.standings[-1].best(self.metric)

    @property
    def seeds(self) -> SeedSpread | None:
        """The metric over seeds; None before the stage of the seeds."""
        last = self.standings[-1]
        found = [t.metric for t in last.trials if t.state == "finished" and t.metric is not None]
        if not last.stage.is_of_seeds or not found:
            return None
        sd = statistics.stdev(found) if len(found) > 1 else None
        return SeedSpread(len(found), statistics.fmean(found), sd)
