"""SQLite: one writing connection for each process, a pool of connections that only read, and locks that are waited for.

Writers take turns by a lock on a file beside the database and by BEGIN IMMEDIATE, so that they wait at the start of a
transaction instead of failing in the middle. A commit is synced to the disk before it is acknowledged. After the disk
failed, nothing is written before a new connection has copied the WAL into the database and synced it.

What concerns the files as files is in `database_file.py`.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import structlog

from ogpgraph.storage.database import (
    Database,
    DatabaseError,
    DataRejected,
    LockTimeout,
    Parameters,
    Row,
    StatementCancelled,
    StorageDamaged,
    StorageError,
    StorageFull,
    StorageReadOnly,
    StorageUnavailable,
    TablesMissing,
    Transaction,
    UniqueViolation,
    split_statements,
)
from ogpgraph.storage.database_file import DatabaseFile, open_private_file, restrict_files, translate_os_error
from ogpgraph.storage.waiting import acquire_lock, waiting

if sys.platform != "win32":
    import fcntl

log = structlog.stdlib.get_logger(__name__)
LOCK_TIMEOUT_SECONDS = 30
_MAX_NAMED = 50
"""Of so many values of a list each gets a name of its own; with more, one parameter for all is faster."""
LOCK_POLL_SECONDS = 0.001
MAX_READERS = 16
MAX_IDLE_READERS = 8
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
INCREMENTAL = 2
"""The value of `PRAGMA auto_vacuum` with which free pages are released when the program asks for it."""
PROGRESS_HANDLER_STEPS = 20_000
MAX_DAMAGE = 1_000
"""The faults after which SQLite's integrity check ends."""
CHECK_CHECKPOINT_SECONDS = 60.0
"""How often a commit is followed by a checkpoint of our own: SQLite tells nobody when its automatic ones fail."""
RECOVERY_LOCK_SECONDS = 2.0
"""How long the recovery from a disk failure waits for readers; the next writer tries again."""


class DiskFailure(StorageUnavailable):
    """An operation of the disk failed: whether what was written before is on the disk is not known."""


class SQLiteTransaction(Transaction):
    """A transaction on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def database_name(self) -> str:
        return str(self._connection.execute("PRAGMA database_list").fetchone()["file"])

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        self.statements += 1
        with _translate_errors():
            yield from self._connection.execute(*_expand_lists(sql, parameters))

    def execute(self, sql: str, **parameters: object) -> None:
        self.statements += 1
        with _translate_errors():
            self._connection.execute(*_expand_lists(sql, parameters))

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        self.statements += 1
        with _translate_errors():
            self._connection.executemany(sql, parameters)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        self.statements += 1
        places = ", ".join("?" * len(columns))
        statement = f"insert into {table} ({', '.join(columns)}) values ({places})"  # noqa: S608 - our own tables' names
        with _translate_errors():
            self._connection.executemany(statement, rows)

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:  # noqa: ARG002 - `is_over` measures the time
        self._connection.set_progress_handler(is_over, PROGRESS_HANDLER_STEPS)

    def lock_tables(self, tables: Sequence[str]) -> None:
        """Do nothing: this is the only writer already, and a reader's view does not change."""


class WriterLock:
    """Lets one thread of one process at a time write to a database, by a lock on a file beside it.

    SQLite releases its own lock before the checkpoint that may follow a commit; in versions with the WAL-reset bug,
    another process can corrupt the database then. It also makes waiting writers sleep longer and longer, so that one
    of eight waits for seconds. This lock is held from before a transaction until after its checkpoint. The operating
    system releases it when the process ends, however it ends.
    """

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self._path = path
        self._timeout = timeout_seconds
        self._thread_lock = threading.Lock()
        self._file: int | None = None

    @contextmanager
    def acquire(self, seconds: float | None = None) -> Iterator[None]:
        """Hold the lock until the end of the context; raises LockTimeout, and StorageFailure without the file."""
        timeout = self._timeout if seconds is None else seconds
        if not acquire_lock(self._thread_lock, timeout):
            raise LockTimeout(f"another thread has been writing for {timeout:g} seconds")
        try:
            file = self._open()
            self._lock(file, timeout)
            try:
                yield
            finally:
                _unlock_file(file)
        finally:
            self._thread_lock.release()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        if self._file is None:
            try:
                self._file = open_private_file(self._path)
            except OSError as error:
                raise translate_os_error(error, self._path) from error
        return self._file

    def _lock(self, file: int, timeout: float) -> None:
        if _try_lock_file(file):
            return
        # Polling: a blocking flock has no timeout.
        deadline = time.monotonic() + timeout
        with waiting():
            while not _try_lock_file(file):
                if time.monotonic() > deadline:
                    raise LockTimeout(f"another process has been writing for {timeout:g} seconds")
                time.sleep(LOCK_POLL_SECONDS)


