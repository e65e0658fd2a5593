"""Commitments are recoded, merged, split and linked, and stay reachable."""

from __future__ import annotations

from tests.conftest import BOTH_ENGINES
from tests.graphql.client import execute_query
from tests.graphql.mutations.client import SampleSystem

pytestmark = BOTH_ENGINES


def test_recoded_commitment_is_found_by_both_codes(sample: SampleSystem) -> None:
    recoded = sample.admin.mutate("recodeCommitment", commitment="FR0001", code="fr0105")["commitment"]
    assert (recoded["code"], recoded["formerCodes"]) == ("FR0105", ["FR0001"])
    both = execute_query(
        sample.system, '{ a: commitment(code: "FR0001") { code } b: commitment(code: "FR0105") { code } }'
    )
    assert both == {"a": {"code": "FR0105"}, "b": {"code": "FR0105"}}
    back = sample.admin.mutate("recodeCommitment", commitment="FR0105", code="FR0001")["commitment"]
    assert (back["code"], back["formerCodes"]) == ("FR0001", ["FR0105"])
    assert sample.admin.expect_refusal("recodeCommitment", commitment="FR0001", code="FR0002")[0] == "CONFLICT"


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
