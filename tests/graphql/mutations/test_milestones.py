"""Milestones are added, revised, withdrawn and renumbered; one number means one milestone."""

from __future__ import annotations

from typing import Any

import pytest

from ogpgraph.domain.commitment import revise_commitment
from ogpgraph.domain.event import Cause, Facts, Origin
from ogpgraph.domain.unit_of_work import CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import Interval
from tests.conftest import BOTH_ENGINES
from tests.domain.events import day
from tests.graphql.client import execute_query
from tests.graphql.mutations.client import SampleSystem, kinds_of

pytestmark = BOTH_ENGINES


def test_milestone_is_added_revised_and_withdrawn(sample: SampleSystem) -> None:
    added = sample.reporter.mutate("addMilestone", commitment="FR0001", number="1.2", title="An app", endsOn="2022-Q3")
    assert kinds_of(added) == ["MilestoneAdded"]
    revised = sample.reporter.mutate("reviseMilestone", commitment="FR0001", number="1.2", endsOn="2023-Q1")
    assert revised["milestone"]["endsOn"] == "2023-Q1"
    withdrawn = sample.reporter.mutate("withdrawMilestone", commitment="FR0001", number="1.2")
    assert withdrawn["milestone"]["status"] == "WITHDRAWN"
    assert kinds_of(withdrawn) == ["MilestoneWithdrawn"]


def test_dates_of_a_milestone_stay_where_an_input_leaves_them_out(sample: SampleSystem) -> None:
    milestone = {"commitment": "FR0001", "number": "1.2"}
    dates = {"startsOn": "2021", "endsOn": "2022-Q3"}
    sample.reporter.mutate("addMilestone", **milestone, title="A site", **dates)
    revised = sample.reporter.mutate("reviseMilestone", **milestone, title="An app")
    assert [each["path"] for each in revised["entries"][0]["changes"]] == ["milestones/1.2/title/en"]
    assert dates_of(sample, "1.2") == dates
    sample.reporter.mutate("withdrawMilestone", **milestone)
    sample.reporter.mutate("addMilestone", **milestone, title="An app")
    assert dates_of(sample, "1.2") == dates
    sample.reporter.mutate("reviseMilestone", **milestone, startsOn=None)
    assert dates_of(sample, "1.2") == dates | {"startsOn": None}


def dates_of(sample: SampleSystem, number: str) -> dict[str, Any]:
    """Return when a milestone of FR0001 begins and ends."""
    answer = execute_query(sample.system, '{ commitment(code: "FR0001") { milestones { number startsOn endsOn } } }')
    (milestone,) = (each for each in answer["commitment"]["milestones"] if each.pop("number") == number)
    return dict(milestone)


@pytest.mark.parametrize("number", ["1.1", "1.1.", " 1.1 ", "1.1-", "01.1", "1.01.", "１.１", "1.1 ."])
def test_one_number_is_one_milestone_however_it_is_written(unchanged_sample: SampleSystem, number: str) -> None:
    taken = unchanged_sample.admin.expect_refusal("addMilestone", commitment="FR0001", number=number, title="Again")
    assert taken == ("CONFLICT", ["input", "number"])


def test_letters_of_a_number_are_compared_in_any_case(sample: SampleSystem) -> None:
    added = sample.admin.mutate("addMilestone", commitment="FR0001", number="2a.", title="A law")
    assert added["milestone"]["number"] == "2A"
    reported = sample.admin.mutate("completeMilestone", commitment="FR0001", number="2a")
    assert reported["milestone"] == {"number": "2A", "title": "A law", "status": "COMPLETE", "endsOn": None} | {
        "updates": []
    }
    entry, path = str(added["entries"][0]["position"]), "milestones/2a./title/en"
    changes = [{"path": path, "value": "An act"}]
    sample.admin.mutate("correct", entry=entry, changes=changes, reason="x")
    assert ("2A", "An act") in milestones(sample)


@pytest.mark.parametrize("number", ["", ".", "-", "1 1", "1/1", "1..1", "1.-1", "one hundred and one", "é"])
def test_what_is_not_a_number_is_refused(unchanged_sample: SampleSystem, number: str) -> None:
    refused = unchanged_sample.admin.expect_refusal("addMilestone", commitment="FR0001", number=number, title="x")
    assert refused == ("INVALID", ["input", "number"])


def test_number_of_a_withdrawn_milestone_can_be_used_again(sample: SampleSystem) -> None:
    sample.reporter.mutate("withdrawMilestone", commitment="FR0001", number="1.1", source="https://example.org/letter")
    again = sample.reporter.mutate("addMilestone", commitment="FR0001", number="1.1", title="A better portal")
    assert again["milestone"] == {"number": "1.1", "title": "A better portal", "status": None, "endsOn": None} | {
        "updates": []
    }
    assert set(kinds_of(again)) == {"MilestoneAdded"}
    taken = sample.reporter.expect_refusal("addMilestone", commitment="FR0001", number="1.1", title="Again")
    assert taken == ("CONFLICT", ["input", "number"])


