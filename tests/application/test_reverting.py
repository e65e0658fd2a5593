"""Undoing an import: what is current afterwards is what would be current if it had never been."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.application import Act, Basis, Session
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Cause, Event, Origin
from ogpgraph.domain.subject import Subject, evolve
from ogpgraph.domain.values import Interval, Value
from ogpgraph.system import System
from tests.application.given import Command, Story
from tests.domain.events import day

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


def stated(subject: Subject) -> Stated:
    """Who states what at each path, and between which sights it came to be so."""
    told = {
        path: {claim.key: (claim.value, claim.after, claim.before) for claim in claims if claim.value is not None}
        for path, claims in subject.claims.items()
    }
    return {path: claims for path, claims in told.items() if claims}


def folded(events: list[Event]) -> Subject:
    subject = Subject(STREAM)
    for event in events:
        subject = evolve(subject, event)
    return subject


def tell(story: Story, step: tuple[str, tuple[Origin, str | None], dict[str, Any], int, bool]) -> None:
    correlation, (origin, source), facts, on, late = step
    basis = Basis(origin=origin, source=source, language="en", changed_between=Interval(before=day(on)), late=late)
    story.when(lambda session: session.say(STREAM, "CommitmentRevised", facts, basis), correlation=correlation)


@given(st.lists(steps, max_size=12))
def test_everything_an_import_stated_is_undone_and_nothing_else(told: list[Any]) -> None:
    story = Story()
    for step in told:
        tell(story, step)
    expected = folded([event for event in story.events(STREAM) if event.envelope.correlation != "ours"])
    if any(event.envelope.correlation == "ours" for event in story.events(STREAM)):
        undone = story.when(lambda session: session.revert("ours", [STREAM]), correlation="undoing")
        assert all(event.envelope.cause is Cause.CORRECTION for event in undone)
        assert story.when(lambda session: session.revert("ours", [STREAM]), correlation="again") == []
    now = story.load(STREAM)
    assert stated(now) == stated(expected)
    assert {path: claim.value for path, claim in now.present.items()} == {
        path: claim.value for path, claim in expected.present.items()
    }


def test_nothing_to_undo_is_said_so_and_rights_are_not_undone() -> None:
    story = Story()
    account = story.when(lambda session: session.open_account(), correlation="ours")[0].stream
    with pytest.raises(Invalid):
        story.when(lambda session: session.revert("ours", [account]))
    with pytest.raises(NotFound):
        story.when(lambda session: session.revert("theirs", [account]))


def person(facts: dict[str, Any], source: str | None = None) -> Any:
    return lambda session: session.say(STREAM, "CommitmentRevised", facts, Basis(source=source))


def test_taking_back_takes_back_all_that_people_state_on_whatever_source() -> None:
    story = Story().given(person({"number": "1"}), person({"number": "2"}, "source-9"))
    story.given(lambda session: session.unsay(STREAM, "CommitmentRevised", ["number"], Basis()))
    assert story.load(STREAM).value("number") is None


def test_taking_back_what_nobody_or_a_page_states_is_refused() -> None:
    story = Story().given(person({"startsOn": "2021"}))
    page = Basis(origin=Origin.HEADER, source="source-1")
    story.given(lambda session: session.say(STREAM, "CommitmentRevised", {"number": "1"}, page))

    def take_back(path: str) -> Any:
        return lambda session: session.unsay(STREAM, "CommitmentRevised", [path], Basis())

    with pytest.raises(Conflict):
        story.when(take_back("number"))
    with pytest.raises(NotFound):
        story.when(take_back("endsOn"))


def test_a_correction_speaks_only_of_what_its_entry_spoke_of() -> None:
    story = Story()
    (event,) = story.when(person({"number": "1"}))

    def corrected(facts: dict[str, Any], entry: str = event.envelope.id) -> Any:
        def command(session: Session) -> None:
            session.correct_event(STREAM, entry, facts)

        return command

    with pytest.raises(NotFound):
        story.when(corrected({"number": "2"}, "another"))
    with pytest.raises(Invalid):
        story.when(corrected({"startsOn": "2021"}))
    with pytest.raises(Conflict):
        story.when(corrected({"number": "1"}))
    (correction,) = story.when(corrected({"number": "2"}))
    assert (correction.name, correction.envelope.corrects) == ("CommitmentCorrected", event.envelope.id)


def test_what_later_imports_stand_on_stays_when_an_earlier_one_is_taken_back(system: System) -> None:
    """The second import's commitment keeps its member and plan, and their codes are not free for others."""

    def first(session: Session) -> None:
        member = session.register_member("FRA", {"prefix": "FR", "name/en": session.wording("France")})
        plan = session.register_action_plan("FRA-2018", {"member": member.id, "cycle": 2018})
        session.register_commitment("FR0001", {"member": member.id, "actionPlan": plan.id, "number": "1"})

    def second(session: Session) -> None:
        member, plan = session.require("member", "FRA"), session.require("plan", "FRA-2018")
        session.register_commitment("FR0002", {"member": member.id, "actionPlan": plan.id})
        session.revise_commitment(session.require("commitment", "FR0001").id, {"number": "7"})

    system.record(_import("first"), first)
    system.record(_import("second"), second)
    with system.reading() as reading:
        streams = sorted({entry.stream for position in range(1, 8) if (entry := reading.now().entry_at(position))})
    system.record(_import("undo"), lambda session: session.revert("first", streams))

    with system.reading() as reading:
        now = reading.now()
        kept, shared = now.by_code("commitment", "FR0002"), now.by_code("commitment", "FR0001")
        member = now.by_code("member", "FRA")
        assert kept is not None
        assert member is not None
        assert now.related(kept, "member") == member
        assert now.by_code("plan", "FRA-2018") == now.related(kept, "actionPlan")
        assert member.value("name/en") is None
        assert shared is not None
        assert shared.value("number") == "7"
    with pytest.raises(Conflict):
        system.record(_import("again"), lambda session: session.register_member("FRA", {"prefix": "FR"}))


