from __future__ import annotations

import pytest

from ogpgraph.storage.database import Database
from ogpgraph.storage.event_log import EventLog
from tests.conftest import TickingClock


@pytest.fixture
def log(database: Database, clock: TickingClock) -> EventLog:
    """The log of the migrated database."""
    return EventLog(database, clock)
