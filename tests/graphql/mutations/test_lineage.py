"""Commitments are recoded, merged, split, linked and unlinked, and stay reachable."""

from __future__ import annotations

from tests.conftest import BOTH_ENGINES
from tests.graphql.client import execute_query
from tests.graphql.mutations.client import SampleSystem, kinds_of

pytestmark = BOTH_ENGINES


def test_recoded_commitment_is_found_by_both_codes(sample: SampleSystem) -> None:
    recoded = sample.admin.mutate("recodeCommitment", commitment="FR0001", code="fr0105")["commitment"]
    assert (recoded["code"], recoded["formerCodes"]) == ("FR0105", ["FR0001"])
    both = execute_query(
        sample.system, '{ a: commitment(code: "FR0001") { code } b: commitment(code: "FR0105") { code } }'
    )
    assert both == {"a": {"code": "FR0105"}, "b": {"code": "FR0105"}}
    back = sample.admin.mutate("recodeCommitment", commitment="FR0105", code="FR0001")["commitment"]
    assert (back["code"], back["formerCodes"]) == ("FR0001", [])
    assert sample.admin.expect_refusal("recodeCommitment", commitment="FR0001", code="FR0002")[0] == "CONFLICT"
    foreign = sample.admin.expect_refusal("recodeCommitment", commitment="FR0001", code="UK0105")
    assert foreign == ("INVALID", ["input", "code"])
    freed = execute_query(sample.system, '{ commitment(code: "FR0105") { code } }')
    assert freed == {"commitment": None}
    sample.reporter.mutate("registerCommitment", code="FR0105", actionPlan="FRA-2021", title="Another")


def test_merged_commitments_are_one_in_every_list_and_two_in_history(sample: SampleSystem) -> None:
    before = sample.position()
    merged = sample.admin.mutate("mergeCommitments", commitments=["FR0002"], into="FR0001")
    assert merged["commitment"]["formerCodes"] == ["FR0002"]
    query = """query($at: Position!) {
      commitments(where: {member: {code: {eq: "FRA"}}}) { totalCount nodes { code } }
      commitment(code: "FR0002") { code title }
      member(code: "FRA") { commitments { totalCount } }
      at(position: $at) {
        commitment(code: "FR0002") { code }
        commitments(where: {member: {code: {eq: "FRA"}}}) { totalCount }
      }
    }"""
    assert execute_query(sample.system, query, at=before) == {
        "commitments": {"totalCount": 1, "nodes": [{"code": "FR0001"}]},
        "commitment": {"code": "FR0001", "title": "Commitment 1 of France"},
        "member": {"commitments": {"totalCount": 1}},
        "at": {"commitment": {"code": "FR0002"}, "commitments": {"totalCount": 2}},
    }
    assert sample.admin.expect_refusal("mergeCommitments", commitments=["FR0002"], into="FR0001")[0] == "INVALID"
    # Mutations of the merged code apply to the commitment that remains.
    sample.reporter.mutate("reviseCommitment", commitment="FR0002", title="One title")
    assert execute_query(sample.system, '{ commitment(code: "FR0001") { title } }') == {
        "commitment": {"title": "One title"}
    }


def test_parts_of_a_split_commitment_refer_to_it(sample: SampleSystem) -> None:
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


