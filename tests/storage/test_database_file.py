"""Files that take the place of a database are noticed, and get nothing of the former one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ogpgraph.storage.database import StorageReadOnly, StorageUnavailable
from ogpgraph.storage.database_file import DatabaseFile
from ogpgraph.storage.sqlite import SQLiteDatabase


@contextmanager
def open_table(path: Path) -> Iterator[SQLiteDatabase]:
    database = SQLiteDatabase(f"sqlite:///{path}")
    database.apply_ddl("create table if not exists word (value text)")
    try:
        yield database
    finally:
        database.close()


def insert(database: SQLiteDatabase, value: str) -> None:
    with database.write() as transaction:
        transaction.execute("insert into word (value) values (:value)", value=value)


def read(path: Path) -> list[str]:
    with open_table(path) as database:
        assert list(database.find_damage()) == []
        return [row["value"] for row in database.query("select value from word")]


def test_a_file_in_place_of_another_is_one_once_it_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(b"former")
    file = DatabaseFile(path)
    file.require_unchanged()
    assert [file.has_replacement(), file.has_replacement()] == [False, False]
    path.rename(tmp_path / "away.db")
    assert [file.has_replacement(), file.has_replacement()] == [False, False]
    for length in range(1, 4):  # as it is copied
        path.write_bytes(b"n" * length)
        assert not file.has_replacement()
    assert file.has_replacement()
    (tmp_path / "away.db").rename(path)
    assert not file.has_replacement()
    file.require_unchanged()


def test_the_wal_of_a_former_file_is_kept_from_the_file_that_took_its_place(tmp_path: Path) -> None:
    """SQLite would copy its pages into the new file at the next opening."""
    path, backup = tmp_path / "log.db", tmp_path / "backup.db"
    with open_table(path) as database:
        insert(database, "in both")
    shutil.copy(path, backup)
    with open_table(path) as database:
        for number in range(100):
            insert(database, f"in the former one only {number}")
        path.rename(tmp_path / "former.db")
        backup.rename(path)
        with pytest.raises(StorageUnavailable, match="was replaced"):
            insert(database, "lost")
    assert read(path) == ["in both"]
    (tmp_path / "log.db-wal-former").rename(tmp_path / "former.db-wal")
    assert len(read(tmp_path / "former.db")) == 101


def test_the_wal_of_the_file_that_took_the_place_is_its_own(tmp_path: Path) -> None:
    path, other = tmp_path / "log.db", tmp_path / "other.db"
    with open_table(path) as database, open_table(other) as writer:
        insert(database, "former")
        insert(writer, "new, in the WAL")
        path.rename(tmp_path / "former.db")
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{other}{suffix}", f"{path}{suffix}.new")
            Path(f"{path}{suffix}.new").rename(f"{path}{suffix}")
    assert read(path) == ["new, in the WAL"]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root can write anywhere")
def test_a_folder_that_can_only_be_read_is_named(tmp_path: Path) -> None:
    with open_table(tmp_path / "log.db"):
        pass
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageReadOnly, match="its folder can only be read"):
            read(tmp_path / "log.db")
    finally:
        tmp_path.chmod(0o700)
