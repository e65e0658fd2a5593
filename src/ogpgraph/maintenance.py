"""Backup, restore and copy: what operators do with a record as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ogpgraph.clock import Clock, format_timestamp, system_clock
from ogpgraph.readmodel.projection import ProgressCallback
from ogpgraph.readmodel.projector import Checkpoint, read_checkpoint
from ogpgraph.readmodel.rebuild import Rebuild
from ogpgraph.storage.backup_file import (
    BACKUP_VERSION,
    BackupFileError,
    BackupReader,
    Header,
    replace_file,
    write_backup,
)
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database, DatabaseError, Transaction
from ogpgraph.storage.event_log import EventLog
from ogpgraph.storage.log_identity import LOG_FORMAT, UnsupportedLogFormat, read_log_identity
from ogpgraph.storage.merkle import Frontier
from ogpgraph.storage.record import EVENT, RecordRow, Summary, count_rows, read_record
from ogpgraph.storage.transfer import Transfer, is_unfinished, summarize_record, track_rows
from ogpgraph.system import database_exists, migrate

Track = Callable[[str], ProgressCallback]
"""Begins a part of the work, named for people; returns the callback for its progress."""


class RootsDiffer(DatabaseError):
    """The read model names another root of the same events: the log lost an event, or the read model is damaged."""

    def __init__(self, position: int) -> None:
        super().__init__(
            f"the events up to {position} do not have the root that the read model holds: run `ogpgraph check`"
        )


def back_up(
    database_url: str, file: Path, *, force: bool = False, clock: Clock = system_clock, track: Track
) -> Summary:
    """Write the record as it is now to a file, while it is in use; returns what the file holds.

    The file is complete and was read again before it gets its name. Raises BackupFileError; DamagedRow, where the
    database holds a row that cannot be verified; RootsDiffer.
    """
    with replace_file(file, force=force) as part, _open_source(database_url) as source:
        header = Header(BACKUP_VERSION, LOG_FORMAT, source.log_id, format_timestamp(clock()), source.total)
        with part.open("wb") as stream:
            written = write_backup(stream, header, track_rows(source.rows, source.total, track("writing")))
        if summarize_record(BackupReader(part).read_rows(), source.total, track("verifying")) != written:
            raise BackupFileError(f"{file} was not written as it should be: is the disk damaged?")
    return written


def restore(file: Path, database_url: str, track: Track) -> Summary:
    """Restore a backup into an empty database and project it; returns what was restored.

    It goes on where an earlier attempt was interrupted; until it is done, no program opens the database. Raises
    BackupFileError before anything is stored; TransferRefused.
    """
    reader = BackupReader(file)
    if reader.header.log_format != LOG_FORMAT:
        raise UnsupportedLogFormat(str(file), reader.header.log_format)
    source = Source(reader.header.log_id, reader.header.rows, reader.read_rows())
    return _transfer(source, database_url, track)


def copy(from_url: str, to_url: str, track: Track) -> Summary:
    """Copy the record as it is now into an empty database of either engine; otherwise as `restore`."""
    with _open_source(from_url) as source:
        return _transfer(source, to_url, track)


class Source(NamedTuple):
    """A record to be read once: the id of its log, the number of its rows, and the rows."""

    log_id: str
    total: int
    rows: Iterator[RecordRow]


@contextmanager
def _open_source(database_url: str) -> Iterator[Source]:
    """Open a database to read its record; raises DatabaseError where there is none, TablesMissing, LookupError."""
    with open_existing(database_url) as database:
        # In a transaction of its own, which is over before a rebuild has to wait for it. Events never change.
        with database.read() as transaction:
            checkpoint = read_checkpoint(transaction)
        with database.read_log() as transaction:
            log_id = read_log_identity(transaction).id
            yield Source(log_id, count_rows(transaction), _read_source(transaction, checkpoint))


def _read_source(transaction: Transaction, checkpoint: Checkpoint | None) -> Iterator[RecordRow]:
    """Yield the record of a database; raises RootsDiffer where the read model, as far as it is, has another root."""
    frontier = root = Frontier()
    for row in read_record(transaction):
        yield row
        if row.table is EVENT:
            frontier = frontier.append(row.values["leaf"])
            if checkpoint and row.values["position"] == checkpoint.log_position:
                root = frontier
    if checkpoint and checkpoint.frontier != root:
        raise RootsDiffer(checkpoint.log_position)


@contextmanager
def open_existing(database_url: str) -> Iterator[Database]:
    """Open a database, which is not created where it does not exist: DatabaseError is raised then."""
    if not database_exists(database_url):
        raise DatabaseError(f"{database_url} does not exist")
    database = open_database(database_url)
    try:
        yield database
    finally:
        database.close()


def _transfer(source: Source, database_url: str, track: Track) -> Summary:
    database = open_database(database_url)
    try:
        if not is_unfinished(database):
            migrate(database_url)
        transfer = Transfer(database, source.log_id, source.total)
        transfer.begin()
        stored = transfer.store(source.rows, track("storing"))
        transfer.verify(stored, track("verifying"))
        Rebuild(database, EventLog(database, system_clock)).run(track("rebuilding"))
        _require_root(database, stored)
        transfer.complete()
    finally:
        database.close()
    return stored


def _require_root(database: Database, summary: Summary) -> None:
    with database.read() as transaction:
        checkpoint = read_checkpoint(transaction)
    if checkpoint is None or checkpoint.frontier.root().hex() != summary.root:
        raise RootsDiffer(summary.head)
