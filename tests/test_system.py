"""The program as a whole: migrated, opened, written, read, rebuilt, closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import timedelta
from pathlib import Path

import pytest

from ogpgraph.clock import system_clock
from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.maintenance import check
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.storage.clock_guard import ClockAhead, ClockGuard
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import TablesMissing
from ogpgraph.storage.log_identity import IdentityLost, read_log_identity
from ogpgraph.system import PositionNotReached, System, migrate, open_system
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, DatabaseFactory, SystemFactory
from tests.support.records import fill_record, no_track, read_rows

WAIT_SECONDS = 60


def register(system: System, code: str) -> None:
    system.execute(
        command_context(), lambda uow: commitment_commands.register_commitment(uow, code, {"status": "ACTIVE"})
    )


@BOTH_ENGINES
def test_database_without_tables_names_the_migrate_command(new_database: DatabaseFactory) -> None:
    with pytest.raises(TablesMissing, match="ogpgraph migrate"), open_system(new_database()):
        pass


@BOTH_ENGINES
def test_a_clock_that_jumped_ahead_after_the_last_write_is_refused(url: str, tmp_path: Path) -> None:
    """As long as the machine runs, a process that starts with a wrong clock is noticed, too."""
    offset = timedelta(0)

    def open_() -> AbstractContextManager[System]:
        guard = ClockGuard(max_lead=timedelta(hours=1))
        return open_system(url, state=str(tmp_path), clock=lambda: system_clock() + offset, clock_guard=guard)

    with open_() as system:
        register(system, "FR0001")
    with open_system(url, state=str(tmp_path)):  # whose clock is not compared
        pass
    offset = timedelta(days=400)
    with open_() as system:
        with pytest.raises(ClockAhead):
            register(system, "FR0002")
        assert any(problem.startswith("CLOCK_AHEAD: ") for problem in system.readiness_problems())
        offset = timedelta(minutes=-1)
        register(system, "FR0002")
        assert not any(problem.startswith("CLOCK_AHEAD: ") for problem in system.readiness_problems())


@BOTH_ENGINES
def test_second_migration_changes_nothing(make_system: SystemFactory, new_database: DatabaseFactory) -> None:
    system = make_system()
    system.execute(
        command_context(),
        lambda uow: commitment_commands.register_commitment(uow, "FR0001", {"title/en": uow.text_value("Words")}),
    )
    digest, identity = system.digest(), system.model.log_identity
    migrate(new_database())
    assert make_system().digest() == digest
    assert make_system().model.log_identity == identity


def test_every_log_has_its_own_identity_and_key(new_database: DatabaseFactory) -> None:
    identities = []
    for name in ("one", "other"):
        migrate(new_database(name))
        database = open_database(new_database(name))
        with database.read() as transaction:
            identities.append(read_log_identity(transaction))
        database.close()
    one, other = identities
    assert one.id != other.id
    assert one.text_key != other.text_key
    assert len(one.text_key) == 32
    assert one.redaction_version == 0


@BOTH_ENGINES
def test_log_of_another_format_makes_a_living_process_not_ready(system: System) -> None:
    with system.database.write() as transaction:
        transaction.execute("update log set format = 3")
    assert system.readiness_problems() == ["the database holds no log that this program can read"]


@BOTH_ENGINES
def test_a_log_that_lost_its_identity_gets_no_other_one(url: str, engine: str) -> None:
    fill_record(url, commitments=1)
    with closing(open_database(url)) as database, database.write() as transaction:
        transaction.execute("delete from log")
    commands: list[Callable[[], object]] = [
        lambda: migrate(url),
        lambda: open_system(url).__enter__(),
        lambda: list(check(url, no_track)),
    ]
    for command in commands:
        with pytest.raises(IdentityLost, match="ogpgraph restore"):
            command()
    assert read_rows(url)["log"] == []
    assert engine


@BOTH_ENGINES
def test_a_living_process_is_not_ready_when_its_log_has_lost_its_identity(system: System) -> None:
    register(system, "FR0001")
    with system.database.write() as transaction:
        transaction.execute("delete from log")
    assert system.readiness_problems() == ["the database holds no log that this program can read"]


@BOTH_ENGINES
def test_command_of_one_process_is_visible_at_once_in_all(make_system: SystemFactory) -> None:
    writer, reader = make_system(), make_system()
    for number in range(3):
        code = f"FR000{number}"
        register(writer, code)
        for system in (writer, reader):
            with system.read_session() as session:
                found = session.at_head().find_by_code("commitment", code)
                assert found
                assert found.value("status") == "ACTIVE"


@BOTH_ENGINES
def test_reader_projects_events_that_were_only_appended(make_system: SystemFactory) -> None:
    writer, reader = make_system(), make_system()
    writer.executor.execute(command_context(), lambda uow: commitment_commands.register_commitment(uow, "FR0001", {}))
    with reader.read_session() as session:
        assert session.head == 2


@BOTH_ENGINES
def test_rebuild_gives_the_same_digest_and_reports_progress(make_system: SystemFactory) -> None:
    system = make_system()
    for number in range(5):
        register(system, f"FR000{number}")
    system.execute(
        command_context(9),
        lambda uow: commitment_commands.withdraw_commitment(uow, uow.require_by_code("commitment", "FR0003")),
    )
    digest, progress = system.digest(), list[tuple[int, int]]()
    assert system.rebuild(lambda position, head: progress.append((position, head))) == 11
    assert system.digest() == digest
    assert progress[-1] == (11, 11)


def test_database_is_closed_after_an_error(new_database: DatabaseFactory) -> None:
    migrate(new_database())
    with pytest.raises(ZeroDivisionError), open_system(new_database()) as system, system.read_session():
        raise ZeroDivisionError
    with open_system(new_database()) as system, system.read_session() as session:
        assert session.head == 0


@BOTH_ENGINES
def test_each_of_many_commands_is_visible_at_once_in_another_process(make_system: SystemFactory) -> None:
    writer, reader = make_system(), make_system()
    with reader.poller.run():
        for number in range(1, 21):
            register(writer, f"FR{number:04}")
            with reader.read_session() as session:
                assert session.head == number * 2


@BOTH_ENGINES
def test_reader_projects_what_a_writer_stored_and_did_not_project(
    make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = make_system(), make_system()
    register(writer, "FR0001")
    monkeypatch.setattr(writer.projection, "project", lambda *_: None)
    monkeypatch.setattr(writer.projection, "catch_up", lambda *_, **__: 0)
    register(writer, "FR0002")
    with reader.read_session() as session:
        assert session.head == 4


@BOTH_ENGINES
def test_session_waits_for_a_position(make_system: SystemFactory) -> None:
    writer, reader = make_system(), make_system()
    with reader.poller.run():
        later = threading.Timer(0.3, register, (writer, "FR0001"))
        later.start()
        with reader.read_session(at_least=Bookmark(2), timeout_seconds=WAIT_SECONDS) as session:
            assert session.head == 2
        later.join()


@BOTH_ENGINES
def test_position_that_is_not_reached_in_time_is_refused(make_system: SystemFactory) -> None:
    reader = make_system()
    began = time.monotonic()
    with reader.poller.run():
        refused = pytest.raises(PositionNotReached, match="position 5 is not reached, the head is 0")
        with refused, reader.read_session(at_least=Bookmark(5), timeout_seconds=0.3):
            pass
    assert 0.2 < time.monotonic() - began < WAIT_SECONDS
