"""Backup, restore, copy and check: what operators do with a record as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from ogpgraph.application.executor import command_id
from ogpgraph.clock import Clock, format_timestamp, system_clock
from ogpgraph.domain.aggregate_types import decode_event
from ogpgraph.domain.errors import StoredEventError
from ogpgraph.domain.event import Envelope, event_text_references
from ogpgraph.readmodel.history_guard import HOW_TO_ACCEPT, describe_other_history
from ogpgraph.readmodel.integrity import (
    DumpedReadModel,
    compare_with_projection,
    find_missing_events,
    find_replaced_event,
)
from ogpgraph.readmodel.projection import ProjectionRunner
from ogpgraph.readmodel.projector import Checkpoint, read_checkpoint
from ogpgraph.readmodel.rebuild import Rebuild
from ogpgraph.readmodel.tables import PROJECTION_VERSION, PROJECTOR_TABLE
from ogpgraph.storage.backup_file import (
    BACKUP_VERSION,
    BackupFileError,
    BackupReader,
    Header,
    replace_file,
    write_backup,
)
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database, DatabaseError, ProgressCallback, StorageFull, Transaction
from ogpgraph.storage.event_log import EventLog
from ogpgraph.storage.head_file import HeadUnreadable
from ogpgraph.storage.integrity import Fault, RecordCheck, find_lost_commands
from ogpgraph.storage.log_identity import LOG_FORMAT, UnsupportedLogFormat, read_log_identity
from ogpgraph.storage.merkle import Frontier
from ogpgraph.storage.record import (
    EVENT,
    STORED_TEXT,
    TABLES,
    RecordRow,
    Summary,
    count_rows,
    read_record,
    require_supported_log,
)
from ogpgraph.storage.transfer import Transfer, copy_events, is_unfinished, summarize_record, track_rows
from ogpgraph.system import database_exists, find_head_file, migrate, open_system

HISTORY = "history"
"""Names the faults of the log as a whole, as a table names those of its rows."""

Track = Callable[[str], ProgressCallback]
"""Begins a part of the work, named for people; returns the callback for its progress."""


class RootsDiffer(DatabaseError):
    """The read model names another root of the same events: the log lost an event, or the read model is damaged."""

    def __init__(self, position: int) -> None:
        super().__init__(
            f"the events up to {position} do not have the root that the read model holds: run `ogpgraph check`"
        )


class NoRoomToCheck(DatabaseError):
    """The folder for temporary files cannot take the rows to compare; it says nothing of the database."""

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(
            f"the check has not ended: it needs room for a copy of the read model in {folder}, which cannot be written "
            f"({reason}): name another folder by TMPDIR"
        )


_NO_ROOM = (OSError, StorageFull)
"""What the temporary files of a check raise. The database that is checked is only read, and raises neither."""


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
    """Open a database; raises DatabaseError where it does not exist, and UnsupportedLogFormat."""
    if not database_exists(database_url):
        raise DatabaseError(f"{database_url} does not exist")
    database = open_database(database_url)
    try:
        require_supported_log(database)
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


def remember_history(database_url: str, state: str, *, accept: bool) -> str | None:
    """Remember the position of a record that was restored or copied, as a process that opens it does.

    Returns what is wrong where another history is remembered in its place already, unless that is accepted: this one is
    read-only then.
    """
    with open_system(database_url, state=state, accept_history=accept) as system:
        described = system.guard.describe()
        return str(described["message"]) if described and described["readOnly"] else None


def _require_root(database: Database, summary: Summary) -> None:
    with database.read() as transaction:
        checkpoint = read_checkpoint(transaction)
    if checkpoint is None or checkpoint.frontier.root().hex() != summary.root:
        raise RootsDiffer(summary.head)


def check(database_url: str, track: Track, *, state: str = "") -> Iterator[Fault]:
    """Read everything that is stored, and yield what is not as it should be; nothing is changed.

    `state` is the folder in which the last acknowledged position is remembered, as in `open_system`.

    Raises DatabaseError where there is no database that can be opened, TablesMissing, UnsupportedLogFormat, and
    NoRoomToCheck.
    """
    with open_existing(database_url) as database, TemporaryDirectory(prefix="ogpgraph-check-") as folder:
        yield from _name_errors("", (Fault("", "", problem) for problem in database.find_damage()))
        try:
            yield from _check_rows(database, state, Path(folder), track)
        except _NO_ROOM as error:
            reason = f"{error.strerror or error}" if isinstance(error, OSError) else str(error)
            raise NoRoomToCheck(folder, reason) from error
        except DatabaseError:
            raise
        except Exception as error:  # of a damaged page that everything else depends on
            yield Fault("", "", f"cannot be checked any further ({type(error).__name__}: {error})")


def _check_rows(database: Database, state: str, folder: Path, track: Track) -> Iterator[Fault]:
    dumped = DumpedReadModel(folder)
    with database.read() as transaction:
        log_id = read_log_identity(transaction).id
    yield from _name_errors(HISTORY, _compare_remembered(database, log_id, state))
    with database.read() as transaction:
        checkpoint, problem = _try_read_checkpoint(transaction)
        yield from dumped.write(transaction)
    events = EventCheck()
    has_faults = False
    with database.read_log() as transaction:
        total = count_rows(transaction)
        record = RecordCheck(transaction, events.inspect, total, track("record"))
        for fault in chain(record.find_faults(), find_lost_commands(transaction)):
            has_faults |= fault.table == EVENT.name
            yield fault
    yield from events.find_missing_texts(record.stored_texts)
    if checkpoint is None:
        yield Fault(PROJECTOR_TABLE, "", problem)
        return
    if checkpoint.projection_version != PROJECTION_VERSION:
        yield Fault(PROJECTOR_TABLE, "", "another version of the program wrote the read model")
        return
    for fault in _name_errors(PROJECTOR_TABLE, _find_lost_events(database, checkpoint, has_faults=has_faults)):
        has_faults = True
        yield fault
    if has_faults:
        yield Fault(PROJECTOR_TABLE, "", "the read model is not compared with events that have faults")
    else:
        compared = _compare_read_model(database, checkpoint, dumped, folder, track("read model"))
        yield from _name_errors(PROJECTOR_TABLE, compared)


def _compare_remembered(database: Database, log_id: str, state: str) -> Iterator[Fault]:
    """Yield how the log differs from its remembered position."""
    file = find_head_file(database.url, state, log_id)
    try:
        known = file.read() if file else None
    except HeadUnreadable as error:
        yield Fault(HISTORY, "", str(error))
        return
    if known is None:
        return
    log = EventLog(database, system_clock)
    with database.read_log() as transaction:  # after the file: it is never ahead of the log
        root, length = log.compute_root(transaction, known.position), log.count_after(transaction, 0)
    if (problem := describe_other_history(known, log_id, length, root)) is not None:
        yield Fault(HISTORY, "", problem)


def _find_lost_events(database: Database, checkpoint: Checkpoint, *, has_faults: bool) -> Iterator[Fault]:
    """Yield the events that were deleted or replaced since the read model was made of them, as far as it tells.

    Where events have other faults, a root that differs says nothing of which one was replaced.
    """
    with database.read_log() as transaction:
        root = EventLog(database, system_clock).compute_root(transaction, checkpoint.position)
        if root == checkpoint.frontier.root().hex():
            return
        missing = list(find_missing_events(transaction))
        yield from missing
        if not missing and not has_faults:
            yield from find_replaced_event(transaction)


def _name_errors(table: str, faults: Iterator[Fault]) -> Iterator[Fault]:
    """Yield faults, and an error that damage leads to as one, too: what else is damaged is still to be found."""
    try:
        yield from faults
    except _NO_ROOM:
        raise
    except Exception as error:  # whatever the engine makes of damaged pages
        yield Fault(table, "", f"cannot be checked ({type(error).__name__}: {error})")


def _try_read_checkpoint(transaction: Transaction) -> tuple[Checkpoint | None, str]:
    """Return how far the read model is, or why that cannot be said."""
    try:
        return read_checkpoint(transaction), "the row of the projector is missing"
    except Exception as error:  # as above
        return None, str(error)


class EventCheck:
    """Decodes events, and collects the texts that they refer to."""

    def __init__(self) -> None:
        self._references: dict[bytes, int] = {}

    def inspect(self, row: dict[str, Any]) -> Iterator[str]:
        """Yield what is wrong with an event whose leaf is right."""
        name, _, version = row["topic"].rpartition(".")
        try:
            event = decode_event(row["stream"], row["revision"], name, int(version), row["payload"].encode())
        except (StoredEventError, ValueError):
            yield "its payload does not have the form of its name and version"
            return
        if row["command"] is not None and row["command"] != _find_command(event.envelope, row["command"]):
            yield "it is not the event of its command"
        for reference in event_text_references(event):
            self._references.setdefault(bytes.fromhex(reference), row["position"])

    def find_missing_texts(self, stored: Set[bytes]) -> Iterator[Fault]:
        """Yield the texts that events refer to and that are not stored."""
        for reference, position in self._references.items():
            if reference not in stored:
                yield Fault(STORED_TEXT.name, reference.hex(), f"it is missing, and event {position} refers to it")


def _find_command(envelope: Envelope, generated: str) -> str | None:
    """Return the id of the command that recorded an event, which nothing else states if it was generated."""
    if envelope.idempotency:
        return command_id(envelope.actor, envelope.idempotency)
    return generated if "/" not in generated else None


def _compare_read_model(
    database: Database, checkpoint: Checkpoint, dumped: DumpedReadModel, folder: Path, progress: ProgressCallback
) -> Iterator[Fault]:
    """Project the events once more, in a database of its own, and compare."""
    fresh_url = f"sqlite:///{folder}/fresh.db"
    migrate(fresh_url)
    with open_existing(fresh_url) as fresh:
        with database.read_log() as transaction:
            copy_events(transaction, fresh, checkpoint.log_position)
        ProjectionRunner(fresh, EventLog(fresh, system_clock)).catch_up(progress)
        with fresh.read() as transaction:
            yield from compare_with_projection(dumped, transaction)


def advise(tables: Set[str]) -> Iterator[str]:
    """Yield what to do where tables have faults; the engine's own faults have no table."""
    if tables & TABLES.keys():
        yield "Damaged events, texts or accounts: restore a backup into a new database with `ogpgraph restore`."
    elif "" in tables:
        yield "Damaged files: copy what is intact into a new database with `ogpgraph copy`, or restore a backup."
    if EVENT.name in tables:
        yield "Do not run `ogpgraph rebuild` before: the read model may be all that still tells of lost events."
        return
    if HISTORY in tables:
        yield f"Another history: find out whether the wrong database was mounted or restored. {HOW_TO_ACCEPT}"
    if tables - TABLES.keys() - {"", HISTORY}:
        yield "A damaged read model: run `ogpgraph rebuild`."
