"""Backup, restore and copy on both engines, in both directions, and interrupted in the middle."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest

from ogpgraph.maintenance import RootsDiffer, back_up, copy, restore
from ogpgraph.readmodel.projector import read_checkpoint
from ogpgraph.storage.backup_file import BackupFileError, BackupReader
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import DatabaseError
from ogpgraph.storage.log_identity import UnfinishedTransfer
from ogpgraph.storage.record import DamagedRow
from ogpgraph.storage.transfer import Transfer, TransferRefused
from ogpgraph.system import migrate, open_system, require_migrated
from tests.conftest import BOTH_ENGINES, execute_statement
from tests.storage.event_logs import flip_bit
from tests.support.records import fill_record, no_track, read_digest, read_rows
from tests.support.writers import change_title, register_commitment, start_writers, wait_for_writes

ROOT = Path(__file__).parent.parent
MakeURL = Callable[[str, str], str]
DIRECTIONS = [
    pytest.param("sqlite", "sqlite"),
    pytest.param("sqlite", "postgres", marks=pytest.mark.postgres),
    pytest.param("postgres", "sqlite", marks=pytest.mark.postgres),
    pytest.param("postgres", "postgres", marks=pytest.mark.postgres),
]
OTHER_ENGINE = [DIRECTIONS[1], DIRECTIONS[2]]


@pytest.fixture
def make_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeURL]:
    """The URLs of databases by engine and name; they do not exist, or are empty."""
    made: dict[str, str] = {}

    def make(engine: str, name: str) -> str:
        if engine == "sqlite":
            return f"sqlite:///{tmp_path / name}.db"
        server: str = request.getfixturevalue("postgres_server")
        if name not in made:
            made[name] = execute_statement(server, "create database {}")
        return made[name]

    yield make
    for url in made.values():
        execute_statement(request.getfixturevalue("postgres_server"), "drop database {} with (force)", url)


def require_same_record(first: str, second: str) -> None:
    rows = read_rows(first)
    assert all(rows.values()), "every table has rows"
    assert rows == read_rows(second)
    assert read_digest(first) == read_digest(second)


# Backup and restore


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_a_restored_backup_is_the_same_record_on_either_engine(
    make_url: MakeURL, tmp_path: Path, source: str, target: str
) -> None:
    before, after, file = make_url(source, "before"), make_url(target, "after"), tmp_path / "backup.gz"
    fill_record(before)
    written = back_up(before, file, track=no_track)
    restored = restore(file, after, no_track)
    assert restored == written
    require_same_record(before, after)
    with open_system(after) as system, system.database.read() as transaction:
        checkpoint = read_checkpoint(transaction)
        assert checkpoint
        assert checkpoint.frontier.root().hex() == written.root
        assert checkpoint.log_position == written.head


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_a_restored_log_goes_on_after_its_last_position(
    make_url: MakeURL, tmp_path: Path, source: str, target: str
) -> None:
    before, after, file = make_url(source, "before"), make_url(target, "after"), tmp_path / "backup.gz"
    fill_record(before)
    written = back_up(before, file, track=no_track)
    restore(file, after, no_track)
    with open_system(after) as system:
        receipt = change_title(system, "FR0000", "After the restore")
        assert receipt.positions == (written.head + 1,)
        assert change_title(system, "FR0000", "Veröffentlichung № 0", key="key 0").repeated
        assert register_commitment(system, "FR0200")


@pytest.mark.postgres
def test_positions_with_gaps_are_kept(make_url: MakeURL, tmp_path: Path) -> None:
    before, after, file = make_url("postgres", "before"), make_url("sqlite", "after"), tmp_path / "backup.gz"
    fill_record(before)
    written = back_up(before, file, track=no_track)
    restore(file, after, no_track)
    positions = [event["position"] for event in read_rows(after)["event"]]
    assert len(positions) < written.head == positions[-1]


@BOTH_ENGINES
def test_a_backup_of_the_same_record_has_the_same_rows(url: str, engine: str, tmp_path: Path) -> None:
    fill_record(url)
    first, second = (back_up(url, tmp_path / name, track=no_track) for name in ("first", "second"))
    assert first == second
    assert engine


@BOTH_ENGINES
def test_of_two_transfers_at_once_into_one_database_the_other_is_told_so(
    make_url: MakeURL, engine: str, tmp_path: Path
) -> None:
    before, after = make_url(engine, "before"), make_url(engine, "after")
    fill_record(before)
    back_up(before, tmp_path / "backup.gz", track=no_track)
    migrate(after)
    reader = BackupReader(tmp_path / "backup.gz")
    with closing(open_database(after)) as database:
        one, other = (Transfer(database, reader.header.log_id, reader.header.rows) for _ in range(2))
        one.begin()
        other.begin()
        stored = one.store(reader.read_rows())
        with pytest.raises(TransferRefused, match="something else writes the same rows"):
            other.store(reader.read_rows())
        one.verify(stored)


@BOTH_ENGINES
def test_a_backup_while_others_write_is_one_moment(make_url: MakeURL, engine: str, tmp_path: Path) -> None:
    url = make_url(engine, "busy")
    migrate(url)
    codes = ["FR0000", "FR0001"]
    with open_system(url) as system:
        for code in codes:
            register_commitment(system, code)
    with start_writers(url, tmp_path / "writers", 2, codes, None, shared=False) as process:
        try:
            wait_for_writes(tmp_path / "writers")
            summaries = [back_up(url, tmp_path / "0.gz", track=no_track)]
            deadline = time.monotonic() + 60
            while summaries[-1].counts["event"] == summaries[0].counts["event"]:  # until they wrote in between
                assert time.monotonic() < deadline
                summaries.append(back_up(url, tmp_path / f"{len(summaries)}.gz", track=no_track))
            assert process.poll() is None
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    rows = read_rows(url)["event"]
    for number in (0, len(summaries) - 1):
        after = make_url(engine, f"after {number}")
        restore(tmp_path / f"{number}.gz", after, no_track)
        assert read_rows(after)["event"] == rows[: summaries[number].counts["event"]]


@BOTH_ENGINES
def test_a_rebuild_does_not_wait_for_a_backup(url: str, engine: str, tmp_path: Path) -> None:
    fill_record(url)
    rebuilt: list[int] = []

    def track(part: str) -> Callable[[int, int], None]:
        def rebuild(done: int, _total: int) -> None:
            if part == "writing" and done > 5 and not rebuilt:
                with open_system(url) as system:
                    rebuilt.append(system.rebuild())

        return rebuild

    with patch("ogpgraph.storage.transfer.BATCH_ROWS", 3):
        summary = back_up(url, tmp_path / "backup.gz", track=track)
    assert rebuilt == [summary.counts["event"]]
    assert engine


def test_a_backup_is_for_its_owner_only_and_replaces_nothing_without_force(url: str, tmp_path: Path) -> None:
    fill_record(url)
    file = tmp_path / "backup.gz"
    back_up(url, file, track=no_track)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    with pytest.raises(BackupFileError, match="--force"):
        back_up(url, file, track=no_track)
    assert file.read_bytes() == before
    file.chmod(0o644)
    with open_system(url) as system:
        register_commitment(system, "FR0200")
    back_up(url, file, force=True, track=no_track)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes() != before
    assert not list(tmp_path.glob("*.part"))


def test_a_backup_that_fails_leaves_the_former_file(url: str, tmp_path: Path) -> None:
    fill_record(url)
    file = tmp_path / "backup.gz"
    back_up(url, file, track=no_track)
    before = file.read_bytes()
    flip_bit(url, 5, "payload", byte=3)
    with pytest.raises(DamagedRow, match="event 5: "):
        back_up(url, file, force=True, track=no_track)
    assert file.read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_a_log_that_lost_its_last_event_is_not_backed_up(url: str, tmp_path: Path) -> None:
    fill_record(url)
    database = open_database(url)
    with database.write() as transaction:
        transaction.execute("delete from event where position = (select max(position) from event)")
    database.close()
    with pytest.raises(RootsDiffer, match="ogpgraph check"):
        back_up(url, tmp_path / "backup.gz", track=no_track)


def test_a_database_that_does_not_exist_is_not_created_by_a_backup(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="does not exist"):
        back_up(f"sqlite:///{tmp_path}/none.db", tmp_path / "backup.gz", track=no_track)
    assert not list(tmp_path.iterdir())


@BOTH_ENGINES
def test_a_database_with_rows_is_not_restored_into(make_url: MakeURL, engine: str, tmp_path: Path) -> None:
    url, other = make_url(engine, "log"), make_url(engine, "other")
    fill_record(url)
    fill_record(other, commitments=1)
    back_up(url, tmp_path / "backup.gz", track=no_track)
    before = read_rows(other)
    with pytest.raises(TransferRefused, match="is not empty"):
        restore(tmp_path / "backup.gz", other, no_track)
    with pytest.raises(TransferRefused, match="is not empty"):
        copy(url, url, no_track)
    assert read_rows(other) == before


# Copies


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_a_copy_is_the_same_record(make_url: MakeURL, source: str, target: str) -> None:
    before, after = make_url(source, "before"), make_url(target, "after")
    fill_record(before)
    copy(before, after, no_track)
    require_same_record(before, after)


def test_a_copy_there_and_back_is_the_same_record(make_url: MakeURL) -> None:
    first, second = make_url("sqlite", "first"), make_url("sqlite", "second")
    fill_record(first)
    copy(first, second, no_track)
    copy(second, make_url("sqlite", "third"), no_track)
    require_same_record(first, make_url("sqlite", "third"))


# Interruptions

KILLED = """
import os, signal, sys
from pathlib import Path
from ogpgraph import maintenance
from ogpgraph.readmodel import projector
from ogpgraph.storage import transfer

