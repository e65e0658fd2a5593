"""Filters and orders of entries: what each condition means at its edges, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLError

from ogpgraph.graphql.entry_filters import EntryFilter, PositionRange
from ogpgraph.graphql.scalars import Position
from ogpgraph.system import System
from tests.conftest import SystemFactory
from tests.graphql.client import QueryResult, execute_query, expect_error

ENTRIES = "query ($where: EntryFilter, $orderBy: [EntryOrder!]) { entries(where: $where, orderBy: $orderBy) %s }"
POSITIONS = ENTRIES % "{ totalCount nodes { position } }"
KINDS = ENTRIES % "{ nodes { kind } }"
RATING, MILESTONE, CONCLUSION = "RatingRecorded", "MilestoneCompleted", "ActionPlanConcluded"
PERSON = {"actor": {"eq": "account-7"}}


def positions(system: System, where: Any, order_by: Any = None) -> list[int]:
    found = execute_query(system, POSITIONS, where=where, orderBy=order_by)["entries"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["position"] for node in found["nodes"]]


def everything(system: System) -> list[int]:
    head = execute_query(system, "{ meta { position } }")["meta"]["position"]
    return list(range(1, head + 1))


def kinds(system: System, where: Any, order_by: Any = None) -> list[str]:
    """Return the kinds of the entries with a date of effect that a person recorded and that match."""
    dated = {**PERSON, "kind": [RATING, MILESTONE, CONCLUSION], **where}
    return [node["kind"] for node in execute_query(system, KINDS, where=dated, orderBy=order_by)["entries"]["nodes"]]


def refusal(system: System, where: Any) -> tuple[str, object]:
    return expect_error(system, POSITIONS, where=where)


def recorded_at(system: System, position: int) -> str:
    answer = execute_query(system, f"{{ entry(position: {position}) {{ recordedAt }} }}")
    return str(answer["entry"]["recordedAt"])


# Ranges


def test_recorded_includes_from_and_excludes_until(example_system: System) -> None:
    first, last = recorded_at(example_system, 60), recorded_at(example_system, 63)
    assert positions(example_system, {"recorded": {"from": first, "until": last}}) == [60, 61, 62]
    before = positions(example_system, {"recorded": {"until": first}})
    after = positions(example_system, {"recorded": {"from": first}})
    assert before + after == everything(example_system)
    assert positions(example_system, {"recorded": {"from": "2100-01-01T00:00:00Z"}}) == []


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ({"recorded": {"from": "2020-01-02T00:00:00Z", "until": "2020-01-01T00:00:00Z"}}, "BAD_TIME"),
        ({"effective": {"from": "2019-03", "until": "2019-02-28"}}, "BAD_TIME"),
        ({"position": {"from": 3, "until": 2}}, "BAD_POSITION"),
    ],
)
def test_a_range_that_would_end_before_it_begins_is_refused(example_system: System, where: Any, code: str) -> None:
    assert refusal(example_system, where) == ("the range of `from` and `until` would end before it begins", code)


def test_live_filters_refuse_such_a_range_as_they_begin() -> None:
    with pytest.raises(GraphQLError, match="before it begins"):
        EntryFilter(position=PositionRange(from_=Position(3), until=Position(2))).require_possible()


def test_a_range_without_any_moment_matches_nothing(example_system: System) -> None:
    moment = recorded_at(example_system, 3)
    assert positions(example_system, {"recorded": {"from": moment, "until": moment}}) == []


def test_position_includes_both_ends(example_system: System) -> None:
    assert positions(example_system, {"position": {"from": 88, "until": 90}}) == [88, 89, 90]
    assert positions(example_system, {"position": {"until": 2}}) == [1, 2]


@pytest.mark.parametrize(
    ("effective", "expected"),
    [
        ({"from": "2020-12-31", "until": "2021-02"}, [RATING]),  # it was rated in the second half of 2020
        ({"from": "2020-07-01", "until": "2020-07-01"}, [RATING]),
        ({"from": "2020-S1", "until": "2020-06-30"}, []),
        ({"from": "2020-S2", "until": "2020-S2"}, [RATING, CONCLUSION]),
        ({"from": "2020-08-31", "until": "2020-08-31", "certain": True}, [CONCLUSION]),
        ({"from": "2020", "until": "2020-Q3", "certain": True}, [CONCLUSION]),
        ({"from": "2020", "until": "2020", "certain": True}, [RATING, CONCLUSION]),
        ({"from": "2019", "until": "2019-03-31", "certain": True}, [MILESTONE]),
        ({"from": "2019-03-02", "until": "2019", "certain": True}, []),
        ({"from": "2021-03-04", "until": "2021-03-19", "certain": True}, []),  # observed on the 3rd and on the 20th
    ],
)
def test_effective_overlaps_the_range_or_with_certain_lies_within_it(
    example_system: System, effective: dict[str, Any], expected: list[str]
) -> None:
    assert kinds(example_system, {"effective": effective}) == expected


def test_an_interval_without_a_beginning_reaches_back_without_end(example_system: System) -> None:
    assert positions(example_system, {"effective": {"until": "1989"}, "cause": ["CORRECTION"]}) != []
    assert positions(example_system, {"effective": {"until": "1989", "certain": True}}) == []


@pytest.mark.parametrize("date", ["2021-02-30", "2021-13", "0000", "soon"])
def test_a_date_that_the_calendar_does_not_have_is_refused(example_system: System, date: str) -> None:
    result = QueryResult(example_system, POSITIONS, {"where": {"effective": {"from": date}}})
    assert "INTERNAL" not in str([error.extensions for error in result.errors])
    assert len(result.errors) == 1


# Paths


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("milestones/3.1", 3),
        ("milestones/3.1/status", 1),
        ("milestones/3.1/status/", 1),
        ("supportingInstitutions/en", 3),
        ("ratings/COMPLETION/END_OF_TERM/value", 1),
        ("claims/status", 1),
        ("cluster", 0),
    ],
)
def test_a_path_finds_the_entries_that_changed_something_at_or_below_it(
    example_system: System, path: str, number: int
) -> None:
    found = positions(example_system, {"path": [path]})
    entries = execute_query(example_system, ENTRIES % "{ nodes { position changes { path } } }")["entries"]["nodes"]
    prefix = path.strip("/")
    assert found == [
        entry["position"]
        for entry in entries
        if any(f"{change['path']}/".startswith(f"{prefix}/") for change in entry["changes"])
    ]
    assert len(found) == number


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("endson", "`path`: there is no 'endson', the nearest is 'endsOn'"),
        ("ratings/COMPLETON", "`path`: there is no 'ratings/COMPLETON', the nearest is 'ratings/COMPLETION'"),
        ("claims/ratings/RELEVANCE/DESING", "the nearest is 'claims/ratings/RELEVANCE/DESIGN'"),
        ("milestones/3.1/titel", "the nearest is 'milestones/3.1/title'"),
        ("title/English", "`path`: there is no 'title/English'"),
        ("endsOn/value", "`path`: there is no 'endsOn/value'"),
        ("", "`path`: there is no ''"),
    ],
)
def test_a_path_that_no_field_has_is_refused_with_the_nearest_one(
    example_system: System, path: str, message: str
) -> None:
    found, code = refusal(example_system, {"path": ["endsOn", path]})
    assert message in found
    assert code == "UNKNOWN_VALUE"


# Words


@pytest.mark.parametrize(
    ("where", "same"),
    [
        ({"role": ["Reviewer"]}, {"role": ["reviewer"]}),
        ({"actor": {"eq": "ACCOUNT-7"}}, {"actor": {"in": ["account-7"]}}),
        ({"actor": {"notIn": ["Importer"]}}, {"actor": {"eq": "account-7"}}),
        ({"policyArea": ["open  DATA"]}, {"policyArea": ["Open Data"]}),
        ({"member": ["ury"]}, {"member": ["UY"]}),
        ({"actionPlan": ["ury-2018"]}, {"actionPlan": ["URY-2018"]}),
        ({"commitment": ["uy0802"]}, {"commitment": [" UY0812"]}),
    ],
)
def test_words_and_codes_are_matched_without_case(example_system: System, where: Any, same: Any) -> None:
    found = positions(example_system, where)
    assert found == positions(example_system, same)
    assert 0 < len(found) < len(everything(example_system))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"role": ["reviwer"]}, "`role`: there is no 'reviwer', the nearest is 'reviewer'"),
        ({"actor": {"in": ["account-7", "acount-7"]}}, "`actor`: there is no 'acount-7', the nearest is 'account-7'"),
        ({"actor": {"notIn": ["robot"]}}, "`actor`: there is no 'robot', only 'account-7', 'importer', 'operator'"),
        ({"policyArea": ["Opn Data"]}, "`policyArea`: there is no 'Opn Data', the nearest is 'Open Data'"),
        ({"member": ["URI"]}, "`member`: there is no 'URI', the nearest is 'URY'"),
        ({"actionPlan": ["URY-2081"]}, "`actionPlan`: there is no 'URY-2081', the nearest is 'URY-201"),
        ({"commitment": ["UY9001", "UY0901"]}, "`commitment`: there is no 'UY9001', the nearest is 'UY0901'"),
    ],
)
def test_what_nothing_has_is_refused_with_the_nearest_value(example_system: System, where: Any, message: str) -> None:
    found, code = refusal(example_system, where)
    assert message in found
    assert code == "UNKNOWN_VALUE"


def test_what_exists_later_than_the_position_that_is_read_is_known_there(example_system: System) -> None:
    query = """{ at(position: 1) { entries(where: {member: ["URY"], commitment: ["UY0812"], actionPlan: ["URY-2018"]})
      { totalCount } commitments(where: {code: {eq: "UY0812"}}) { totalCount } members(where: {code: {eq: "URY"}})
      { totalCount } } }"""
    answer = execute_query(example_system, query)["at"]
    assert [each["totalCount"] for each in answer.values()] == [0, 0, 0]


def test_ids_of_states_and_of_parts_stand_for_the_thing(example_system: System) -> None:
    query = """{ at(position: 60) { commitment(code: "UY0901") { id stableId sources { id } milestones { id } } } }"""
    then = execute_query(example_system, query)["at"]["commitment"]
    own = positions(example_system, {"subject": [then["stableId"]]})
    assert positions(example_system, {"subject": [then["id"]]}) == own != []
    assert positions(example_system, {"subject": [then["milestones"][0]["id"]]}) == own
    assert positions(example_system, {"source": [then["sources"][0]["id"]]}) != []
    assert refusal(example_system, {"subject": [f"{then['stableId']}@soon"]})[1] == "INVALID"
    assert refusal(example_system, {"subject": ["UY0901"]}) == ("'UY0901' is not an id", "INVALID")
    assert refusal(example_system, {"source": ["https://example.org"]})[1] == "INVALID"


def test_while_nothing_is_recorded_nothing_is_refused(make_system: SystemFactory) -> None:
    system = make_system("empty")
    where = {"member": ["FRA"], "actor": {"eq": "someone"}, "role": ["reviewer"], "policyArea": ["Open Data"]}
    assert positions(system, where) == []


@pytest.mark.parametrize("where", [{"actor": {"eq": "operator"}}, {"role": ["administrator"]}])
def test_actors_and_roles_of_the_program_are_known_before_they_record_anything(
    example_system: System, where: Any
) -> None:
    assert positions(example_system, where) == []


def test_live_filters_wait_for_what_does_not_exist_yet(example_system: System) -> None:
    where = EntryFilter(member=["ZZZ"], role=["nobody"])
    with example_system.read_session() as session:
        query = where.to_query(session.at_head(), is_lenient=True)
        assert session.at_head().count_entries(query) == 0


def test_a_member_and_a_plan_stand_for_the_entries_about_themselves_too(example_system: System) -> None:
    query = ENTRIES % "{ nodes { subject { __typename ... on Commitment { code } } } }"
    for where, subjects in (
        ({"member": ["URY"], "kind": ["MemberStatusChanged", "ActionPlanConcluded", "CommitmentLinked"]}, 4),
        ({"actionPlan": ["URY-2018"], "kind": ["ActionPlanConcluded", "CommitmentRecoded", "CommitmentLinked"]}, 2),
    ):
        assert len(execute_query(example_system, query, where=where)["entries"]["nodes"]) == subjects


# Nothing, null and empty


@pytest.mark.parametrize("empty", [None, {}])
@pytest.mark.parametrize("name", ["actor", "recorded", "effective", "position"])
def test_null_and_an_empty_input_are_no_condition(example_system: System, name: str, empty: Any) -> None:
    assert positions(example_system, {name: empty, "kind": None}) == everything(example_system)


@pytest.mark.parametrize("where", [None, {}])
def test_an_empty_filter_matches_everything(example_system: System, where: Any) -> None:
    assert positions(example_system, where) == everything(example_system)


@pytest.mark.parametrize(
    "name",
    ["kind", "cause", "path", "role", "source", "correlationId", "subject", "member", "actionPlan", "commitment"],
)
def test_an_empty_list_matches_nothing(example_system: System, name: str) -> None:
    assert positions(example_system, {name: []}) == []
    assert positions(example_system, {name: None}) == everything(example_system)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"subject": ["x"] * 501}, "`subject` has 501 values, but may have 500"),
        ({"correlationId": ["x"] * 40_000}, "`correlationId` has 40000 values, but may have 500"),
        ({"actor": {"notIn": ["importer"] * 501}}, "`actor` has 501 values, but may have 500"),
        ({"path": ["title"] * 101}, "`path` has 101 values, but may have 100"),
    ],
)
def test_a_list_that_would_take_too_long_is_refused(example_system: System, where: Any, message: str) -> None:
    assert refusal(example_system, where) == (message, "INVALID")


def test_the_longest_lists_are_answered(example_system: System) -> None:
    paths = [f"milestones/{number}" for number in range(1, 100)]
    where = {"subject": [f"commitment-{number}" for number in range(500)], "path": ["title", *paths]}
    assert positions(example_system, where) == []
    assert positions(example_system, {"path": ["title", *paths], "kind": ["CommitmentRegistered"]}) != []
    assert positions(example_system, {"commitment": ["UY0901"] * 500}) != []


def test_every_entry_has_an_actor(example_system: System) -> None:
    assert positions(example_system, {"actor": {"isNull": True}}) == []
    assert positions(example_system, {"actor": {"isNull": False, "in": []}}) == []
    assert len(positions(example_system, {"actor": {"isNull": False, "notIn": []}})) == len(everything(example_system))


# Orders and histories


def test_entries_are_sorted_by_position_or_by_the_time_of_effect_in_either_direction(example_system: System) -> None:
    by = "EFFECTIVE"
    assert kinds(example_system, {}, {"field": "POSITION", "direction": "DESC"}) == [CONCLUSION, MILESTONE, RATING]
    assert kinds(example_system, {}, {"field": by}) == [MILESTONE, CONCLUSION, RATING]
    assert kinds(example_system, {}, {"field": by, "direction": "DESC"}) == [RATING, CONCLUSION, MILESTONE]
    ties = {"kind": ["CommitmentRegistered"]}
    ascending = positions(example_system, ties, [{"field": by}])
    assert ascending == sorted(ascending)
    assert positions(example_system, ties, [{"field": by, "direction": "DESC"}]) == ascending[::-1]
    steps = [{"field": by, "direction": "DESC"}, {"field": "POSITION", "direction": "ASC"}]
    assert positions(example_system, ties, steps) == ascending


@pytest.mark.parametrize("order", ["{field: POSITION, direction: DESC}", "{field: EFFECTIVE, direction: DESC}"])
def test_pages_at_a_position_stay_the_same_in_any_order(example_system: System, order: str) -> None:
    query = f"""query ($after: String) {{ at(position: 70) {{ entries(orderBy: {order}, first: 9, after: $after)
      {{ nodes {{ position }} pageInfo {{ endCursor hasNextPage }} }} }} }}"""
    found: list[int] = []
    after = None
    while True:
        page = execute_query(example_system, query, after=after)["at"]["entries"]
        found += [node["position"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    whole = execute_query(
        example_system, f"{{ at(position: 70) {{ entries(orderBy: {order}) {{ nodes {{ position }} }} }} }}"
    )
    assert found == [node["position"] for node in whole["at"]["entries"]["nodes"]]
    assert sorted(found) == list(range(1, 71))


HISTORY = 'history(where: {path: ["title"]}, orderBy: {field: POSITION, direction: DESC}, first: 2) %s'


def test_a_history_is_filtered_and_sorted_like_entries(example_system: System) -> None:
    field = HISTORY % "{ totalCount nodes { position changes { path } } }"
    nodes = execute_query(example_system, f"{{ commitments {{ nodes {{ code {field} }} }} }}")["commitments"]["nodes"]
    for node in nodes:
        query = {"commitment": [node["code"]], "path": ["title"]}
        newest = positions(example_system, query, {"field": "POSITION", "direction": "DESC"})
        assert [entry["position"] for entry in node["history"]["nodes"]] == newest[:2]
    assert all(node["history"]["totalCount"] == 2 for node in nodes)


def test_filtered_histories_of_many_things_take_as_many_statements_as_that_of_one(example_system: System) -> None:
    history = HISTORY % "{ totalCount nodes { position } }"
    query = f"query ($first: Int) {{ commitments(first: $first) {{ nodes {{ {history} }} }} }}"
    counts = [QueryResult(example_system, query, {"first": first}).statements for first in (1, 5)]
    assert counts[0] == counts[1]
