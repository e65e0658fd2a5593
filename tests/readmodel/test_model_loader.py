"""A serving process is ready once its model is in memory, so that the first query is as fast as the second."""

from __future__ import annotations

import threading

import pytest

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.code import code_stream
from ogpgraph.domain.correction import REVERSAL_EVENTS
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.fold import replay
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.readmodel import model_loader
from ogpgraph.readmodel.index import PRESENT_DAY
from ogpgraph.readmodel.model import WARM_CHUNK
from ogpgraph.readmodel.projection import query_progress
from ogpgraph.storage.logged_event import CorruptEvent
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.client import QueryResult
from tests.readmodel.sample_log import record_commitments
from tests.support.writers import change_title, command_context

LOADING = ["the read model is being loaded into memory"]
FIRST_QUERY = """{ members { nodes { name actionPlans { nodes { title commitments { nodes { code title
    history(first: 5) { nodes { position kind changes { path after } } } } } } } } } }"""


def wait_until_loaded(system: System) -> None:
    for _ in range(2_000):
        if system.loader.find_problem() is None:
            return
        threading.Event().wait(0.01)
    raise AssertionError("the model was never loaded")


@BOTH_ENGINES
def test_the_first_query_after_loading_takes_no_statement(make_system: SystemFactory) -> None:
    record_commitments(make_system(), 12)
    reader = make_system()
    with reader.poller.run(), reader.loader.run():
        wait_until_loaded(reader)
        result = QueryResult(reader, FIRST_QUERY, {})
    assert (result.errors, result.statements) == ([], 0)
    assert len(result.data["members"]["nodes"][0]["actionPlans"]["nodes"]) == 2
    described = reader.model.describe()
    assert described["loaded"]
    state = reader.model.state
    assert state is not None
    caches, texts = state.caches.describe().values(), reader.model._shared.texts.cache.use()
    assert described["bytes"] == state.indexes.size_bytes() + sum(use.bytes for use in caches) + texts.bytes


def revise(system: System, code: str, ends_on: str) -> None:
    """Record another end of a commitment."""

    def command(uow: UnitOfWork) -> None:
        commitment = uow.require_by_code("commitment", code)
        commitment_commands.revise_commitment(uow, commitment, {"endsOn": ends_on})

    system.execute(command_context(), command)


def amend(system: System, code: str) -> None:
    """Record statements of a commitment of which one is withdrawn and one amended."""
    for year in ("2031", "2032", "2033"):
        revise(system, code, year)
    stream = system.executor.load(code_stream("commitment", code)).string("aggregate") or ""
    revision = system.executor.load(stream).revision
    system.execute(command_context(), lambda uow: uow.withdraw(stream, REVERSAL_EVENTS["commitment"], [revision], {}))
    system.execute(
        command_context(), lambda uow: uow.amend(stream, "CommitmentCorrected", {revision - 1: {"endsOn": "2034"}})
    )


