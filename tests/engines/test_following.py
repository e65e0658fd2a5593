"""Every process follows the log by itself, says when it does not, and is told of what others wrote."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from structlog.testing import capture_logs

from ogpgraph.readmodel import following
from ogpgraph.readmodel.follower import Seen
from ogpgraph.storage.database import Database
from ogpgraph.system import NotReached, System, open_system
from tests.conftest import BOTH_ENGINES
from tests.support.writing import act, register, retitle

pytestmark = BOTH_ENGINES


@pytest.fixture
def writer(url: str) -> Iterator[System]:
    with open_system(url) as system:
        yield system


@pytest.fixture
def reader(url: str) -> Iterator[System]:
    """Another process, as far as the database can tell: it has connections of its own."""
    with open_system(url) as system, system.following.running():
        yield system


def eventually(true: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_a_write_in_one_is_read_at_once_in_all(writer: System, reader: System) -> None:
    for number in range(1, 21):
        register(writer, f"FR{number:04}")
        with reader.reading() as reading:
            assert reading.head == number * 2


def test_what_was_only_appended_is_read_at_once_too(writer: System, url: str) -> None:
    with open_system(url) as reader:
        register(writer, "FR0001")
        writer.follower.catch_up = lambda *_, **__: 0  # type: ignore[method-assign]
        retitle(writer, "FR0001", "appended and left")
        with reader.reading() as reading:
            assert reading.head == 3


def test_a_subscriber_hears_of_what_another_wrote(writer: System, reader: System) -> None:
    heard: list[int] = []
    unsubscribe = reader.follower.wakeups.subscribe(heard.append)
    register(writer, "FR0001")
    assert eventually(lambda: heard[-1:] == [2])
    retitle(writer, "FR0001", "again")
    assert eventually(lambda: heard[-1:] == [3])
    unsubscribe()
    retitle(writer, "FR0001", "once more")
    assert reader.follower.wakeups.wait_for(4, 10)
    assert heard[-1] == 3
    assert heard == sorted(set(heard))


def test_a_subscriber_that_fails_keeps_nobody_else_from_hearing(writer: System) -> None:
    heard: list[int] = []

    def fail(_position: int) -> None:
        raise RuntimeError

    writer.follower.wakeups.subscribe(fail)
    writer.follower.wakeups.subscribe(heard.append)
    with capture_logs() as logs:
        register(writer, "FR0001")
    assert heard == [2]
    assert [line["event"] for line in logs] == ["a subscriber failed"]


def test_the_thread_follows_what_its_writer_left(writer: System, reader: System) -> None:
    writer.follower.catch_up = lambda *_, **__: 0  # type: ignore[method-assign]
    register(writer, "FR0001")
    assert reader.follower.wakeups.wait_for(2, 10)


def test_a_wake_up_is_soon(writer: System, reader: System) -> None:
    register(writer, "FR0001")
    assert reader.follower.wakeups.wait_for(2, 10)
    took = []
    for number in range(10):
        retitle(writer, "FR0001", f"Title {number}")
        began = time.perf_counter()
        assert reader.follower.wakeups.wait_for(3 + number, 10)
        took.append(time.perf_counter() - began)
    assert sorted(took)[5] < 0.5


def test_a_reading_waits_for_the_position_it_needs(writer: System, reader: System) -> None:
    later = threading.Timer(0.3, lambda: register(writer, "FR0001"))
    later.start()
    with reader.reading(at_least=2, patience_seconds=10) as reading:
        assert reading.head == 2
    later.join()


def test_a_position_that_does_not_come_is_refused_in_time(reader: System) -> None:
    began = time.monotonic()
    late = pytest.raises(NotReached, match="position 5 is not reached, the head is 0")
    with late, reader.reading(at_least=5, patience_seconds=0.3):
        pass
    assert 0.2 < time.monotonic() - began < 5


def test_a_process_that_follows_is_without_problems(reader: System) -> None:
    assert reader.problems() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the thread is to die
def test_a_dead_thread_is_a_problem_though_nothing_is_behind(writer: System, monkeypatch: pytest.MonkeyPatch) -> None:
    register(writer, "FR0001")

    def die(_self: Database, _stop: threading.Event) -> Iterator[bool]:
        raise SystemExit

    monkeypatch.setattr(type(writer.database), "changes", die)
    with writer.following.running():
        assert eventually(lambda: bool(writer.problems()))
        assert writer.problems() == ["the thread that follows the log is dead"]
        assert writer.standpoint().behind == 0


def test_a_silent_thread_is_a_problem(writer: System, monkeypatch: pytest.MonkeyPatch) -> None:
    enough = threading.Event()

    def hang(_self: Database, _stop: threading.Event) -> Iterator[bool]:
        enough.wait()
        yield True

    monkeypatch.setattr(type(writer.database), "changes", hang)
    monkeypatch.setattr(following, "SILENT_SECONDS", 0.1)
    with writer.following.running():
        assert eventually(lambda: bool(writer.problems()))
        assert "silent" in writer.problems()[0]
        enough.set()


def test_a_process_that_was_never_told_to_follow_is_not_ready(writer: System) -> None:
    assert writer.problems() == ["the thread that follows the log is dead"]


def test_being_behind_for_long_is_a_problem(reader: System, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with reader.following.running():
        monkeypatch.setattr(type(reader.follower), "catch_up", lambda *_, **__: 0)
        with open_system(url) as writer:
            register(writer, "FR0001")
        assert reader.standpoint().behind == 2
        assert reader.problems() == []
        monkeypatch.setattr("ogpgraph.system.PATIENCE_SECONDS", 0.0)
        assert reader.problems() == ["the read model has been behind for more than 0 seconds"]


def test_following_begins_again_when_its_connection_breaks(
    writer: System, reader: System, engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(writer, "FR0001")
    assert reader.follower.wakeups.wait_for(2, 10)
    if engine == "postgres":
        with psycopg.connect(request.getfixturevalue("postgres_server"), autocommit=True) as server:
            listening = (
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%listening'"
            )
            assert server.execute(listening).rowcount >= 1
    else:
        changes = type(reader.database).changes

        def broken(_self: Database, _stop: threading.Event) -> Iterator[bool]:
            monkeypatch.setattr(type(reader.database), "changes", changes)
            raise OSError("the poll broke")

        monkeypatch.setattr(type(reader.database), "changes", broken)
        reader.following._stop.set()
        reader.following._thread.join()  # type: ignore[union-attr]
        reader.following._stop.clear()
        reader.following._thread = threading.Thread(target=reader.following._run, daemon=True)
        reader.following._thread.start()
    for number in range(3):
        retitle(writer, "FR0001", f"Title {number}")
        assert reader.follower.wakeups.wait_for(3 + number, 10)
    assert reader.problems() == []


def test_what_is_written_while_following_begins_is_not_missed(url: str, writer: System) -> None:
    """The start-up race: events between the first look and the listening would wait for the next ones."""
    for number in range(5):
        with open_system(url) as reader:
            heard = reader.follower.wakeups
            writing = threading.Thread(target=register, args=(writer, f"FR{number:04}"))
            writing.start()
            with reader.following.running():
                assert heard.wait_for(2 * number + 2, 10)
            writing.join()


def test_while_its_own_process_catches_up_the_thread_stands_back_and_tells_where_that_hangs(
    writer: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, enough, busy = [0], threading.Event(), threading.Event()
    look = writer.follower.look

    def counted() -> Seen:
        looks[0] += 1
        return look()

    def slowly(_position: int, _head: int) -> None:
        busy.set()
        enough.wait()

    monkeypatch.setattr(writer.follower, "look", counted)
    monkeypatch.setattr(following, "SILENT_SECONDS", 0.5)
    writer.register.record(act(), lambda session: session.register_commitment("FR0001", {}))
    slow = threading.Thread(target=writer.follower.catch_up, args=(slowly,))
    slow.start()
    assert busy.wait(10)
    with writer.following.running():
        assert writer.following.problem() is None
        assert eventually(lambda: "silent" in (writer.following.problem() or ""))
        assert looks == [0]
        enough.set()
        assert eventually(lambda: looks[0] > 0 and writer.following.problem() is None)
    slow.join()
