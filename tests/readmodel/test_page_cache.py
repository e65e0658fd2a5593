"""The page cache: pages of lists are the same whatever other readers have read before."""

from __future__ import annotations

import pytest

from ogpgraph.domain import lineage as lineage_commands
from ogpgraph.readmodel.queries import PageRequest
from ogpgraph.system import System
from tests.conftest import SystemFactory
from tests.readmodel.sample_log import COMMITMENTS, record_commitments
from tests.support.writers import command_context

FIRST_TWO = PageRequest(limit=2)


def read_page(system: System, at: int) -> list[str | None]:
    """Return the codes of the first two commitments at a position, found without loading them before."""
    with system.read_session() as session:
        snapshot = session.at(at)
        versions = snapshot.page_versions(COMMITMENTS, FIRST_TWO)
        found = snapshot.find_many(session.state.streams.streams_of(versions))
        return [each.string("code") for each in found.values()]


def recode(system: System, code: str, new_code: str) -> int:
    """Give a commitment another code; returns the position of the entry."""
    receipt = system.execute(
        command_context(),
        lambda uow: lineage_commands.recode_commitment(uow, uow.require_by_code("commitment", code), new_code),
    )
    return receipt.positions[-1]


@pytest.mark.parametrize("past_is_read_first", [False, True])
def test_a_page_follows_the_codes_at_its_position_although_all_of_it_kept_theirs(
    make_system: SystemFactory, *, past_is_read_first: bool
) -> None:
    system = make_system()
    record_commitments(system, 4)
    with system.read_session() as session:
        before = session.head
    after = recode(system, "FR0004", "FR0000")
    expected = {before: ["FR0001", "FR0002"], after: ["FR0000", "FR0001"]}
    for at in (before, after) if past_is_read_first else (after, before):
        assert read_page(system, at) == expected[at]


def test_a_page_follows_codes_that_changed_before_the_process_began(make_system: SystemFactory) -> None:
    first = make_system()
    record_commitments(first, 4)
    with first.read_session() as session:
        before = session.head
    middle = recode(first, "FR0004", "FR0000")
    after = recode(first, "FR0003", "FR0010")
    system = make_system()
    assert read_page(system, before) == ["FR0001", "FR0002"]
    assert read_page(system, middle) == ["FR0000", "FR0001"]
    assert read_page(system, after) == ["FR0000", "FR0001"]
    assert read_page(system, before) == ["FR0001", "FR0002"]
