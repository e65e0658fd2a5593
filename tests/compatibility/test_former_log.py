"""A log that the first milestone's program recorded is opened by this program: the same events, rows and answers.

The file is an SQL dump of a SQLite database. PostgreSQL gets the same tables and rows.
"""

from __future__ import annotations

import gzip
import sqlite3
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from ogpgraph.domain.commitment import register_commitment
from ogpgraph.readmodel.tables import FORMER_PROJECTOR_TABLE
from ogpgraph.storage.event_log import LoggedEvent
from ogpgraph.storage.merkle import Frontier
from ogpgraph.storage.postgres import translate_ddl
from ogpgraph.system import System, migrate, open_system, require_migrated
from tests.conftest import BOTH_ENGINES, DatabaseFactory
from tests.graphql.mutations.client import MutationClient
from tests.readmodel.replay import check_against_replay
from tests.support.writers import command_context

pytestmark = BOTH_ENGINES

HERE: Final = Path(__file__).parent
RENAMINGS: Final[dict[str, dict[str, str]]] = tomllib.loads((HERE / "renamings.toml").read_text())
ACCOUNT: Final = "account-000117"
TOKEN: Final = "ogp_f5b16522b791_df6af1d8303e61cdc4bb86c3d1c427103c344c4189eb2f1e7bd5d47e446fcec2"

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


@pytest.fixture
def system(url: str) -> Iterator[System]:
    migrate(url)
    with open_system(url) as system:
        yield system


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


def former_rows(former: sqlite3.Connection, table: str) -> Rows:
    """The rows of a former table under the present names of its columns."""
    columns = RENAMINGS["columns"]
    return [
        {columns.get(f"{table}.{column}", column): value for column, value in row.items()}
        for row in rows_of(former, table)
    ]


def present_rows(system: System, table: str) -> Rows:
    rows = system.database.query(f"select * from {table}")
    return [{column: row[column] for column in row.keys()} for row in rows]  # noqa: SIM118 - one engine's rows are tuples


def in_order(rows: Rows) -> list[str]:
    """Rows in a form that can be compared in any order; it distinguishes numbers, texts and bytes."""
    return sorted(repr(sorted(row.items())) for row in rows)


def all_events(system: System) -> list[LoggedEvent]:
    return system.log.select_notifications(None, 1_000)


@pytest.mark.parametrize("table", ["event", "log", "wording", "token", "entry", "version", "tag"])
def test_rows_are_the_former_rows_under_the_listed_names(
    system: System, former: sqlite3.Connection, table: str
) -> None:
    expected = former_rows(former, table)
    assert len(expected) > 0
    assert in_order(present_rows(system, RENAMINGS["tables"].get(table, table))) == in_order(expected)


def test_projector_is_where_the_former_one_was(system: System, former: sqlite3.Connection) -> None:
    (expected,) = former_rows(former, "follower")
    (row,) = present_rows(system, RENAMINGS["tables"]["follower"])
    assert row | {"build": 0} == expected | {"build": 0}
    assert row["build"] > 0  # a rebuild wrote it


def test_former_tables_are_gone_and_every_listed_name_was_one_of_theirs(
    system: System, former: sqlite3.Connection
) -> None:
    for old, new in RENAMINGS["tables"].items():
        assert rows_of(former, old)
        assert not system.database.has_table(old)
        assert system.database.has_table(new)
    for old, new in RENAMINGS["columns"].items():
        table, column = old.split(".")
        assert column in rows_of(former, table)[0]
        assert new in present_rows(system, RENAMINGS["tables"].get(table, table))[0]


def test_leaves_and_roots_are_those_that_the_former_program_computed(
    system: System, former: sqlite3.Connection
) -> None:
    frontier, computed = Frontier(), []
    for event in all_events(system):  # each is verified against its leaf when it is read
        frontier = frontier.append(event.leaf)
        computed.append((event.leaf.hex(), frontier.root().hex()))
    entries = former.execute("select leaf, root from entry order by position").fetchall()
    assert computed == [tuple(row) for row in entries]
    with system.read_session() as session:
        assert session.at_head().root_hash == entries[-1]["root"]


def test_every_position_shows_what_its_events_say(system: System) -> None:
    check_against_replay(system)


def test_rebuild_gives_the_same_digest_again(system: System) -> None:
    before = system.digest()
    system.rebuild()
    assert system.digest() == before


def test_new_command_continues_the_log(system: System) -> None:
    before = len(all_events(system))
    receipt = system.execute(command_context(), lambda uow: register_commitment(uow, "UY1000", {"status": "ACTIVE"}))
    assert receipt.positions == (before + 1, before + 2)
    with system.read_session() as session:
        assert session.head == before + 2
        assert session.at_head().find_by_code("commitment", "UY1000")
    check_against_replay(system)


def test_former_idempotency_keys_return_their_receipts(system: System, former: sqlite3.Connection) -> None:
    client = MutationClient(system, ACCOUNT)
    translation: dict[str, Any] = {
        "commitment": "UY0901",
        "language": "fr",
        "translationKind": "MACHINE",
        "title": "Des phares ouverts",
        "reason": "For Jean Dupont, jean@gov.example",
        "idempotencyKey": "translate-1",
    }
    before = len(all_events(system))
    recorded = {
        row["command"].partition("/")[2]: row["position"]
        for row in former.execute(f"select command, position from event where command like '{ACCOUNT}/%'")
    }
    again = client.mutate("translateCommitment", **translation)
    assert [entry["position"] for entry in again["entries"]] == [recorded["translate-1"]]
    again = client.mutate(
        "registerCommitment",
        code="UY0999",
        actionPlan="URY-2018",
        title="A commitment of its own",
        idempotencyKey="register-1",
    )
    assert again["entries"][-1]["position"] == recorded["register-1"]
    refusal = client.expect_refusal("translateCommitment", **translation | {"title": "Autrement"})
    assert refusal[0] == "IDEMPOTENCY_KEY_REUSED"
    assert len(all_events(system)) == before


def test_former_token_still_opens_its_account(system: System) -> None:
    assert system.accounts.authenticate_token(TOKEN, system.clock()) == ACCOUNT


def test_former_database_is_refused_until_it_is_migrated(url: str) -> None:
    with pytest.raises(Exception, match="another version wrote the read model: run `ogpgraph migrate`"):
        require_migrated(url)


def test_migration_that_was_interrupted_leaves_the_former_rows_and_can_be_repeated(
    url: str, former: sqlite3.Connection
) -> None:
    def interrupt(_position: int, _head: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(url, progress=interrupt)
    with open_system(url) as system:
        assert in_order(present_rows(system, FORMER_PROJECTOR_TABLE)) == in_order(rows_of(former, "follower"))
        assert in_order(present_rows(system, "version")) == in_order(rows_of(former, "version"))
    migrate(url)
    migrate(url)
    with open_system(url) as system:
        assert in_order(present_rows(system, "version")) == in_order(former_rows(former, "version"))
