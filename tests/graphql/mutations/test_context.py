"""Every mutation does what its description says, once, and tells of it."""

from typing import Any

import pytest

from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.client import execute_query
from tests.graphql.mutations.client import SampleSystem, mutation_types

pytestmark = BOTH_ENGINES


@pytest.fixture
def sample(system: System) -> SampleSystem:
    return SampleSystem(system)


def kinds(payload: Any) -> list[str]:
    return [entry["kind"] for entry in payload["entries"]]


def test_every_description_names_the_permitted_roles_and_the_refusals() -> None:
    for name, field in mutation_types().items():
        assert "\nPermitted to " in field.description, name
        assert "\nRefused with `" in field.description, name
        assert list(field.args) == ["input"], name


@BOTH_ENGINES
def test_a_payload_has_the_thing_as_it_stands_after_and_what_was_recorded(sample: SampleSystem) -> None:
    payload = sample.reporter.mutate(
        "completeMilestone",
        commitment="fr0001",
        number="1.1",
        report="The portal is open.",
        source="https://data.example/portal.pdf",
        reason="Quarterly report",
        effectiveOn="2021-05",
    )
    assert payload["milestone"] == {
        "number": "1.1",
        "title": "A portal",
        "status": "COMPLETE",
        "endsOn": None,
        "updates": [{"text": "The portal is open."}],
    }
    assert kinds(payload) == ["SourceRegistered", "MilestoneCompleted", "MilestoneReported"]
    assert payload["entries"][-1]["position"] == sample.position()
    completed = payload["entries"][1]
    assert completed["actor"] == sample.reporter.account
    assert (completed["role"], completed["reason"], completed["effectiveOn"]) == (
        "reporter",
        "Quarterly report",
        "2021-05",
    )
    assert completed["changes"] == [{"path": "milestones/1.1/status", "before": None, "after": "COMPLETE"}]


def test_evidence_is_a_source_that_can_be_read(sample: SampleSystem) -> None:
    rested = {"commitment": "FR0001", "number": "1.1", "status": "LIMITED", "source": "https://data.example/a"}
    sample.reporter.mutate("reportMilestone", **rested)
    again = sample.reporter.mutate("reportMilestone", **rested | {"status": "SUBSTANTIAL"})
    assert kinds(again) == ["MilestoneReported"]
    sources = execute_query(sample.system, '{ commitment(code: "FR0001") { sources { type url } } }')
    assert sources == {"commitment": {"sources": [{"type": "DOCUMENT", "url": "https://data.example/a"}]}}


def test_saying_what_is_so_records_nothing_and_no_idle_source(sample: SampleSystem) -> None:
    said = {"commitment": "FR0001", "title": "Commitment 1 of France", "source": "https://data.example/idle"}
    before = sample.position()
    payload = sample.reporter.mutate("reviseCommitment", **said)
    assert payload["entries"] == []
    assert payload["commitment"]["code"] == "FR0001"
    assert sample.position() == before


def test_a_member_is_registered_renamed_and_given_a_status_with_its_document(sample: SampleSystem) -> None:
    chile = sample.admin.mutate("registerMember", code="CHL", name="Chile", joinedOn="2012")["member"]
    assert (chile["prefix"], chile["type"], chile["region"]) == ("CL", "NATIONAL", "Americas")
    renamed = sample.admin.mutate("renameMember", member="CL", name="Chili", language="fr")
    assert kinds(renamed) == ["MemberRenamed"]
    status = sample.admin.mutate(
        "changeMemberStatus", member="CHL", status="INACTIVE", document="Resolution 7", effectiveOn="2021-03-01"
    )
    assert status["member"]["status"] == "INACTIVE"
    assert {change["path"]: change["after"] for change in status["entries"][0]["changes"]} == {
        "status": "INACTIVE",
        "statusDocument": "Resolution 7",
    }


