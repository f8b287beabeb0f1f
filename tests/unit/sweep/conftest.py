import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.sweep.plan import Stage, make_stage
from prefprop_cli.sweep.storage import open_storage
from prefprop_cli.sweep.study import StageStudy, open_study

Opener = Callable[..., StageStudy]


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
    """Opens the study of a stage."""

    def opener(
        stage: Stage,
        *,
        metric: str = "nll",
        finished: Mapping[str, FrozenTrial] | None = None,
        storage: BaseStorage = storage,
        inputs: Mapping[str, object] | None = None,
    ) -> StageStudy:
        return open_study(
            storage,
            stage,
            metric=metric,
            epochs=3,
            finished=finished or {},
            inputs=inputs or {},
            pause=lambda: time.sleep(0.01),
        )

    return opener
