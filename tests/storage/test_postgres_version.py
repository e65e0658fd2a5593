"""The version of a PostgreSQL database tells which transactions have ended, and is asked for without waiting."""

from __future__ import annotations

import select

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.storage.database import ConnectionLost, Database, DatabaseError, VersionChannel
from ogpgraph.storage.postgres import PostgresDatabase
from ogpgraph.storage.postgres_version import (
    MAX_ENDED,
    MAX_KNOWN,
    KnownTransactions,
    PostgresVersion,
    TransactionCommit,
)
from tests.conftest import ONLY_POSTGRES

WAIT_SECONDS = 10
FIRST = 100


def write(transaction: psycopg.Connection) -> int:
    """Begin a transaction that has a number; returns it."""
    transaction.execute("create table if not exists numbers (number bigint)")
    transaction.execute("insert into numbers values (1)")
    row = transaction.execute("select pg_current_xact_id()::text").fetchone()
    assert row
    return int(row[0])


def version_after(ended: frozenset[int], end: int, era: int = 1) -> PostgresVersion:
    """The version at which some transactions had ended, of all before one that had not begun."""
    in_progress = ",".join(str(each) for each in range(FIRST, end) if each not in ended)
    return PostgresVersion(era, f"{FIRST}:{end}:{in_progress}".encode())


def ask(channel: VersionChannel) -> object:
    channel.send()
    while (answer := channel.receive()) is None:
        assert select.select([channel], [], [], WAIT_SECONDS)[0]
    return answer


STEPS = st.lists(st.frozensets(st.integers(FIRST, FIRST + 12), max_size=5), min_size=2, max_size=6)


@given(steps=STEPS)
def test_what_ended_between_two_versions_is_told_by_them(steps: list[frozenset[int]]) -> None:
    ended = [frozenset[int]().union(*steps[: number + 1]) for number in range(len(steps))]
    versions = [version_after(each, max(each, default=FIRST - 1) + 1) for each in ended]
    for former, before in zip(ended, versions, strict=True):
        for later, after in zip(ended, versions, strict=True):
            if former <= later:
                assert after.find_ended_since(before) == later - former
                assert before.find_ended_since(after) == frozenset()


def test_versions_of_two_eras_and_those_far_apart_are_not_compared() -> None:
    ended = frozenset(range(FIRST, FIRST + 5))
    before = version_after(ended, FIRST + 5)
    assert version_after(ended, FIRST + 5, era=2).find_ended_since(before) is None
    assert PostgresVersion(1, f"{FIRST}:{FIRST + MAX_ENDED + 6}:".encode()).find_ended_since(before) is None


@given(steps=STEPS, own=st.frozensets(st.integers(FIRST, FIRST + 12)))
def test_a_version_is_covered_if_all_that_ended_since_is_known(
    steps: list[frozenset[int]], own: frozenset[int]
) -> None:
    known, ended = KnownTransactions(), steps[0]
    assert not known.covers(version_after(ended, FIRST + 13))
    known.begin(version_after(ended, FIRST + 13))
    for number in own - ended:
        known.add(TransactionCommit(number))
    for step in steps[1:]:
        ended |= step
        is_covered = ended <= steps[0] | own
        assert known.covers(version_after(ended, FIRST + 13)) == is_covered
        if not is_covered:
            return


def test_of_commits_that_nobody_asks_for_a_bounded_number_is_remembered() -> None:
    known = KnownTransactions()
    known.begin(version_after(frozenset(), FIRST))
    for number in range(MAX_KNOWN * 2 + 1):
        known.add(TransactionCommit(FIRST + number))
    assert len(known._since) <= MAX_KNOWN
    assert not known.covers(version_after(frozenset({FIRST}), FIRST + 1))


@ONLY_POSTGRES
def test_a_version_tells_exactly_which_transactions_have_ended(url: str, database: Database) -> None:
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        former, before = write(one), database.read_version()
        one.commit()
        later = [write(one)]
        one.commit()
        open_one = write(other)
        later.append(write(one))
        one.rollback()
        after = database.read_version()
        assert isinstance(before, PostgresVersion)
        assert isinstance(after, PostgresVersion)
        assert after.find_ended_since(before) == frozenset({former, *later})
        other.commit()
        last = database.read_version()
        assert isinstance(last, PostgresVersion)
        assert last.find_ended_since(after) == frozenset({open_one})
        assert database.read_version() == last


@ONLY_POSTGRES
def test_a_writing_transaction_knows_its_number_and_one_that_only_reads_has_none(database: Database) -> None:
    known = database.track_commits()
    known.begin(database.read_version())
    with database.write() as transaction:
        transaction.execute("create table numbers (number bigint)")
    assert not known.covers(database.read_version())
    assert transaction.commit is not None
    known.add(transaction.commit)
    assert known.covers(database.read_version())
    with database.write() as transaction:
        transaction.fetch_all("select number from numbers")
    assert transaction.commit is None
    assert known.covers(database.read_version())


@ONLY_POSTGRES
def test_a_channel_answers_when_its_file_is_readable(url: str, database: Database) -> None:
    database.read_version()
    channel = database.open_version_channel()
    assert channel is not None
    with psycopg.connect(url) as writer:
        for _ in range(3):
            assert channel.receive() is None
            write(writer)
            writer.commit()
            assert ask(channel) == database.read_version()
    channel.close()
    with pytest.raises(ConnectionLost):
        channel.send()


@ONLY_POSTGRES
def test_after_a_connection_was_lost_versions_are_those_of_another_era(url: str, database: Database) -> None:
    before = database.read_version()
    assert database.read_version() == before
    channel = database.open_version_channel()
    assert channel is not None
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
            "where application_name = 'ogpgraph version' and datname = current_database()"
        )
    with pytest.raises(ConnectionLost):
        ask(channel)
    after = database.read_version()
    assert isinstance(before, PostgresVersion)
    assert isinstance(after, PostgresVersion)
    assert after.era > before.era
    assert after.find_ended_since(before) is None


@ONLY_POSTGRES
def test_a_closed_database_is_asked_for_no_version(url: str) -> None:
    database = PostgresDatabase(url)
    database.read_version()
    database.close()
    with pytest.raises(DatabaseError, match="is closed"):
        database.read_version()
