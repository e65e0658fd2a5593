"""The SQLite engine: URLs, the lock of writers, a failing disk, and closing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ogpgraph.storage import sqlite
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database, DatabaseError, LockTimeout, StorageUnavailable
from ogpgraph.storage.sqlite import has_wal_reset_bug, parse_sqlite_url
from ogpgraph.system import migrate, open_system
from tests.conftest import DatabaseFactory

SLOW_QUERY = "with recursive n(n) as (select 1 union all select n + 1 from n where n < 300000) select max(n) from n"


@pytest.mark.parametrize(
    "url", ["sqlite://:memory:", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&cache=shared"]
)
def test_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(DatabaseError):
        open_database(url)


def test_removed_file_is_not_used_until_it_is_back(url: str, database: Database) -> None:
    file = parse_sqlite_url(url)
    with database.write() as transaction:
        transaction.execute("update log set redaction_version = 1")
    file.rename(file.with_suffix(".away"))
    with pytest.raises(StorageUnavailable, match="was removed"), database.write() as transaction:
        transaction.execute("update log set redaction_version = 2")
    with pytest.raises(StorageUnavailable, match="was removed"), database.read():
        pass
    file.with_suffix(".away").rename(file)
    assert database.query("select redaction_version from log")[0]["redaction_version"] == 1
    with database.write() as transaction:
        transaction.execute("update log set redaction_version = 3")


def test_commit_to_a_file_that_was_removed_meanwhile_is_not_acknowledged(url: str, database: Database) -> None:
    def write() -> None:
        with database.write() as transaction:
            transaction.execute("update log set redaction_version = 2")
            parse_sqlite_url(url).unlink()

    with pytest.raises(StorageUnavailable, match="was removed"):
        write()


def test_file_in_place_of_the_opened_one_is_not_used(url: str, database: Database, tmp_path: Path) -> None:
    database.query("select 1 from log")
    file = parse_sqlite_url(url)
    shutil.copy(file, tmp_path / "copy.db")
    (tmp_path / "copy.db").rename(file)
    for use in (database.read, database.write):
        with pytest.raises(StorageUnavailable, match="which has to be opened anew"), use():
            pass


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
def test_versions_with_the_wal_reset_bug_are_recognized(version: tuple[int, int, int], affected: bool) -> None:
    assert has_wal_reset_bug(version) is affected


def test_writer_that_waits_too_long_gets_a_lock_timeout(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOCK_TIMEOUT_SECONDS", 0.2)
    first, second = open_database(url), open_database(url)
    try:
        with first.write(), pytest.raises(LockTimeout, match="another process"), second.write():
            pass
        with second.write() as transaction:
            transaction.execute("update log set redaction_version = 3")
    finally:
        first.close()
        second.close()


def test_close_waits_for_readers(database: Database) -> None:
    has_begun = threading.Event()

    def read() -> int:
        with database.read() as transaction:
            has_begun.set()
            return int(transaction.fetch_value(SLOW_QUERY))

    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(read)
        has_begun.wait()
        database.close()
        assert answer.done()
        assert answer.result() == 300000


def test_closed_database_cannot_be_read(url: str) -> None:
    database = open_database(url)
    database.close()
    database.close()
    with pytest.raises(DatabaseError), database.read():
        pass


def test_reader_that_outlasts_the_close_keeps_its_connection(url: str) -> None:
    database = open_database(url)
    assert isinstance(database, sqlite.SQLiteDatabase)
    database._readers.timeout_seconds = 0.0
    with database.read() as transaction:
        database.close()
        assert transaction.fetch_value("select count(*) from event") == 0
    assert database._readers._idle == []


def test_file_that_is_no_database_is_named(new_database: DatabaseFactory) -> None:
    url = new_database()
    Path(url.removeprefix("sqlite:///")).write_text("a page, and no database\n" * 100)
    with pytest.raises(DatabaseError, match=r"log\.db cannot be used: file is not a database"):
        migrate(url)


def fill(database: Database, rows: int) -> None:
    """Create a table with rows of a page each."""
    with database.write() as transaction:
        transaction.execute("create table filler (filling blob)")
        transaction.insert("filler", ["filling"], [(bytes(3_000),)] * rows)


def count_free_pages(url: str) -> int:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return int(connection.execute("pragma freelist_count").fetchone()[0])


def test_space_of_a_dropped_table_is_released_while_others_read_and_write(url: str, database: Database) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    before = path.stat().st_size
    fill(database, 3_000)
    with database.write() as transaction:
        transaction.execute("create table counter (number integer)")
        transaction.execute("drop table filler")
    assert path.stat().st_size > 12_000_000
    released = threading.Event()
    written = 0
    with ThreadPoolExecutor(1) as threads, closing(open_database(url)) as other:
        releasing = threads.submit(database.release_space)
        releasing.add_done_callback(lambda _: released.set())
        while not released.is_set():
            with other.write(durable=False) as transaction:
                transaction.execute("insert into counter values (:number)", number=written)
            written += 1
            assert other.query("select count(*) as n from counter")[0]["n"] == written
        releasing.result()
    assert written > 10
    assert count_free_pages(url) == 0
    database.close()
    assert path.stat().st_size < before + 200_000


def test_space_is_released_at_the_latest_when_a_long_reader_has_ended(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    with closing(open_database(url)) as database:
        fill(database, 1_000)
        with database.read() as reader:
            assert reader.fetch_value("select count(*) from filler") == 1_000
            with database.write() as transaction:
                transaction.execute("drop table filler")
            database.release_space()
            assert reader.fetch_value("select count(*) from filler") == 1_000
    assert path.stat().st_size < 1_000_000


def test_release_of_space_that_is_killed_leaves_a_whole_database(url: str) -> None:
    program = f"""
