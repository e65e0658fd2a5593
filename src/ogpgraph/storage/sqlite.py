"""SQLite: one writing connection for each process, a pool of connections that only read, and locks that are waited for.

Writers take turns by a lock on a file beside the database and by BEGIN IMMEDIATE, so that they wait at the start of a
transaction instead of failing in the middle. A commit is synced to the disk before it is acknowledged. After the disk
failed, nothing is written before a new connection has copied the WAL into the database and synced it.

How connections are opened is in `sqlite_connection.py`, those that only read are in `sqlite_readers.py`, the lock is in
`writer_lock.py`, and what concerns the files as files in `database_file.py`.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path

import structlog

from ogpgraph.storage.database import (
    Database,
    DatabaseError,
    LockTimeout,
    Parameters,
    Row,
    Transaction,
    split_statements,
)
from ogpgraph.storage.database_file import DatabaseFile, restrict_files
from ogpgraph.storage.sqlite_commits import KnownVersion, SQLiteCommit
from ogpgraph.storage.sqlite_connection import (
    INCREMENTAL,
    LOCK_TIMEOUT_SECONDS,
    DiskFailure,
    connect,
    read_pragma,
    translate_errors,
)
from ogpgraph.storage.sqlite_readers import ChangeDetector, ReaderPool
from ogpgraph.storage.waiting import waiting
from ogpgraph.storage.writer_lock import WriterLock

log = structlog.stdlib.get_logger(__name__)
_MAX_NAMED = 50
"""Of so many values of a list each gets a name of its own; with more, one parameter for all is faster."""
_MAX_ROWS_AT_ONCE = 4
"""So few rows are inserted by one statement: each number of rows is another statement, of which some are kept."""
_LISTS = frozenset((list, tuple))
POOL_TIMEOUT_SECONDS = 10
POLL_SECONDS = 0.01
CACHE_KIBIBYTES = 65_536
CHECKPOINT_PAGES = 4_000
"""A page that is rewritten before the checkpoint is copied back once; the WAL grows to 16 MiB instead of 4."""
WAL_LIMIT_BYTES = 32 * 2**20
"""The WAL is cut to this length when it is used from the beginning again: one large transaction would keep it large."""
RELEASED_PAGES = 200
RELEASE_PAUSE_SECONDS = 0.01
"""About as long as releasing the pages takes, so that other writers wait for one step at most."""
PROGRESS_HANDLER_STEPS = 20_000
MAX_DAMAGE = 1_000
"""The faults after which SQLite's integrity check ends."""
CHECK_CHECKPOINT_SECONDS = 60.0
"""How often a commit is followed by a checkpoint of our own: SQLite tells nobody when its automatic ones fail."""
RECOVERY_LOCK_SECONDS = 2.0
"""How long the recovery from a disk failure waits for readers; the next writer tries again."""


class SQLiteTransaction(Transaction):
    """A transaction on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def database_name(self) -> str:
        return str(self._connection.execute("PRAGMA database_list").fetchone()["file"])

    def fetch_all(self, sql: str, **parameters: object) -> list[Row]:
        self.statements += 1
        with translate_errors():
            return self._connection.execute(*_expand_lists(sql, parameters)).fetchall()

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        self.statements += 1
        with translate_errors():
            yield from self._connection.execute(*_expand_lists(sql, parameters))

    def execute(self, sql: str, **parameters: object) -> None:
        self.statements += 1
        with translate_errors():
            self._connection.execute(*_expand_lists(sql, parameters))

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        self.statements += 1
        with translate_errors():
            self._connection.executemany(sql, parameters)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        self.statements += 1
        place = f"({', '.join('?' * len(columns))})"
        is_short = len(rows) <= _MAX_ROWS_AT_ONCE
        places = ", ".join([place] * len(rows)) if is_short else place
        statement = f"insert into {table} ({', '.join(columns)}) values {places}"  # noqa: S608 - our own tables' names
        with translate_errors():
            if is_short:
                self._connection.execute(statement, list(chain.from_iterable(rows)))
            else:
                self._connection.executemany(statement, rows)

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:  # noqa: ARG002 - `is_over` measures the time
        self._connection.set_progress_handler(is_over, PROGRESS_HANDLER_STEPS)

    def lock_tables(self, tables: Sequence[str]) -> None:
        """Do nothing: this is the only writer already, and a reader's view does not change."""


