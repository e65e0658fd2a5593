"""What both engines must do alike, and the ways in which each of them is known to go wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from ogpgraph.storage import postgres, sqlite
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database, DataRejected, LockTimeout, TablesMissing, UniqueViolation
from ogpgraph.system import open_system
from tests.conftest import BOTH_ENGINES, DatabaseFactory, SystemFactory, TickingClock
from tests.support.writers import register_commitment

pytestmark = BOTH_ENGINES


# ------------------------------------------------------------------------------------------------------- one behaviour


def test_texts_are_ordered_by_their_bytes(database: Database) -> None:
    words = ["é", "z", "Z", "a", "-a", "ß", "10", "9", "A b", "AB"]
    with database.write() as transaction:
        database.execute_ddl(transaction, "create table word (word text primary key)")
        transaction.insert("word", ["word"], [(word,) for word in words])
    with database.read() as transaction:
        found = [row["word"] for row in transaction.fetch_all("select word from word order by word")]
        after = transaction.fetch_value("select count(*) from word where word > :word", word="Z")
    assert found == sorted(words, key=str.encode)
    assert after == 4


def test_many_rows_and_few_are_inserted_alike(database: Database) -> None:
    with database.write() as transaction:
        database.execute_ddl(transaction, "create table pair (number bigint primary key, word text)")
        transaction.insert("pair", ["number", "word"], [(1, None), (2, "a\tb\\n\n")])
        transaction.insert("pair", ["number", "word"], [(number, "é\t") for number in range(3, 103)])
        transaction.insert("pair", ["number", "word"], [])
    with database.read() as transaction:
        rows = [tuple(row[name] for name in ("number", "word")) for row in transaction.fetch_all("select * from pair")]
    assert sorted(rows) == [(1, None), (2, "a\tb\\n\n"), *((number, "é\t") for number in range(3, 103))]


@pytest.mark.parametrize("rows", [1, 100])
def test_a_key_that_is_taken_is_named_as_that(database: Database, rows: int) -> None:
    with database.write() as transaction:
        database.execute_ddl(transaction, "create table pair (number bigint primary key, word text)")
        transaction.insert("pair", ["number"], [(0,)])
    with pytest.raises(UniqueViolation), database.write() as transaction:
        transaction.insert("pair", ["number"], [(number,) for number in range(rows)])
    with database.read() as transaction:
        assert transaction.fetch_value("select count(*) from pair") == 1


def test_a_number_that_is_too_large_is_unacceptable(database: Database) -> None:
    with pytest.raises(DataRejected), database.write() as transaction:
        transaction.execute("update projector set position = :huge", huge=2**70)


def test_an_error_rolls_everything_back_and_the_connection_goes_on(database: Database) -> None:
    for _ in range(20):
        with suppress(ZeroDivisionError), database.write() as transaction:
            transaction.execute("update projector set position = 7")
            raise ZeroDivisionError
    with database.read() as transaction:
        assert transaction.fetch_value("select position from projector") == 0


@pytest.mark.parametrize("rows", [1, 100])
def test_a_failure_nobody_waited_for_is_raised_by_the_commit_and_nothing_is_kept(database: Database, rows: int) -> None:
    with database.write() as transaction:
        database.execute_ddl(transaction, "create table pair (number bigint primary key, word text)")

    def fail_and_go_on() -> None:
        with database.write() as transaction:
            for number in (500, 500):
                transaction.execute("insert into pair (number) values (:number)", number=number)
            transaction.insert("pair", ["number"], [(number,) for number in range(rows)])

    with pytest.raises(UniqueViolation):
        fail_and_go_on()
    with database.read() as transaction:
        assert transaction.fetch_value("select count(*) from pair") == 0


def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(DataRejected), database.read() as transaction:
        transaction.execute("update projector set position = 7")


def test_a_reading_sees_one_moment(url: str, database: Database) -> None:
    with open_system(url) as system, database.read() as transaction:
        assert transaction.fetch_value("select count(*) from event") == 0
        register_commitment(system, "FR0001")
        assert transaction.fetch_value("select count(*) from event") == 0
        assert transaction.fetch_all("select * from entry") == []


def test_what_was_never_migrated_says_so(new_database: DatabaseFactory) -> None:
    database = open_database(new_database())
    try:
        with pytest.raises(TablesMissing, match="ogpgraph migrate"), database.read() as transaction:
            transaction.fetch_value("select count(*) from event")
    finally:
        database.close()


def test_only_the_log_waits_for_the_disk(database: Database, engine: str) -> None:
    asked = {"sqlite": "PRAGMA synchronous", "postgres": "show synchronous_commit"}[engine]
    with database.write() as transaction:
        durable = transaction.fetch_value(asked)
    with database.append() as transaction:
        appended = transaction.fetch_value(asked)
    with database.write(durable=False) as transaction:
        soon = transaction.fetch_value(asked)
    assert (durable, appended, soon) == {"sqlite": (2, 2, 1), "postgres": ("on", "on", "off")}[engine]


# ------------------------------------------------------------------------------------------------------------- writers


def test_eight_processes_may_migrate_at_once(new_database: DatabaseFactory) -> None:
    url = new_database()
    command = [sys.executable, "-c", f"from ogpgraph.system import migrate; migrate({url!r})"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    problems = [process.communicate(timeout=60)[1] for process in processes]
    assert problems == [""] * 8
    with open_system(url) as system, system.database.read() as transaction:
        assert transaction.fetch_value("select count(*) from log") == 1
        assert transaction.fetch_value("select count(*) from projector") == 1


def test_a_writer_that_reads_first_waits_for_its_turn_instead_of_failing(url: str) -> None:
    """A deferred transaction would fail at once when somebody commits between its reading and its writing."""
    first, second = open_database(url), open_database(url)

    def add(database: Database) -> None:
        for _ in range(50):
            with database.append() as transaction:
                found = transaction.fetch_value("select redaction_epoch from log")
                transaction.execute("update log set redaction_epoch = :next", next=found + 1)

    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(add, [first, second]))
        with first.read() as transaction:
            assert transaction.fetch_value("select redaction_epoch from log") == 100
    finally:
        first.close()
        second.close()


def test_when_all_connections_are_in_use_one_waits_and_is_told(
    database: Database,
) -> None:
    if isinstance(database, sqlite.SQLiteDatabase):
        database._readers.timeout_seconds = 0.2
        most = sqlite.MAX_READERS
    else:
        assert isinstance(database, postgres.PostgresDatabase)
        database._pool.timeout = 0.2
        most = postgres.POOL_SIZE
    enough, entered = threading.Event(), threading.Barrier(most + 1)

    def hold() -> None:
        with database.read():
            entered.wait()
            enough.wait()

    with ThreadPoolExecutor(most) as pool:
        held = [pool.submit(hold) for _ in range(most)]
        entered.wait()
        try:
            with pytest.raises(LockTimeout, match="no connection"), database.read():
                pass
        finally:
            enough.set()
        for each in held:
            each.result()
    with database.read() as transaction:
        assert transaction.fetch_value("select count(*) from event") == 0


def test_recorded_time_goes_on_when_the_clock_goes_back(make_system: SystemFactory, clock: TickingClock) -> None:
    system = make_system()
    register_commitment(system, "FR0001")
    clock.now = clock.now.replace(year=2001)
    register_commitment(system, "FR0002")
    with system.database.read() as transaction:
        times = [row["recorded_at"] for row in transaction.fetch_all("select recorded_at from entry order by position")]
    assert times == sorted(set(times))
    assert times[-1] > "2026"


# --------------------------------------------------------------------------------------------------- lost connections
