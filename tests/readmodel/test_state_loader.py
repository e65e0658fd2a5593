"""States are the same whichever others are in memory, and are made from those with as little reading as possible."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.readmodel import state_loader
from ogpgraph.readmodel.queries import SqlStatement, select_chains
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.readmodel.state_loader import StateLoader, Version
from ogpgraph.readmodel.states import StateCache
from ogpgraph.storage.database import Row
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.readmodel.sample_log import code_of_number, record_commitments
from tests.support.writers import change_title, register_commitment

pytestmark = BOTH_ENGINES
CODE = "FR0001"


def list_versions(session: ReadSession) -> list[Version]:
    """Return every version of every stream."""
    streams = session.state.streams
    return [(streams.stream_at(position), position) for position in range(1, session.head + 1)]


def decode_all(session: ReadSession, versions: list[Version]) -> dict[Version, Aggregate]:
    """Return the states of versions, each from the rows of its chain alone."""
    found = {}
    for stream, since in versions:
        rows = session.fetch(select_chains([(since, stream)]))
        ((_, _, state),) = StateCache().decode(rows, [(since, stream)])
        found[stream, since] = state
    return found


class CountedReads:
    """Counts the rows that statements of one kind have read."""

    def __init__(self, fetch: Callable[[SqlStatement], list[Row]]) -> None:
        self._fetch = fetch
        self.deltas = self.chains = 0

    def __call__(self, statement: SqlStatement) -> list[Row]:
        rows = self._fetch(statement)
        if "positions" in statement.parameters:
            self.deltas += len(rows)
        else:
            self.chains += len(rows)
        return rows


@pytest.fixture
def revised(system: System) -> System:
    """A log with a commitment whose title changed twenty times."""
    register_commitment(system, CODE)
    for number in range(20):
        change_title(system, CODE, f"Title {number}")
    return system


def test_states_do_not_depend_on_which_others_are_known(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_loader, "MAX_STEPS", 3)
    source = random.Random(1)
    record_commitments(system, 3)
    for number in range(30):
        change_title(system, code_of_number(source.randint(1, 3)), f"Title {number}")
    with system.read_session() as session:
        versions = list_versions(session)
        expected = decode_all(session, versions)
        for share in (0.0, 0.2, 0.7):
            cache = StateCache()
            cache.add({version: state for version, state in expected.items() if source.random() < share})
            loader = StateLoader(cache, session.state.streams, session.fetch)
            while len(chosen := source.sample(versions, min(len(versions), 30))) and source.random() < 0.8:
                found = dict(loader.load(chosen))
                assert found == {version: expected[version] for version in chosen}
                for version, state in found.items():
                    assert list(state.current_claims) == list(expected[version].current_claims)


def test_a_past_state_is_made_from_the_nearest_by_the_entries_in_between(revised: System) -> None:
    with revised.read_session() as session:
        stream = session.state.streams.of_type("commitment").ids[0]
        positions = session.state.streams.positions(stream, session.head)
        expected = decode_all(session, [(stream, position) for position in positions])
        cache, reads = StateCache(), CountedReads(session.fetch)
        loader = StateLoader(cache, session.state.streams, reads)
        cache.add({(stream, positions[-1]): expected[stream, positions[-1]]})
        assert dict(loader.load([(stream, positions[-6])])) == {
            (stream, positions[-6]): expected[stream, positions[-6]]
        }
        assert (reads.deltas, reads.chains) == (5, 0)
        assert dict(loader.load([(stream, positions[-5])])) == {
            (stream, positions[-5]): expected[stream, positions[-5]]
        }
        assert (reads.deltas, reads.chains) == (6, 0)


def test_many_versions_of_a_stream_read_each_entry_once(revised: System) -> None:
    with revised.read_session() as session:
        stream = session.state.streams.of_type("commitment").ids[0]
        versions = [(stream, position) for position in session.state.streams.positions(stream, session.head)]
        expected = decode_all(session, versions)
        cache, reads = StateCache(), CountedReads(session.fetch)
        cache.add({versions[-1]: expected[versions[-1]]})
        loader = StateLoader(cache, session.state.streams, reads)
        assert dict(loader.load(versions)) == expected
        assert (reads.deltas, reads.chains) == (len(versions) - 1, 0)


def test_versions_that_the_tables_lack_have_no_state(revised: System) -> None:
    with revised.read_session() as session:
        loader = StateLoader(StateCache(), session.state.streams, session.fetch)
        assert dict(loader.load([("commitment-none", 3)])) == {}
