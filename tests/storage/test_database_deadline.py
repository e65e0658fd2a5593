"""Statements are cancelled at the deadline of the transaction in which they run, and no others are."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from operator import methodcaller

import pytest

from ogpgraph.storage.database import Database, StatementCancelled, Transaction
from tests.conftest import BOTH_ENGINES, ONLY_POSTGRES

SECONDS = 0.3
GENEROUS_SECONDS = 30  # a loaded machine may be slow; without a deadline it would be hours
ENDLESS_STATEMENT = {
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as n from n",
    "postgres": "select count(*) as n from generate_series(1, 1000000000000) as one(i)",
}
OpenTransaction = Callable[[Database], AbstractContextManager[Transaction]]


@pytest.fixture(params=["read", "read_autocommit"])
def open_transaction(request: pytest.FixtureRequest) -> OpenTransaction:
    return methodcaller(request.param)


def set_deadline(transaction: Transaction, seconds: float) -> None:
    until = time.monotonic() + seconds
    transaction.set_deadline(lambda: time.monotonic() > until, seconds)


@BOTH_ENGINES
def test_a_statement_is_cancelled_at_the_deadline_and_its_connection_stays_usable(
    engine: str, database: Database, open_transaction: OpenTransaction
) -> None:
    for _ in range(2):
        began = time.monotonic()
        with open_transaction(database) as transaction:
            set_deadline(transaction, SECONDS)
            with pytest.raises(StatementCancelled):
                transaction.fetch_all(ENDLESS_STATEMENT[engine])
        assert SECONDS * 0.9 < time.monotonic() - began < GENEROUS_SECONDS
    for _ in range(20):
        with database.read() as transaction:  # and has no deadline any more
            assert transaction.fetch_value("select 1 as one") == 1


@BOTH_ENGINES
def test_a_streamed_statement_is_cancelled_at_the_deadline(
    engine: str, database: Database, open_transaction: OpenTransaction
) -> None:
    with open_transaction(database) as transaction:
        set_deadline(transaction, SECONDS)
        with pytest.raises(StatementCancelled):
            list(transaction.stream(ENDLESS_STATEMENT[engine]))


@ONLY_POSTGRES
def test_a_deadline_does_not_outlive_its_transaction(database: Database, open_transaction: OpenTransaction) -> None:
    show = "select current_setting('statement_timeout') as seconds"
    with open_transaction(database) as transaction:
        assert transaction.fetch_value(show) == "0"
        set_deadline(transaction, 7)
        assert transaction.fetch_value(show) == "7s"
        set_deadline(transaction, 5)
        assert transaction.fetch_value(show) == "5s"
    assert [row["seconds"] for row in database.query(show)] == ["0"]


@ONLY_POSTGRES
def test_with_a_deadline_each_statement_still_sees_what_was_committed_before_it(database: Database) -> None:
    count = "select count(*) as n from log"
    with database.read_autocommit() as transaction:
        set_deadline(transaction, 7)
        before = transaction.fetch_value(count)
        with database.write() as writer:
            writer.execute("delete from log")
        assert (before, transaction.fetch_value(count)) == (1, 0)
