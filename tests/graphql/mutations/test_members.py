"""Members are registered, renamed and given a status; action plans are registered, revised and concluded."""

from __future__ import annotations

from tests.conftest import BOTH_ENGINES
from tests.graphql.client import execute_query
from tests.graphql.mutations.client import SampleSystem, kinds_of

pytestmark = BOTH_ENGINES


def test_member_is_registered_renamed_and_given_a_status_with_its_document(sample: SampleSystem) -> None:
    chile = sample.admin.mutate("registerMember", code="CHL", name="Chile", joinedOn="2012")["member"]
    assert (chile["prefix"], chile["type"], chile["region"]) == ("CL", "NATIONAL", "Americas")
    renamed = sample.admin.mutate("renameMember", member="CL", name="Chili", language="fr")
    assert kinds_of(renamed) == ["MemberRenamed"]
    status = sample.admin.mutate(
        "changeMemberStatus", member="CHL", status="INACTIVE", document="Resolution 7", effectiveOn="2021-03-01"
    )
    assert status["member"]["status"] == "INACTIVE"
    assert {change["path"]: change["after"] for change in status["entries"][0]["changes"]} == {
        "status": "INACTIVE",
        "statusDocument": "Resolution 7",
    }


def test_action_plan_is_registered_extended_and_concluded(sample: SampleSystem) -> None:
    plan = sample.reporter.mutate("registerActionPlan", member="FRA", cycle=2024, endsOn="2026-06-30")["actionPlan"]
    assert (plan["code"], plan["status"]) == ("FRA-2024", "ACTIVE")
    extended = sample.reporter.mutate("reviseActionPlan", actionPlan="FRA-2024", endsOn="2026-12-31", title="Plan 4")
    assert extended["actionPlan"]["endsOn"] == "2026-12-31"
    concluded = sample.reporter.mutate("concludeActionPlan", actionPlan="FRA-2024")
    assert concluded["actionPlan"]["status"] == "CONCLUDED"
    assert kinds_of(concluded) == ["ActionPlanConcluded"]


def test_codes_and_what_the_table_says_of_members_hold_at_every_date(sample: SampleSystem) -> None:
    sample.admin.mutate("registerMember", code="CHL", name="Chile")
    sample.admin.mutate("registerActionPlan", member="CHL", cycle=2016, startsOn="2016", effectiveOn="2016")
    sample.admin.mutate("registerCommitment", code="CL0001", actionPlan="CHL-2016", title="A", effectiveOn="2016")
    query = """{ asOf(date: "2018") {
      member(code: "CHL") { prefix type region unknown { path } }
      members(where: {not: [{code: {eq: "FRA"}}], commitments: {}}) { nodes { code } }
      commitments(where: {member: {code: {notIn: ["FRA"]}}}) { nodes { code } }
    } }"""
    shown = execute_query(sample.system, query)["asOf"]
    unknown = [{"path": "name/en"}]
    assert shown["member"] == {"prefix": "CL", "type": "NATIONAL", "region": "Americas", "unknown": unknown}
    assert {"code": "CHL"} in shown["members"]["nodes"]
    assert {"code": "CL0001"} in shown["commitments"]["nodes"]


def test_what_is_stated_of_a_member_takes_precedence_over_the_table(sample: SampleSystem) -> None:
    registered = sample.admin.mutate("registerMember", code="CHL", name="Chile", region="Europe", type="NATIONAL")
    assert kinds_of(registered) == ["CodeAssigned", "MemberRegistered", "MemberRevised"]
    assert [change["path"] for change in registered["entries"][2]["changes"]] == ["prefix"]
    assert registered["member"]["region"] == "Europe"
    other = sample.admin.mutate("registerMember", code="XYZ", name="Elsewhere", type="LOCAL")
    assert kinds_of(other) == ["CodeAssigned", "MemberRegistered"]
