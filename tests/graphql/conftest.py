from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ogpgraph.system import System, migrate, open_system
from tests.conftest import TickingClock
from tests.graphql.dated_log import DatedLog
from tests.graphql.example_log import record_example, sequential_ids
from tests.graphql.rated_log import record_rated_commitments


@pytest.fixture(scope="session")
def example_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('example_system') / 'log.db'}"


@pytest.fixture(scope="session")
def example_system(example_url: str) -> Iterator[System]:
    """A record that has something of everything, for tests that only read."""
    clock, new_id = TickingClock(), sequential_ids()
    migrate(example_url, clock=clock, new_id=new_id)
    with open_system(example_url, clock=clock, new_id=new_id) as system:
        record_example(system)
        yield system


@pytest.fixture(scope="session")
def rated_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A record of commitments whose ratings change over two years, for tests that only read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('rated_system') / 'log.db'}"
    clock, new_id = TickingClock(), sequential_ids()
    clock.now = datetime(2020, 3, 1, tzinfo=UTC)
    migrate(url, clock=clock, new_id=new_id)
    with open_system(url, clock=clock, new_id=new_id) as system:
        record_rated_commitments(system, clock)
        yield system


@pytest.fixture(scope="session")
def dated_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatedLog]:
    """A record of what changed over some years, recorded out of order, for tests that only read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('dated_log') / 'log.db'}"
    clock, new_id = TickingClock(), sequential_ids()
    migrate(url, clock=clock, new_id=new_id)
    with open_system(url, clock=clock, new_id=new_id) as system:
        yield DatedLog(system)
