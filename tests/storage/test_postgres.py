"""The PostgreSQL engine: collations, lost connections and lost replies."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from ogpgraph.storage import postgres
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import ConnectionLost, DatabaseError, StorageUnavailable
from ogpgraph.storage.postgres_transaction import COPY_MIN_ROWS
from ogpgraph.system import open_system
from tests.conftest import ONLY_POSTGRES
from tests.support.proxy import Proxy
from tests.support.writers import change_title, register_commitment

PROJECTOR = ["name", "projection_version", "build", "log_position", "position", "frontier"]


pytestmark = ONLY_POSTGRES


def test_texts_are_compared_by_their_bytes_whatever_the_locale(url: str) -> None:
    """Columns without a collation of their own would be sorted by the server's locale."""
    with open_system(url) as system:
        system.rebuild()
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "select c.relname || '.' || a.attname, l.collname from pg_attribute a "
            "join pg_class c on c.oid = a.attrelid "
            "join pg_collation l on l.oid = a.attcollation where c.relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert len(columns) > 40
    assert [name for name, collation in columns if collation != "C"] == []


def test_command_whose_commit_reply_was_lost_returns_its_first_result(url: str) -> None:
    parameters = conninfo_to_dict(url)
    proxy = Proxy(Path(str(parameters["host"])) / ".s.PGSQL.5432")
    proxied = f"postgresql://{parameters['user']}@127.0.0.1:{proxy.port}/{parameters['dbname']}"
    try:
        with open_system(proxied) as system:
            register_commitment(system, "FR0001")
            for number, key in enumerate([None, "mine", None, "other"]):
                proxy.lose_next_reply()
                receipt = change_title(system, "FR0001", f"Title {number}", key)
                assert (len(receipt.events), receipt.repeated) == (1, False)
                assert receipt.result
                again = change_title(system, "FR0001", f"Title {number}", key) if key else None
                assert again is None or (again.events, again.repeated) == (receipt.events, True)
            with system.read_session() as session:
                assert session.head == 2 + 4
        assert proxy.lost == 4
    finally:
        proxy.close()


def test_dead_connections_are_replaced(url: str, postgres_server: str) -> None:
    with open_system(url) as system:
        register_commitment(system, "FR0001")
        for _ in range(3):
            with psycopg.connect(postgres_server, autocommit=True) as server:
                server.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ogpgraph'"
                )
            with system.read_session() as session:
                assert session.head == 2


def test_connection_lost_in_the_middle_of_writing_is_reported(url: str, postgres_server: str) -> None:
    """Repeated, as the server's last message is read before or after its closed connection is noticed."""
    database = open_database(url)

    def write() -> None:
        with database.write() as transaction:
            pid = transaction.fetch_value("select pg_backend_pid()")
            with psycopg.connect(postgres_server, autocommit=True) as server:
                server.execute("select pg_terminate_backend(%s)", [pid])
            transaction.execute("update projector set position = 7")

    try:
        for _ in range(30):
            with pytest.raises(ConnectionLost):
                write()
    finally:
        database.close()


def test_commit_answered_by_a_rollback_raises(url: str) -> None:
    database = open_database(url)

    def write() -> None:
        with database.write() as transaction:
            transaction.insert("projector", PROJECTOR, [(str(n), 2, 0, 0, 0, "") for n in range(COPY_MIN_ROWS)])
            with suppress(DatabaseError):
                transaction.execute("select 1 / 0")

    try:
        with pytest.raises(DatabaseError, match="was rolled back"):
            write()
    finally:
        database.close()


def test_connection_lost_in_the_middle_of_reading_is_reported(url: str, postgres_server: str) -> None:
    database = open_database(url)
    try:
        with database.read() as transaction:
            with psycopg.connect(postgres_server, autocommit=True) as server:
                server.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ogpgraph'"
                )
            with pytest.raises(ConnectionLost):
                transaction.fetch_value("select count(*) from event")
    finally:
        database.close()


def test_unreachable_server_is_reported_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "POOL_TIMEOUT_SECONDS", 0.5)
    database = open_database("postgresql://nobody:secret@127.0.0.1:1/nothing")
    try:
        with pytest.raises(DatabaseError) as refused, database.read():
            pass
        assert "secret" not in str(refused.value)
    finally:
        database.close()


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ("postgresql:///missing?host={host}&user=postgres", 'database "missing" does not exist'),
        ("postgresql:///any?host={host}&sslmode=s3cret", "invalid sslmode value: …"),
        ("postgresql:///any?host={host}&s3cret=1", "invalid URI query parameter: …"),
        ("postgresql://postgres:pass@s3cret@localhost.invalid/any", "failed to resolve host …"),
    ],
)
def test_why_there_is_no_connection_is_said_without_the_password(
    url: str, monkeypatch: pytest.MonkeyPatch, refused: str, reason: str
) -> None:
    monkeypatch.setattr(postgres, "POOL_TIMEOUT_SECONDS", 0.5)
    refused = refused.format(host=conninfo_to_dict(url)["host"])
    with closing(open_database(refused)) as database, pytest.raises(StorageUnavailable) as caught:
        database.query("select 1")
    assert reason in str(caught.value)
    assert "s3cret" not in str(caught.value)