import os
from ogpgraph.storage import sqlite
from ogpgraph.storage.connect import open_database
database = open_database({url!r})
with database.write() as transaction:
    transaction.execute("create table filler (filling blob)")
    transaction.insert("filler", ["filling"], [(bytes(3_000),)] * 1_000)
with database.write() as transaction:
    transaction.execute("drop table filler")
steps = iter(range(3))
sqlite.time.sleep = lambda _: next(steps, None) is None and os._exit(9)
database.release_space()
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 9
    assert count_free_pages(url) > 100
    with closing(open_database(url)) as database:
        assert [row["integrity_check"] for row in database.query("pragma integrity_check")] == ["ok"]
        database.release_space()
    assert count_free_pages(url) == 0


def test_wal_does_not_stay_as_large_as_the_largest_transaction(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "WAL_LIMIT_BYTES", 100_000)
    wal = Path(url.removeprefix("sqlite:///") + "-wal")
    fill(database, 5_000)
    assert wal.stat().st_size > 10_000_000
    for _ in range(2):
        with database.write() as transaction:
            transaction.execute("insert into filler values (:filling)", filling=b"")
    assert wal.stat().st_size <= 100_000


def modes_of(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def test_the_files_of_a_database_are_for_their_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        url = f"sqlite:///{tmp_path / 'log.db'}"
        migrate(url)
        with open_system(url):
            names = ("log.db", "log.db-lock", "log.db-shm", "log.db-wal", "log.db.head")
            assert modes_of(tmp_path) == dict.fromkeys(names, 0o600)
    finally:
        os.umask(before)


def test_files_that_others_can_read_are_restricted_when_the_database_is_opened(url: str, tmp_path: Path) -> None:
    migrate(url)
    with open_system(url):
        for file in tmp_path.iterdir():
            file.chmod(0o664)
        with open_system(url):
            assert set(modes_of(tmp_path).values()) == {0o600}


def test_erasing_says_so_where_a_reader_keeps_the_wal(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOCK_TIMEOUT_SECONDS", 0.1)
    with database.write() as transaction:
        transaction.execute("create table note (text text)")
    with database.read() as reader:
        reader.fetch_all("select * from note")
        with pytest.raises(LockTimeout, match="-wal"), database.erase() as transaction:
            transaction.execute("insert into note values ('kept')")
    assert [row["text"] for row in database.query("select text from note")] == ["kept"]