def test_a_plan_is_registered_extended_and_concluded(sample: SampleSystem) -> None:
    plan = sample.reporter.mutate("registerActionPlan", member="FRA", cycle=2024, endsOn="2026-06-30")["actionPlan"]
    assert (plan["code"], plan["status"]) == ("FRA-2024", "ACTIVE")
    extended = sample.reporter.mutate("reviseActionPlan", actionPlan="FRA-2024", endsOn="2026-12-31", title="Plan 4")
    assert extended["actionPlan"]["endsOn"] == "2026-12-31"
    concluded = sample.reporter.mutate("concludeActionPlan", actionPlan="FRA-2024")
    assert concluded["actionPlan"]["status"] == "CONCLUDED"
    assert kinds(concluded) == ["ActionPlanConcluded"]


def test_a_commitment_is_revised_translated_and_withdrawn(sample: SampleSystem) -> None:
    revised = sample.reporter.mutate(
        "reviseCommitment",
        commitment="FR0001",
        policyAreas=["gender", "Open Data"],
        leadInstitutions=["Etalab"],
        startsOn="2021-S1",
    )
    assert revised["commitment"]["policyAreas"] == ["Gender", "Open Data"]
    assert revised["commitment"]["leadInstitutions"] == ["Etalab"]
    translated = sample.reporter.mutate("translateCommitment", commitment="FR0001", language="fr", title="Engagement 1")
    assert translated["entries"][0]["cause"] == "TRANSLATION"
    assert translated["commitment"]["languages"] == ["en", "fr"]
    withdrawn = sample.reporter.mutate("withdrawCommitment", commitment="FR0001")
    assert withdrawn["commitment"]["status"] == "WITHDRAWN"
    assert sample.reporter.mutate("withdrawCommitment", commitment="FR0001")["entries"] == []


def test_a_recoded_commitment_is_found_by_both_codes(sample: SampleSystem) -> None:
    recoded = sample.admin.mutate("recodeCommitment", commitment="FR0001", code="fr0105")["commitment"]
    assert (recoded["code"], recoded["formerCodes"]) == ("FR0105", ["FR0001"])
    found = execute_query(
        sample.system, '{ a: commitment(code: "FR0001") { code } b: commitment(code: "FR0105") { code } }'
    )
    assert found == {"a": {"code": "FR0105"}, "b": {"code": "FR0105"}}
    back = sample.admin.mutate("recodeCommitment", commitment="FR0105", code="FR0001")["commitment"]
    assert (back["code"], back["formerCodes"]) == ("FR0001", ["FR0105"])
    assert sample.admin.expect_refusal("recodeCommitment", commitment="FR0001", code="FR0002")[0] == "CONFLICT"


@BOTH_ENGINES
def test_merged_commitments_are_one_in_every_list_and_two_in_history(sample: SampleSystem) -> None:
    before = sample.position()
    merged = sample.admin.mutate("mergeCommitments", commitments=["FR0002"], into="FR0001")
    assert merged["commitment"]["formerCodes"] == ["FR0002"]
    asked = """query($at: Position!) {
      commitments(where: {member: {code: {eq: "FRA"}}}) { totalCount nodes { code } }
      commitment(code: "FR0002") { code title }
      member(code: "FRA") { commitments { totalCount } }
      at(position: $at) {
        commitment(code: "FR0002") { code }
        commitments(where: {member: {code: {eq: "FRA"}}}) { totalCount }
      }
    }"""
    assert execute_query(sample.system, asked, at=before) == {
        "commitments": {"totalCount": 1, "nodes": [{"code": "FR0001"}]},
        "commitment": {"code": "FR0001", "title": "Commitment 1 of France"},
        "member": {"commitments": {"totalCount": 1}},
        "at": {"commitment": {"code": "FR0002"}, "commitments": {"totalCount": 2}},
    }
    assert sample.admin.expect_refusal("mergeCommitments", commitments=["FR0002"], into="FR0001")[0] == "INVALID"
    # A code that leads elsewhere now can be written to: it is the one that remains.
    sample.reporter.mutate("reviseCommitment", commitment="FR0002", title="One title")
    assert execute_query(sample.system, '{ commitment(code: "FR0001") { title } }') == {
        "commitment": {"title": "One title"}
    }


