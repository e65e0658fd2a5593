"""The table of streams: what it says at every position, against the rows, while it grows."""

from __future__ import annotations

import pytest

from ogpgraph.readmodel.model_change import StreamVersion
from ogpgraph.readmodel.stream_rows import read_streams
from ogpgraph.readmodel.streams import StreamTable
from ogpgraph.storage.database import Row, Transaction
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.support.writers import change_title, register_commitment

_VERSIONS = (
    "select e.position, e.stream as key, e.revision, s.id, s.aggregate_type, v.code from entry e "
    "join stream s on s.key = e.stream join version v on v.position = e.position order by e.position"
)
CODES = ["FR0001", "FR0001", "", "FR0002", "FR0002"]


@pytest.fixture
def table() -> StreamTable:
    """Five entries of one commitment, at the odd positions, and five members."""
    versions = [
        version
        for number, code in enumerate(CODES)
        for version in (
            StreamVersion(2 * number + 1, "commitment-1", "commitment", code),
            StreamVersion(2 * number + 2, f"member-{number}", "member", f"M{number}"),
        )
    ]
    table = StreamTable()
    table.advance(versions)
    return table


def test_slots_below_the_count_are_those_of_the_streams_that_have_begun(table: StreamTable) -> None:
    for position in range(11):
        begun = [f"member-{number}" for number in range(position // 2)]
        assert table.count("member", position) == len(begun)
        assert [table.stream_of_slot("member", slot) for slot in range(len(begun))] == begun
    assert table.slot("member-9") is None
    assert table.count("plan", 10) == 0


def test_version_is_that_of_the_last_entry_up_to_a_position(table: StreamTable) -> None:
    assert [table.version_at("commitment-1", at) for at in range(11)] == [0, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9]
    assert list(table.positions("commitment-1", 6)) == [1, 3, 5]
    assert [table.position_of("commitment-1", revision) for revision in (0, 1, 5, 6)] == [None, 1, 9, None]


def test_code_is_that_of_the_position(table: StreamTable) -> None:
    codes = [table.code_at("commitment-1", at) for at in range(11)]
    assert codes == ["", "FR0001", "FR0001", "FR0001", "FR0001", "", "", "FR0002", "FR0002", "FR0002", "FR0002"]
    assert table.code_at("member-4", 9) == ""
    assert table.of_type("commitment").codeless == {0}


def test_changed_slots_are_those_with_an_entry_in_between(table: StreamTable) -> None:
    assert table.of_type("member").changed_slots(2, 6) == {1, 2}
    assert table.of_type("commitment").changed_slots(9, 10) == set()
    assert table.of_type("commitment").recoded_slots(0, 3) == set()
    assert table.of_type("commitment").recoded_slots(1, 4) == set()
    assert table.of_type("commitment").recoded_slots(4, 5) == {0}


@BOTH_ENGINES
def test_loaded_table_says_what_the_rows_say(system: System) -> None:
    for number in range(3):
        register_commitment(system, f"FR{number:04}")
        change_title(system, f"FR{number:04}", f"Title {number}")
    with system.read_session() as session:
        loaded = read_streams(session.transaction, session.head)
        rows = session.transaction.fetch_all(_VERSIONS)
        _check(loaded, rows)
        for at in range(1, session.head):
            _check_advanced(session.transaction, rows, at)


def _check_advanced(transaction: Transaction, rows: list[Row], at: int) -> None:
    """Check that a table of an earlier position is, with the entries since then, that of the present."""
    advanced = read_streams(transaction, at)
    advanced.advance(StreamVersion(r["position"], r["id"], r["aggregate_type"], r["code"]) for r in rows[at:])
    _check(advanced, rows)


def _check(table: StreamTable, rows: list[Row]) -> None:
    assert table.position == len(rows)
    for row in rows:
        stream, at = row["id"], row["position"]
        assert table.stream_at(at) == table.stream_at(row["key"]) == stream
        assert table.key(stream) == row["key"]
        assert table.version_at(stream, at) == table.position_of(stream, row["revision"]) == at
        assert table.code_at(stream, at) == row["code"]
