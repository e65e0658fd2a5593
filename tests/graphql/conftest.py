from __future__ import annotations

from collections.abc import Iterator

import pytest

from ogpgraph.system import System, migrate, open_system
from tests.conftest import Ticking
from tests.graphql.story import new_ids, tell


@pytest.fixture(scope="session")
def told_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('told') / 'log.db'}"


@pytest.fixture(scope="session")
def told(told_url: str) -> Iterator[System]:
    """A record with something of everything, for tests that only read."""
    clock, new_id = Ticking(), new_ids()
    migrate(told_url, clock=clock, new_id=new_id)
    with open_system(told_url, clock=clock, new_id=new_id) as system:
        tell(system)
        yield system