def test_the_parts_of_a_split_commitment_tell_where_they_are_from(sample: SampleSystem) -> None:
    parts = [{"code": "FR0011", "title": "First half"}, {"code": "FR0012", "title": "Second half", "number": "1b"}]
    split = sample.admin.mutate("splitCommitment", commitment="FR0001", into=parts)
    assert split["commitment"]["splitInto"] == [{"code": "FR0011"}, {"code": "FR0012"}]
    part = execute_query(
        sample.system, '{ commitment(code: "FR0012") { title number splitFrom { code } actionPlan { code } } }'
    )
    assert part["commitment"] == {
        "title": "Second half",
        "number": "1b",
        "splitFrom": {"code": "FR0001"},
        "actionPlan": {"code": "FRA-2021"},
    }
    assert sample.admin.expect_refusal("splitCommitment", commitment="FR0002", into=parts[:1])[0] == "INVALID"
    assert sample.admin.expect_refusal("splitCommitment", commitment="FR0002", into=parts)[0] == "CONFLICT"


def test_links_hold_on_both_sides(sample: SampleSystem) -> None:
    sample.reporter.mutate("linkCommitments", commitment="FR0002", predecessors=["FR0001"])
    linked = execute_query(
        sample.system, '{ commitment(code: "FR0001") { successors { code } predecessors { code } } }'
    )
    assert linked["commitment"] == {"successors": [{"code": "FR0002"}], "predecessors": []}
    assert sample.reporter.mutate("linkCommitments", commitment="FR0002", predecessors=["FR0001"])["entries"] == []
    assert sample.reporter.expect_refusal("linkCommitments", commitment="FR0001", successors=["FR0001"])[0] == "INVALID"
    assert (
        sample.reporter.expect_refusal("linkCommitments", commitment="FR0001", successors=["UK0001"])[0] == "FORBIDDEN"
    )


def test_a_milestone_is_added_revised_and_withdrawn(sample: SampleSystem) -> None:
    added = sample.reporter.mutate("addMilestone", commitment="FR0001", number="1.2", title="An app", endsOn="2022-Q3")
    assert kinds(added) == ["MilestoneAdded"]
    revised = sample.reporter.mutate("reviseMilestone", commitment="FR0001", number="1.2", endsOn="2023-Q1")
    assert revised["milestone"]["endsOn"] == "2023-Q1"
    withdrawn = sample.reporter.mutate("withdrawMilestone", commitment="FR0001", number="1.2")
    assert withdrawn["milestone"]["status"] == "WITHDRAWN"
    assert kinds(withdrawn) == ["MilestoneWithdrawn"]
    taken = sample.reporter.expect_refusal("addMilestone", commitment="FR0001", number="1.2", title="Again")
    assert taken == ("CONFLICT", ["input", "number"])


def test_a_later_assessment_replaces_an_earlier_one_and_may_be_withdrawn(sample: SampleSystem) -> None:
    rating = {"commitment": "FR0001", "indicator": "COMPLETION", "stage": "RESULTS"}
    sample.reviewer.mutate("recordRating", **rating, value="LIMITED", statedAs="Limited")
    later = sample.reviewer.mutate("recordRating", **rating, value="COMPLETE")
    assert [each["value"] for each in later["commitment"]["ratings"]] == ["COMPLETE"]
    withdrawn = sample.reviewer.mutate("withdrawRating", **rating)
    assert withdrawn["commitment"]["ratings"] == []
    assert kinds(withdrawn) == ["RatingWithdrawn"]
    assert sample.reviewer.expect_refusal("withdrawRating", **rating)[0] == "NOT_FOUND"


