"""The root fields: lookups by code and id, lists, and `meta`."""

from __future__ import annotations

from hashlib import sha256

import pytest

from ogpgraph.graphql.executor import core_schema
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.client import SCHEMA, QueryResult, execute_query, expect_error, query_commitment, read_position

pytestmark = BOTH_ENGINES


# -------------------------------------------------------------------------------------------------------------- lookups


@pytest.mark.parametrize("code", ["UY0812", "uy0812", "UY0802", "uy0802", " Uy0802 "])
def test_a_commitment_is_found_by_current_and_former_codes_in_any_case(example_system: System, code: str) -> None:
    assert query_commitment(example_system, code, "code formerCodes") == {"code": "UY0812", "formerCodes": ["UY0802"]}


@pytest.mark.parametrize("code", ["URY", "ury", "UY", "uy"])
def test_a_member_is_found_by_its_code_and_by_the_prefix_of_its_commitments(example_system: System, code: str) -> None:
    assert execute_query(example_system, "query ($code: String!) { member(code: $code) { code } }", code=code) == {
        "member": {"code": "URY"}
    }


@pytest.mark.parametrize("unknown", ["", "ZZZ", "UY9999", "%", "' or 1=1 --", "ß", "x" * 5000, "commitment-000012"])
def test_an_unknown_code_or_id_is_null(example_system: System, unknown: str) -> None:
    query = """query ($x: String!, $id: ID!) { commitment(code: $x) { id } member(code: $x) { id } node(id: $id) { id }
               source(id: $id) { id } actionPlan(id: $id) { id } }"""
    found = execute_query(example_system, query, x=unknown, id="none " + unknown)
    assert found == dict.fromkeys(["commitment", "member", "node", "source", "actionPlan"])


def test_the_id_of_an_object_of_another_type_is_null(example_system: System) -> None:
    commitment = query_commitment(example_system, "UY0901", "id")["id"]
    query = "query ($id: ID!) { source(id: $id) { id } actionPlan(id: $id) { id } node(id: $id) { __typename } }"
    assert execute_query(example_system, query, id=commitment) == {
        "source": None,
        "actionPlan": None,
        "node": {"__typename": "Commitment"},
    }


def test_node_finds_every_object_by_its_id(example_system: System) -> None:
    query = """{ members { nodes { id } } actionPlans { nodes { id } } commitments { nodes { id sources { id } } }
                 entries { nodes { id subject { id } source { id } } } }"""
    found = execute_query(example_system, query)
    ids = {
        value
        for each in found.values()
        for node in each["nodes"]
        for thing in (node, node.get("subject"), node.get("source"), *node.get("sources", ()))
        if thing
        for value in [thing["id"]]
    }
    kinds = set()
    for each in sorted(ids):
        node = execute_query(example_system, "query ($id: ID!) { node(id: $id) { id __typename } }", id=each)["node"]
        assert node["id"] == each
        kinds.add(node["__typename"])
    assert kinds == {"Member", "ActionPlan", "Commitment", "Source", "Code", "Entry"}


def test_entries_past_the_head_and_at_zero_are_null(example_system: System) -> None:
    query = "{ zero: entry(position: 0) { id } past: entry(position: 9007199254740991) { id } }"
    assert execute_query(example_system, query) == {"zero": None, "past": None}