command, source, target, part, moment = sys.argv[1:]
transfer.BATCH_ROWS = projector.BATCH_SIZE = 3

def track(name):
    def kill(done, total):
        if name == part and done >= int(moment):
            os.kill(os.getpid(), signal.SIGKILL)
    return kill

if command == "backup":
    maintenance.back_up(source, Path(target), track=track)
elif command == "restore":
    maintenance.restore(Path(source), target, track)
else:
    maintenance.copy(source, target, track)
"""


def run_killed(command: str, source: object, target: object, part: str, moment: int) -> None:
    """Run a command in a process that is killed in one of its parts, after so many rows."""
    arguments = [command, str(source), str(target), part, str(moment)]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def require_unusable(url: str) -> None:
    with pytest.raises(UnfinishedTransfer, match="Run the same command again"), open_system(url):
        pass
    with pytest.raises(UnfinishedTransfer):
        migrate(url)
    with pytest.raises(UnfinishedTransfer):
        require_migrated(url)


@pytest.mark.slow
@pytest.mark.parametrize(("part", "moment"), [("writing", 10), ("verifying", 10)])
def test_a_killed_backup_leaves_no_file_of_that_name_and_can_be_repeated(
    url: str, tmp_path: Path, part: str, moment: int
) -> None:
    fill_record(url)
    file = tmp_path / "backup.gz"
    run_killed("backup", url, file, part, moment)
    assert not file.exists()
    back_up(url, file, track=no_track)
    assert not list(tmp_path.glob("*.part"))
    restore(file, f"sqlite:///{tmp_path}/after.db", no_track)
    require_same_record(url, f"sqlite:///{tmp_path}/after.db")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("part", "moment"), [("storing", 4), ("storing", 14), ("storing", 24), ("verifying", 6), ("rebuilding", 5)]
)
@BOTH_ENGINES
def test_a_killed_restore_leaves_nothing_usable_and_goes_on(
    make_url: MakeURL, engine: str, tmp_path: Path, part: str, moment: int
) -> None:
    before, after, file = make_url("sqlite", "before"), make_url(engine, "after"), tmp_path / "backup.gz"
    fill_record(before)
    back_up(before, file, track=no_track)
    run_killed("restore", file, after, part, moment)
    require_unusable(after)
    stored = len(read_rows(after)["event"])
    assert bool(stored) == (part != "storing" or moment > 14)
    restore(file, after, no_track)
    require_same_record(before, after)


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), OTHER_ENGINE)
def test_a_killed_copy_goes_on_with_what_was_recorded_since(make_url: MakeURL, source: str, target: str) -> None:
    before, after = make_url(source, "before"), make_url(target, "after")
    fill_record(before)
    run_killed("copy", before, after, "storing", 24)
    require_unusable(after)
    stored = read_rows(after)["event"]
    assert 0 < len(stored) < len(read_rows(before)["event"])
    with open_system(before) as system:
        change_title(system, "FR0000", "While the copy was interrupted")
        system.accounts.set_person("account-2", "Known now", None)
    copy(before, after, no_track)
    require_same_record(before, after)
    assert read_rows(after)["event"][: len(stored)] == stored


@pytest.mark.slow
def test_an_interrupted_restore_is_not_continued_with_another_log(make_url: MakeURL, tmp_path: Path) -> None:
    first, second, after = (make_url("sqlite", name) for name in ("first", "second", "after"))
    for url in (first, second):
        fill_record(url)
        back_up(url, tmp_path / f"{url[-6:]}.gz", track=no_track)
    run_killed("copy", first, after, "storing", 24)
    with pytest.raises(TransferRefused, match="another log"):
        copy(second, after, no_track)
    require_unusable(after)


def test_an_event_that_something_else_stores_meanwhile_is_noticed(make_url: MakeURL) -> None:
    """A process that was serving the empty database does not know that another log is being restored into it."""
    before, after = make_url("sqlite", "before"), make_url("sqlite", "after")
    fill_record(before)
    migrate(after)
    with open_system(after) as serving:

        def track(part: str) -> Callable[[int, int], None]:
            if part == "verifying":
                register_commitment(serving, "XX0001")
            return no_track(part)

        with pytest.raises((TransferRefused, DamagedRow)):
            copy(before, after, track)
    require_unusable(after)
