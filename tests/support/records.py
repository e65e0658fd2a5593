"""A record with something in each of its tables, and what a database holds of a record."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from ogpgraph.maintenance import Track
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.record import TABLES, decode_row, read_table
from ogpgraph.system import System, migrate, open_system
from tests.support.writers import change_title, register_commitment

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def fill_record(url: str, commitments: int = 4) -> None:
    """Migrate a database and record commitments with changed titles, persons, logins and tokens."""
    migrate(url)
    with open_system(url) as system:
        for number in range(commitments):
            register_commitment(system, f"FR{number:04}")
            change_title(system, f"FR{number:04}", f"Publish the register of owners {number} at owners@example.org")
            change_title(system, f"FR{number:04}", f"Veröffentlichung № {number}", key=f"key {number}")
        _leave_a_gap(system)
        register_commitment(system, "FR0100")
        fill_accounts(system)


def fill_accounts(system: System) -> None:
    """Add persons, logins and tokens, of which one is used and one is revoked."""
    accounts = system.accounts
    accounts.set_person("account-1", "Ana Pérez", "ana@example.org")
    accounts.set_person("account-2", None, None)
    accounts.link("https://issuer.example", "248289761001", "account-1")
    texts = iter(f"{n:064}" for n in range(10))

    def random_hex(count: int) -> str:
        return next(texts)[-2 * count :]

    tokens = [
        accounts.issue_token("account-1", now=NOW, lifetime=timedelta(days=1), random_hex=random_hex, label=label)
        for label in ("laptop", None)
    ]
    accounts.authenticate_token(tokens[0], NOW + timedelta(hours=1))
    accounts.revoke_tokens("account-1", now=NOW + timedelta(hours=2), prefix=tokens[1].split("_")[1])


def _leave_a_gap(system: System) -> None:
    """Leave a gap in the positions of the log, on an engine that does not give a number again after a failure."""

    class Failure(Exception):
        pass

    with suppress(Failure), system.database.append() as transaction:
        transaction.execute(
            "insert into event (stream, revision, topic, payload, recorded_at, leaf, save, command) "
            "values ('gap', 1, 'Gap.1', :empty, '', :empty, 1, null)",
            empty=b"",
        )
        transaction.fetch_one("select 1 as waited")
        raise Failure


def read_rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """Return table → rows of the record."""
    with closing(open_database(url)) as database, database.read_log() as transaction:
        return {
            name: [decode_row(table, row).values for row in read_table(transaction, table)]
            for name, table in TABLES.items()
        }


def read_digest(url: str) -> str:
    """Return the digest of the read model as it is."""
    with open_system(url) as system:
        return system.digest()


def ignore_progress(_part: str) -> Callable[[int, int], None]:
    return lambda _done, _total: None


no_track: Track = ignore_progress