def test_a_commitment_nobody_else_spoke_of_is_gone_and_its_code_free(system: System) -> None:
    system.record(_import("first"), lambda session: session.register_commitment("FR0001", {"number": "1"}))
    with system.reading() as reading:
        streams = sorted({entry.stream for position in (1, 2) if (entry := reading.now().entry_at(position))})
    system.record(_import("undo"), lambda session: session.revert("first", streams))
    with system.reading() as reading:
        assert reading.now().by_code("commitment", "FR0001") is None
    system.record(_import("again"), lambda session: session.register_commitment("FR0001", {"number": "2"}))
    with system.reading() as reading:
        assert reading.now().by_code("commitment", "FR0001") is not None


def _import(correlation: str) -> Act:
    return Act(actor="importer", role="publisher", time=day(1), correlation=correlation)


def merge(merged: str, into: str) -> Command:
    return lambda session: session.merge_commitments([merged], into)


def revert_of(story: Story, correlation: str) -> Command:
    streams = sorted({event.stream for event in story.recorded if event.envelope.correlation == correlation})
    return lambda session: session.revert(correlation, streams)


@pytest.fixture
def three() -> Story:
    """Three commitments; the first was merged into the second."""
    registering = [partial(Session.register_commitment, code=code, facts={}) for code in CODES]
    return Story().given(*registering).given(merge("FR0001", "FR0002"), correlation="merger")


def test_the_code_of_a_commitment_whose_merger_is_taken_back_means_it_again(three: Story) -> None:
    three.given(revert_of(three, "merger"), correlation="reversal")
    assert three.subject("commitment", "FR0001").text("code") == "FR0001"
    assert three.subject("commitment", "FR0002").value("formerCodes") is None


@pytest.mark.parametrize("order", [("merger", "on top"), ("on top", "merger")])
def test_in_whatever_order_mergers_are_taken_back_each_code_means_its_own_again(
    three: Story, order: tuple[str, str]
) -> None:
    three.given(merge("FR0002", "FR0003"), correlation="on top")
    assert [three.subject("commitment", code).text("code") for code in CODES] == ["FR0003"] * 3
    three.given(*(revert_of(three, correlation) for correlation in order))
    assert [three.subject("commitment", code).text("code") for code in CODES] == CODES


def test_no_reversal_merges_commitments_into_each_other(three: Story) -> None:
    three.given(revert_of(three, "merger"), correlation="reversal").given(merge("FR0002", "FR0001"))
    with pytest.raises(Conflict, match="merge commitments into each other"):
        three.when(revert_of(three, "reversal"))
