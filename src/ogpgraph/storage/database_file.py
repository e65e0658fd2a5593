"""The files of a SQLite database: who may use them, and whether they are still the ones that were opened.

They hold personal data, so they are for their owner only (mode 0600), whatever the umask. Files that others may read
are restricted when the database is opened, by the user who owns them.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

import structlog

from ogpgraph.storage.database import StorageFailure, StorageFull, StorageReadOnly, StorageUnavailable

FILE_MODE = 0o600
_SQLITE_SUFFIXES = ("-wal", "-shm")
COMPANION_SUFFIXES = (*_SQLITE_SUFFIXES, "-journal", "-lock", ".head")
"""What the names of the files beside a database add to its own; all but the last two are SQLite's."""
FORMER_SUFFIX = "-former"
"""What is added to the name of a WAL whose database was replaced."""
Identity = tuple[int, int]
"""The device and the number of a file on it."""

log = structlog.stdlib.get_logger(__name__)


class DatabaseFile:
    """The file of a database, which has to stay the same while it is open: what is written to a removed one is lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = str(path)
        self._identity: Identity | None = None
        self._companions = {suffix: path.with_name(path.name + suffix) for suffix in _SQLITE_SUFFIXES}
        self._companion_identities: dict[str, Identity] = {}
        self._candidate: tuple[int, int, int] | None = None

    def require_unchanged(self) -> None:
        """Raise StorageUnavailable where the file was removed or replaced after it was first found."""
        try:
            found = os.stat(self._name)  # noqa: PTH116 - it is asked for each reader, and a path takes twice as long
        except FileNotFoundError:
            if self._identity is not None:
                raise StorageUnavailable(f"{self.path} was removed: put it back, or restore a backup") from None
            return
        except OSError as error:
            raise StorageUnavailable(f"{self.path} cannot be used: {error.strerror}") from error
        identity = found.st_dev, found.st_ino
        self._identity = self._identity or identity
        if identity != self._identity:
            # What this process has in memory is of the former file.
            raise StorageUnavailable(f"{self.path} was replaced by another file, which has to be opened anew")

    def has_replacement(self) -> bool:
        """Return whether another file is in place of the one that was first found, and is not written to any more.

        A file that is still being copied changes from one call to the next.
        """
        before, self._candidate = self._candidate, self._describe_replacement()
        return self._candidate is not None and self._candidate == before

    def set_former_files_aside(self) -> None:
        """Keep SQLite from using the WAL of the former file with the one that took its place, which it would damage.

        The WAL is renamed, because the former file may lack what is in it; the index of the WAL is removed.
        """
        if self._describe_replacement() is None:
            return
        for suffix, path in self._companions.items():
            if (former := self._companion_identities.get(suffix)) is not None and _identify(path) == former:
                with suppress(OSError):
                    path.unlink() if suffix == "-shm" else path.replace(path.with_name(path.name + FORMER_SUFFIX))
                log.warning("a file beside the database belonged to a former one", file=str(path))

    def _describe_replacement(self) -> tuple[int, int, int] | None:
        """Return what changes while the file in place of the first one does; None where there is no such file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        is_same = self._identity in (None, (found.st_dev, found.st_ino))
        return None if is_same else (found.st_ino, found.st_size, found.st_mtime_ns)

    def identify_companions(self) -> None:
        """Remember which files beside the database are its own; they may be others after a connection or a commit."""
        for suffix, path in self._companions.items():
            if (identity := _identify(path)) is not None:
                self._companion_identities[suffix] = identity


def _identify(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_private_file(path: Path) -> int:
    """Open a file for its owner only, created where it is missing; what root creates belongs to the folder's owner."""
    is_new = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    if is_new and sys.platform != "win32" and os.geteuid() == 0:
        folder = path.absolute().parent.stat()
        os.fchown(file, folder.st_uid, folder.st_gid)
    return file


def restrict_files(path: Path) -> None:
    """Take the files of a database from everyone but their owner; another user's are left as they are, with a warning.

    SQLite gives the files beside a database the mode of the database.
    """
    for each in (path, *(path.with_name(path.name + suffix) for suffix in COMPANION_SUFFIXES)):
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(each.stat().st_mode)
            if mode & ~FILE_MODE:
                _restrict_file(each, mode)


def _restrict_file(path: Path, mode: int) -> None:
    try:
        path.chmod(mode & FILE_MODE)
    except OSError:  # another user's, or on a disk that can only be read
        log.warning("others can use a file of the database", file=str(path), mode=f"{mode:04o}")


def translate_os_error(error: OSError, path: Path) -> StorageFailure:
    """Return the error of the interface for one of opening a file beside the database."""
    message = f"{path} cannot be used: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(message)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StorageReadOnly(message)
    return StorageUnavailable(message)
