"""The log's identity: its id, the format of what it stores, and its key for the references of texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ogpgraph.storage.database import Database, DatabaseError, Row, Transaction

LOG_FORMAT = 2
"""The format of the log's rows and of the bytes that a leaf hash covers."""
FIRST_FORMAT = 1
"""The format of a log that does not name one."""
KEY_BYTES = 32
"""The length of the key for the references of texts."""
UNFINISHED_FORMAT = -1
"""The format of a log that is being restored or copied into the database; no program opens it before that is done."""

CREATE_LOG_TABLE = """
create table if not exists log (
  one integer primary key check (one = 1),
  format integer not null,
  id text not null,
  redaction_version integer not null,
  text_key blob not null
)"""


# By one statement, for another process may give the log its identity, and record something, between two.
_SELECT_ORPHAN = "select 1 as found from event where not exists (select 1 from log) limit 1"


class UnsupportedLogFormat(DatabaseError):
    """The database holds a log of another format, which this program neither reads nor changes."""

    def __init__(self, database: str, log_format: int) -> None:
        super().__init__(
            f"{database} holds a log of format {log_format}, and this program reads format {LOG_FORMAT}: "
            "create a new database with `ogpgraph migrate` and import everything again into it"
        )


class OtherLogShape(UnsupportedLogFormat):
    """A table of the log has other columns: an unfinished version of the program created it."""

    def __init__(self, database: str, table: str, reason: str) -> None:
        DatabaseError.__init__(
            self,
            f"{database} holds a log of format {LOG_FORMAT} whose table {table} has other columns than this program "
            f"reads ({reason}): create a new database with `ogpgraph migrate` and import everything again into it",
        )


class UnfinishedTransfer(UnsupportedLogFormat):
    """A log was being restored or copied into the database, and is not complete."""

    def __init__(self, database: str) -> None:
        DatabaseError.__init__(
            self,
            f"{database} holds a log that is not complete: `ogpgraph restore` or `ogpgraph copy` is still running, or "
            "was interrupted. Run the same command again: it goes on where it stopped.",
        )


class IdentityLost(UnsupportedLogFormat):
    """There are events, and the row with the identity of their log is missing: nothing else states its key."""

    def __init__(self, database: str) -> None:
        DatabaseError.__init__(
            self,
            f"{database} holds events, and has lost the identity of their log (the row of the table log), which "
            "nothing else states: restore a backup into a new database with `ogpgraph restore`",
        )


@dataclass(frozen=True)
class LogIdentity:
    """The log's id and its secret key for the references of texts; `redaction_version` is raised when one is removed.

    A log that was restored from a backup keeps its id: the root at a position tells its histories apart.
    """

    id: str
    redaction_version: int
    text_key: bytes


def require_supported_format(database: Database) -> None:
    """Raise UnsupportedLogFormat where a database holds a log of another format."""
    # Asked in this order: another process may create both tables, which it does at once, in between.
    has_events = database.has_table("event")
    if not database.has_table("log"):
        if has_events:  # a former program was interrupted when it created its tables
            raise UnsupportedLogFormat(database.name, FIRST_FORMAT)
        return
    with database.read_autocommit() as transaction:
        _read_row(transaction)


def insert_log_identity(transaction: Transaction, new_id: Callable[[], str], new_key: Callable[[], bytes]) -> None:
    """Give the log an identity, unless it has one."""
    transaction.execute(
        "insert into log (one, format, id, redaction_version, text_key) values (1, :format, :id, 0, :key) "
        "on conflict do nothing",
        format=LOG_FORMAT,
        id=new_id(),
        key=new_key(),
    )


def read_log_identity(transaction: Transaction) -> LogIdentity:
    """Return the log's identity; raises LookupError where it has none, and UnsupportedLogFormat."""
    row = _read_row(transaction)
    if row is None:
        raise LookupError("the log has no identity: run `ogpgraph migrate`")
    try:
        return LogIdentity(row["id"], row["redaction_version"], row["text_key"])
    except LookupError as error:
        raise OtherLogShape(transaction.database_name, "log", "a column is missing") from error


def _read_row(transaction: Transaction) -> Row | None:
    row = transaction.fetch_one("select * from log")  # the columns of another format may have other names
    if row is None:
        if transaction.fetch_one(_SELECT_ORPHAN) is not None:
            raise IdentityLost(transaction.database_name)
        return None
    log_format = dict(row).get("format", FIRST_FORMAT)
    if log_format == UNFINISHED_FORMAT:
        raise UnfinishedTransfer(transaction.database_name)
    if log_format != LOG_FORMAT:
        raise UnsupportedLogFormat(transaction.database_name, log_format)
    return row