def test_an_empty_log_has_empty_lists(system: System) -> None:
    query = """{ meta { position recordedAt rootHash } members { totalCount nodes { id } pageInfo { endCursor } }
                 commitments { totalCount } entries { totalCount nodes { id } } commitment(code: "UY0901") { id } }"""
    found = execute_query(system, query)
    assert found["meta"] == {
        "position": 0,
        "recordedAt": None,
        "rootHash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
    assert found["members"] == {"totalCount": 0, "nodes": [], "pageInfo": {"endCursor": None}}
    assert (found["commitments"]["totalCount"], found["entries"]["nodes"], found["commitment"]) == (0, [], None)


# ----------------------------------------------------------------------------------------------------------------- meta


def merkle_root(leaves: list[bytes]) -> bytes:
    """Return the root of a Merkle tree, by the definition in section 2.1 of RFC 6962."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + merkle_root(leaves[:split]) + merkle_root(leaves[split:])).digest()


def test_the_root_hash_is_computed_from_the_leaf_hashes_up_to_the_position(example_system: System) -> None:
    entries = execute_query(
        example_system, "{ entries { nodes { position leafHash } } meta { position rootHash logId } }"
    )
    leaves = [bytes.fromhex(each["leafHash"]) for each in entries["entries"]["nodes"]]
    assert len(leaves) == entries["meta"]["position"] < 100
    assert entries["meta"]["rootHash"] == merkle_root(leaves).hex()
    for position in (1, 2, 3, 7, 8, 50):
        query = "query ($at: Position!) { at(position: $at) { meta { position rootHash logId } } }"
        meta = execute_query(example_system, query, at=position)["at"]["meta"]
        assert meta["rootHash"] == merkle_root(leaves[:position]).hex()
        assert (meta["position"], meta["logId"]) == (position, entries["meta"]["logId"])


# --------------------------------------------------------------------------------------------------------------- errors


def test_no_field_of_any_entry_has_an_error(example_system: System) -> None:
    query = """{ entries { nodes { ...E } } } fragment E on Entry { id position kind recordedAt statedAt effectiveOn
      changedBetween { after before } actor role reason cause statedIn isLate revision correlationId leafHash
      subject { id revision since lastObservedAt blame { path value entry { id } } claims { path value isCurrent
      source { code } } localizedTexts { text } sources { code } history { totalCount } }
      changes { path before after } source { code } evidence { quote source { code } }
      causedBy { id } corrects { id } }"""
    assert QueryResult(example_system, query, {}).errors == []
    assert read_position(example_system) < 100


def test_an_error_of_a_client_has_a_code(example_system: System) -> None:
    assert expect_error(example_system, "{ members(first: 101) { totalCount } }") == (
        "`first` is 101, but a page has 0 to 100 nodes",
        "BAD_PAGE",
    )


# --------------------------------------------------------------------------------------------------------------- errors


REFUSED = {
    "at": "at(position: 0) { __typename }",
    "asOf": 'asOf(date: "2021-02-30") { __typename }',
    "compare": "compare(from: 900000) { totalCount }",
    "members": "members(first: 1000) { totalCount }",
    "actionPlans": "actionPlans(first: 1, last: 1) { totalCount }",
    "commitments": 'commitments(after: "stale") { totalCount }',
    "entries": 'entries(before: "stale") { totalCount }',
    "search": 'search(query: "open", after: "stale") { totalCount }',
}
"""A use of each root field that can refuse its arguments, which it does."""


def test_every_root_field_with_pages_or_positions_has_a_refused_use() -> None:
    query = core_schema(SCHEMA).query_type
    assert query is not None
    refusing = {name for name, field in query.fields.items() if field.args.keys() & {"first", "time", "date"}}
    assert refusing <= REFUSED.keys()


@pytest.mark.parametrize("field", REFUSED.values(), ids=REFUSED)
def test_a_root_field_that_fails_is_null_and_the_others_are_complete(example_system: System, field: str) -> None:
    result = QueryResult(example_system, f'{{ failing: {field} other: commitment(code: "UY0901") {{ code }} }}', {})
    assert result.data == {"failing": None, "other": {"code": "UY0901"}}
    [error] = result.errors
    assert error.path == ["failing"]
    assert error.locations


def test_a_list_that_fails_inside_a_node_leaves_the_node_and_all_others(example_system: System) -> None:
    query = """{ commitments(first: 2) { totalCount nodes { code bad: history(after: "stale") { totalCount } } } }"""
    result = QueryResult(example_system, query, {})
    assert [node["bad"] for node in result.data["commitments"]["nodes"]] == [None, None]
    assert all(node["code"] for node in result.data["commitments"]["nodes"])
    assert [error.path for error in result.errors] == [["commitments", "nodes", index, "bad"] for index in (0, 1)]


def test_counts_that_fail_leave_the_list(example_system: System) -> None:
    query = """{ commitments { totalCount timeline(dimension: POLICY_AREA, every: MONTH, from: "1200-01-01T00:00:00Z")
                                        { position } } }"""
    result = QueryResult(example_system, query, {})
    assert result.data["commitments"]["timeline"] is None
    assert result.data["commitments"]["totalCount"] > 0