def test_refusal_of_a_part_names_its_field(sample: SampleSystem) -> None:
    parts = [{"code": "FR0011", "title": ""}, {"code": "FR0012", "title": "Second half"}]
    (error,) = sample.admin.send("splitCommitment", commitment="FR0001", into=parts)["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["input", "into"])
    assert error["message"] == "title is empty: it has no visible character"


def test_links_are_shown_at_both_ends(sample: SampleSystem) -> None:
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


def test_unlinking_takes_a_link_away_at_both_ends(sample: SampleSystem) -> None:
    sample.reporter.mutate("linkCommitments", commitment="FR0002", predecessors=["FR0001"])
    cycle = sample.reporter.send("linkCommitments", commitment="FR0001", predecessors=["FR0002"])["errors"]
    assert [(each["code"], each["message"]) for each in cycle] == [
        ("CONFLICT", "a commitment would carry itself forward: FR0001 → FR0002 → FR0001")
    ]
    unlinked = sample.reporter.mutate("unlinkCommitments", commitment="FR0001", successors=["FR0002"])
    assert kinds_of(unlinked) == ["CommitmentUnlinked", "CommitmentUnlinked"]
    assert unlinked["commitment"]["successors"] == []
    other = execute_query(sample.system, '{ commitment(code: "FR0002") { predecessors { code } } }')
    assert other == {"commitment": {"predecessors": []}}
    refused = sample.reporter.expect_refusal("unlinkCommitments", commitment="FR0001", successors=["FR0002"])
    assert refused == ("NOT_FOUND", ["input", "successors"])


def test_a_merger_keeps_what_both_knew_and_both_histories(sample: SampleSystem) -> None:
    rating = {"indicator": "COMPLETION", "stage": "RESULTS"}
    sample.reviewer.mutate("recordRating", commitment="FR0002", value="COMPLETE", **rating)
    sample.admin.mutate("addMilestone", commitment="FR0002", number="1.1", title="A law")
    refused = sample.admin.send("mergeCommitments", commitments=["FR0002"], into="FR0001")["errors"]
    assert [(each["code"], "milestone 1.1 " in each["message"]) for each in refused] == [("CONFLICT", True)]
    sample.admin.mutate("addMilestone", commitment="UK0002", number="2", title="Another")
    assert sample.admin.expect_refusal("mergeCommitments", commitments=["UK0002"], into="FR0001") == (
        "INVALID",
        ["input", "commitments"],
    )
    sample.admin.mutate("registerCommitment", code="FR0003", actionPlan="FRA-2021", title="Third", number="3")
    sample.reviewer.mutate("recordRating", commitment="FR0003", value="LIMITED", **rating)
    sample.admin.mutate("addMilestone", commitment="FR0003", number="3.1", title="A register")
    sample.admin.mutate("mergeCommitments", commitments=["FR0003"], into="FR0001")
    query = """{ commitment(code: "FR0003") {
      code title number ratings { value statedIn entry { kind } } milestones { number title }
      mergedFrom { code title mergedInto { code } history { nodes { kind } } ratings { value } }
      history { totalCount }
    } }"""
    found = execute_query(sample.system, query)["commitment"]
    assert found.pop("history")["totalCount"] > 2
    assert found == {
        "code": "FR0001",
        "title": "Commitment 1 of France",
        "number": "1",
        "ratings": [{"value": "LIMITED", "statedIn": "PERSON", "entry": {"kind": "CommitmentMerged"}}],
        "milestones": [{"number": "1.1", "title": "A portal"}, {"number": "3.1", "title": "A register"}],
        "mergedFrom": [
            {
                "code": "FR0003",
                "title": "Third",
                "mergedInto": {"code": "FR0001"},
                "history": {
                    "nodes": [
                        {"kind": kind}
                        for kind in ("CommitmentRegistered", "RatingRecorded", "MilestoneAdded", "CommitmentMerged")
                    ]
                },
                "ratings": [{"value": "LIMITED"}],
            }
        ],
    }


def test_a_merger_keeps_what_was_so_at_earlier_dates(sample: SampleSystem) -> None:
    rating = {"indicator": "COMPLETION", "stage": "RESULTS"}
    sample.admin.mutate("registerCommitment", code="FR0003", actionPlan="FRA-2021", title="Third", effectiveOn="2018")
    sample.reviewer.mutate("recordRating", commitment="FR0003", value="LIMITED", effectiveOn="2018", **rating)
    (second,) = sample.reviewer.mutate(
        "recordRating", commitment="FR0003", value="COMPLETE", effectiveOn="2020", **rating
    )["entries"]
    sample.admin.mutate("mergeCommitments", commitments=["FR0003"], into="FR0001")

    def ratings(date: str) -> list[str]:
        query = f'{{ asOf(date: "{date}") {{ commitment(code: "FR0001") {{ ratings {{ value }} }} }} }}'
        return [each["value"] for each in execute_query(sample.system, query)["asOf"]["commitment"]["ratings"]]

    assert (ratings("2019"), ratings("2020")) == (["LIMITED"], ["COMPLETE"])
    changes = [{"path": "ratings/COMPLETION/RESULTS", "value": None}]
    sample.reviewer.mutate("correct", entry=str(second["position"]), changes=changes, reason="x")
    assert (ratings("2019"), ratings("2020")) == (["LIMITED"], ["LIMITED"])


COUNTS = """query($where: CommitmentFilter) {
  commitments(where: $where) { totalCount nodes { code } facets(dimensions: [STATUS]) { values { value count } } }
  member(code: "FRA") { commitments(where: $where) { totalCount } }
  members(where: {commitments: {rating: {indicator: COMPLETION, value: [COMPLETE]}}}) { totalCount }
}"""


def test_lists_leave_out_what_was_split_unless_asked(sample: SampleSystem) -> None:
    rated = {"commitment": "FR0001", "indicator": "COMPLETION", "stage": "RESULTS", "value": "COMPLETE"}
    sample.reviewer.mutate("recordRating", **rated)
    sample.reporter.mutate("reviseCommitment", commitment="FR0001", endsOn="2023", policyAreas=["Gender"])
    parts = [{"code": "FR0011", "title": "First half"}, {"code": "FR0012", "title": "Second half"}]
    split = sample.admin.mutate("splitCommitment", commitment="FR0001", into=parts)
    assert split["commitment"]["status"] == "SPLIT"
    found = execute_query(sample.system, COUNTS, where=None)
    codes = [each["code"] for each in found["commitments"]["nodes"]]
    assert codes == ["FR0002", "FR0011", "FR0012", "UK0001", "UK0002"]
    assert found["commitments"]["facets"] == [{"values": [{"value": "ACTIVE", "count": 5}]}]
    assert (found["commitments"]["totalCount"], found["member"]["commitments"]["totalCount"]) == (5, 3)
    assert found["members"]["totalCount"] == 0
    for asked in ({"status": {"in": ["SPLIT"]}}, {"or": [{"status": {"in": ["SPLIT"]}}]}):
        whole = execute_query(sample.system, COUNTS, where=asked)["commitments"]
        assert (whole["totalCount"], whole["nodes"]) == (1, [{"code": "FR0001"}])
    both = execute_query(sample.system, COUNTS, where={"status": {"in": ["SPLIT", "ACTIVE"]}})
    assert both["commitments"]["totalCount"] == 6
    fields = "status endsOn policyAreas ratings { value } splitFrom { status }"
    part = execute_query(sample.system, f'{{ commitment(code: "FR0011") {{ {fields} }} }}')
    assert part["commitment"] == {
        "status": "ACTIVE",
        "endsOn": "2023",
        "policyAreas": ["Gender"],
        "ratings": [],
        "splitFrom": {"status": "SPLIT"},
    }
    assert sample.reporter.expect_refusal("reviseCommitment", commitment="FR0002", status="SPLIT") == (
        "INVALID",
        ["input", "status"],
    )
    assert sample.reporter.expect_refusal("withdrawCommitment", commitment="FR0001")[0] == "CONFLICT"


def test_codes_and_links_take_effect_when_they_are_recorded(sample: SampleSystem) -> None:
    for mutation, inputs in (
        ("recodeCommitment", {"code": "FR0105"}),
        ("linkCommitments", {"predecessors": ["FR0002"]}),
        ("unlinkCommitments", {"predecessors": ["FR0002"]}),
    ):
        refused = sample.admin.expect_refusal(mutation, commitment="FR0001", effectiveOn="2020", **inputs)
        assert refused == ("INVALID", ["input", "effectiveOn"])