class SQLiteDatabase(Database):
    """One SQLite database file."""

    def __init__(self, url: str) -> None:
        self.path = parse_sqlite_url(url)
        restrict_files(self.path)
        self._file = DatabaseFile(self.path)
        self._readers = ReaderPool(self._file, POOL_TIMEOUT_SECONDS)
        self._changes = ChangeDetector(self._file)
        self._writer_lock = WriterLock(self.path.with_name(self.path.name + "-lock"), LOCK_TIMEOUT_SECONDS)
        self._writer: sqlite3.Connection | None = None
        self._writers = self._writes = 0
        self._configuration: tuple[sqlite3.Connection | None, int, str] = (None, 0, "")
        self._disk_failed = False
        self._checkpoint_due_at = time.monotonic() + CHECK_CHECKPOINT_SECONDS

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self._readers.connection() as connection:
            with translate_errors():
                connection.execute("BEGIN")
            try:
                yield SQLiteTransaction(connection)
            finally:
                connection.set_progress_handler(None, 0)
                with translate_errors():
                    connection.rollback()

    @contextmanager
    def write(self, *, durable: bool = True, lock_seconds: float | None = None) -> Iterator[Transaction]:
        # It may take a moment to end the waiting, when nobody is to wait for the lock any more.
        with ExitStack() as syncing, self._writing(durable=durable, lock_seconds=lock_seconds) as writer:
            writer.execute("BEGIN IMMEDIATE")
            try:
                transaction = SQLiteTransaction(writer)
                # It changes with the commits of all connections but this one: versions of another do not compare.
                self._writes += 1
                others = self._writers, read_pragma(writer, "data_version")
                begun = transaction.commit = SQLiteCommit(self._writes, others, None)
                yield transaction
                if durable:
                    syncing.enter_context(waiting())
                writer.commit()
            except BaseException:
                with suppress(sqlite3.Error):  # after some errors there is no transaction any more
                    writer.rollback()
                raise
            self._file.require_unchanged()  # before the commit is acknowledged
            self._file.identify_companions()
            transaction.commit = None
            with suppress(DatabaseError):  # it is committed; the next reader gets the error
                transaction.commit = begun._replace(version=self._changes.read_version_of_same_file())
            self._check_checkpoint(writer)

    append = write

    @contextmanager
    def erase(self) -> Iterator[Transaction]:
        with self.write() as transaction:
            before = transaction.fetch_value("PRAGMA secure_delete")
            # Pages that become free are overwritten, too.
            transaction.execute("PRAGMA secure_delete = ON")
            yield transaction
        with self._writing(durable=True) as writer:
            writer.execute(f"PRAGMA secure_delete = {before}")
            if writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()["busy"]:
                raise LockTimeout(f"a reader has kept {self.path}-wal in use for {LOCK_TIMEOUT_SECONDS} seconds")

    def read_version(self) -> object:
        return self._changes.read_version()

    def track_commits(self) -> KnownVersion:
        return KnownVersion()

    def watch_changes(self, stop: threading.Event) -> Iterator[bool]:
        self._file.require_unchanged()
        connection = connect(self.path)
        try:
            connection.execute("PRAGMA query_only = 1")
            before = None
            while not stop.is_set():
                # It changes whenever another connection commits, of this process or of another.
                with translate_errors():
                    version = connection.execute("PRAGMA data_version").fetchone()[0]
                yield version != before
                before = version
                stop.wait(POLL_SECONDS)
        finally:
            connection.close()

    def apply_ddl(self, script: str) -> None:
        with self.write() as transaction:
            self.execute_ddl(transaction, script)

    def execute_ddl(self, transaction: Transaction, script: str) -> None:
        for statement in split_statements(script):
            transaction.execute(statement)

    def find_damage(self) -> Iterator[str]:
        """Yield what SQLite's integrity check finds: damaged pages, rows missing from an index, types and null."""
        with self.read() as transaction:
            for row in transaction.stream(f"PRAGMA integrity_check({MAX_DAMAGE})"):
                if (found := row["integrity_check"]) != "ok":
                    yield str(found)

    def release_space(self) -> None:
        """Move pages from the end of the file into free ones and cut it off, a few pages at a time.

        Other writers take their turns in between. The file shrinks at a checkpoint, once no reader needs the former
        pages any more. A file that was created without `auto_vacuum` stays as it is.
        """
        while self._release_pages():
            time.sleep(RELEASE_PAUSE_SECONDS)

    def _release_pages(self) -> bool:
        """Release some pages; returns whether there are more."""
        with self._writing(durable=False) as writer:
            free = read_pragma(writer, "freelist_count") if read_pragma(writer, "auto_vacuum") == INCREMENTAL else 0
            # `execute` would stop after the first page: the statement has a step for each, but no columns.
            writer.executescript(f"PRAGMA incremental_vacuum({RELEASED_PAGES})")
            left = read_pragma(writer, "freelist_count")
            if not 0 < left < free:
                writer.execute("PRAGMA wal_checkpoint")
                return False
            return True

    def has_replacement(self) -> bool:
        return self._file.has_replacement()

    def set_former_files_aside(self) -> None:
        self._file.set_former_files_aside()

    def close(self) -> None:
        """Close every connection; readers and the writer are waited for within their timeouts."""
        self._changes.close()
        self._readers.close()
        if self._writer:
            with suppress(LockTimeout), self._writer_lock.acquire():
                self._writer.close()
                self._writer = None
        self._writer_lock.close()
        self._file.set_former_files_aside()

    @contextmanager
    def _writing(self, *, durable: bool, lock_seconds: float | None = None) -> Iterator[sqlite3.Connection]:
        """Lend the writing connection, outside a transaction, until the end of the context; raises StorageFailure."""
        seconds = LOCK_TIMEOUT_SECONDS if lock_seconds is None else lock_seconds
        with self._writer_lock.acquire(lock_seconds):
            self._file.require_unchanged()
            if self._disk_failed:
                self._recover()
            writer = self._writer = self._writer or self._open_writer()
            try:
                with translate_errors():
                    self._configure(writer, round(seconds * 1000), "FULL" if durable else "NORMAL")
                    yield writer
            except DiskFailure:
                self._disk_failed = True
                raise

    def _configure(self, writer: sqlite3.Connection, busy_timeout: int, synchronous: str) -> None:
        """Set how long a writer waits for locks, in milliseconds, and whether it syncs the WAL at every commit (FULL).

        With NORMAL, the next commit that syncs does it.
        """
        before = self._configuration
        if before[:2] != (writer, busy_timeout):
            writer.execute(f"PRAGMA busy_timeout = {busy_timeout}")
        if before[::2] != (writer, synchronous):
            writer.execute(f"PRAGMA synchronous = {synchronous}")
        self._configuration = (writer, busy_timeout, synchronous)

    def _recover(self) -> None:
        """Open the writing connection anew, and let no later commit depend on what may not be on the disk.

        After a failed sync the kernel may report the same pages of the WAL as written, and forget them. So the WAL is
        copied into the database, which is synced, and begun again. Raises StorageFailure where that fails, too.
        """
        if self._writer is not None:
            with suppress(sqlite3.Error):
                self._writer.close()
            self._writer = None
        writer = self._open_writer()
        try:
            with translate_errors():
                writer.execute(f"PRAGMA busy_timeout = {round(RECOVERY_LOCK_SECONDS * 1000)}")
                is_busy = writer.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0]
            if is_busy:
                raise LockTimeout(f"readers kept {self.path} from recovering after a failure of its disk")
        except BaseException:
            writer.close()
            raise
        self._writer, self._disk_failed = writer, False
        log.warning("writing again after a failure of the disk: run `ogpgraph check`")

    def _check_checkpoint(self, writer: sqlite3.Connection) -> None:
        """Checkpoint where that is due, and log a failure: what was committed is in the WAL, and stays there."""
        if time.monotonic() < self._checkpoint_due_at:
            return
        self._checkpoint_due_at = time.monotonic() + CHECK_CHECKPOINT_SECONDS
        try:
            with translate_errors():
                writer.execute("PRAGMA wal_checkpoint").fetchone()
        except DatabaseError as error:
            log.error("a checkpoint failed", database=self.path.name, reason=str(error))  # noqa: TRY400 - no traceback
            self._disk_failed = isinstance(error, DiskFailure)

    def _open_writer(self) -> sqlite3.Connection:
        writer = connect(self.path)
        self._writers += 1
        writer.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        if not read_pragma(writer, "secure_delete"):  # builds that overwrite everything keep doing so
            writer.execute("PRAGMA secure_delete = FAST")  # without it, a page keeps parts of what it had before
        writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        writer.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        return writer


