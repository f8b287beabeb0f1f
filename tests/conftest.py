import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.helpers.hub import hub, sets_hub  # noqa: F401 - fixtures for all

# Before torch is imported: threads that spin while they wait make a busy machine crawl.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A busy machine may take its time over an example: tests of speed measure CPU time.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

SHARED = Path(__file__).parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The real data and golden numbers beside the repository; skips where they are absent."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared, the real data and golden numbers beside the repository")
    return SHARED