def milestones(sample: SampleSystem) -> list[tuple[str, str]]:
    """Return the numbers and titles of the milestones of FR0001."""
    answer = execute_query(sample.system, '{ commitment(code: "FR0001") { milestones { number title } } }')
    return [(each["number"], each["title"]) for each in answer["commitment"]["milestones"]]


AS_OF_2019 = """{ asOf(date: "2019") { commitment(code: "FR0001") { milestones { number title endsOn status } } } }"""


@pytest.fixture
def revised(sample: SampleSystem) -> dict[str, str]:
    """Record of a milestone what became so in 2018 and in 2020."""
    milestone = {"commitment": "FR0001", "number": "3"}
    sample.admin.mutate("addMilestone", **milestone, title="A site", endsOn="2019", effectiveOn="2018-03")
    sample.admin.mutate("reportMilestone", **milestone, status="LIMITED", effectiveOn="2018-06")
    sample.admin.mutate("reviseMilestone", **milestone, title="An app", endsOn="2021", effectiveOn="2020-03")
    sample.admin.mutate("completeMilestone", **milestone, effectiveOn="2020-06")
    return milestone


def milestones_in_2019(sample: SampleSystem) -> dict[str, Any]:
    """Return the milestones of FR0001 by number, as they were at the end of 2019."""
    shown = execute_query(sample.system, AS_OF_2019)["asOf"]["commitment"]["milestones"]
    return {each.pop("number"): each for each in shown}


def test_renumbered_milestone_is_whole_at_earlier_dates(sample: SampleSystem, revised: dict[str, str]) -> None:
    site = {"title": "A site", "endsOn": "2019", "status": "LIMITED"}
    assert milestones_in_2019(sample) == {"3": site}
    sample.admin.mutate("renumberMilestone", **revised, newNumber="4")
    assert milestones_in_2019(sample) == {"4": site}
    sample.admin.mutate("renumberMilestone", **revised | {"number": "4"}, newNumber="5")
    assert milestones_in_2019(sample) == {"5": site}


def test_amendment_of_what_a_renumbered_milestone_was_reaches_it(sample: SampleSystem, revised: dict[str, str]) -> None:
    entries = execute_query(sample.system, "{ entries(last: 4) { nodes { position correlationId } } }")
    added, reported, *_ = entries["entries"]["nodes"]
    sample.admin.mutate("renumberMilestone", **revised, newNumber="4")
    changes = [{"path": "milestones/3/title/en", "value": "A page"}]
    sample.admin.mutate("correct", entry=str(added["position"]), changes=changes, reason="x")
    assert milestones_in_2019(sample) == {"4": {"title": "A page", "endsOn": "2019", "status": "LIMITED"}}
    sample.admin.mutate("revertImport", correlationId=reported["correlationId"], reason="x")
    assert milestones_in_2019(sample) == {"4": {"title": "A page", "endsOn": "2019", "status": None}}
    assert ("4", "An app") in milestones(sample)


def test_reversed_renumbering_returns_what_was_so_at_earlier_dates(
    sample: SampleSystem, revised: dict[str, str]
) -> None:
    before = milestones_in_2019(sample)
    sample.admin.mutate("renumberMilestone", **revised, newNumber="4")
    (last,) = execute_query(sample.system, "{ entries(last: 1) { nodes { correlationId } } }")["entries"]["nodes"]
    sample.admin.mutate("revertImport", correlationId=last["correlationId"], reason="x")
    assert milestones_in_2019(sample) == before


def test_milestone_with_the_former_number_of_another_begins_with_its_own_past(
    sample: SampleSystem, revised: dict[str, str]
) -> None:
    sample.admin.mutate("renumberMilestone", **revised, newNumber="4")
    other = {"commitment": "FR0001", "number": "6"}
    sample.admin.mutate("addMilestone", **other, title="A law", effectiveOn="2018")
    sample.admin.mutate("renumberMilestone", **other, newNumber="3")
    assert sorted(milestones(sample)) == [("1.1", "A portal"), ("3", "A law"), ("4", "An app")]
    assert "6" not in milestones_in_2019(sample)
    assert milestones_in_2019(sample)["4"]["title"] == "A site"


