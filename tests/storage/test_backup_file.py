"""The backup file: what `zcat` shows, and that a changed or shortened file is refused before a row of it is used."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path

import pytest

from ogpgraph.maintenance import back_up, restore
from ogpgraph.storage import backup_file
from ogpgraph.storage.backup_file import BackupFileError, BackupReader, replace_file
from ogpgraph.storage.log_identity import UnsupportedLogFormat
from tests.support.records import NOW, fill_record, no_track


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("backup")
    url = f"sqlite:///{folder}/log.db"
    fill_record(url)
    back_up(url, folder / "backup.gz", clock=lambda: NOW, track=no_track)
    return (folder / "backup.gz").read_bytes()


def test_a_backup_is_lines_of_json_that_end_with_the_checksum(backup: bytes) -> None:
    lines = [json.loads(line) for line in gzip.decompress(backup).splitlines()]
    header, *rows, summary, checksum = lines
    assert header["ogpgraphBackup"] == 1
    assert header["writtenAt"] == "2026-01-01T12:00:00.000000Z"
    assert header["rows"] == len(rows) == sum(summary["counts"].values())
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), key=list(summary["counts"]).index)
    assert len(checksum["sha256"]) == 64


def require_refused(file: Path, data: bytes) -> str:
    file.write_bytes(data)
    database = file.with_name("after.db")
    with pytest.raises((BackupFileError, UnsupportedLogFormat)) as raised:
        restore(file, f"sqlite:///{database}", no_track)
    assert not database.exists()
    message = str(raised.value)
    assert message.startswith(str(file))
    return message


@pytest.mark.parametrize("flips", [48, pytest.param(200, marks=pytest.mark.long)])
def test_a_flipped_bit_anywhere_is_refused(backup: bytes, tmp_path: Path, flips: int) -> None:
    chosen = random.Random(flips)
    places = [*range(12), *range(len(backup) - 12, len(backup)), *chosen.sample(range(len(backup)), flips)]
    for place in places:
        data = bytearray(backup)
        data[place] ^= 1 << chosen.randrange(8)
        require_refused(tmp_path / "backup.gz", bytes(data))


@pytest.mark.parametrize("length", [0, 5, 200, -1, -100, -300])
def test_a_shortened_file_is_refused(backup: bytes, tmp_path: Path, length: int) -> None:
    require_refused(tmp_path / "backup.gz", backup[:length])


def test_a_file_with_something_after_its_end_is_refused(backup: bytes, tmp_path: Path) -> None:
    require_refused(tmp_path / "backup.gz", backup + b"\n")
    require_refused(tmp_path / "backup.gz", backup + backup)


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    message = require_refused(tmp_path / "backup.gz", b"hello")
    assert "is not a backup of ogpgraph" in message
    with pytest.raises(BackupFileError, match=r"none\.gz cannot be read: No such file"):
        BackupReader(tmp_path / "none.gz")


def test_the_place_of_the_damage_is_named(backup: bytes, tmp_path: Path) -> None:
    data = bytearray(backup)
    data[len(data) * 3 // 4] ^= 1
    assert "damaged: after " in require_refused(tmp_path / "backup.gz", bytes(data))


def test_a_backup_of_another_form_is_refused_by_name(backup: bytes, tmp_path: Path) -> None:
    other = gzip.compress(gzip.decompress(backup).replace(b'"ogpgraphBackup":1', b'"ogpgraphBackup":9'))
    assert "is a backup of form 9" in require_refused(tmp_path / "backup.gz", other)


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    with (
        replace_file(tmp_path / "backup.gz", force=False) as part,
        pytest.raises(BackupFileError, match="another process"),
        replace_file(tmp_path / "backup.gz", force=False),
    ):
        pass
    assert part.name == "backup.gz.part"
    assert backup_file.FILE_MODE == 0o600


def test_an_older_backup_is_replaced_by_force_only(backup: bytes, tmp_path: Path) -> None:
    file = tmp_path / "backup.gz"
    file.write_bytes(backup)
    with pytest.raises(BackupFileError, match="--force"), replace_file(file, force=False):
        pass
    with replace_file(file, force=True) as part:
        part.write_bytes(b"newer")
    assert file.read_bytes() == b"newer"


def test_a_file_that_is_no_backup_is_not_replaced(tmp_path: Path) -> None:
    """The database that is backed up, for example."""
    database = tmp_path / "ogpgraph.db"
    fill_record(f"sqlite:///{database}", commitments=1)
    before = database.read_bytes()
    with pytest.raises(BackupFileError, match=r"ogpgraph\.db is no backup"):
        back_up(f"sqlite:///{database}", database, force=True, track=no_track)
    assert (database.read_bytes(), list(tmp_path.glob("*.part"))) == (before, [])


def test_a_pipe_is_neither_replaced_nor_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BackupFileError, match="pipe is no regular file"), replace_file(pipe, force=True):
        pass
    with pytest.raises(BackupFileError, match="pipe is no regular file"):
        BackupReader(pipe)
    assert pipe.is_fifo()


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(BackupFileError, match=r"none/backup\.gz\.part cannot be written: No such file"),
        replace_file(tmp_path / "none" / "backup.gz", force=False),
    ):
        pass
