from pathlib import Path

import pytest

from prefprop_cli.config.schema import Config, DataTable, ModelTable
from tests.helpers import project


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A backbone of two layers of 32 with a window of 8, and no dropout."""
    folder: Path = tmp_path_factory.mktemp("backbone")
    model = ModelTable(
        backbone=str(project.write_backbone(folder)), to_long=64, window=8, dropout=0.0
    )
    return Config(model=model, data=DataTable(max_length=64))
