"""The ways in which SQLite is known to go wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ogpgraph.storage import sqlite
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import DatabaseError, LockTimeout
from ogpgraph.storage.sqlite import has_wal_reset_bug


@pytest.mark.parametrize(
    "url", ["sqlite://:memory:", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&cache=shared"]
)
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(DatabaseError):
        open_database(url)


def test_after_a_failure_of_the_disk_nothing_more_is_written(url: str) -> None:
    """The disk fails by a limit on the size of files, which is lifted again: the refusal stays."""
    program = f"""
import resource, sqlite3
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import DatabaseError
database = open_database({url!r})
with database.write() as transaction:
    transaction.execute("create table filler (filling blob)")
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
try:
    with database.write() as transaction:
        transaction.execute("insert into filler values (zeroblob(8000000))")
except sqlite3.OperationalError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    with database.write() as transaction:
        transaction.execute("insert into filler values (zeroblob(8))")
except DatabaseError as error:
    print(error)
with database.read() as transaction:
    print(transaction.fetch_value("select count(*) from filler"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    first, second, count = done.stdout.splitlines()
    assert first == "disk I/O error"
    assert "nothing is written until the process restarts" in second
    assert count == "0"


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_versions_with_the_wal_reset_bug_are_known(version: tuple[int, int, int], affected: bool) -> None:
    assert has_wal_reset_bug(version) is affected


def test_a_writer_that_never_gets_its_turn_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOCK_TIMEOUT_SECONDS", 0.2)
    first, second = open_database(url), open_database(url)
    try:
        with first.write(), pytest.raises(LockTimeout, match="another process"), second.write():
            pass
        with second.write() as transaction:
            transaction.execute("update log set redaction_epoch = 3")
    finally:
        first.close()
        second.close()