@BOTH_ENGINES
def test_after_loading_commands_find_whole_aggregates_in_memory(
    make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_system()
    record_commitments(writer, 12)
    amend(writer, "FR0001")
    writer.rebuild()  # with one delta each, and with frames
    amend(writer, "FR0002")
    system = make_system()
    system.model.warm(seconds=0, pause=lambda _: False)
    monkeypatch.setattr(system.executor._loader, "_load_from_database", None)
    with system.read_session() as session:
        streams = [stream for name in AGGREGATE_TYPES for stream in session.state.streams.of_type(name).ids]
    loaded = {stream: system.executor.load(stream) for stream in streams}
    assert loaded == {stream: replay(stream, system.executor.events(stream)) for stream in streams}
    assert sum(bool(each.amended and each.withdrawn and each.sequences) for each in loaded.values()) == 2


@BOTH_ENGINES
def test_commands_get_no_states_that_lack_events_of_the_log(make_system: SystemFactory) -> None:
    record_commitments(make_system(), 3)
    writer, system = make_system(), make_system()
    code = code_stream("commitment", "FR0001")
    stream = writer.executor.load(code).string("aggregate") or ""
    writer.executor.execute(  # without projecting it
        command_context(),
        lambda uow: commitment_commands.revise_commitment(uow, uow.aggregate(stream), {"endsOn": "2035"}),
    )
    system.model.warm(seconds=0, pause=lambda _: False)
    assert system.executor.load(stream).string("endsOn") == "2035"


@BOTH_ENGINES
def test_no_command_and_no_refusal_rests_on_a_loaded_state_whose_last_event_is_damaged(
    make_system: SystemFactory,
) -> None:
    record_commitments(make_system(), 3)
    system = make_system()
    system.model.warm(seconds=0, pause=lambda _: False)
    stream = code_stream("commitment", "FR0001")
    leaf = damage_leaf(system, stream, bytes(32))

    def refuse(uow: UnitOfWork) -> None:
        uow.require_by_code("commitment", "FR0001")
        raise Conflict("it is as it is")

    with pytest.raises(CorruptEvent, match=stream):
        change_title(system, "FR0001", "A title")
    with pytest.raises(CorruptEvent, match=stream):
        system.execute(command_context(), refuse)
    damage_leaf(system, stream, leaf)
    assert change_title(system, "FR0001", "A title").positions
    with pytest.raises(Conflict):
        system.execute(command_context(), refuse)


def damage_leaf(system: System, stream: str, leaf: bytes) -> bytes:
    """Give the only event of a stream another leaf hash; returns the former one."""
    with system.database.write() as transaction:
        former = transaction.fetch_value("select leaf from event where stream = :stream", stream=stream)
        transaction.execute("update event set leaf = :leaf where stream = :stream", leaf=leaf, stream=stream)
    return bytes(former)


@BOTH_ENGINES
def test_a_reader_at_a_past_position_finds_all_tags_in_memory_after_loading(make_system: SystemFactory) -> None:
    record_commitments(make_system(), 12)
    reader = make_system()
    reader.model.warm(seconds=0, pause=lambda _: False)
    with reader.read_session() as session:
        before = session.transaction.statements
        index = session.index("commitment", session.head // 2, PRESENT_DAY)
        assert len(index.values("title")) < len(session.index("commitment", session.head, PRESENT_DAY).values("title"))
        assert all(index.values(dimension) for dimension in ("member", "actionPlan", "code", "observedBy"))
        assert session.transaction.statements == before


def test_a_process_is_not_ready_before_its_model_is_loaded(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    record_commitments(system, 3)
    monkeypatch.setattr(model_loader, "RETRY_SECONDS", 0.01)
    may_read = threading.Event()

    def query_when_allowed() -> object:
        assert may_read.wait(20)
        return query_progress(system.database)

    monkeypatch.setattr(system.model._heads._progress, "_read", query_when_allowed)
    with system.poller.run(), system.loader.run():
        assert system.readiness_problems() == LOADING
        may_read.set()
        wait_until_loaded(system)
        assert system.readiness_problems() == []


def test_one_that_serves_nothing_loads_nothing(system: System) -> None:
    assert system.loader.find_problem() is None
    texts = system.model._shared.texts.cache.use()
    assert system.model.describe() == {"loaded": False, "texts": texts._asdict(), "bytes": texts.bytes}


def test_the_rest_is_loaded_without_pauses_only_while_nothing_else_uses_the_processor() -> None:
    clock, used, own = iter([0.0, 1.0, 2.0, 3.0]), iter([5.0, 6.0, 7.5, 8.5]), iter([0.0, 1.0, 2.0, 3.0])
    pacer = model_loader.Pacer(clock=clock.__next__, used_seconds=used.__next__, own_seconds=own.__next__)
    assert [pacer.find_rest(0.02) for _ in range(3)] == [0.0, 0.02 * model_loader.REST, 0.0]


def test_the_rest_is_loaded_with_pauses_where_other_processes_leave_requests_little_of_a_processor() -> None:
    clock, used, own = iter([0.0, 1.0, 2.0]), iter([5.0, 5.12, 5.20]), iter([0.0, 0.05, 0.12])
    pacer = model_loader.Pacer(clock=clock.__next__, used_seconds=used.__next__, own_seconds=own.__next__)
    assert [pacer.find_rest(0.02) for _ in range(2)] == [0.02 * model_loader.REST, 0.0]


@BOTH_ENGINES
def test_loading_ends_while_others_write(make_system: SystemFactory) -> None:
    writer, system = make_system(), make_system()
    record_commitments(writer, 3)
    years = iter(range(2030, 2100))

    def write_before_the_next_part(_worked: float) -> bool:
        revise(writer, "FR0001", str(next(years)))
        return False

    system.model.warm(seconds=0, pause=write_before_the_next_part)
    with system.read_session() as session:
        assert session.open_search_index().rows.texts.count > 0


@pytest.mark.parametrize(("seconds", "part_seconds", "is_whole"), [(1_000, 0, True), (0, 1_000, True), (0, 0, False)])
def test_first_readers_wait_for_all_states_unless_these_take_too_long(
    make_system: SystemFactory, seconds: float, part_seconds: float, is_whole: bool
) -> None:
    record_commitments(make_system(), WARM_CHUNK)
    system = make_system()
    found: list[bool] = []

    def look(_seconds: float) -> bool:
        state = system.model.state
        assert state is not None
        count = sum(len(state.streams.of_type(name).ids) for name in state.streams.type_names)
        found.append(state.caches.states.use().items == count)
        return True

    system.model.warm(seconds=seconds, part_seconds=part_seconds, pause=look)
    assert found[0] is is_whole
