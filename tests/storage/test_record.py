"""The record covers every table and column that cannot be derived, and its rows are verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ogpgraph.maintenance import check
from ogpgraph.readmodel.tables import table_names
from ogpgraph.storage.database import Database
from ogpgraph.storage.log_identity import OtherLogShape
from ogpgraph.storage.record import (
    EVENT,
    STORED_TEXT,
    TABLES,
    DamagedRow,
    RecordRow,
    RecordVerifier,
    count_rows,
    decode_line,
    read_record,
)
from ogpgraph.system import migrate, open_system, require_migrated
from tests.conftest import BOTH_ENGINES
from tests.support.records import fill_record

DERIVED = {*table_names(), "aggregate_cache", "storage_probe"}
"""The tables that may be dropped: their rows are computed from the record, or only probe whether writing works."""
LEFT_OUT = {("log", "one"), ("log", "format")}
"""What every database has by itself."""
_SELECT_COLUMNS = {
    "sqlite": "select m.name as table_name, c.name as column_name from sqlite_master m "
    "join pragma_table_info(m.name) c where m.type = 'table' and m.name not like 'sqlite_%'",
    "postgres": "select table_name, column_name from information_schema.columns where table_schema = 'public'",
}


@BOTH_ENGINES
def test_the_record_has_every_column_of_every_table_that_is_not_derived(database: Database, engine: str) -> None:
    found = {(row["table_name"], row["column_name"]) for row in database.query(_SELECT_COLUMNS[engine])}
    kept = {(table, column) for table, column in found if table not in DERIVED} - LEFT_OUT
    assert kept == {(table.name, column) for table in TABLES.values() for column in table.columns}


@BOTH_ENGINES
def test_a_database_of_another_shape_is_refused_by_the_name_of_its_table(url: str, database: Database) -> None:
    """Programs between two releases may have written the same number of the format into other tables."""
    refused: list[Callable[[], object]] = [
        lambda: migrate(url),
        lambda: open_system(url).__enter__(),
        lambda: require_migrated(url),
        lambda: list(check(url, lambda _what: lambda _done, _total: None)),
    ]
    for number, table in enumerate(TABLES.values()):
        column = list(table.columns)[-1]
        database.apply_ddl(f"alter table {table.name} rename column {column} to former")
        with pytest.raises(OtherLogShape, match=rf"table {table.name} has other columns .*{column}.* import"):
            refused[number % len(refused)]()
        database.apply_ddl(f"alter table {table.name} rename column former to {column}")
    migrate(url)


@pytest.fixture
def rows(url: str, database: Database) -> list[RecordRow]:
    fill_record(url)
    with database.read_log() as transaction:
        rows = list(read_record(transaction))
        assert len(rows) == count_rows(transaction)
    return rows


def test_a_row_is_the_same_after_it_was_a_line(rows: list[RecordRow]) -> None:
    assert [decode_line(row.encode()) for row in rows] == rows
    assert {row.table.name for row in rows} == set(TABLES)


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("payload", '{"facts":{}}', "leaf hash"),
        ("stream", "commitment-x", "leaf hash"),
        ("topic", "CommitmentRevised", "leaf hash"),
        ("topic", "CommitmentRevised.2", "leaf hash"),
        ("recorded_at", "2026-01-01T00:00:00.000000Z", "leaf hash"),
        ("leaf", bytes(32), "leaf hash"),
        ("revision", 9, "leaf hash"),
        ("save", 1, "it is of save 1, after one of save"),
        ("payload", "\udc80", "not UTF-8"),
    ],
)
def test_a_changed_event_is_found(rows: list[RecordRow], column: str, value: Any, problem: str) -> None:
    number = next(n for n, row in enumerate(rows) if row.table is EVENT and row.values["position"] == 5)
    require_damaged([*rows[:number], change(rows[number], column, value), *rows[number + 1 :]], "event 5: ", problem)


def test_a_missing_event_is_found(rows: list[RecordRow]) -> None:
    without = [row for row in rows if row.values.get("position") != 2]
    require_damaged(without, "event 3: ", "in place of revision 1")


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("content", "Another text", "its reference"),
        ("salt", bytes(16), "its reference"),
        ("marks", "[", "marks"),
        ("marks", '[[1,2,"OTHER"]]', "marks"),
        ("marks", "\udc80", "UTF-8"),
    ],
)
def test_a_changed_text_is_found(rows: list[RecordRow], column: str, value: Any, problem: str) -> None:
    text = next(row for row in rows if row.table is STORED_TEXT)
    require_damaged([change(text, column, value)], f"stored_text {text.key}", problem)


def test_summaries_of_different_records_name_a_table(rows: list[RecordRow]) -> None:
    person = next(row for row in rows if row.table.name == "person")
    other = [change(row, "name", "Another") if row == person else row for row in rows]
    assert summarize(rows).find_difference(summarize(rows)) is None
    assert summarize(rows).find_difference(summarize(other)) == "person"
    assert summarize(rows).find_difference(summarize(rows[:-1])) == "event"


def summarize(rows: list[RecordRow]) -> Any:
    verifier = RecordVerifier()
    for row in rows:
        verifier.add(row)
    return verifier.summarize()


def change(row: RecordRow, column: str, value: object) -> RecordRow:
    return row._replace(values={**row.values, column: value})


def require_damaged(rows: list[RecordRow], key: str, problem: str) -> None:
    with pytest.raises(DamagedRow, match=key) as raised:
        summarize(rows)
    assert problem in str(raised.value)
