"""A log that was replaced is found at start and served read-only until it is accepted."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ogpgraph.domain.errors import ReadOnly
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.head_file import INTERVAL_SECONDS, HeadFile
from ogpgraph.system import System, migrate, open_system
from tests.conftest import BOTH_ENGINES, ONLY_POSTGRES, ONLY_SQLITE, DatabaseFactory, execute_statement
from tests.support.writers import change_title, register_commitment

pytestmark = BOTH_ENGINES
Swap = Callable[[], None]


@pytest.fixture
def url(new_database: DatabaseFactory, tmp_path: Path) -> str:
    """The URL of a log of six entries whose backup at the third one is the database `backup`."""
    (tmp_path / "state").mkdir()
    migrate(new_database())
    write(new_database(), tmp_path, 1, register=True, title="Before the backup")
    copy(new_database(), new_database("backup"))
    write(new_database(), tmp_path, 3)
    return new_database()


@pytest.fixture
def restore(url: str, new_database: DatabaseFactory) -> Swap:
    """A function that puts the backup in place of the log."""
    return lambda: copy(new_database("backup"), url)


def write(url: str, folder: Path, number: int, *, register: bool = False, title: str = "Title") -> None:
    with open_system(url, state=str(folder / "state")) as system:
        if register:
            register_commitment(system, "FR0001")
        for each in range(number):
            change_title(system, "FR0001", f"{title} {each}")


def copy(source: str, target: str) -> None:
    if source.startswith("sqlite:"):
        shutil.copy(source.removeprefix("sqlite:///"), target.removeprefix("sqlite:///"))
        return
    server, template = (re.sub(r"^(\w+://[^/?]*)/([^?]*)", rep, source) for rep in (r"\1/postgres", r"\2 "))
    execute_statement(server, "drop database {} with (force)", target)
    execute_statement(server, f"create database {{}} template {template.split()[0]}", target)


def head_path(url: str, folder: Path) -> Path:
    if url.startswith("sqlite:"):
        return Path(url.removeprefix("sqlite:///") + ".head")
    (path,) = (folder / "state").iterdir()
    return path


def remembered_position(url: str, folder: Path) -> int:
    path = head_path(url, folder)
    assert path.stat().st_mode & 0o777 == 0o600
    head = HeadFile(path).read()
    assert head
    return head.position


def problem_of(system: System) -> str:
    described = system.guard.describe()
    assert described
    assert (described["code"], described["readOnly"]) == ("OTHER_HISTORY", True)
    return str(described["message"])


def test_the_last_acknowledged_position_is_remembered(url: str, tmp_path: Path) -> None:
    with open_system(url, state=str(tmp_path / "state")) as system:
        assert system.guard.describe() is None
        time.sleep(INTERVAL_SECONDS)
        change_title(system, "FR0001", "Remembered at once")
        assert remembered_position(url, tmp_path) == 7
        change_title(system, "FR0001", "Remembered at the stop")
    assert remembered_position(url, tmp_path) == 8
    write(url, tmp_path, 0)
    assert remembered_position(url, tmp_path) == 8


def test_a_log_that_is_shorter_is_read_only_until_it_is_accepted(
    url: str, restore: Swap, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restore()
    for _ in range(2):
        with open_system(url, state=str(tmp_path / "state")) as system:
            assert problem_of(system).startswith(
                "the last acknowledged position of the log was 6, and it has 3 entries. "
            )
            with pytest.raises(ReadOnly, match=r"^OTHER_HISTORY: .* --accept-history"):
                change_title(system, "FR0001", "Refused")
            with system.read_session() as session:
                assert session.head == 3
    assert "OTHER_HISTORY" in capsys.readouterr().out
    assert remembered_position(url, tmp_path) == 6
    with open_system(url, state=str(tmp_path / "state"), accept_history=True):
        pass
    write(url, tmp_path, 1)
    assert remembered_position(url, tmp_path) == 4


def test_a_log_that_has_grown_past_the_remembered_position_by_other_entries_is_found(
    url: str, restore: Swap, tmp_path: Path, new_database: DatabaseFactory
) -> None:
    (tmp_path / "elsewhere" / "state").mkdir(parents=True)
    write(new_database("backup"), tmp_path / "elsewhere", 5, title="Another future")
    restore()
    with open_system(url, state=str(tmp_path / "state")) as system:
        assert "its entries up to there are others, although it has 8 entries" in problem_of(system)
        with pytest.raises(ReadOnly):
            change_title(system, "FR0001", "Refused")


def test_a_remembered_position_that_cannot_be_read_is_reported_and_nothing_is_recorded(
    url: str, tmp_path: Path
) -> None:
    head_path(url, tmp_path).write_bytes(b"\0" * 100)
    with open_system(url, state=str(tmp_path / "state")) as system:
        described = system.guard.describe()
        assert described
        assert (described["code"], described["readOnly"]) == ("HEAD_UNREADABLE", True)
        with pytest.raises(ReadOnly, match=r"^HEAD_UNREADABLE: .* --accept-history"):
            change_title(system, "FR0001", "Refused")
        with system.read_session() as session:
            assert session.head == 6
    with open_system(url, state=str(tmp_path / "state"), accept_history=True):
        pass
    write(url, tmp_path, 1)
    assert remembered_position(url, tmp_path) == 7


def test_nothing_is_recorded_while_the_log_cannot_be_compared(url: str, tmp_path: Path) -> None:
    """Damage that hides whether this is the remembered log must not let writes in, nor need a restart once repaired."""
    database = open_database(url)
    with database.write() as transaction:
        frontier = transaction.fetch_value("select frontier from projector")
        transaction.execute("update projector set frontier = 'damaged', log_position = 1, position = 1")
        transaction.execute("update entry set position = -position")
    with open_system(url, state=str(tmp_path / "state")) as system:
        described = system.guard.describe()
        assert described
        assert (described["code"], described["readOnly"]) == ("NOT_CHECKED", True)
        with pytest.raises(ReadOnly, match="ogpgraph check"):
            change_title(system, "FR0001", "Refused")
        assert remembered_position(url, tmp_path) == 6
        with database.write() as transaction:
            transaction.execute("update entry set position = -position")
            transaction.execute(
                "update projector set frontier = :frontier, log_position = 6, position = 6", frontier=frontier
            )
        change_title(system, "FR0001", "Recorded")
        assert system.guard.describe() is None
    database.close()
    assert remembered_position(url, tmp_path) == 7


def test_events_that_cannot_be_projected_are_compared_by_their_leaves(
    url: str, restore: Swap, tmp_path: Path, new_database: DatabaseFactory
) -> None:
    """A projection that stops hides the entries of another history, not its events."""
    stop = "update event set topic = 'FromAnotherVersion.1' where position > 2"
    forget = "update projector set log_position = 0, position = 0, frontier = ''"
    for another in (False, True):
        if another:
            (tmp_path / "elsewhere" / "state").mkdir(parents=True)
            write(new_database("backup"), tmp_path / "elsewhere", 5, title="Another future")
            restore()
        database = open_database(url)
        with database.write() as transaction:
            topics = transaction.fetch_all("select position, topic from event")
            transaction.execute(stop)
            for table in ("entry", "version", "tag", "stream", "term"):
                transaction.execute(f"delete from {table}")
            transaction.execute(forget)
        with open_system(url, state=str(tmp_path / "state")) as system:
            described = system.guard.describe()
            assert (described and described["code"]) == ("OTHER_HISTORY" if another else None)
        with database.write() as transaction:
            transaction.execute_many(
                "update event set topic = :topic where position = :position", [dict(each) for each in topics]
            )
        database.close()


@ONLY_SQLITE
def test_a_position_of_an_empty_log_is_no_history(url: str, tmp_path: Path, new_database: DatabaseFactory) -> None:
    """A server that ran on an empty database must not make a restore into it another history."""
    migrate(new_database("empty"))
    write(new_database("empty"), tmp_path, 0)
    head_path(url, tmp_path).write_bytes(head_path(new_database("empty"), tmp_path).read_bytes())
    write(url, tmp_path, 1)
    assert remembered_position(url, tmp_path) == 7


@ONLY_POSTGRES
def test_without_a_folder_on_postgresql_it_is_said_that_nothing_is_remembered(url: str) -> None:
    with open_system(url) as system:
        described = system.guard.describe()
        assert described
        assert (described["code"], described["readOnly"]) == ("NOT_REMEMBERED", False)
        change_title(system, "FR0001", "Recorded nevertheless")
