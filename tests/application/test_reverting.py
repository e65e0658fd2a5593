"""Undoing an import: what is current afterwards is what would be current if it had never been."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.account import open_account
from ogpgraph.domain.action_plan import register_action_plan
from ogpgraph.domain.aggregate import Aggregate, evolve
from ogpgraph.domain.commitment import register_commitment, revise_commitment
from ogpgraph.domain.correction import correct, revert, withdraw
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Cause, Event, Origin
from ogpgraph.domain.lineage import merge_commitments
from ogpgraph.domain.member import register_member
from ogpgraph.domain.unit_of_work import CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Value
from ogpgraph.system import System
from tests.application.in_memory_log import Command, InMemoryLog
from tests.conftest import BOTH_ENGINES
from tests.domain.events import day

pytestmark = BOTH_ENGINES

STREAM = "commitment-1"
SOURCES = [
    (Origin.PERSON, None),
    (Origin.HEADER, "source-1"),
    (Origin.HEADER, "source-2"),
    (Origin.DATABASE, "source-3"),
]
CODES = ["FR0001", "FR0002", "FR0003"]
Stated = dict[str, dict[tuple[str, str], tuple[Value, datetime | None, datetime]]]

steps = st.tuples(
    st.sampled_from(["ours", "theirs", "others"]),
    st.sampled_from(SOURCES),
    st.dictionaries(st.sampled_from(["number", "startsOn"]), st.sampled_from(["2021", "2022", None]), min_size=1),
    st.integers(0, 9),
    st.booleans(),
)


def stated(subject: Aggregate) -> Stated:
    """Who states what at each path, and between which sights it came to be so."""
    told = {
        path: {claim.key: (claim.value, claim.after, claim.before) for claim in claims if claim.value is not None}
        for path, claims in subject.claims.items()
    }
    return {path: claims for path, claims in told.items() if claims}


def folded(events: list[Event]) -> Aggregate:
    subject = Aggregate(STREAM)
    for event in events:
        subject = evolve(subject, event)
    return subject


def tell(log: InMemoryLog, step: tuple[str, tuple[Origin, str | None], dict[str, Any], int, bool]) -> None:
    correlation, (origin, source), facts, on, late = step
    provenance = Provenance(
        origin=origin, source=source, language="en", changed_between=Interval(before=day(on)), late=late
    )
    log.when(lambda uow: uow.append(STREAM, "CommitmentRevised", facts, provenance), correlation=correlation)


@given(st.lists(steps, max_size=12))
def test_everything_an_import_stated_is_undone_and_nothing_else(told: list[Any]) -> None:
    log = InMemoryLog()
    for step in told:
        tell(log, step)
    expected = folded([event for event in log.events(STREAM) if event.envelope.correlation != "ours"])
    if any(event.envelope.correlation == "ours" for event in log.events(STREAM)):
        undone = log.when(lambda uow: revert(uow, "ours", [STREAM]), correlation="undoing")
        assert all(event.envelope.cause is Cause.CORRECTION for event in undone)
        assert log.when(lambda uow: revert(uow, "ours", [STREAM]), correlation="again") == []
    now = log.load(STREAM)
    assert stated(now) == stated(expected)
    assert {path: claim.value for path, claim in now.current_claims.items()} == {
        path: claim.value for path, claim in expected.current_claims.items()
    }


def test_nothing_to_undo_is_said_so_and_rights_are_not_undone() -> None:
    log = InMemoryLog()
    account = log.when(open_account, correlation="ours")[0].stream
    with pytest.raises(Invalid):
        log.when(lambda uow: revert(uow, "ours", [account]))
    with pytest.raises(NotFound):
        log.when(lambda uow: revert(uow, "theirs", [account]))


def person(facts: dict[str, Any], source: str | None = None) -> Any:
    return lambda uow: uow.append(STREAM, "CommitmentRevised", facts, Provenance(source=source))


def take_back(path: str) -> Command:
    return lambda uow: withdraw(uow, uow.aggregate(STREAM), "CommitmentRevised", [path], Provenance())


def test_taking_back_takes_back_all_that_people_state_on_whatever_source() -> None:
    log = InMemoryLog().given(person({"number": "1"}), person({"number": "2"}, "source-9"))
    log.given(take_back("number"))
    assert log.load(STREAM).value("number") is None


def test_taking_back_what_nobody_or_a_page_states_is_refused() -> None:
    log = InMemoryLog().given(person({"startsOn": "2021"}))
    page = Provenance(origin=Origin.HEADER, source="source-1")
    log.given(lambda uow: uow.append(STREAM, "CommitmentRevised", {"number": "1"}, page))

    with pytest.raises(Conflict):
        log.when(take_back("number"))
    with pytest.raises(NotFound):
        log.when(take_back("endsOn"))


def test_a_correction_speaks_only_of_what_its_entry_spoke_of() -> None:
    log = InMemoryLog()
    (event,) = log.when(person({"number": "1"}))

    def corrected(facts: dict[str, Any], entry: str = event.envelope.id) -> Any:
        def command(uow: UnitOfWork) -> None:
            correct(uow, uow.aggregate(STREAM), entry, facts)

        return command

    with pytest.raises(NotFound):
        log.when(corrected({"number": "2"}, "another"))
    with pytest.raises(Invalid):
        log.when(corrected({"startsOn": "2021"}))
    with pytest.raises(Conflict):
        log.when(corrected({"number": "1"}))
    (correction,) = log.when(corrected({"number": "2"}))
    assert (correction.name, correction.envelope.corrects) == ("CommitmentCorrected", event.envelope.id)


def test_what_later_imports_stand_on_stays_when_an_earlier_one_is_taken_back(system: System) -> None:
    """The second import's commitment keeps its member and plan, and their codes are not free for others."""

    def first(uow: UnitOfWork) -> None:
        member = register_member(uow, "FRA", {"prefix": "FR", "name/en": uow.text_value("France")})
        plan = register_action_plan(uow, "FRA-2018", {"member": member.id, "cycle": 2018})
        register_commitment(uow, "FR0001", {"member": member.id, "actionPlan": plan.id, "number": "1"})

    def second(uow: UnitOfWork) -> None:
        member, plan = uow.require_by_code("member", "FRA"), uow.require_by_code("plan", "FRA-2018")
        register_commitment(uow, "FR0002", {"member": member.id, "actionPlan": plan.id})
        revise_commitment(uow, uow.require_by_code("commitment", "FR0001"), {"number": "7"})

    system.execute(_import("first"), first)
    system.execute(_import("second"), second)
    with system.read_session() as reading:
        streams = sorted(
            {entry.stream for position in range(1, 8) if (entry := reading.at_head().find_entry(position))}
        )
    system.execute(_import("undo"), lambda uow: revert(uow, "first", streams))

    with system.read_session() as reading:
        now = reading.at_head()
        kept, shared = now.find_by_code("commitment", "FR0002"), now.find_by_code("commitment", "FR0001")
        member = now.find_by_code("member", "FRA")
        assert kept is not None
        assert member is not None
        assert now.find_related(kept, "member") == member
        assert now.find_by_code("plan", "FRA-2018") == now.find_related(kept, "actionPlan")
        assert member.value("name/en") is None
        assert shared is not None
        assert shared.value("number") == "7"
    with pytest.raises(Conflict):
        system.execute(_import("again"), lambda uow: register_member(uow, "FRA", {"prefix": "FR"}))


