"""Connections to a SQLite database: how they are opened, and what their errors mean."""

from __future__ import annotations

import os
import sqlite3
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from ogpgraph.storage.database import (
    DatabaseError,
    DataRejected,
    LockTimeout,
    StatementCancelled,
    StorageDamaged,
    StorageError,
    StorageFull,
    StorageReadOnly,
    StorageUnavailable,
    TablesMissing,
    UniqueViolation,
)
from ogpgraph.storage.database_file import open_private_file, translate_os_error

LOCK_TIMEOUT_SECONDS = 30
_decode_text = partial(str, encoding="utf-8", errors="surrogateescape")
"""Returns a stored text; bytes that are no UTF-8 become lone surrogates, so that a damaged event is still named."""
INCREMENTAL = 2
"""The value of `PRAGMA auto_vacuum` with which free pages are released when the program asks for it."""


class DiskFailure(StorageUnavailable):
    """An operation of the disk failed: whether what was written before is on the disk is not known."""


def connect(path: Path) -> sqlite3.Connection:
    """Return a new connection in autocommit mode to a database in WAL mode; raises DatabaseError."""
    try:
        if not path.exists():
            os.close(open_private_file(path))  # SQLite would create it as the umask permits
    except OSError as error:
        raise translate_os_error(error, path) from error
    with translate_errors():
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=LOCK_TIMEOUT_SECONDS)
    connection.row_factory, connection.text_factory = sqlite3.Row, _decode_text
    try:
        if read_pragma(connection, "page_count") == 0:  # in a file with pages this would begin a writing transaction
            connection.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}")
        connection.execute("PRAGMA journal_mode = WAL")
    except UnicodeDecodeError as error:  # as in `translate_errors`
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


def read_pragma(connection: sqlite3.Connection, name: str) -> int:
    """Return the value of a pragma that is a number."""
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


class _ErrorTranslation:
    """Raises the errors of the interface for those of SQLite. It is entered for every statement, so it does little."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and (translated := _translate(error)) is not None:
            raise translated from error


_TRANSLATION = _ErrorTranslation()


def translate_errors() -> AbstractContextManager[None]:
    """Raise the errors of the interface for those of SQLite."""
    return _TRANSLATION


def _translate(error: BaseException) -> DatabaseError | None:
    """Return the error of the interface for one of SQLite; None for others."""
    match error:
        case sqlite3.IntegrityError():
            return UniqueViolation(str(error))
        case sqlite3.InterfaceError() | sqlite3.DataError() | OverflowError():
            return DataRejected(str(error))
        case UnicodeDecodeError():  # of SQLite's message, which quotes a damaged definition
            return StorageDamaged(_DAMAGED_SCHEMA)
        case sqlite3.DatabaseError():
            return _translate_database_error(error)
        case _:
            return None


def _translate_database_error(error: sqlite3.DatabaseError) -> DatabaseError | None:
    code = _error_code(error)
    if code == sqlite3.SQLITE_INTERRUPT:
        return StatementCancelled("the statement took too long")
    if "no such table" in str(error):
        return TablesMissing()
    if "no such column" in str(error) or "has no column named" in str(error):
        return DataRejected(str(error))
    if code not in _STORAGE_ERRORS:
        return None
    return _translate_storage_error(error, str(error))


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
