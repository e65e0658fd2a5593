"""The backup file: a gzip file whose lines are JSON, and which ends with the SHA-256 of all its bytes before.

The first line is the header, then follows a line for each row of the record, then the summary. The checksum is a gzip
member of its own, so that `zcat` shows it, too. A file in which one bit was changed is refused before a row of it is
used. The form is the same for both engines.
"""

from __future__ import annotations

import gzip
import os
import struct
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from ogpgraph.storage.database import DatabaseError
from ogpgraph.storage.record import RecordRow, RecordVerifier, Summary, decode_line

if sys.platform != "win32":
    import fcntl

BACKUP_VERSION = 1
FILE_MODE = 0o600
_GZIP = 31
"""The window of zlib, with a gzip header: it has no time in it, so equal records give equal bytes."""
_LEVEL = 6
_CHUNK_BYTES = 2**20
_GZIP_MAGIC = bytes.fromhex("1f8b")
_GZIP_HEADER = bytes.fromhex("1f8b08000000000000ff")


class BackupFileError(DatabaseError):
    """The file cannot be written, or is no backup, or is damaged; the message names it."""


class Header(Struct, frozen=True, rename="camel"):
    """The first line: the version of the file's form, the log's format and id, when it was written, and its rows."""

    version: int = msgspec.field(name="ogpgraphBackup")
    log_format: int
    log_id: str
    written_at: str
    rows: int


_encoder = msgspec.json.Encoder()
_header_decoder = msgspec.json.Decoder(Header)
_summary_decoder = msgspec.json.Decoder(Summary)


# Writing


@contextmanager
def replace_file(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield the path of a new file beside another, for its owner only; it takes the other's place at the end.

    After an error the new file is deleted. One that a killed process left is overwritten by the next. Raises
    BackupFileError where the file exists, unless it is a backup and `force` is given, and where another process is
    writing it.
    """
    _require_replaceable(path, force=force)
    part = path.with_name(path.name + ".part")
    try:
        file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
    except OSError as error:
        raise BackupFileError(f"{part} cannot be written: {error.strerror}") from error
    try:
        _lock(file, part)
        part.chmod(FILE_MODE)
        try:
            yield part
            os.fsync(file)
            _require_replaceable(path, force=force)
            part.replace(path)
            _sync_folder(path.absolute().parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    finally:
        os.close(file)


def write_backup(file: BinaryIO, header: Header, rows: Iterable[RecordRow]) -> Summary:
    """Write a backup; returns its summary. Raises DamagedRow, at the first row that cannot be verified."""
    compressor, digest, verifier = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP), sha256(), RecordVerifier()

    def write(data: bytes) -> None:
        digest.update(data)
        file.write(data)

    write(compressor.compress(_encoder.encode(header) + b"\n"))
    for row in rows:
        write(compressor.compress(verifier.add(row)))
    summary = verifier.summarize()
    write(compressor.compress(_encoder.encode(summary) + b"\n") + compressor.flush())
    file.write(_build_checksum(digest.hexdigest()))
    return summary


def _build_checksum(digest: str) -> bytes:
    """Return a gzip member with the line of the checksum, uncompressed, so that its length never changes."""
    line = _encoder.encode({"sha256": digest}) + b"\n"
    stored = struct.pack("<BHH", 1, len(line), len(line) ^ 0xFFFF) + line
    return _GZIP_HEADER + stored + struct.pack("<II", zlib.crc32(line), len(line))


_CHECKSUM_BYTES = len(_build_checksum("0" * 64))


def _require_replaceable(path: Path, *, force: bool) -> None:
    _require_regular(path)
    if not path.exists():
        return
    if not force:
        raise BackupFileError(f"{path} exists: name another file, or replace it with --force")
    with path.open("rb") as file:  # a slip must not replace the database itself, for example
        if file.read(len(_GZIP_MAGIC)) not in (_GZIP_MAGIC, b""):
            raise BackupFileError(f"{path} is no backup, and is not replaced: name another file")


def _require_regular(path: Path) -> None:
    """Raise BackupFileError for a folder, and for what could be replaced, or would be waited for: pipes, devices."""
    if path.is_dir():
        raise BackupFileError(f"{path} is a folder")
    if path.exists() and not path.is_file():
        raise BackupFileError(f"{path} is no regular file")


def _lock(file: int, part: Path) -> None:
    if sys.platform == "win32":  # it has no flock
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BackupFileError(f"another process is writing {part}") from None


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # it does not open folders
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


# Reading


class BackupReader:
    """Reads a backup file whose checksum is right. `summary` is there once all rows are read."""

    def __init__(self, path: Path) -> None:
        """Read the header; raises BackupFileError for a damaged file, no backup, and one of another form."""
        self.path = path
        self.summary: Summary | None = None
        _require_regular(path)
        try:
            is_whole = _verify_checksum(path)
            self.header = self._read_header()
        except OSError as error:
            raise BackupFileError(f"{path} cannot be read: {error.strerror or error}") from error
        if not is_whole:
            raise BackupFileError(f"{path} is damaged: {self._locate_damage()}. Restore another backup.")

    def read_rows(self) -> Iterator[RecordRow]:
        """Yield the rows in the order of the record, not verified yet."""
        with gzip.open(self.path) as lines:
            next(lines)
            for line in lines:
                if line.startswith(b"{"):
                    self.summary = _summary_decoder.decode(line)
                    return
                yield decode_line(line)

    def _read_header(self) -> Header:
        try:
            with gzip.open(self.path) as lines:
                header = _header_decoder.decode(next(lines))
        except (EOFError, zlib.error, gzip.BadGzipFile, StopIteration, msgspec.MsgspecError):
            raise BackupFileError(f"{self.path} is not a backup of ogpgraph, or its beginning is damaged") from None
        if header.version != BACKUP_VERSION:
            raise BackupFileError(
                f"{self.path} is a backup of form {header.version}, and this program reads form {BACKUP_VERSION}"
            )
        return header

    def _locate_damage(self) -> str:
        """Return where the first damage is, as far as the rows show it."""
        last, verifier = "its header", RecordVerifier()
        try:
            for row in self.read_rows():
                verifier.add(row)
                last = f"{row.table.name} {row.key}"
        except Exception as error:  # whatever the damage makes of the bytes
            return f"after {last} it cannot be read ({type(error).__name__}: {error})"
        return "it was changed after it was written"


def _verify_checksum(path: Path) -> bool:
    """Return whether a file ends with the checksum of the bytes before."""
    left = path.stat().st_size - _CHECKSUM_BYTES
    digest = sha256()
    with path.open("rb") as file:
        while left > 0:
            chunk = file.read(min(left, _CHUNK_BYTES))
            digest.update(chunk)
            left -= len(chunk)
        return left == 0 and file.read() == _build_checksum(digest.hexdigest())
