"""The projection thread of a process: it notices what other processes append, and reports when it cannot."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.readmodel import projection_poller as poller
from ogpgraph.readmodel.projection import ProjectionProgress
from ogpgraph.storage import postgres
from ogpgraph.storage.database import Database
from ogpgraph.system import System, open_system
from tests.conftest import BOTH_ENGINES
from tests.support.waiting import wait_until
from tests.support.writers import change_title, command_context, register_commitment

pytestmark = BOTH_ENGINES
WAIT_SECONDS = 60


@pytest.fixture
def writer(url: str) -> Iterator[System]:
    with open_system(url) as system:
        yield system


@pytest.fixture
def reader(url: str) -> Iterator[System]:
    """Another process, as far as the database can tell: it has connections of its own."""
    with open_system(url) as system, system.poller.run():
        yield system


def skip_projection(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a process append events without projecting them, as one that is killed in between."""
    monkeypatch.setattr(system.projection, "project", lambda *_: None)
    monkeypatch.setattr(system.projection, "catch_up", lambda *_, **__: 0)


# What the thread notices


def test_subscriber_is_notified_of_what_another_process_wrote(writer: System, reader: System) -> None:
    positions: list[int] = []
    unsubscribe = reader.projection.notifier.subscribe(positions.append)
    register_commitment(writer, "FR0001")
    wait_until(lambda: positions[-1:] == [2])
    change_title(writer, "FR0001", "again")
    wait_until(lambda: positions[-1:] == [3])
    unsubscribe()
    change_title(writer, "FR0001", "once more")
    assert reader.projection.notifier.wait_for(4, WAIT_SECONDS)
    assert positions[-1] == 3
    assert positions == sorted(set(positions))


