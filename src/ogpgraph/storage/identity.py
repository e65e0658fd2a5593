"""What the log is: its id, its epoch and its secret key, made once when the tables are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ogpgraph.storage.database import Database

CREATE_TABLE = """
create table if not exists log (
  one integer primary key check (one = 1),
  id text not null,
  epoch integer not null,
  redaction_epoch integer not null,
  text_key blob not null
)"""


@dataclass(frozen=True)
class Identity:
    """The log's id and epoch (a new one begins when a restored log goes on), the redaction epoch, the text key."""

    id: str
    epoch: int
    redaction_epoch: int
    text_key: bytes


def create_identity(database: Database, new_id: Callable[[], str], new_key: Callable[[], bytes]) -> None:
    """Give the log its identity unless it has one."""
    database.create(CREATE_TABLE)
    with database.write() as transaction:
        transaction.execute(
            "insert into log (one, id, epoch, redaction_epoch, text_key) values (1, :id, 1, 0, :key) "
            "on conflict do nothing",
            id=new_id(),
            key=new_key(),
        )


def read_identity(database: Database) -> Identity:
    """Return the log's identity."""
    with database.read() as transaction:
        row = transaction.row("select id, epoch, redaction_epoch, text_key from log")
    if row is None:
        raise LookupError("the log has no identity: run `ogpgraph migrate`")
    return Identity(row["id"], row["epoch"], row["redaction_epoch"], row["text_key"])
