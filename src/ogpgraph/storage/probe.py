"""The probe of the storage: whether it can be written to, found out by writing a tiny row."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ogpgraph.storage.database import Database, DatabaseError, LockTimeout

PROBE_SECONDS = 3.0
"""How long a result is used again: a probe is a synced commit."""
LOCK_SECONDS = 1.0
MAX_BUSY_SECONDS = 10.0
"""Writers that are waited for are no failure before this time: an import may hold the lock for long."""

_CREATE_TABLE = (
    "create table if not exists storage_probe (one integer primary key check (one = 1), writes bigint not null)"
)
_WRITE = (
    "insert into storage_probe (one, writes) values (1, 1) "
    "on conflict (one) do update set writes = storage_probe.writes + 1"
)


class StorageProbe:
    """Writes to the database when it is asked for failures, but not more often than every few seconds."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._probed_at = float("-inf")
        self._succeeded_at = monotonic()
        self._failure: DatabaseError | None = None

    def find_failure(self) -> DatabaseError | None:
        """Return the error of writing at present, or at most a few seconds ago; None where writing succeeds."""
        with self._lock:
            if self._monotonic() - self._probed_at >= PROBE_SECONDS:
                self._failure = self._write()
                self._probed_at = self._monotonic()
            return self._failure

    def _write(self) -> DatabaseError | None:
        try:
            with self._database.write(lock_seconds=LOCK_SECONDS) as transaction:
                transaction.execute(_WRITE)
        except LockTimeout as error:
            return error if self._monotonic() - self._succeeded_at > MAX_BUSY_SECONDS else None
        except DatabaseError as error:
            return error
        self._succeeded_at = self._monotonic()
        return None


def create_probe_table(database: Database) -> None:
    """Create the table unless it exists."""
    database.apply_ddl(_CREATE_TABLE)