def test_a_rating_about_one_value_of_open_government_stands_beside_the_overall_one(sample: SampleSystem) -> None:
    rating = {"commitment": "FR0001", "indicator": "DID_IT_OPEN_GOVERNMENT", "stage": "END_OF_TERM"}
    sample.reviewer.mutate("recordRating", **rating, value="MARGINAL")
    both = sample.reviewer.mutate("recordRating", **rating, value="MAJOR", ogpValue="CIVIC_PARTICIPATION")
    assert [(r["ogpValue"], r["value"]) for r in both["commitment"]["ratings"]] == [
        (None, "MARGINAL"),
        ("CIVIC_PARTICIPATION", "MAJOR"),
    ]


def test_a_rating_off_its_scale_or_without_a_value_is_refused(sample: SampleSystem) -> None:
    rating = {"commitment": "FR0001", "indicator": "AMBITION", "stage": "DESIGN"}
    assert sample.reviewer.expect_refusal("recordRating", **rating, value="MEDIUM") == ("INVALID", ["input", "value"])
    assert sample.reviewer.expect_refusal("recordRating", **rating)[0] == "INVALID"
    assert sample.reviewer.expect_refusal("recordRating", **rating, state="PENDING", value="HIGH")[0] == "INVALID"
    pending = sample.reviewer.mutate("recordRating", **rating, state="PENDING")
    assert pending["commitment"]["ratings"][0]["state"] == "PENDING"


def test_a_narrative_is_recorded_replaced_and_withdrawn(sample: SampleSystem) -> None:
    section = {"commitment": "FR0001", "stage": "DESIGN", "section": "NEXT_STEPS"}
    sample.reviewer.mutate("recordNarrative", **section, text="Do it.")
    replaced = sample.reviewer.mutate("recordNarrative", **section, text="Do it <b>well</b>.")
    assert replaced["commitment"]["narratives"] == [{"section": "NEXT_STEPS", "text": "Do it <b>well</b>."}]
    withdrawn = sample.reviewer.mutate("withdrawNarrative", **section)
    assert withdrawn["commitment"]["narratives"] == []
    assert kinds(withdrawn) == ["NarrativeWithdrawn"]


def test_rights_are_granted_and_revoked_and_hold_from_the_next_request_on(sample: SampleSystem) -> None:
    writer = sample.without_rights
    title = {"commitment": "FR0001", "title": "Better"}
    assert writer.expect_refusal("reviseCommitment", **title)[0] == "FORBIDDEN"
    granted = sample.admin.mutate("grantRights", account=writer.account, role="REPORTER", members=["FRA", "GBR"])
    assert granted["account"]["reporterOf"] == ["FRA", "GBR"]
    writer.mutate("reviseCommitment", **title)
    sample.admin.mutate("revokeRights", account=writer.account, role="REPORTER", members=["FRA"])
    assert writer.expect_refusal("reviseCommitment", **title | {"title": "Best"})[0] == "FORBIDDEN"
    revoked = sample.admin.mutate("revokeRights", account=writer.account)
    assert revoked["account"] == {
        "id": writer.account,
        "roles": [],
        "reporterOf": [],
        "revision": revoked["account"]["revision"],
    }
    assert sample.admin.expect_refusal("grantRights", account=writer.account, role="REPORTER")[0] == "INVALID"
    assert sample.admin.expect_refusal("grantRights", account="account-none", role="REVIEWER")[0] == "NOT_FOUND"


def test_several_mutations_of_one_request_run_one_after_the_other(sample: SampleSystem) -> None:
    data = sample.reporter.execute(
        """mutation {
          a: addMilestone(input: {commitment: "FR0001", number: "1.2", title: "B"}) { commitment { revision } }
          b: addMilestone(input: {commitment: "FR0001", number: "1.2", title: "B"}) {
            errors { code } entries { position }
          }
          c: completeMilestone(input: {commitment: "FR0001", number: "1.2"}) {
            commitment { revision } milestone { status }
          }
        }"""
    )
    assert data["b"] == {"errors": [{"code": "CONFLICT"}], "entries": []}
    assert data["c"]["commitment"]["revision"] == data["a"]["commitment"]["revision"] + 1
    assert data["c"]["milestone"]["status"] == "COMPLETE"
