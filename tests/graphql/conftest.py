from __future__ import annotations

from collections.abc import Iterator

import pytest

from ogpgraph.system import System, migrate, open_system
from tests.conftest import TickingClock
from tests.graphql.example_log import record_example, sequential_ids


@pytest.fixture(scope="session")
def example_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('example_system') / 'log.db'}"


@pytest.fixture(scope="session")
def example_system(example_url: str) -> Iterator[System]:
    """A record with something of everything, for tests that only read."""
    clock, new_id = TickingClock(), sequential_ids()
    migrate(example_url, clock=clock, new_id=new_id)
    with open_system(example_url, clock=clock, new_id=new_id) as system:
        record_example(system)
        yield system
