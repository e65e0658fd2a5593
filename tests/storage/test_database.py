"""What both engines do alike: values, errors, transactions, and waiting for one another."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from ogpgraph.clock import to_microseconds
from ogpgraph.storage import postgres, sqlite, sqlite_readers
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import (
    Database,
    DataRejected,
    LockTimeout,
    StorageReadOnly,
    TablesMissing,
    UniqueViolation,
)
from ogpgraph.system import open_system
from tests.conftest import BOTH_ENGINES, DatabaseFactory, SystemFactory, TickingClock
from tests.support.writers import register_commitment

pytestmark = BOTH_ENGINES


# Statements


def test_texts_are_ordered_by_their_bytes(database: Database) -> None:
    names = ["é", "z", "Z", "a", "-a", "ß", "10", "9", "A b", "AB"]
    with database.write() as transaction:
        database.execute_ddl(transaction, "create table example (name text primary key)")
        transaction.insert("example", ["name"], [(name,) for name in names])
    with database.read() as transaction:
        found = [row["name"] for row in transaction.fetch_all("select name from example order by name")]
        after = transaction.fetch_value("select count(*) from example where name > :name", name="Z")
    assert found == sorted(names, key=str.encode)
    assert after == 4


def test_many_rows_and_few_are_inserted_alike(database: Database) -> None:
    with database.write() as transaction:
        database.execute_ddl(transaction, "create table pair (number bigint primary key, name text)")
        transaction.insert("pair", ["number", "name"], [(1, None), (2, "a\tb\\n\n")])
        transaction.insert("pair", ["number", "name"], [(number, "é\t") for number in range(3, 103)])
        transaction.insert("pair", ["number", "name"], [])
    with database.read() as transaction:
        rows = [tuple(row[name] for name in ("number", "name")) for row in transaction.fetch_all("select * from pair")]
    assert sorted(rows) == [(1, None), (2, "a\tb\\n\n"), *((number, "é\t") for number in range(3, 103))]


@pytest.mark.parametrize("number", [0, 1, 50, 51, 5_000])
def test_a_list_of_any_length_is_one_parameter(database: Database, number: int) -> None:
    rows = [(n, f"{n} é' \" \\\n:names") for n in range(5_000)]
    with database.write() as transaction:
        database.execute_ddl(transaction, "create table listed (number bigint primary key, name text)")
        transaction.insert("listed", ["number", "name"], rows)
    chosen = rows[:number]
    sql = "select number from listed where number in :numbers and name in :names and number >= :least order by number"
    numbers, names = tuple(each for each, _ in chosen), [each for _, each in reversed(chosen)]
    with database.read() as transaction:
        found = transaction.fetch_all(sql, numbers=numbers, names=tuple(names), least=3)
    assert [row["number"] for row in found] == [each for each in numbers if each >= 3]


@pytest.mark.parametrize("rows", [1, 100])
def test_existing_key_raises_a_unique_violation(database: Database, rows: int) -> None:
    with database.write() as transaction:
        database.execute_ddl(transaction, "create table pair (number bigint primary key, name text)")
        transaction.insert("pair", ["number"], [(0,)])
    with pytest.raises(UniqueViolation), database.write() as transaction:
        transaction.insert("pair", ["number"], [(number,) for number in range(rows)])
    with database.read() as transaction:
        assert transaction.fetch_value("select count(*) from pair") == 1


def test_number_that_is_too_large_is_rejected(database: Database) -> None:
    with pytest.raises(DataRejected), database.write() as transaction:
        transaction.execute("update projector set position = :huge", huge=2**70)


def test_error_rolls_the_transaction_back_and_leaves_the_connection_usable(database: Database) -> None:
    for _ in range(20):
        with suppress(ZeroDivisionError), database.write() as transaction:
            transaction.execute("update projector set position = 7")
            raise ZeroDivisionError
    with database.read() as transaction:
        assert transaction.fetch_value("select position from projector") == 0


@pytest.mark.parametrize("rows", [1, 100])
def test_failure_that_was_not_waited_for_is_raised_by_the_commit_at_the_latest(database: Database, rows: int) -> None:
    with database.write() as transaction:
        database.execute_ddl(transaction, "create table pair (number bigint primary key, name text)")

    def write_on_after_a_failure() -> None:
        with database.write() as transaction:
            for number in (500, 500):
                transaction.execute("insert into pair (number) values (:number)", number=number)
            transaction.insert("pair", ["number"], [(number,) for number in range(rows)])

    with pytest.raises(UniqueViolation):
        write_on_after_a_failure()
    with database.read() as transaction:
        assert transaction.fetch_value("select count(*) from pair") == 0


def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(StorageReadOnly), database.read() as transaction:
        transaction.execute("update projector set position = 7")


def test_reader_sees_one_state_of_the_database(url: str, database: Database) -> None:
    with open_system(url) as system, database.read() as transaction:
        assert transaction.fetch_value("select count(*) from event") == 0
        register_commitment(system, "FR0001")
        assert transaction.fetch_value("select count(*) from event") == 0
        assert transaction.fetch_all("select * from entry") == []


def test_database_without_tables_names_the_migrate_command(new_database: DatabaseFactory) -> None:
    database = open_database(new_database())
    try:
        with pytest.raises(TablesMissing, match="ogpgraph migrate"), database.read() as transaction:
            transaction.fetch_value("select count(*) from event")
    finally:
        database.close()


def test_only_durable_commits_are_synced(database: Database, engine: str) -> None:
    setting = {"sqlite": "PRAGMA synchronous", "postgres": "show synchronous_commit"}[engine]
    with database.write() as transaction:
        durable = transaction.fetch_value(setting)
    with database.append() as transaction:
        appended = transaction.fetch_value(setting)
    with database.write(durable=False) as transaction:
        not_durable = transaction.fetch_value(setting)
    assert (durable, appended, not_durable) == {"sqlite": (2, 2, 1), "postgres": ("on", "on", "off")}[engine]


# Concurrency


@pytest.mark.slow
def test_eight_processes_can_migrate_at_once(new_database: DatabaseFactory) -> None:
    url = new_database()
    command = [sys.executable, "-c", f"from ogpgraph.system import migrate; migrate({url!r})"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    problems = [process.communicate(timeout=60)[1] for process in processes]
    assert problems == [""] * 8
    with open_system(url) as system, system.database.read() as transaction:
        assert transaction.fetch_value("select count(*) from log") == 1
        assert transaction.fetch_value("select count(*) from projector") == 1


def test_writer_that_reads_first_waits_instead_of_failing(url: str) -> None:
    """A deferred transaction fails at once if another writer commits between its first read and its first write."""
    first, second = open_database(url), open_database(url)

    def add(database: Database) -> None:
        for _ in range(50):
            with database.append() as transaction:
                found = transaction.fetch_value("select redaction_version from log")
                transaction.execute("update log set redaction_version = :next", next=found + 1)

    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(add, [first, second]))
        with first.read() as transaction:
            assert transaction.fetch_value("select redaction_version from log") == 100
    finally:
        first.close()
        second.close()


def test_reader_gets_a_lock_timeout_when_all_connections_are_in_use(
    database: Database,
) -> None:
    if isinstance(database, sqlite.SQLiteDatabase):
        database._readers.timeout_seconds = 0.2
        most = sqlite_readers.MAX_READERS
    else:
        assert isinstance(database, postgres.PostgresDatabase)
        database._pool.timeout = 0.2
        most = postgres.POOL_SIZE
    released, entered = threading.Event(), threading.Barrier(most + 1)

    def hold() -> None:
        with database.read():
            entered.wait()
            released.wait()

    with ThreadPoolExecutor(most) as pool:
        held = [pool.submit(hold) for _ in range(most)]
        entered.wait()
        try:
            with pytest.raises(LockTimeout, match="no connection"), database.read():
                pass
        finally:
            released.set()
        for each in held:
            each.result()
    with database.read() as transaction:
        assert transaction.fetch_value("select count(*) from event") == 0


def test_entries_have_increasing_times_though_the_clock_goes_back(
    make_system: SystemFactory, clock: TickingClock
) -> None:
    system = make_system()
    register_commitment(system, "FR0001")
    clock.now -= timedelta(minutes=30)
    register_commitment(system, "FR0002")
    with system.database.read() as transaction:
        times = [row["recorded_at"] for row in transaction.fetch_all("select recorded_at from entry order by position")]
    assert times == sorted(set(times))
    assert times[-1] > to_microseconds(datetime(2026, 1, 1, tzinfo=UTC))


def test_database_stays_usable_when_its_space_is_released(database: Database) -> None:
    database.release_space()
    assert database.has_table("event")
