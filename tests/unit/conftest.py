from collections.abc import Iterator

import pytest

from tests.helpers.ranks import Ranks


@pytest.fixture(scope="session")
def ranks() -> Iterator[Ranks]:
    """Two processes for all tests that need several: to start them takes seconds."""
    with Ranks.start(2) as both:
        yield both
