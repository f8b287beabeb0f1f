from pathlib import Path

import pytest

from prefprop_cli.report.scores import ScoredSet
from tests.helpers import finished

QUALITY = {"prefix-propagation": 1.6, "prefix-tuning": 0.9, "fine-tuning": 1.9}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three methods on Hyperpartisan: 4, 3 and 1 seeds."""
    folder = tmp_path_factory.mktemp("runs")
    for n_seeds, (method, quality) in zip((4, 3, 1), QUALITY.items(), strict=True):
        config = finished.config(method, model={"backbone": "here/longformer-base-4096"})
        for seed in range(n_seeds):
            finished.write(folder / f"{method}-{seed}", config, quality=quality, seed=seed)
    return folder


@pytest.fixture(scope="session")
def scored(runs: Path) -> ScoredSet:
    """The same, scored on the test split."""
    return finished.scored_in(runs)
