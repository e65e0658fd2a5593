"""The model in memory follows every write, by whichever process, to what is read from the tables."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from msgspec import structs
from structlog.testing import capture_logs

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.readmodel.entry_query import LATEST_FIRST, EntryQuery
from ogpgraph.readmodel.index_cache import PresentIndexes
from ogpgraph.readmodel.index_rows import read_change
from ogpgraph.readmodel.model import ModelState
from ogpgraph.readmodel.model_change import ModelChange
from ogpgraph.readmodel.projection import read_progress
from ogpgraph.readmodel.projector import ProjectionStep
from ogpgraph.readmodel.queries import AggregateQuery, PageRequest
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.readmodel.sort_keys import BY_CODE
from ogpgraph.system import System
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.readmodel.histories import Step, histories, record_history
from tests.readmodel.sample_log import record_commitments
from tests.support.peers import CODE, read_title
from tests.support.writers import change_title

NAMES = count()
A_FEW = settings(max_examples=8, phases=[Phase.generate])
ALL_COMMITMENTS = AggregateQuery("commitment")


def state_of(system: System) -> ModelState:
    """The state of the model at the head."""
    with system.read_session() as session:
        assert session.state.position == session.head
        return session.state


def describe(indexes: PresentIndexes) -> dict[str, Any]:
    """All that the indexes of a position say."""
    return {
        name: {
            "universe": (index := indexes.of_type(name)).universe,
            "postings": {
                (dimension, value): posting.mask()
                for dimension, values in index.postings.items()
                for value, posting in values.items()
            },
            "page": index.page(index.universe, BY_CODE, 1000, (None, None), backward=False),
            "positions": [
                (each, list(indexes.streams.positions(each, indexes.position))) for each in index.streams.ids
            ],
        }
        for name in indexes.streams.type_names
    }


def load(system: System) -> dict[str, Any]:
    """All that the indexes say that are read from the tables."""
    with system.read_session() as session:
        return describe(PresentIndexes.load(session.transaction, session.head))


@pytest.mark.slow
@BOTH_ENGINES
@A_FEW
@given(history=histories)
def test_what_the_projector_says_that_entries_change_is_what_the_tables_say(
    make_system: SystemFactory, history: list[Step]
) -> None:
    name = f"log-{next(NAMES)}"
    system, steps = make_system(name), list[ProjectionStep]()
    system.projection._follow = (steps.append,)
    record_history(system, history)
    with make_system(name).read_session() as session:
        for change in [step.change for step in steps if step.change]:
            read = read_change(session.transaction, change.before, change.after)
            assert structs.replace(change, states={}) == read
            since = {version.stream: version.position for version in change.versions}
            states = session.load_states((stream, since[stream]) for stream in since)
            assert change.states == {stream: state for (stream, _), state in states.items()}


@pytest.mark.slow
@BOTH_ENGINES
@A_FEW
@given(history=histories)
def test_a_model_that_followed_is_the_one_that_is_loaded(make_system: SystemFactory, history: list[Step]) -> None:
    name = f"log-{next(NAMES)}"
    writers = [make_system(name), make_system(name)]
    first = state_of(writers[0])
    for number, step in enumerate(history):
        record_history(writers[number % 2], [step])
        if number % 3 == 0:
            state_of(writers[0])
    followed = state_of(writers[0])
    assert followed.caches is first.caches
    assert describe(followed.indexes) == load(writers[0])


def test_a_reader_keeps_the_state_that_it_began_with(system: System) -> None:
    record_commitments(system, 3)
    with system.read_session() as session:
        before = session.state
        index = before.indexes.of_type("commitment")
        shown = index.page(index.universe, BY_CODE, 10, (None, None), backward=False)
        record_more(system)
        assert state_of(system).position > before.position
        assert index.page(index.universe, BY_CODE, 10, (None, None), backward=False) == shown
        assert session.at_head().count(ALL_COMMITMENTS) == 3
    with system.read_session() as session:
        assert session.at_head().count(ALL_COMMITMENTS) == 4


def record_more(system: System) -> None:
    change_title(system, CODE, "Another title")

    def commands(uow: UnitOfWork) -> None:
        commitment_commands.register_commitment(uow, "FR0099", {})

    system.execute(command_context(), commands)


@BOTH_ENGINES
def test_what_a_process_has_written_is_in_its_model_before_it_is_acknowledged(make_system: SystemFactory) -> None:
    system = make_system()
    record_commitments(system, 3)
    state_of(system)
    for number in range(3):
        position = change_title(system, CODE, f"Title {number}").positions[-1]
        assert system.model.state is not None
        assert system.model.state.position == position


def test_a_model_that_could_not_follow_is_loaded_anew_and_fails_no_command(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_commitments(system, 3)
    before = state_of(system)

    def fail(_indexes: PresentIndexes, _change: ModelChange) -> PresentIndexes:
        raise ZeroDivisionError

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(PresentIndexes, "advance", fail)
        change_title(system, CODE, "Written all the same")
    assert [each["event"] for each in logs] == ["the model in memory could not follow and is loaded anew"]
    assert read_title(system)[1] == "Written all the same"
    assert state_of(system).caches is not before.caches


def read_all(session: ReadSession, position: int | None = None) -> list[Any]:
    """Read lists, aggregates, related ones, histories, entries and texts."""
    snapshot = session.at_head() if position is None else session.at(position)
    read: list[Any] = [snapshot.root_hash, snapshot.recorded_at]
    for _, commitment in snapshot.page(ALL_COMMITMENTS, PageRequest()).items:
        plan = snapshot.find_related(commitment, "actionPlan")
        entries = [entry.name for _, entry in snapshot.page_history(commitment, PageRequest(20)).items]
        title = commitment.value("title/en")
        text = snapshot.text(commitment, "title/en", title.text)  # type: ignore[union-attr]
        registered = snapshot.find_entry_of_revision(commitment, 1)
        read.append((commitment.id, plan and plan.id, text, entries, registered and registered.position))
    read.append(
        [entry.position for _, entry in snapshot.page_entries(EntryQuery(), PageRequest(5, backward=True)).items]
    )
    latest = EntryQuery(order=LATEST_FIRST)
    read.append([entry.changes for _, entry in snapshot.page_entries(latest, PageRequest(5)).items])
    found = snapshot.find_by_code("commitment", CODE)
    return [*read, found and found.revision]


@BOTH_ENGINES
def test_warm_reads_take_no_statements_and_after_an_own_write_only_what_was_written(
    make_system: SystemFactory,
) -> None:
    system, other = make_system(), make_system()
    record_commitments(system, 5)
    past = change_title(system, CODE, "Second title").positions[-1] - 1
    first: list[Any] = []
    for position in (past, None):
        with system.read_session() as session:
            first = read_all(session, position)
        with system.read_session() as session:
            assert read_all(session, position) == first
            assert session.transaction.statements == 0
    change_title(system, CODE, "Third title")
    with system.read_session() as session:
        assert read_all(session) != first
        # That of the transaction, and the new entry; the new text is in memory.
        assert session.transaction.statements == 2
    with other.read_session() as session, system.read_session() as own:
        assert read_all(session) == read_all(own)
        assert own.transaction.statements == 0


@BOTH_ENGINES
def test_the_model_is_loaded_anew_after_a_rebuild(make_system: SystemFactory) -> None:
    system = make_system()
    record_commitments(system, 3)
    before = state_of(system)
    with system.database.write() as transaction:
        transaction.execute("update version set code = 'FR9999' where code = 'FR0001'")
        transaction.execute("update stream_code set code = 'FR9999' where code = 'FR0001'")
    with make_system().read_session() as session:
        assert session.at_head().find_by_code("commitment", CODE) is not None
        assert session.state.streams.of_type("commitment").find_by_code(CODE, session.head) == []
    system.rebuild()
    after = state_of(system)
    assert after.caches is not before.caches
    assert after.streams.of_type("commitment").find_by_code(CODE, after.position) != []


@BOTH_ENGINES
def test_the_model_is_loaded_anew_where_the_log_is_shorter_or_another_one(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system("other")
    for number, each in enumerate((system, other)):
        record_commitments(each, 3)
        change_title(each, CODE, f"Log {number}")
    state = state_of(system)
    model = system.model._model
    for database in (other.database, system.database):
        model._database = database  # what is in place of it, in the same process
        with database.read() as transaction:
            progress = read_progress(transaction)
        found = model.get(progress)
        assert found.caches is not state.caches
        assert found.root == progress.root
        state = found