def parse_sqlite_url(url: str) -> Path:
    """Return the file of a `sqlite:///file.db` URL; raises DatabaseError for another form and a missing folder."""
    _, _, rest = url.partition("://")
    if not rest.startswith("/") or len(rest) < 2:
        raise DatabaseError("a database URL of the form sqlite:///file.db is needed")
    if ":memory:" in rest or "mode=memory" in rest or rest.startswith("/file:"):
        raise DatabaseError("a database in memory would be another one for every connection: name a file")
    path = Path(rest[1:])
    if not path.absolute().parent.is_dir():
        raise DatabaseError(f"{path}: there is no folder {path.absolute().parent}")
    if path.is_dir():
        raise DatabaseError(f"{path} is a folder, not a database file")
    return path


def has_wal_reset_bug(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Return whether several processes that write and checkpoint may corrupt a database with this version of SQLite.

    Versions 3.7.0 to 3.51.2 may, except 3.50.7 and 3.44.6, to which the fix of 3.51.3 was backported.
    """
    is_fixed = (3, 44, 6) <= version < (3, 45, 0) or (3, 50, 7) <= version < (3, 51, 0)
    return (3, 7, 0) <= version <= (3, 51, 2) and not is_fixed


def _expand_lists(sql: str, parameters: Parameters) -> tuple[str, Parameters]:
    """Return a statement with every list parameter expanded: `in :ids` → `in (:ids_0, :ids_1)`.

    A long list is one parameter, since SQLite looks each name up among those before it.
    """
    if _LISTS.isdisjoint(map(type, parameters.values())):  # nearly always
        return sql, parameters
    lists = {name: value for name, value in parameters.items() if isinstance(value, (list, tuple))}
    flat = {name: value for name, value in parameters.items() if name not in lists}
    for name, values in lists.items():
        if len(values) > _MAX_NAMED and all(type(value) in (str, int) for value in values):
            flat[name] = json.dumps(values, ensure_ascii=False)
            sql = re.sub(rf":{name}\b", rf"(select value from json_each(:{name}))", sql)  # noqa: S608 - a name of ours
            continue
        named = {f"{name}_{n}": value for n, value in enumerate(values)}
        flat |= named
        sql = re.sub(rf":{name}\b", "(" + ", ".join(f":{each}" for each in named) + ")", sql)
    return sql, flat