def test_a_commitment_nobody_else_spoke_of_is_gone_and_its_code_free(system: System) -> None:
    system.execute(_import("first"), lambda uow: register_commitment(uow, "FR0001", {"number": "1"}))
    with system.read_session() as reading:
        streams = sorted({entry.stream for position in (1, 2) if (entry := reading.at_head().find_entry(position))})
    system.execute(_import("undo"), lambda uow: revert(uow, "first", streams))
    with system.read_session() as reading:
        assert reading.at_head().find_by_code("commitment", "FR0001") is None
    system.execute(_import("again"), lambda uow: register_commitment(uow, "FR0001", {"number": "2"}))
    with system.read_session() as reading:
        assert reading.at_head().find_by_code("commitment", "FR0001") is not None


def _import(correlation: str) -> CommandContext:
    return CommandContext(actor="importer", role="publisher", time=day(1), correlation=correlation)


def merge(merged: str, into: str) -> Command:
    return lambda uow: merge_commitments(
        uow, [uow.require_by_code("commitment", merged)], uow.require_by_code("commitment", into)
    )


def revert_of(log: InMemoryLog, correlation: str) -> Command:
    streams = sorted({event.stream for event in log.recorded if event.envelope.correlation == correlation})
    return lambda uow: revert(uow, correlation, streams)


@pytest.fixture
def three() -> InMemoryLog:
    """Three commitments; the first was merged into the second."""
    registering = [partial(register_commitment, code=code, facts={}) for code in CODES]
    return InMemoryLog().given(*registering).given(merge("FR0001", "FR0002"), correlation="merger")


def test_the_code_of_a_commitment_whose_merger_is_taken_back_means_it_again(three: InMemoryLog) -> None:
    three.given(revert_of(three, "merger"), correlation="reversal")
    assert three.subject("commitment", "FR0001").string("code") == "FR0001"
    assert three.subject("commitment", "FR0002").value("formerCodes") is None


@pytest.mark.parametrize("order", [("merger", "on top"), ("on top", "merger")])
def test_in_whatever_order_mergers_are_taken_back_each_code_means_its_own_again(
    three: InMemoryLog, order: tuple[str, str]
) -> None:
    three.given(merge("FR0002", "FR0003"), correlation="on top")
    assert [three.subject("commitment", code).string("code") for code in CODES] == ["FR0003"] * 3
    three.given(*(revert_of(three, correlation) for correlation in order))
    assert [three.subject("commitment", code).string("code") for code in CODES] == CODES


def test_no_reversal_merges_commitments_into_each_other(three: InMemoryLog) -> None:
    three.given(revert_of(three, "merger"), correlation="reversal").given(merge("FR0002", "FR0001"))
    with pytest.raises(Conflict, match="merge commitments into each other"):
        three.when(revert_of(three, "reversal"))
