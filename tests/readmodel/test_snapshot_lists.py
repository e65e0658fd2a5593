"""Lists of a snapshot, page by page: aggregates, a parent's part, and entries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.readmodel.entry_query import EntryQuery
from ogpgraph.readmodel.filters import HasValue
from ogpgraph.readmodel.queries import AggregateQuery, PageKey, PageRequest
from ogpgraph.system import System, migrate, open_system
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES
from tests.readmodel.sample_log import (
    ALL,
    COMMITMENTS,
    OF_PLAN,
    code_of_number,
    codes_of,
    ensure_commitment,
    record_commitments,
    snapshot_at,
    withdraw,
)

pytestmark = BOTH_ENGINES

LISTED = 13
NUMBERS = count(5000)


def pages(system: System, size: int, *, backward: bool, position: int, write: bool) -> list[str]:
    """All codes of a list, each page read in a session of its own, with writes in between."""
    found: list[str] = []
    key: PageKey | None = None
    while True:
        requested = PageRequest(size, None if backward else key, key if backward else None, backward)
        with snapshot_at(system, position) as snapshot:
            page = snapshot.page(COMMITMENTS, requested)
        found = codes_of(page) + found if backward else found + codes_of(page)
        ahead, behind = (page.has_previous, page.has_next) if backward else (page.has_next, page.has_previous)
        assert behind == (key is not None)
        if not ahead:
            return found
        key = page.items[0 if backward else -1][0]
        if write:
            system.execute(
                command_context(),
                lambda uow: commitment_commands.register_commitment(uow, code_of_number(next(NUMBERS)), {}),
            )


@pytest.fixture(scope="module")
def thirteen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    url = f"sqlite:///{tmp_path_factory.mktemp('lists') / 'log.db'}"
    migrate(url)
    with open_system(url) as system:
        record_commitments(system, LISTED)
        yield system


@settings(max_examples=20)
@given(size=st.integers(1, LISTED + 2), backward=st.booleans(), write=st.booleans())
def test_pages_of_any_size_add_up_to_the_list_while_others_write(
    thirteen: System, size: int, backward: bool, write: bool
) -> None:
    whole = [code_of_number(number) for number in range(1, LISTED + 1)]
    position = 1 + 1 + 2 * 2 + 3 * LISTED  # what `record_commitments` records
    with snapshot_at(thirteen, position) as snapshot:
        assert codes_of(snapshot.page(COMMITMENTS, ALL)) == whole
        assert snapshot.count(COMMITMENTS) == LISTED
    assert pages(thirteen, size, backward=backward, position=position, write=write) == whole


def test_pages_of_the_present_show_each_unchanged_item_once(system: System) -> None:
    record_commitments(system, LISTED)
    found: list[str] = []
    key: PageKey | None = None
    while True:
        with snapshot_at(system) as snapshot:
            page = snapshot.page(COMMITMENTS, PageRequest(3, after=key))
        found += codes_of(page)
        if not page.has_next:
            break
        key = page.items[-1][0]
        for code in (code_of_number(0), f"FR{len(found):02}99"):
            ensure_commitment(system, code)
    assert [code for code in found if int(code[2:]) in range(1, LISTED + 1)] == [
        code_of_number(number) for number in range(1, LISTED + 1)
    ]
    assert len(found) == len(set(found))


def test_page_lies_between_its_keys(system: System) -> None:
    record_commitments(system, 9)
    with snapshot_at(system) as snapshot:
        keys = [key for key, _ in snapshot.page(COMMITMENTS, ALL).items]
        between = snapshot.page(COMMITMENTS, PageRequest(2, after=keys[1], before=keys[5]))
        assert codes_of(between) == ["FR0003", "FR0004"]
        assert (between.has_previous, between.has_next) == (True, True)
        backward = snapshot.page(COMMITMENTS, PageRequest(2, after=keys[1], before=keys[5], backward=True))
        assert codes_of(backward) == ["FR0004", "FR0005"]
        assert codes_of(snapshot.page(COMMITMENTS, PageRequest(0))) == []
        assert snapshot.page(COMMITMENTS, PageRequest(0)).has_next


def test_each_parent_has_its_own_part_of_a_list(system: System) -> None:
    record_commitments(system, 9, plans=3)
    with snapshot_at(system) as snapshot:
        plans = [plan for _, plan in snapshot.page(AggregateQuery("plan"), ALL).items]
        for number, plan in enumerate(plans):
            own = [code_of_number(n) for n in range(1, 10) if n % 3 == number]
            assert codes_of(snapshot.page_for_parent(plan, OF_PLAN, ALL)) == own
            assert codes_of(snapshot.page_for_parent(plan, OF_PLAN, PageRequest(2))) == own[:2]
            assert codes_of(snapshot.page_for_parent(plan, OF_PLAN, PageRequest(2, backward=True))) == own[-2:]
            assert snapshot.count(OF_PLAN, plan) == 3


def test_list_without_matches_is_empty(system: System) -> None:
    record_commitments(system, 3)
    withdrawn = AggregateQuery("commitment", HasValue("status", ("WITHDRAWN",)))
    with snapshot_at(system) as snapshot:
        assert snapshot.page(withdrawn, ALL).items == ()
        assert snapshot.count(withdrawn) == 0
        assert snapshot.page_entries(EntryQuery((("name", ("NoSuchEvent",)),)), ALL).items == ()
        assert snapshot.page_entries(EntryQuery((("name", ()),)), ALL).items == ()


def test_entries_are_filtered_by_columns_and_paged_by_position(system: System) -> None:
    record_commitments(system, 3)
    system.execute(
        command_context(actor="another"),
        lambda uow: commitment_commands.withdraw_commitment(uow, uow.require_by_code("commitment", "FR0002")),
    )
    with snapshot_at(system) as snapshot:
        everything = [entry.position for _, entry in snapshot.page_entries(EntryQuery(), ALL).items]
        assert everything == list(range(1, snapshot.position + 1))
        by = EntryQuery((("actor", ("another",)), ("name", ("CommitmentWithdrawn", "CommitmentRevised"))))
        assert [entry.name for _, entry in snapshot.page_entries(by, ALL).items] == ["CommitmentWithdrawn"]
        assert snapshot.count_entries(by) == 1
        last = snapshot.page_entries(EntryQuery(), PageRequest(2, before=(snapshot.position,), backward=True))
        assert [key for key, _ in last.items] == [(snapshot.position - 2,), (snapshot.position - 1,)]


def test_history_of_an_aggregate_has_its_own_entries(system: System) -> None:
    record_commitments(system, 3)
    for number in (1, 3):
        withdraw(system, code_of_number(number), on=1)
    with snapshot_at(system) as snapshot:
        found = [subject for _, subject in snapshot.page(COMMITMENTS, ALL).items]
        names = [[e.name for _, e in snapshot.page_history(each, ALL).items] for each in found]
        assert names == [
            ["CommitmentRegistered", "CommitmentWithdrawn"],
            ["CommitmentRegistered"],
            ["CommitmentRegistered", "CommitmentWithdrawn"],
        ]
        assert [each.revision for each in found] == [2, 1, 2]
    with snapshot_at(system, snapshot.position - 1) as earlier:
        third = earlier.find_by_code("commitment", "FR0003")
        assert third
        assert len(earlier.page_history(third, ALL).items) == 1
