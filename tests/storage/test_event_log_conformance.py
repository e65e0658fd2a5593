"""The log passes the tests that the eventsourcing library has for its recorders."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType
from typing import Any
from unittest import mock
from uuid import uuid4

from eventsourcing.persistence import StoredEvent

from ogpgraph.clock import system_clock
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.event_log import EventLog
from ogpgraph.storage.logged_event import LoggedEvent
from ogpgraph.system import migrate

# The module with the library's tests imports a cipher, which needs a package that is not installed.
cipher = ModuleType("eventsourcing.cipher")
cipher.AESCipher = object  # type: ignore[attr-defined]
with mock.patch.dict(sys.modules, {"eventsourcing.cipher": cipher}):
    from eventsourcing.tests.persistence import ApplicationRecorderTestCase


class UnversionedEventLog(EventLog):
    """The log for events whose topics have no version, as in the library's tests."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        return super().insert_events([replace(event, topic=f"{event.topic}.1") for event in stored_events], **kwargs)

    def select_events(self, originator_id: Any, **bounds: Any) -> list[LoggedEvent]:
        return [_without_version(event) for event in super().select_events(originator_id, **bounds)]

    def select_notifications(
        self, start: int | None, limit: int, stop: int | None = None, topics: Sequence[str] = (), **inclusive: Any
    ) -> list[LoggedEvent]:
        versioned = [f"{topic}.1" for topic in topics]
        return [_without_version(e) for e in super().select_notifications(start, limit, stop, versioned, **inclusive)]


def _without_version(event: LoggedEvent) -> LoggedEvent:
    return replace(event, topic=event.name)


class TestEventLog(ApplicationRecorderTestCase[EventLog]):
    def new_originator_id(self) -> str:
        return str(uuid4())

    def create_recorder(self) -> EventLog:
        url = f"sqlite:///{Path(mkdtemp()) / 'log.db'}"
        migrate(url)
        database = open_database(url)
        self.addCleanup(database.close)
        return UnversionedEventLog(database, system_clock)

    def test_performance(self) -> None:
        """The library's test asserts nothing: it prints durations."""
