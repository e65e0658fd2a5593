"""Links between commitments are recorded at both ends, form no cycle and can be taken away."""

from __future__ import annotations

import pytest

from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.field import items_of
from ogpgraph.domain.link import link_commitments
from ogpgraph.domain.unit_of_work import Provenance
from tests.application.in_memory_log import InMemoryLog, event_names
from tests.domain.lineage_log import find, link, record_members, register, unlink

CODES = ("FR0001", "FR0002", "FR0003", "FR0004")


@pytest.fixture
def log() -> InMemoryLog:
    """A log in which FR0001 is carried forward by FR0002 and that one by FR0003."""
    return InMemoryLog().given(
        record_members,
        *(register(code) for code in CODES),
        link("FR0002", predecessors=("FR0001",), successors=("FR0003",)),
    )


def linked(log: InMemoryLog, code: str, path: str) -> list[str | None]:
    found = {find(log, each).id: each for each in CODES}
    return [found[each] for each in items_of(find(log, code), path)]


def test_both_ends_have_each_link(log: InMemoryLog) -> None:
    assert [linked(log, code, "predecessors") for code in CODES] == [[], ["FR0001"], ["FR0002"], []]
    assert [linked(log, code, "successors") for code in CODES] == [["FR0002"], ["FR0003"], [], []]


@pytest.mark.parametrize(
    ("code", "predecessors", "successors", "chain"),
    [
        ("FR0001", ("FR0002",), (), "FR0001 → FR0002 → FR0001"),
        ("FR0001", ("FR0003",), (), "FR0001 → FR0002 → FR0003 → FR0001"),
        ("FR0003", (), ("FR0001",), "FR0003 → FR0001 → FR0002 → FR0003"),
        ("FR0004", ("FR0003",), ("FR0001",), "FR0004 → FR0001 → FR0002 → FR0003 → FR0004"),
        ("FR0004", ("FR0001",), ("FR0001",), "FR0004 → FR0001 → FR0004"),
    ],
)
def test_a_link_that_would_close_a_cycle_is_refused(
    log: InMemoryLog, code: str, predecessors: tuple[str, ...], successors: tuple[str, ...], chain: str
) -> None:
    with pytest.raises(Conflict) as refusal:
        log.when(link(code, predecessors=predecessors, successors=successors))
    assert refusal.value.message == f"a commitment would carry itself forward: {chain}"


def test_a_commitment_is_not_linked_to_itself(log: InMemoryLog) -> None:
    with pytest.raises(Invalid, match="cannot be linked to itself"):
        log.when(link("FR0001", successors=("FR0001",)))


def test_a_link_is_taken_away_at_both_ends(log: InMemoryLog) -> None:
    events = log.when(unlink("FR0002", predecessors=("FR0001",), successors=("FR0003",)))
    assert event_names(events) == ["CommitmentUnlinked"] * 4
    assert [linked(log, code, path) for code in CODES for path in ("predecessors", "successors")] == [[]] * 8
    log.given(link("FR0001", predecessors=("FR0003",)))
    assert linked(log, "FR0003", "successors") == ["FR0001"]


def test_a_link_is_taken_away_whoever_stated_it(log: InMemoryLog) -> None:
    cited = Provenance(source="source-document")
    log.given(
        lambda uow: link_commitments(
            uow, uow.require_by_code("commitment", "FR0004"), [uow.require_by_code("commitment", "FR0003")], [], cited
        ),
        unlink("FR0003", successors=("FR0004",)),
    )
    assert linked(log, "FR0004", "predecessors") == []


@pytest.mark.parametrize(
    ("predecessors", "successors", "message", "path"),
    [
        (("FR0004",), (), "FR0002 has no predecessor FR0004", "predecessors"),
        (("FR0001",), ("FR0001",), "FR0002 has no successor FR0001", "successors"),
    ],
)
def test_a_link_that_is_not_there_is_named(
    log: InMemoryLog, predecessors: tuple[str, ...], successors: tuple[str, ...], message: str, path: str
) -> None:
    before = log.size
    with pytest.raises(NotFound) as refusal:
        log.when(unlink("FR0002", predecessors=predecessors, successors=successors))
    assert (refusal.value.message, refusal.value.path, log.size) == (message, path, before)
