"""The loader of aggregates: what it loads is what all events of the stream say, whatever is cached."""

from __future__ import annotations

from contextlib import suppress
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ogpgraph.application import aggregate_loader
from ogpgraph.application.aggregate_loader import AggregateLoader
from ogpgraph.application.executor import CommandExecutor
from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain.aggregate import FOLD_VERSION, Aggregate
from ogpgraph.domain.correction import REVERSAL_EVENTS
from ogpgraph.domain.errors import Refusal
from ogpgraph.domain.event import Facts
from ogpgraph.domain.fold import replay
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.storage.aggregate_cache import AggregateCache
from ogpgraph.storage.database import Database, LockTimeout
from ogpgraph.storage.logged_event import CorruptEvent
from ogpgraph.storage.texts import TextReferencer
from ogpgraph.system import System
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE, SystemFactory

pytestmark = BOTH_ENGINES

STATUSES = ("ACTIVE", "INACTIVE", "WITHDRAWN")
NUMBERS = count()


@pytest.fixture(autouse=True)
def few_events_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written after four events already."""
    monkeypatch.setattr(aggregate_loader, "MIN_EVENTS", 4)


def new_loader(system: System, *, max_paths: int = 10_000, fold_version: int = FOLD_VERSION) -> AggregateLoader:
    """Return a loader with an empty memory, as another process has it."""
    return AggregateLoader(system.log, AggregateCache(system.database, fold_version), max_paths=max_paths)


def new_executor(system: System, loader: AggregateLoader) -> CommandExecutor:
    return CommandExecutor(system.log, loader, TextReferencer(b"k" * 32), system.executor.new_id)


def register(executor: CommandExecutor, code: str = "FR0001") -> str:
    def command(uow: UnitOfWork) -> Aggregate:
        return commitment_commands.register_commitment(uow, code, {"status": "ACTIVE"})

    result = executor.execute(command_context(), command).result
    assert result is not None
    return result.id


def revise(executor: CommandExecutor, stream: str, facts: Facts, on: int = 1) -> None:
    """Change a commitment."""
    executor.execute(
        command_context(on), lambda uow: commitment_commands.revise_commitment(uow, uow.aggregate(stream), facts)
    )


def revise_often(executor: CommandExecutor, stream: str, times: int) -> None:
    for number in range(times):
        revise(executor, stream, {"endsOn": f"20{number % 90 + 10}", "status": STATUSES[number % 2]}, on=number)


def replayed(system: System, stream: str) -> Aggregate:
    """Return the aggregate that all events of a stream say, without any cache."""
    return replay(stream, system.executor.events(stream))


def rows(database: Database) -> dict[str, int]:
    return {row["stream"]: row["revision"] for row in database.query("select stream, revision from aggregate_cache")}


def execute(system: System, sql: str, **parameters: object) -> None:
    with system.database.write() as transaction:
        transaction.execute(sql, **parameters)


@pytest.fixture
def cached(system: System) -> str:
    """A commitment with ten events and a row of one of them."""
    stream = register(system.executor)
    revise_often(system.executor, stream, 9)
    assert 4 <= rows(system.database)[stream] < 10
    return stream


FACTS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(STATUSES),
        "endsOn": st.sampled_from(["2018", "2019-05", None]),
        "policyAreas": st.lists(st.sampled_from(["Gender", "Tax"]), min_size=1, unique=True).map(tuple),
    },
)


def run(executor: CommandExecutor, action: str, stream: str, facts: Facts, number: int) -> None:
    """State facts as of some day, or withdraw or amend an older event."""
    revision = 2 + number % max(1, executor.load(stream).revision - 1)
    amendments = {
        "withdraw": lambda uow: uow.withdraw(stream, REVERSAL_EVENTS["commitment"], [revision], {}),
        "amend": lambda uow: uow.amend(stream, "CommitmentCorrected", {revision: facts}),
    }
    if action == "state":
        revise(executor, stream, facts, on=number)
    elif facts and revision <= executor.load(stream).revision:
        executor.execute(command_context(number), amendments[action])


@ONLY_SQLITE
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    commands=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["state", "state", "state", "withdraw", "amend"]),
            st.integers(0, 1),
            FACTS,
            st.integers(0, 20),
        ),
        max_size=30,
    )
)
def test_executors_with_and_without_caches_load_the_same_aggregates(
    commands: list[tuple[int, str, int, Facts, int]], make_system: SystemFactory
) -> None:
    system = make_system(f"log-{next(NUMBERS)}")
    executors = [new_executor(system, new_loader(system, max_paths=paths)) for paths in (10_000, 3)]
    streams = [register(executors[0], f"FR000{number}") for number in range(2)]
    for writer, action, stream, facts, number in commands:
        with suppress(Refusal):
            run(executors[writer % 2], action, streams[stream], facts, number)
        if writer == 3:
            execute(system, "delete from aggregate_cache")
        for load in (*(executor.load for executor in executors), new_loader(system).load):
            assert load(streams[stream]) == replayed(system, streams[stream])


def test_row_holds_amendments_and_the_statements_that_later_ones_need(system: System, cached: str) -> None:
    run(system.executor, "withdraw", cached, {"endsOn": "2040"}, 3)
    run(system.executor, "amend", cached, {"endsOn": "2041"}, 4)
    revise_often(system.executor, cached, 9)
    assert rows(system.database)[cached] > 12
    run(system.executor, "withdraw", cached, {"endsOn": "2042"}, 5)
    for loaded in (new_loader(system).load(cached), system.executor.load(cached)):
        assert loaded == replayed(system, cached)
        assert loaded.withdrawn.keys() == {5, 7}
        assert loaded.amended.keys() == {6}
        assert loaded.sequences


def test_aggregate_is_never_older_than_the_log_whoever_writes(make_system: SystemFactory) -> None:
    mine, other = make_system(), make_system()
    stream = register(mine.executor)
    for number in range(6):
        writer, reader = (mine, other) if number % 2 else (other, mine)
        reader.executor.load(stream)
        revise(writer.executor, stream, {"endsOn": f"201{number}"})
        assert reader.executor.load(stream).value("endsOn") == f"201{number}"
        assert reader.executor.load(stream) == replayed(mine, stream)


def test_row_spares_the_events_before_it(system: System, cached: str) -> None:
    execute(
        system,
        "update event set payload = :payload where stream = :stream and revision = 1",
        payload=b"",
        stream=cached,
    )
    loaded = new_loader(system).load(cached)
    assert loaded.revision == 10
    assert system.executor.load(cached) == loaded
    with pytest.raises(CorruptEvent):
        replayed(system, cached)


def test_events_from_the_row_on_are_verified(system: System, cached: str) -> None:
    revision = rows(system.database)[cached]
    for damaged in (10, revision):
        sql = "update event set recorded_at = '2020' where stream = :stream and revision = :revision"
        execute(system, sql, stream=cached, revision=damaged)
        with pytest.raises(CorruptEvent, match=f"revision {damaged}"):
            new_loader(system).load(cached)


def test_event_missing_after_the_row_is_noticed(system: System, cached: str) -> None:
    execute(system, "delete from event where stream = :stream and revision = 9", stream=cached)
    with pytest.raises(CorruptEvent, match="revision 9 is missing"):
        new_loader(system).load(cached)


@pytest.mark.parametrize("kept", [3, 9])
def test_restored_older_database_under_a_living_process_is_noticed(system: System, cached: str, kept: int) -> None:
    """Both before and after it continued with other events."""
    system.executor.load(cached)
    execute(system, "delete from event where stream = :stream and revision > :kept", stream=cached, kept=kept)
    assert system.executor.load(cached) == new_loader(system).load(cached) == replayed(system, cached)
    assert system.executor.load(cached).revision == kept
    living = new_loader(system)
    living.load(cached)
    revise_often(new_executor(system, new_loader(system)), cached, 8)
    for loader in (living, system.executor, new_loader(system)):
        assert loader.load(cached) == replayed(system, cached)


DAMAGES = [
    "update aggregate_cache set document = :document",
    "update aggregate_cache set leaf = :document",
    "update aggregate_cache set revision = 1",
    "update aggregate_cache set revision = 11",
    "delete from aggregate_cache",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_or_missing_row_is_not_used(system: System, cached: str, damage: str) -> None:
    with capture_logs():
        execute(system, damage, **({"document": b"damaged"} if ":document" in damage else {}))
        assert new_loader(system).load(cached) == replayed(system, cached)


def test_row_of_another_version_of_the_fold_is_not_used_and_is_replaced(system: System, cached: str) -> None:
    loader = new_loader(system, fold_version=FOLD_VERSION + 1)
    executor = new_executor(system, loader)
    assert executor.load(cached) == replayed(system, cached)
    revise(executor, cached, {"endsOn": "2031"})
    (row,) = system.database.query("select fold_version, revision from aggregate_cache")
    assert (row["fold_version"], row["revision"]) == (FOLD_VERSION + 1, 11)


def test_failure_to_write_a_row_fails_no_command(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LockTimeout("another program has held the database")

    monkeypatch.setattr(AggregateCache, "write", fail)
    stream = register(system.executor)
    with capture_logs() as logs:
        revise_often(system.executor, stream, 9)
    assert system.executor.load(stream) == replayed(system, stream)
    assert rows(system.database) == {}
    assert "writing a cached aggregate failed" in {entry["event"] for entry in logs}


def test_rows_cost_in_proportion_to_what_is_appended(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    write = AggregateCache.write

    def note(cache: AggregateCache, stream: str, revision: int, leaf: bytes, document: bytes) -> None:
        written.append(len(document))
        write(cache, stream, revision, leaf, document)

    monkeypatch.setattr(AggregateCache, "write", note)
    stream = register(system.executor)
    for number in range(60):
        areas = tuple(f"Area {number} of {each}" for each in range(40))
        revise(system.executor, stream, {"policyAreas": areas} if number % 20 == 0 else {"endsOn": f"20{number + 10}"})
    appended = sum(len(event.payload) for event in system.log.read_stream(stream))
    assert len(written) > 4
    assert sum(written) < appended * 1.5


def test_memory_is_bounded(system: System) -> None:
    loader = new_loader(system, max_paths=20)
    streams = [register(system.executor, f"FR00{number:02}") for number in range(12)]
    for stream in streams:
        loader.load(stream)
    held = [stream for stream in streams if loader._memory.get(stream)]
    assert held == streams[-len(held) :]
    assert 1 < len(held) < 12


def read_whole(system: System, *streams: str) -> list[Aggregate]:
    return [replayed(system, stream) for stream in streams]


def test_of_an_aggregate_that_was_filled_in_the_last_event_is_read_once(system: System, cached: str) -> None:
    loader, states = new_loader(system), read_whole(system, cached)
    loader.begin_fill()(states)
    last = states[0].revision
    execute(system, f"update event set payload = :payload where revision < {last}", payload=b"damaged")
    assert loader.load(cached) is states[0]
    execute(system, "update event set payload = :payload", payload=b"damaged")
    assert loader.load(cached) is states[0]


def test_an_aggregate_that_was_filled_in_is_not_used_if_its_last_event_was_changed(system: System, cached: str) -> None:
    loader, states = new_loader(system), read_whole(system, cached)
    loader.begin_fill()(states)
    execute(system, "update event set payload = :payload", payload=b"damaged")
    with pytest.raises(CorruptEvent):
        loader.load(cached)


def test_what_is_in_memory_is_not_replaced_by_what_was_read_before(system: System, cached: str) -> None:
    loader = new_loader(system)
    executor = new_executor(system, loader)
    fill, before = loader.begin_fill(), read_whole(system, cached)
    revise(executor, cached, {"endsOn": "2044"})
    fill(before)
    assert loader.load(cached) == replayed(system, cached)


@pytest.mark.parametrize("max_paths", [10_000, 2])
def test_what_was_forgotten_meanwhile_is_not_filled_in(make_system: SystemFactory, max_paths: int) -> None:
    mine, other = make_system(), make_system()
    stream = register(other.executor)
    loader = new_loader(mine, max_paths=max_paths)
    executor = new_executor(mine, loader)
    fill, before = loader.begin_fill(), read_whole(mine, stream)
    revise(executor if max_paths == 2 else other.executor, stream, {"endsOn": "2044"})
    loader.load(stream)
    register(executor, "FR0002")  # with little room the commitment is forgotten for this one
    fill(before)
    assert loader.load(stream) == replayed(mine, stream)


def test_what_does_not_fit_is_not_filled_in(system: System, cached: str) -> None:
    loader = new_loader(system, max_paths=5)
    loader.load(cached)
    loader.begin_fill()(read_whole(system, register(system.executor, "FR0002"), register(system.executor, "FR0003")))
    assert loader._memory._paths <= 5
    assert loader.load(cached) == replayed(system, cached)


def test_events_are_read_by_revision(system: System, cached: str) -> None:
    found = system.executor.read_events(cached, [2, 7])
    assert found == {event.revision: event for event in system.executor.events(cached) if event.revision in (2, 7)}
    with pytest.raises(CorruptEvent, match="revision 11 is missing"):
        system.executor.read_events(cached, [2, 11])
    assert system.executor.read_events(cached, []) == {}
