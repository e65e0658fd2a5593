"""Corrections: afterwards the claims are those that there would be if the reverted import had never been recorded."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ogpgraph.domain import account as account_commands
from ogpgraph.domain import action_plan as action_plan_commands
from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain import correction as correction_commands
from ogpgraph.domain import member as member_commands
from ogpgraph.domain import merger as merger_commands
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Cause, Event, Origin
from ogpgraph.domain.fold import replay
from ogpgraph.domain.unit_of_work import CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Value
from ogpgraph.importer.writer import revert_import
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
Claims = dict[str, dict[tuple[str, str], tuple[Value, datetime | None, datetime]]]

steps = st.tuples(
    st.sampled_from(["ours", "theirs", "others"]),
    st.sampled_from(SOURCES),
    st.dictionaries(st.sampled_from(["number", "startsOn"]), st.sampled_from(["2021", "2022", None]), min_size=1),
    st.integers(0, 9),
)


def claims_of(subject: Aggregate) -> Claims:
    """Return path → the claims with a value, by their key."""
    stated = {
        path: {claim.key: (claim.value, claim.after, claim.before) for claim in claims if claim.value is not None}
        for path, claims in subject.claims.items()
    }
    return {path: claims for path, claims in stated.items() if claims}


def replay_without(events: list[Event], correlation: str) -> Aggregate:
    """Return the aggregate as if a correlation had never been recorded: its events state nothing."""
    silenced = (structs.replace(e, facts={}) if e.envelope.correlation == correlation else e for e in events)
    return replay(STREAM, silenced)


def revert_of(log: InMemoryLog, correlation: str) -> Command:
    return lambda uow: correction_commands.revert(uow, log.correlated(correlation))


def record_step(log: InMemoryLog, step: tuple[str, tuple[Origin, str | None], dict[str, Any], int]) -> None:
    correlation, (origin, source), facts, on = step
    provenance = Provenance(origin=origin, source=source, language="en", changed_between=Interval(before=day(on)))
    log.when(lambda uow: uow.append(STREAM, "CommitmentRevised", facts, provenance), correlation=correlation)


@given(st.lists(steps, max_size=12))
def test_everything_that_an_import_stated_is_reverted_and_nothing_else(recorded: list[Any]) -> None:
    log = InMemoryLog()
    for step in recorded:
        record_step(log, step)
    expected = replay_without(log.events(STREAM), "ours")
    if any(event.envelope.correlation == "ours" for event in log.events(STREAM)):
        reverted = log.when(revert_of(log, "ours"), correlation="undoing")
        assert all(event.envelope.cause is Cause.CORRECTION for event in reverted)
        assert log.when(revert_of(log, "ours"), correlation="again") == []
    now = log.load(STREAM)
    assert claims_of(now) == claims_of(expected)
    assert {path: claim.value for path, claim in now.current_claims.items()} == {
        path: claim.value for path, claim in expected.current_claims.items()
    }


def test_rights_cannot_be_reverted() -> None:
    log = InMemoryLog()
    log.given(account_commands.open_account, correlation="ours")
    with pytest.raises(Invalid):
        log.when(revert_of(log, "ours"))


def state(facts: dict[str, Any], source: str | None = None) -> Any:
    return lambda uow: uow.append(STREAM, "CommitmentRevised", facts, Provenance(source=source))


def withdrawing(path: str) -> Command:
    return lambda uow: correction_commands.withdraw(
        uow, uow.aggregate(STREAM), "CommitmentRevised", [path], Provenance()
    )


def test_withdraw_withdraws_the_claims_of_people_on_all_sources() -> None:
    log = InMemoryLog().given(state({"number": "1"}), state({"number": "2"}, "source-9"))
    log.given(withdrawing("number"))
    assert log.load(STREAM).value("number") is None


def test_absent_claims_and_those_of_pages_cannot_be_withdrawn() -> None:
    log = InMemoryLog().given(state({"startsOn": "2021"}))
    page = Provenance(origin=Origin.HEADER, source="source-1")
    log.given(lambda uow: uow.append(STREAM, "CommitmentRevised", {"number": "1"}, page))

    with pytest.raises(Conflict):
        log.when(withdrawing("number"))
    with pytest.raises(NotFound):
        log.when(withdrawing("endsOn"))


def test_a_correction_can_only_state_the_paths_of_its_entry() -> None:
    log = InMemoryLog()
    (event,) = log.when(state({"number": "1"}))

    def correct(facts: dict[str, Any], revision: int = event.revision) -> Any:
        def command(uow: UnitOfWork) -> None:
            correction_commands.correct(uow, uow.aggregate(STREAM), revision, facts)

        return command

    with pytest.raises(Invalid):
        log.when(correct({"startsOn": "2021"}))
    with pytest.raises(Conflict):
        log.when(correct({"number": "1"}))
    (correction,) = log.when(correct({"number": "2"}))
    assert (correction.name, correction.amends) == ("CommitmentCorrected", {event.revision: {"number": "2"}})
    (again,) = log.when(correct({"number": "3"}, correction.revision))
    assert again.amends == {event.revision: {"number": "3"}}
    assert log.load(STREAM).value("number") == "3"


def test_members_and_plans_of_later_imports_remain_when_an_earlier_one_is_reverted(system: System) -> None:
    """The commitment of the second import still has its member and plan, whose codes are not free."""

    def first(uow: UnitOfWork) -> None:
        member = member_commands.register_member(uow, "FRA", {"prefix": "FR", "name/en": uow.text_value("France")})
        plan = action_plan_commands.register_action_plan(uow, "FRA-2018", {"member": member.id, "cycle": 2018})
        commitment_commands.register_commitment(
            uow, "FR0001", {"member": member.id, "actionPlan": plan.id, "number": "1"}
        )

    def second(uow: UnitOfWork) -> None:
        member, plan = uow.require_by_code("member", "FRA"), uow.require_by_code("plan", "FRA-2018")
        commitment_commands.register_commitment(uow, "FR0002", {"member": member.id, "actionPlan": plan.id})
        commitment_commands.revise_commitment(uow, uow.require_by_code("commitment", "FR0001"), {"number": "7"})

    system.execute(_import("first"), first)
    system.execute(_import("second"), second)
    revert_import(system, "first", _import("undo"))

    with system.read_session() as reading:
        now = reading.at_head()
        remaining, shared = now.find_by_code("commitment", "FR0002"), now.find_by_code("commitment", "FR0001")
        member = now.find_by_code("member", "FRA")
        assert remaining is not None
        assert member is not None
        assert now.find_related(remaining, "member") == member
        assert now.find_by_code("plan", "FRA-2018") == now.find_related(remaining, "actionPlan")
        assert member.value("name/en") is None
        assert shared is not None
        assert shared.value("number") == "7"
    with pytest.raises(Conflict):
        system.execute(_import("again"), lambda uow: member_commands.register_member(uow, "FRA", {"prefix": "FR"}))


def test_a_commitment_without_other_events_is_gone_and_its_code_free(system: System) -> None:
    system.execute(
        _import("first"), lambda uow: commitment_commands.register_commitment(uow, "FR0001", {"number": "1"})
    )
    revert_import(system, "first", _import("undo"))
    with system.read_session() as reading:
        assert reading.at_head().find_by_code("commitment", "FR0001") is None
    system.execute(
        _import("again"), lambda uow: commitment_commands.register_commitment(uow, "FR0001", {"number": "2"})
    )
    with system.read_session() as reading:
        assert reading.at_head().find_by_code("commitment", "FR0001") is not None


def _import(correlation: str) -> CommandContext:
    return CommandContext(actor="importer", role="publisher", time=day(1), correlation=correlation)


def merge(merged: str, into: str) -> Command:
    return lambda uow: merger_commands.merge_commitments(
        uow, [uow.require_by_code("commitment", merged)], uow.require_by_code("commitment", into)
    )


@pytest.fixture
def three() -> InMemoryLog:
    """A log with three commitments of which the first was merged into the second."""
    registering = [partial(commitment_commands.register_commitment, code=code, facts={}) for code in CODES]
    return InMemoryLog().given(*registering).given(merge("FR0001", "FR0002"), correlation="merger")


def test_reverting_a_merge_assigns_the_codes_again(three: InMemoryLog) -> None:
    three.given(revert_of(three, "merger"), correlation="reversal")
    assert three.find("commitment", "FR0001").string("code") == "FR0001"
    assert three.find("commitment", "FR0002").value("codes/FR0001") is None


@pytest.mark.parametrize("order", [("merger", "on top"), ("on top", "merger")])
def test_merges_can_be_reverted_in_any_order(three: InMemoryLog, order: tuple[str, str]) -> None:
    three.given(merge("FR0002", "FR0003"), correlation="on top")
    assert [three.find("commitment", code).string("code") for code in CODES] == ["FR0003"] * 3
    three.given(*(revert_of(three, correlation) for correlation in order))
    assert [three.find("commitment", code).string("code") for code in CODES] == CODES


def test_a_reversal_that_would_merge_commitments_into_each_other_is_refused(three: InMemoryLog) -> None:
    three.given(revert_of(three, "merger"), correlation="reversal").given(merge("FR0002", "FR0001"))
    with pytest.raises(Conflict, match="merge commitments into each other"):
        three.when(revert_of(three, "reversal"))
