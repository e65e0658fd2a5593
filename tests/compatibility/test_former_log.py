"""A log that the first milestone's program recorded is refused by name, and nothing is written to it.

The file is an SQL dump of a SQLite database. PostgreSQL gets the same tables and rows.
"""

from __future__ import annotations

import gzip
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from ogpgraph.storage.connect import open_database
from ogpgraph.storage.log_identity import UnsupportedLogFormat
from ogpgraph.storage.postgres_dialect import translate_ddl
from ogpgraph.system import migrate, open_system, require_migrated
from tests.conftest import BOTH_ENGINES, DatabaseFactory

pytestmark = BOTH_ENGINES

HERE: Final = Path(__file__).parent

TABLE_NAMES: Final = {
    "sqlite": "select name from sqlite_master where type = 'table'",
    "postgresql": "select tablename as name from pg_tables where schemaname = 'public'",
}
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def former() -> Iterator[sqlite3.Connection]:
    """The former database, in memory."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.executescript(gzip.decompress((HERE / "first-milestone.sql.gz").read_bytes()).decode())
    yield connection
    connection.close()


@pytest.fixture
def url(former: sqlite3.Connection, new_database: DatabaseFactory, engine: str) -> str:
    """The URL of a copy of the former database, not migrated yet."""
    url = new_database()
    copy_to_postgres(former, url) if engine == "postgres" else copy_to_sqlite(former, url)
    return url


def copy_to_sqlite(former: sqlite3.Connection, url: str) -> None:
    copy = sqlite3.connect(url.removeprefix("sqlite:///"))
    former.backup(copy)
    copy.close()


def copy_to_postgres(former: sqlite3.Connection, url: str) -> None:
    definitions = former.execute("select type, name, sql from sqlite_master where sql is not null order by type desc")
    tables = []
    with psycopg.connect(url) as copy:
        for kind, name, definition in definitions.fetchall():
            if name.startswith("sqlite_"):
                continue
            copy.execute(translate_ddl(definition.replace("CREATE ", "create ")).encode())
            tables += [name] if kind == "table" else []
        for table in tables:
            for row in rows_of(former, table):
                places = ", ".join(["%s"] * len(row))
                sql = f"insert into {table} ({', '.join(row)}) overriding system value values ({places})"
                copy.execute(sql.encode(), list(row.values()))
        copy.execute("select setval('event_position_seq', (select max(position) from event))")


def rows_of(former: sqlite3.Connection, table: str) -> Rows:
    return [dict(row) for row in former.execute(f"select * from {table}")]


def all_rows(url: str) -> dict[str, list[str]]:
    """Return the rows of every table, in a form that can be compared."""
    database = open_database(url)
    with database.read_autocommit() as transaction:
        tables = [row["name"] for row in transaction.fetch_all(TABLE_NAMES[url.partition(":")[0]])]
        rows = {table: transaction.fetch_all(f"select * from {table}") for table in tables}
    database.close()
    return {table: sorted(repr(dict(row)) for row in found) for table, found in rows.items()}


def open_and_close(url: str) -> None:
    with open_system(url):
        pass


@pytest.mark.parametrize("use", [migrate, require_migrated, open_and_close])
def test_former_log_is_refused_with_its_name_and_format_and_stays_as_it_is(
    url: str, use: Callable[[str], None]
) -> None:
    before = all_rows(url)
    with pytest.raises(UnsupportedLogFormat) as refusal:
        use(url)
    name = url.partition("?")[0].rpartition("/")[2]
    assert name in str(refusal.value)
    assert "a log of format 1, and this program reads format 2" in str(refusal.value)
    assert "`ogpgraph migrate`" in str(refusal.value)
    assert all_rows(url) == before
    assert len(before["event"]) > 50


@pytest.mark.parametrize(
    "command",
    [["migrate"], ["rebuild"], ["account", "list"], ["serve", "--port", "0"]],
    ids=" ".join,
)
def test_commands_refuse_a_former_log_in_one_line_with_exit_code_1(url: str, command: list[str]) -> None:
    program = "from ogpgraph.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, *command, "--database", url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("UnsupportedLogFormat: ")
    assert ended.stderr.count("\n") == 1
