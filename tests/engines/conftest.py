"""What the tests of the engines start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database
from ogpgraph.system import migrate
from tests.conftest import DatabaseFactory


@pytest.fixture
def url(new_database: DatabaseFactory) -> str:
    """The URL of a migrated database."""
    migrate(new_database())
    return new_database()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The migrated database, opened."""
    database = open_database(url)
    yield database
    database.close()