if sys.platform == "win32":  # it has no flock: SQLite's own locks must do

    def _try_lock_file(_file: int) -> bool:
        return True

    def _unlock_file(_file: int) -> None:
        return

else:

    def _try_lock_file(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock_file(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


class ReaderPool:
    """Lends connections that can only read, each to one reader at a time, and reuses those used last."""

    def __init__(self, file: DatabaseFile, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._file = file
        self._path = file.path
        self._slots = threading.BoundedSemaphore(MAX_READERS)
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection.

        Raises LockTimeout where all are in use, StorageFailure where the file cannot be used or was removed, and
        DatabaseError once the pool is closed.
        """
        self._require_open()
        self._file.require_unchanged()
        if not self._slots.acquire(timeout=self.timeout_seconds):
            raise LockTimeout(f"no connection to {self._path} within {self.timeout_seconds:g} seconds: all are in use")
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._put_back(connection)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Lend nothing more, wait for the readers within the timeout, and close every connection.

        A connection in use is never closed: that would crash the process. A reader that takes longer closes its own.
        """
        self._closed = True
        deadline = time.monotonic() + self.timeout_seconds
        acquired = 0
        while acquired < MAX_READERS and self._slots.acquire(timeout=max(0.0, deadline - time.monotonic())):
            acquired += 1
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        if acquired:
            self._slots.release(acquired)

    def _require_open(self) -> None:
        if self._closed:
            raise DatabaseError(f"{self._path} is closed")

    def _take(self) -> sqlite3.Connection:
        self._require_open()  # again: the wait for a slot may have ended because the pool was closed
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = _connect(self._path)
        connection.execute("PRAGMA query_only = 1")
        self._file.require_unchanged()  # after the first connection has created it, too
        self._file.identify_companions()
        return connection

    def _put_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < MAX_IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()


class ChangeDetector:
    """Tells whether anything was committed, by one open connection that nothing else uses."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._number = 0
        self._closed = False

    def read_version(self) -> tuple[int, int]:
        """Return the number of the connection and its version of the data; raises as `ReaderPool.connection` does."""
        self._file.require_unchanged()
        with self._lock:
            if self._closed:
                raise DatabaseError(f"{self._file.path} is closed")
            if self._connection is None:
                self._connection = _connect(self._file.path)
                self._number += 1  # versions of different connections have nothing to do with each other
                self._file.require_unchanged()
                self._file.identify_companions()
            try:
                with _translate_errors():
                    return self._number, _read_pragma(self._connection, "data_version")
            except DatabaseError:
                self._disconnect()
                raise

    def close(self) -> None:
        """Close the connection; nothing can be asked any more."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


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
        self._configuration: tuple[sqlite3.Connection | None, int, str] = (None, 0, "")
        self._disk_failed = False
        self._checkpoint_due_at = time.monotonic() + CHECK_CHECKPOINT_SECONDS

    @property
    def name(self) -> str:
        return str(self.path)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self._readers.connection() as connection:
            with _translate_errors():
                connection.execute("BEGIN")
            try:
                yield SQLiteTransaction(connection)
            finally:
                connection.set_progress_handler(None, 0)
                with _translate_errors():
                    connection.rollback()

    @contextmanager
    def write(self, *, durable: bool = True, lock_seconds: float | None = None) -> Iterator[Transaction]:
        # It may take a moment to end the waiting, when nobody is to wait for the lock any more.
        with ExitStack() as syncing, self._writing(durable=durable, lock_seconds=lock_seconds) as writer:
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield SQLiteTransaction(writer)
                if durable:
                    syncing.enter_context(waiting())
                writer.commit()
            except BaseException:
                with suppress(sqlite3.Error):  # after some errors there is no transaction any more
                    writer.rollback()
                raise
            self._file.require_unchanged()  # before the commit is acknowledged
            self._file.identify_companions()
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

    def read_version(self) -> object | None:
        return self._changes.read_version()

    def watch_changes(self, stop: threading.Event) -> Iterator[bool]:
        self._file.require_unchanged()
        connection = _connect(self.path)
        try:
            connection.execute("PRAGMA query_only = 1")
            before = None
            while not stop.is_set():
                # It changes whenever another connection commits, of this process or of another.
                with _translate_errors():
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
            free = _read_pragma(writer, "freelist_count") if _read_pragma(writer, "auto_vacuum") == INCREMENTAL else 0
            # `execute` would stop after the first page: the statement has a step for each, but no columns.
            writer.executescript(f"PRAGMA incremental_vacuum({RELEASED_PAGES})")
            left = _read_pragma(writer, "freelist_count")
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
                with _translate_errors():
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
            with _translate_errors():
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
            with _translate_errors():
                writer.execute("PRAGMA wal_checkpoint").fetchone()
        except DatabaseError as error:
            log.error("a checkpoint failed", database=self.path.name, reason=str(error))  # noqa: TRY400 - no traceback
            self._disk_failed = isinstance(error, DiskFailure)

    def _open_writer(self) -> sqlite3.Connection:
        writer = _connect(self.path)
        writer.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        if not _read_pragma(writer, "secure_delete"):  # builds that overwrite everything keep doing so
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


def _connect(path: Path) -> sqlite3.Connection:
    """Return a new connection in autocommit mode to a database in WAL mode; raises DatabaseError."""
    try:
        if not path.exists():
            os.close(open_private_file(path))  # SQLite would create it as the umask permits
    except OSError as error:
        raise translate_os_error(error, path) from error
    with _translate_errors():
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=LOCK_TIMEOUT_SECONDS)
    connection.row_factory, connection.text_factory = sqlite3.Row, _decode_text
    try:
        if _read_pragma(connection, "page_count") == 0:  # in a file with pages this would begin a writing transaction
            connection.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}")
        connection.execute("PRAGMA journal_mode = WAL")
    except UnicodeDecodeError as error:  # as in `_translate_errors`
        connection.close()
        raise StorageDamaged(f"{path} cannot be used: {_DAMAGED_SCHEMA}") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        if _error_code(error) == sqlite3.SQLITE_CANTOPEN and not os.access(path.absolute().parent, os.W_OK):
            raise StorageReadOnly(
                f"{path} cannot be used: its folder can only be read, and SQLite needs files beside it"
            ) from error
        raise _translate_storage_error(error, f"{path} cannot be used: {error}") from error
    return connection


def _read_pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _decode_text(data: bytes) -> str:
    """Return a stored text; bytes that are no UTF-8 become lone surrogates, so that a damaged event is still named."""
    return data.decode(errors="surrogateescape")


def _expand_lists(sql: str, parameters: Parameters) -> tuple[str, Parameters]:
    """Return a statement with every list parameter expanded: `in :ids` → `in (:ids_0, :ids_1)`.

    A long list is one parameter, since SQLite looks each name up among those before it.
    """
    lists = {name: value for name, value in parameters.items() if isinstance(value, (list, tuple))}
    if not lists:
        return sql, parameters
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


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise UniqueViolation(str(error)) from error
    except (sqlite3.InterfaceError, sqlite3.DataError, OverflowError) as error:
        raise DataRejected(str(error)) from error
    except UnicodeDecodeError as error:  # of SQLite's message, which quotes a damaged definition
        raise StorageDamaged(_DAMAGED_SCHEMA) from error
    except sqlite3.DatabaseError as error:
        code = _error_code(error)
        if code == sqlite3.SQLITE_INTERRUPT:
            raise StatementCancelled("the statement took too long") from error
        if "no such table" in str(error):
            raise TablesMissing from error
        if "no such column" in str(error) or "has no column named" in str(error):
            raise DataRejected(str(error)) from error
        if code not in _STORAGE_ERRORS:
            raise
        raise _translate_storage_error(error, str(error)) from error


_DAMAGED_SCHEMA = "the definition of a table or index is damaged"
_STORAGE_ERRORS: dict[int, type[StorageError]] = {
    sqlite3.SQLITE_BUSY: LockTimeout,
    sqlite3.SQLITE_LOCKED: LockTimeout,
    sqlite3.SQLITE_PROTOCOL: LockTimeout,
    sqlite3.SQLITE_FULL: StorageFull,
    sqlite3.SQLITE_READONLY: StorageReadOnly,
    sqlite3.SQLITE_IOERR: DiskFailure,
    sqlite3.SQLITE_CANTOPEN: StorageUnavailable,
    sqlite3.SQLITE_PERM: StorageUnavailable,
    sqlite3.SQLITE_AUTH: StorageUnavailable,
    sqlite3.SQLITE_CORRUPT: StorageDamaged,
    sqlite3.SQLITE_NOTADB: StorageDamaged,
}


def _error_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte of an extended code is the primary one


def _translate_storage_error(error: sqlite3.Error, message: str) -> DatabaseError:
    return _STORAGE_ERRORS.get(_error_code(error), DatabaseError)(message)
