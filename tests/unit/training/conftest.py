from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from prefprop_cli.training.events import Started, Step
from tests.helpers.toy import Toy


class Toys:
    """Builds the processes of a run; a folder is a run."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, run: str = "run", **options: float) -> Toy:
        return Toy(self.root / run, **options)

    @staticmethod
    def log(*processes: Toy) -> list[Step]:
        """The step rows of a run: each resumed process drops those beyond its checkpoint."""
        rows: list[Step] = []
        for process in processes:
            started = process.events[0]
            assert isinstance(started, Started)
            rows = rows[: started.step] + [e for e in process.events if isinstance(e, Step)]
        return rows


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return Toys(tmp_path)


@pytest.fixture(scope="module")
def lasting_toys(tmp_path_factory: pytest.TempPathFactory) -> Toys:
    """For a run that all tests of a module compare with, and none touches."""
    return Toys(tmp_path_factory.mktemp("toys"))