def test_renumbered_milestone_has_everything_that_was_recorded_of_it(sample: SampleSystem) -> None:
    milestone = {"commitment": "FR0001", "number": "1.1"}
    sample.reporter.mutate("completeMilestone", **milestone, report="Done", source="https://example.org/report")
    sample.reporter.mutate("reviseMilestone", **milestone, endsOn="2022", effectiveOn="2021-05")
    before = execute_query(sample.system, '{ commitment(code: "FR0001") { milestones { title status endsOn } } }')
    renumbered = sample.reporter.mutate("renumberMilestone", **milestone, newNumber="2.1.", effectiveOn="2022-03")
    assert set(kinds_of(renumbered)) == {"MilestoneRenumbered"}
    assert renumbered["changesPresent"]
    shown = renumbered["milestone"]
    assert shown["number"] == "2.1"
    assert [update["text"] for update in shown["updates"]] == ["Done"]
    after = execute_query(sample.system, '{ commitment(code: "FR0001") { milestones { title status endsOn } } }')
    assert after == before
    assert milestones(sample) == [("2.1", "A portal")]
    (error,) = sample.reporter.send("completeMilestone", **milestone)["errors"]
    assert error["message"] == "FR0001 has no milestone 1.1: it is 2.1 now"
    assert sample.reporter.expect_refusal("renumberMilestone", **milestone, newNumber="3") == (
        "NOT_FOUND",
        ["input", "number"],
    )


def test_taken_number_and_unknown_milestone_are_refused(sample: SampleSystem) -> None:
    sample.reporter.mutate("addMilestone", commitment="FR0001", number="1.2", title="An app")
    for new_number in ("1.2", "1.1"):
        refused = sample.reporter.expect_refusal(
            "renumberMilestone", commitment="FR0001", number="1.1", newNumber=new_number
        )
        assert refused == ("CONFLICT", ["input", "newNumber"])
    refused = sample.reporter.expect_refusal("renumberMilestone", commitment="FR0001", number="9", newNumber="8")
    assert refused == ("NOT_FOUND", ["input", "number"])


def test_former_numbers_can_be_used_again_and_numbers_exchanged(sample: SampleSystem) -> None:
    renumber = {"commitment": "FR0001"}
    sample.reporter.mutate("renumberMilestone", **renumber, number="1.1", newNumber="9")
    sample.reporter.mutate("addMilestone", **renumber, number="1.1", title="An app")
    assert milestones(sample) == [("1.1", "An app"), ("9", "A portal")]
    for number, new_number in (("1.1", "8"), ("9", "1.1"), ("8", "9")):
        sample.reporter.mutate("renumberMilestone", **renumber, number=number, newNumber=new_number)
    assert milestones(sample) == [("1.1", "A portal"), ("9", "An app")]


def test_a_renumbering_is_reverted_as_a_whole(sample: SampleSystem) -> None:
    selection = "entries { correlationId } errors { message }"
    sample.reporter.mutate("reviseMilestone", commitment="FR0001", number="1.1", endsOn="2022")
    sent = {"commitment": "FR0001", "number": "1.1", "newNumber": "2.1"}
    renumbered = sample.reporter.send("renumberMilestone", selection, **sent)
    correlation = renumbered["entries"][0]["correlationId"]
    sample.admin.mutate("revertImport", correlationId=correlation, reason="A slip")
    assert milestones(sample) == [("1.1", "A portal")]
    sample.reporter.mutate("completeMilestone", commitment="FR0001", number="1.1")


def state_as_page(sample: SampleSystem, facts: dict[str, str], on: int) -> None:
    """Record facts of FR0001 as the header of its page states them on a day."""
    page = Provenance(
        origin=Origin.HEADER,
        cause=Cause.SOURCE_CHANGED,
        language="en",
        source="source-page",
        changed_between=Interval(before=day(on)),
    )

    def execute(uow: UnitOfWork) -> None:
        stated: Facts = {path: uow.text_value(text) if "title" in path else text for path, text in facts.items()}
        revise_commitment(uow, uow.require_by_code("commitment", "FR0001"), stated, page)

    sample.system.execute(CommandContext(actor="importer", role="publisher", time=sample.system.clock()), execute)


def test_claims_of_pages_move_with_their_source_and_time(sample: SampleSystem) -> None:
    state_as_page(sample, {"milestones/1.1/endsOn": "2020", "milestones/1.1/title/en": "A portal"}, on=400_000)
    query = """{ commitment(code: "FR0001") { claims(path: "milestones") {
        path value isCurrent statedIn changedBetween { after before } } } }"""
    before = execute_query(sample.system, query)["commitment"]["claims"]
    sample.admin.mutate("renumberMilestone", commitment="FR0001", number="1.1", newNumber="2")
    after = execute_query(sample.system, query)["commitment"]["claims"]
    moved = [claim | {"path": claim["path"].replace("/1.1/", "/2/")} for claim in before]
    assert [claim for claim in after if claim["value"] is not None and "renumberedTo" not in claim["path"]] == moved
