"""Every process follows the log by itself, says when it does not, and is told of what others wrote."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from structlog.testing import capture_logs

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.readmodel import poller
from ogpgraph.readmodel.projection import ProjectionProgress
from ogpgraph.storage.database import Database
from ogpgraph.system import PositionNotReached, System, open_system
from tests.conftest import BOTH_ENGINES
from tests.support.writers import change_title, command_context, register_commitment

pytestmark = BOTH_ENGINES


@pytest.fixture
def writer(url: str) -> Iterator[System]:
    with open_system(url) as system:
        yield system


@pytest.fixture
def reader(url: str) -> Iterator[System]:
    """Another process, as far as the database can tell: it has connections of its own."""
    with open_system(url) as system, system.poller.run():
        yield system


def eventually(true: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_a_write_in_one_is_read_at_once_in_all(writer: System, reader: System) -> None:
    for number in range(1, 21):
        register_commitment(writer, f"FR{number:04}")
        with reader.read_session() as reading:
            assert reading.head == number * 2


def test_what_was_only_appended_is_read_at_once_too(writer: System, url: str) -> None:
    with open_system(url) as reader:
        register_commitment(writer, "FR0001")
        writer.projection.catch_up = lambda *_, **__: 0  # type: ignore[method-assign]
        change_title(writer, "FR0001", "appended and left")
        with reader.read_session() as reading:
            assert reading.head == 3


def test_a_subscriber_hears_of_what_another_wrote(writer: System, reader: System) -> None:
    heard: list[int] = []
    unsubscribe = reader.projection.notifier.subscribe(heard.append)
    register_commitment(writer, "FR0001")
    assert eventually(lambda: heard[-1:] == [2])
    change_title(writer, "FR0001", "again")
    assert eventually(lambda: heard[-1:] == [3])
    unsubscribe()
    change_title(writer, "FR0001", "once more")
    assert reader.projection.notifier.wait_for(4, 10)
    assert heard[-1] == 3
    assert heard == sorted(set(heard))


def test_a_subscriber_that_fails_keeps_nobody_else_from_hearing(writer: System) -> None:
    heard: list[int] = []

    def fail(_position: int) -> None:
        raise RuntimeError

    writer.projection.notifier.subscribe(fail)
    writer.projection.notifier.subscribe(heard.append)
    with capture_logs() as logs:
        register_commitment(writer, "FR0001")
    assert heard == [2]
    assert [line["event"] for line in logs] == ["a subscriber failed"]


def test_the_thread_follows_what_its_writer_left(writer: System, reader: System) -> None:
    writer.projection.catch_up = lambda *_, **__: 0  # type: ignore[method-assign]
    register_commitment(writer, "FR0001")
    assert reader.projection.notifier.wait_for(2, 10)


def test_a_wake_up_is_soon(writer: System, reader: System) -> None:
    register_commitment(writer, "FR0001")
    assert reader.projection.notifier.wait_for(2, 10)
    took = []
    for number in range(10):
        change_title(writer, "FR0001", f"Title {number}")
        began = time.perf_counter()
        assert reader.projection.notifier.wait_for(3 + number, 10)
        took.append(time.perf_counter() - began)
    assert sorted(took)[5] < 0.5


def test_a_reading_waits_for_the_position_it_needs(writer: System, reader: System) -> None:
    later = threading.Timer(0.3, lambda: register_commitment(writer, "FR0001"))
    later.start()
    with reader.read_session(at_least=2, timeout_seconds=10) as reading:
        assert reading.head == 2
    later.join()


def test_a_position_that_does_not_come_is_refused_in_time(reader: System) -> None:
    began = time.monotonic()
    late = pytest.raises(PositionNotReached, match="position 5 is not reached, the head is 0")
    with late, reader.read_session(at_least=5, timeout_seconds=0.3):
        pass
    assert 0.2 < time.monotonic() - began < 5


def test_a_process_that_follows_is_without_problems(reader: System) -> None:
    assert reader.readiness_problems() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the thread is to die
def test_a_dead_thread_is_a_problem_though_nothing_is_behind(writer: System, monkeypatch: pytest.MonkeyPatch) -> None:
    register_commitment(writer, "FR0001")

    def die(_self: Database, _stop: threading.Event) -> Iterator[bool]:
        raise SystemExit

    monkeypatch.setattr(type(writer.database), "watch_changes", die)
    with writer.poller.run():
        assert eventually(lambda: bool(writer.readiness_problems()))
        assert writer.readiness_problems() == ["the projection thread is dead"]
        assert writer.projection_status().lag == 0


def test_a_silent_thread_is_a_problem(writer: System, monkeypatch: pytest.MonkeyPatch) -> None:
    enough = threading.Event()

    def hang(_self: Database, _stop: threading.Event) -> Iterator[bool]:
        enough.wait()
        yield True

    monkeypatch.setattr(type(writer.database), "watch_changes", hang)
    monkeypatch.setattr(poller, "HEARTBEAT_TIMEOUT_SECONDS", 0.1)
    with writer.poller.run():
        assert eventually(lambda: bool(writer.readiness_problems()))
        assert "silent" in writer.readiness_problems()[0]
        enough.set()


def test_a_process_that_was_never_told_to_follow_is_not_ready(writer: System) -> None:
    assert writer.readiness_problems() == ["the projection thread is dead"]


def test_being_behind_for_long_is_a_problem(reader: System, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with reader.poller.run():
        monkeypatch.setattr(type(reader.projection), "catch_up", lambda *_, **__: 0)
        with open_system(url) as writer:
            register_commitment(writer, "FR0001")
        assert reader.projection_status().lag == 2
        assert reader.readiness_problems() == []
        monkeypatch.setattr("ogpgraph.system.MAX_LAG_SECONDS", 0.0)
        assert reader.readiness_problems() == ["the read model has been behind for more than 0 seconds"]


def test_following_begins_again_when_its_connection_breaks(
    writer: System, reader: System, engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_commitment(writer, "FR0001")
    assert reader.projection.notifier.wait_for(2, 10)
    if engine == "postgres":
        with psycopg.connect(request.getfixturevalue("postgres_server"), autocommit=True) as server:
            listening = (
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%listening'"
            )
            assert server.execute(listening).rowcount >= 1
    else:
        changes = type(reader.database).watch_changes

        def broken(_self: Database, _stop: threading.Event) -> Iterator[bool]:
            monkeypatch.setattr(type(reader.database), "watch_changes", changes)
            raise OSError("the poll broke")

        monkeypatch.setattr(type(reader.database), "watch_changes", broken)
        reader.poller._stop.set()
        reader.poller._thread.join()  # type: ignore[union-attr]
        reader.poller._stop.clear()
        reader.poller._thread = threading.Thread(target=reader.poller._run, daemon=True)
        reader.poller._thread.start()
    for number in range(3):
        change_title(writer, "FR0001", f"Title {number}")
        assert reader.projection.notifier.wait_for(3 + number, 10)
    assert reader.readiness_problems() == []


def test_what_is_written_while_following_begins_is_not_missed(url: str, writer: System) -> None:
    """The start-up race: events between the first look and the listening would wait for the next ones."""
    for number in range(5):
        with open_system(url) as reader:
            heard = reader.projection.notifier
            writing = threading.Thread(target=register_commitment, args=(writer, f"FR{number:04}"))
            writing.start()
            with reader.poller.run():
                assert heard.wait_for(2 * number + 2, 10)
            writing.join()


def test_while_its_own_process_catches_up_the_thread_stands_back_and_tells_where_that_hangs(
    writer: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, enough, busy = [0], threading.Event(), threading.Event()
    look = writer.projection.refresh

    def counted() -> ProjectionProgress:
        looks[0] += 1
        return look()

    def slowly(_position: int, _head: int) -> None:
        busy.set()
        enough.wait()

    monkeypatch.setattr(writer.projection, "refresh", counted)
    monkeypatch.setattr(poller, "HEARTBEAT_TIMEOUT_SECONDS", 0.5)
    writer.executor.execute(command_context(), lambda uow: commitment_commands.register_commitment(uow, "FR0001", {}))
    slow = threading.Thread(target=writer.projection.catch_up, args=(slowly,))
    slow.start()
    assert busy.wait(10)
    with writer.poller.run():
        assert writer.poller.find_problem() is None
        assert eventually(lambda: "silent" in (writer.poller.find_problem() or ""))
        assert looks == [0]
        enough.set()
        assert eventually(lambda: looks[0] > 0 and writer.poller.find_problem() is None)
    slow.join()