def test_thread_projects_what_the_writer_did_not(
    writer: System, reader: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_projection(writer, monkeypatch)
    register_commitment(writer, "FR0001")
    assert reader.projection.notifier.wait_for(2, WAIT_SECONDS)


def test_thread_is_woken_by_changes_and_not_by_the_regular_refresh(
    writer: System, reader: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "REFRESH_SECONDS", 10 * WAIT_SECONDS)
    register_commitment(writer, "FR0001")
    assert reader.projection.notifier.wait_for(2, WAIT_SECONDS)
    for number in range(10):
        change_title(writer, "FR0001", f"Title {number}")
        assert reader.projection.notifier.wait_for(3 + number, WAIT_SECONDS)


def test_nothing_is_missed_that_is_written_while_the_thread_starts(url: str, writer: System) -> None:
    """Events between the first look and the start of the watch would otherwise wait for the next ones."""
    for number in range(5):
        with open_system(url) as reader:
            writing = threading.Thread(target=register_commitment, args=(writer, f"FR{number:04}"))
            writing.start()
            with reader.poller.run():
                assert reader.projection.notifier.wait_for(2 * number + 2, WAIT_SECONDS)
            writing.join()


def test_thread_recovers_from_a_broken_connection(
    url: str, writer: System, reader: System, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_commitment(writer, "FR0001")
    assert reader.projection.notifier.wait_for(2, WAIT_SECONDS)
    if engine == "postgres":
        terminate_listening_connections(url)
    else:
        break_next_watch(reader, monkeypatch)
    for number in range(3):
        change_title(writer, "FR0001", f"Title {number}")
        assert reader.projection.notifier.wait_for(3 + number, WAIT_SECONDS)
    assert reader.readiness_problems() == []


def terminate_listening_connections(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        terminated = connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and application_name like '%listening'"
        )
        assert terminated.rowcount >= 1


def break_next_watch(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the thread again with a watch that breaks at its beginning, once."""
    watch_changes = type(system.database).watch_changes

    def broken(_self: Database, _stop: threading.Event) -> Iterator[bool]:
        monkeypatch.setattr(type(system.database), "watch_changes", watch_changes)
        raise OSError("the poll broke")

    monkeypatch.setattr(type(system.database), "watch_changes", broken)
    system.poller._stop.set()
    system.poller._thread.join()  # type: ignore[union-attr]
    system.poller._stop.clear()
    system.poller._thread = threading.Thread(target=system.poller._run, daemon=True)
    system.poller._thread.start()


# What the thread reports


def test_the_thread_ends_without_waiting_for_a_heartbeat(
    writer: System, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "HEARTBEAT_SECONDS", float("inf"))
    with open_system(url) as reader:
        with reader.poller.run():
            register_commitment(writer, "FR0001")
            assert reader.projection.notifier.wait_for(2, WAIT_SECONDS)
        assert reader.poller.find_problem() == "the projection thread is dead"


def test_process_with_a_running_thread_is_ready(reader: System) -> None:
    assert reader.readiness_problems() == []


def test_process_without_a_thread_is_not_ready(writer: System) -> None:
    assert writer.readiness_problems() == ["the projection thread is dead"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the thread is meant to die
def test_dead_thread_is_a_problem_though_nothing_is_behind(writer: System, monkeypatch: pytest.MonkeyPatch) -> None:
    register_commitment(writer, "FR0001")

    def die(_self: Database, _stop: threading.Event) -> Iterator[bool]:
        raise SystemExit

    monkeypatch.setattr(type(writer.database), "watch_changes", die)
    with writer.poller.run():
        wait_until(lambda: bool(writer.readiness_problems()))
        assert writer.readiness_problems() == ["the projection thread is dead"]
        assert writer.projection_status().lag == 0


def test_silent_thread_is_a_problem(writer: System, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(_self: Database, _stop: threading.Event) -> Iterator[bool]:
        released.wait()
        yield True

    monkeypatch.setattr(type(writer.database), "watch_changes", hang)
    monkeypatch.setattr(poller, "HEARTBEAT_TIMEOUT_SECONDS", 0.1)
    with writer.poller.run():
        wait_until(lambda: bool(writer.readiness_problems()))
        assert "silent" in writer.readiness_problems()[0]
        released.set()


def test_being_behind_for_long_is_a_problem(reader: System, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with reader.poller.run():
        monkeypatch.setattr(type(reader.projection), "project", lambda *_: None)
        monkeypatch.setattr(type(reader.projection), "catch_up", lambda *_, **__: 0)
        with open_system(url) as writer:
            register_commitment(writer, "FR0001")
        assert reader.projection_status().lag == 2
        assert reader.readiness_problems() == []
        monkeypatch.setattr("ogpgraph.system.MAX_LAG_SECONDS", 0.0)
        assert reader.readiness_problems() == ["the read model has been behind for more than 0 seconds"]


def test_thread_waits_while_its_process_catches_up_and_reports_if_that_hangs(
    writer: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshes, released, busy = [0], threading.Event(), threading.Event()
    refresh = writer.heads.refresh

    def count_refreshes() -> ProjectionProgress:
        refreshes[0] += 1
        return refresh()

    def block(_position: int, _head: int) -> None:
        busy.set()
        released.wait()

    monkeypatch.setattr(writer.heads, "refresh", count_refreshes)
    writer.executor.execute(command_context(), lambda uow: commitment_commands.register_commitment(uow, "FR0001", {}))
    catching_up = threading.Thread(target=writer.projection.catch_up, args=(block,))
    catching_up.start()
    assert busy.wait(WAIT_SECONDS)
    with writer.poller.run():
        assert writer.poller.find_problem() is None
        monkeypatch.setattr(poller, "HEARTBEAT_TIMEOUT_SECONDS", 0.5)
        wait_until(lambda: "silent" in (writer.poller.find_problem() or ""))
        assert refreshes == [0]
        released.set()
        wait_until(lambda: refreshes[0] > 0 and writer.poller.find_problem() is None)
    catching_up.join()
