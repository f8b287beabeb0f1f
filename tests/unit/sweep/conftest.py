from collections.abc import Callable, Mapping
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from prefprop_cli.config.schema import Config, SweepTable, TrainTable
from prefprop_cli.sweep.plan import Stage, make_stage
from prefprop_cli.sweep.storage import open_storage
from prefprop_cli.sweep.study import OWNER, RESULT, StageStudy, open_study

Opener = Callable[..., StageStudy]
Begin = Callable[..., optuna.Trial]
End = Callable[..., None]


@pytest.fixture
def config() -> Config:
    table = SweepTable(
        stages=[{"train.lr": [0.1, 0.2, 0.3]}, {"method.alpha": [0.005, 1]}], seeds=[0, 4]
    )
    return Config(name="tiny", sweep=table)


@pytest.fixture
def stage(config: Config) -> Stage:
    return make_stage(config, 1, fixed={})


@pytest.fixture(params=["journal", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A storage of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sweep.db'}"
    return str(tmp_path / "sweep.journal")


@pytest.fixture
def storage(place: str) -> BaseStorage:
    return open_storage(place)


@pytest.fixture
def opened(storage: BaseStorage) -> Opener:
    """Opens the study of a stage, with its trials."""

    def opener(
        stage: Stage,
        *,
        metric: str = "nll",
        finished: Mapping[str, FrozenTrial] | None = None,
        storage: BaseStorage = storage,
        inputs: Mapping[str, object] | None = None,
    ) -> StageStudy:
        train = TrainTable.model_validate({"metric": metric, "epochs": 3})
        study = open_study(storage, stage, train=train, inputs=inputs or {})
        study.fill(finished or {})
        return study

    return opener


@pytest.fixture
def begin() -> Begin:
    """Have a trial begun, as Optuna hands it out, by a process that then dies."""

    def begins(study: StageStudy, *, host: str = "here", run: object = "/runs/a") -> optuna.Trial:
        begun = []

        def dies(trial: optuna.Trial) -> float:
            study.suggest(trial)
            trial.set_user_attr(OWNER, {"host": host, "pid": 1, "run": str(run)})
            begun.append(trial)
            raise SystemExit

        with pytest.raises(SystemExit):
            study.optimize(dies, on_end=lambda record: None)
        return begun[0]

    return begins


@pytest.fixture
def end() -> End:
    """Note how a trial ended, as Optuna does."""

    def ends(
        study: StageStudy, trial: optuna.Trial, value: float | None = None, **result: object
    ) -> None:
        if result:
            trial.set_user_attr(RESULT, result)
        state = optuna.trial.TrialState.FAIL if value is None else None
        study.study.tell(trial, value, state)

    return ends
