"""Filters and orders, at the present and at past positions."""

from __future__ import annotations

from typing import Any

import pytest

from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.client import QueryResult, execute_query, expect_error, position_at, query_commitment
from tests.graphql.rated_log import COMMITMENTS

pytestmark = BOTH_ENGINES

ALL_CODES = ["UY0801", "UY0812", "UY0901", "UY0902", "UY0903"]


def codes(system: System, where: str, at: str = "") -> list[str]:
    """Return the codes of the commitments that match a filter, at the newest position or `at` another."""
    field = f"commitments(where: {where}) {{ totalCount nodes {{ code }} }}"
    query = f"{{ view: at({at}) {{ {field} }} }}" if at else f"{{ {field} }}"
    response = execute_query(system, query)
    found = response.get("view", response)["commitments"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["code"] for node in found["nodes"]]


# -------------------------------------------------------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("{}", ALL_CODES),
        ("null", ALL_CODES),
        ('{code: {eq: "uy0802"}}', ["UY0812"]),
        ('{code: {in: ["UY0901", "uy0812"]}}', ["UY0812", "UY0901"]),
        ("{code: {in: []}}", []),
        ("{cycle: {eq: 2016}}", ["UY0801", "UY0812"]),
        ("{starred: true}", ["UY0801"]),
        ("{starred: false, cycle: {eq: 2016}}", ["UY0812"]),
        ("{starred: null}", ALL_CODES),
        ("{listedOnly: false}", ALL_CODES),
        ('{policyArea: {eq: "Open Data"}}', ["UY0901"]),
        ('{language: {eq: "es"}}', ALL_CODES),
        ('{language: {eq: "fr"}}', []),
    ],
)
def test_a_filter_finds_exactly_the_commitments_that_match(
    example_system: System, where: str, expected: list[str]
) -> None:
    assert codes(example_system, where) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("{}", sorted(COMMITMENTS)),
        ('{code: {eq: "fr0010"}}', ["FR0010"]),
        ('{code: {in: ["FR0001", "ke0002", "XX0001"]}}', ["FR0001", "KE0002"]),
        ("{cycle: {eq: 2018}}", ["FR0010", "FR0011", "KE0001"]),
        ("{cycle: {gte: 2016, lte: 2018}}", ["FR0010", "FR0011", "KE0001"]),
        ("{cycle: {notIn: [2018, 2020]}}", ["FR0001", "FR0002"]),
        ("{status: {in: [ACTIVE]}}", ["FR0010", "KE0001", "KE0002"]),
        ("{status: {notIn: [ACTIVE]}}", ["FR0001", "FR0002", "FR0011"]),
        ("{status: {isNull: true}}", ["FR0011"]),
        ("{policyArea: {isNull: true}}", ["KE0001"]),
        ('{policyArea: {eq: "Open Data"}, status: {isNull: false}}', ["FR0001", "FR0010", "KE0002"]),
        ('{or: [{policyArea: {eq: "Gender"}}, {cycle: {eq: 2020}}]}', ["FR0011", "KE0002"]),
        ('{not: [{member: {code: {eq: "FRA"}}}]}', ["KE0001", "KE0002"]),
        ('{and: [{cycle: {eq: 2018}}, {member: {region: {eq: "Europe"}}}]}', ["FR0010", "FR0011"]),
        ("{or: []}", []),
        ("{and: []}", sorted(COMMITMENTS)),
        ('{title: "DONNEES  pub"}', ["FR0001"]),
        ('{title: "equal"}', ["FR0011"]),
        ('{title: "nothing like it"}', []),
        ('{title: "publiques DONNÉES"}', ["FR0001"]),
        ('{title: "registers public"}', ["FR0010"]),
        ('{title: "public donnees registers"}', []),
        ('{title: "ubli"}', ["FR0001", "FR0010"]),
        ('{policyArea: {eq: "open data"}}', ["FR0001", "FR0010", "KE0002"]),
        ('{policyArea: {in: [" Open  Data", "GENDER"]}}', ["FR0001", "FR0010", "FR0011", "KE0002"]),
        ('{policyArea: {notIn: ["open data", "justice"]}}', ["FR0011", "KE0001"]),
        ('{policyArea: {eq: "Aid"}}', []),
        ('{language: {eq: "EN"}}', sorted(COMMITMENTS)),
        ('{member: {code: {eq: "ke"}, region: {eq: "africa AND the middle east"}}}', ["KE0001", "KE0002"]),
        ("{policyArea: null, member: null, rating: null, or: null}", sorted(COMMITMENTS)),
        ("{policyArea: {}, cycle: {}, endsOn: {}, status: {}, code: {}}", sorted(COMMITMENTS)),
        ("{policyArea: {eq: null, in: null, isNull: null}}", sorted(COMMITMENTS)),
        ("{policyArea: {in: []}}", []),
        ("{policyArea: {notIn: []}, cycle: {notIn: []}, status: {notIn: []}}", sorted(COMMITMENTS)),
        ("{status: {in: []}}", []),
        ("{cycle: {in: []}}", []),
        ("{member: {}}", sorted(COMMITMENTS)),
        ("{milestone: {}}", ["FR0001", "FR0010", "FR0011"]),
        ("{milestone: {status: []}}", []),
        ("{milestone: {notStatus: []}}", ["FR0001", "FR0010", "FR0011"]),
        ("{rating: {indicator: COMPLETION, value: []}}", []),
        ("{rating: {indicator: COMPLETION, state: []}}", []),
        ("{not: []}", sorted(COMMITMENTS)),
        ("{not: [{}]}", []),
        ("{and: [{}]}", sorted(COMMITMENTS)),
        ("{or: [{}]}", sorted(COMMITMENTS)),
        ("{starred: true}", ["FR0001"]),
        ("{rating: {indicator: COMPLETION, value: [COMPLETE, SUBSTANTIAL]}}", ["FR0001", "FR0002"]),
        ("{rating: {indicator: COMPLETION, state: [PENDING]}}", ["FR0010"]),
        ("{rating: {indicator: COMPLETION, state: [RATED]}}", ["FR0001", "FR0002"]),
        ("{rating: {indicator: COMPLETION}}", ["FR0001", "FR0002", "FR0010"]),
        ("{not: [{rating: {indicator: COMPLETION, stage: RESULTS}}]}", sorted(set(COMMITMENTS) - {"FR0010"})),
        ('{milestone: {notStatus: [COMPLETE], dueBefore: "2019-01"}}', ["FR0011"]),
        ('{milestone: {notStatus: [COMPLETE], dueBefore: "2020"}}', ["FR0010", "FR0011"]),
        ("{milestone: {status: [COMPLETE]}}", ["FR0001"]),
        ('{endsOn: {from: "2018"}}', ["FR0010", "FR0011"]),
        ('{endsOn: {until: "2018-06"}}', ["FR0001"]),
        ("{endsOn: {isNull: true}}", ["FR0002", "KE0001", "KE0002"]),
    ],
)
def test_a_filter_finds_exactly_the_rated_commitments_that_match(
    rated_system: System, where: str, expected: list[str]
) -> None:
    assert codes(rated_system, where) == expected


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ('{policyArea: {eq: "Opn Data"}}', "`policyArea`: there is no 'Opn Data', the nearest is 'Open Data'"),
        ('{policyArea: {notIn: ["Gendre", "Tax"]}}', "`policyArea`: there is no 'Gendre', the nearest is 'Gender'"),
        ('{language: {in: ["en", "english"]}}', "`language`: there is no 'english', "),
        ('{code: {in: ["FR0001", "FR001"]}}', "`code`: there is no 'FR001', the nearest is 'FR00"),
        ('{member: {code: {eq: "FRE"}}}', "`code`: there is no 'FRE', the nearest is 'FR"),
        ('{member: {region: {eq: "Europa"}}}', "`region`: there is no 'Europa', the nearest is 'Europe'"),
        ('{or: [{member: {type: {eq: "NATIO"}}}]}', "`type`: there is no 'NATIO', the nearest is 'NATIONAL'"),
    ],
)
def test_a_misspelled_word_is_refused_with_the_nearest_one(rated_system: System, where: str, message: str) -> None:
    found, code = expect_error(rated_system, f"{{ commitments(where: {where}) {{ totalCount }} }}")
    assert message in found
    assert code == "UNKNOWN_VALUE"


@pytest.mark.parametrize(
    ("where", "bounds", "code"),
    [
        ('{startsOn: {from: "2019-03", until: "2019-02-28"}}', "`from` and `until`", "BAD_TIME"),
        ("{cycle: {gte: 2019, lte: 2018}}", "`gte` and `lte`", "INVALID"),
        ('{milestone: {dueFrom: "2019", dueBefore: "2018-12"}}', "`dueFrom` and `dueBefore`", "BAD_TIME"),
        (
            '{lastObserved: {from: "2020-01-02T00:00:00Z", until: "2020-01-01T00:00:00Z"}}',
            "`from` and `until`",
            "BAD_TIME",
        ),
    ],
)
def test_a_range_that_would_end_before_it_begins_is_refused(
    rated_system: System, where: str, bounds: str, code: str
) -> None:
    message = f"the range of {bounds} would end before it begins"
    assert expect_error(rated_system, f"{{ commitments(where: {where}) {{ totalCount }} }}") == (message, code)


def test_what_began_later_is_known_at_a_past_position_without_reading_all_values(rated_system: System) -> None:
    where = '{member: {code: {in: ["FRA", "KEN"]}}, code: {in: ["FR0001", "KE0002"]}, policyArea: {eq: "Gender"}}'
    query = f"query ($at: Position!) {{ at(position: $at) {{ commitments(where: {where}) {{ totalCount }} }} }}"
    rated_system.model.warm(seconds=0, pause=lambda _: False)
    found = QueryResult(rated_system, query, {"at": 2})
    assert (found.errors, found.statements) == ([], 0)
    assert found.data["at"]["commitments"]["totalCount"] == 0


@pytest.mark.parametrize("code", ["URY-2018", "ury-2018", " Ury-2018 "])
def test_plans_are_found_by_their_code(example_system: System, code: str) -> None:
    query = """query ($code: String!) { actionPlan(code: $code) { id code }
      actionPlans(where: {code: {eq: $code}}) { nodes { code } }
      commitments(where: {actionPlan: {code: {eq: $code}}}) { totalCount } }"""
    answer = execute_query(example_system, query, code=code)
    assert answer["actionPlan"]["code"] == "URY-2018"
    assert answer["actionPlans"]["nodes"] == [{"code": "URY-2018"}]
    assert answer["commitments"]["totalCount"] == 3
    by_id = "query ($id: ID!) { actionPlan(id: $id) { code } }"
    assert execute_query(example_system, by_id, id=answer["actionPlan"]["id"])["actionPlan"]["code"] == "URY-2018"


@pytest.mark.parametrize("arguments", ["", '(code: "URY-2018", id: "plan-1")', "(code: null)"])
def test_a_plan_is_asked_for_by_either_code_or_id(example_system: System, arguments: str) -> None:
    assert expect_error(example_system, f"{{ actionPlan{arguments} {{ code }} }}")[1] == "INVALID"


def test_many_words_are_looked_for_at_once(rated_system: System) -> None:
    titles = execute_query(rated_system, "{ commitments { nodes { title } } }")["commitments"]["nodes"]
    words = [each["title"].split()[0] for each in titles]
    query = "query ($where: CommitmentFilter) { commitments(where: $where) { totalCount } }"

    def count(*texts: str) -> Any:
        where = {"or": [{"title": text} for text in texts]}
        return execute_query(rated_system, query, where=where)["commitments"]["totalCount"]

    assert count(*words, *(["nothing of this"] * 500)) == len(titles) > 1
    assert count("nothing of this") == 0
    assert count(titles[0]["title"].upper()) >= 1


def test_a_filter_is_evaluated_at_the_position_that_is_read(rated_system: System) -> None:
    rated = "{rating: {indicator: COMPLETION, value: [LIMITED]}}"
    assert codes(rated_system, rated) == []
    assert codes(rated_system, rated, 'time: "2021-06-01T00:00:00Z"') == ["FR0002"]
    assert codes(rated_system, rated, 'time: "2020-06-01T00:00:00Z"') == []


def test_changed_since_finds_what_changed_after_a_position(rated_system: System) -> None:
    position = position_at(rated_system, "2021-06-01T00:00:00Z")
    assert codes(rated_system, f"{{changedSince: {position}}}") == ["FR0001", "FR0002"]


def test_members_are_found_by_their_commitments(rated_system: System) -> None:
    starred = execute_query(rated_system, "{ members(where: {commitments: {starred: true}}) { nodes { code } } }")
    assert starred["members"]["nodes"] == [{"code": "FRA"}]
    nested = execute_query(
        rated_system, "{ members { nodes { code commitments(where: {cycle: {gte: 2018}}) { totalCount } } } }"
    )
    counts = {member["code"]: member["commitments"]["totalCount"] for member in nested["members"]["nodes"]}
    assert counts == {"FRA": 2, "KEN": 2}


def test_entries_are_found_by_kind_cause_actor_subject_and_source(example_system: System) -> None:
    query = """query ($id: [ID!]!, $source: [ID!]!) {
      kinds: entries(where: {kind: [MilestoneCompleted, CommitmentRecoded]}) { nodes { kind } }
      actor: entries(where: {actor: {eq: "account-7"}, kind: [CommitmentLinked]}) { totalCount }
      subject: entries(where: {subject: $id, cause: [SOURCE_CHANGED]}) { nodes { kind } }
      source: entries(where: {source: $source, subject: $id, kind: [CommitmentTranslated]}) { totalCount }
      none: entries(where: {kind: []}) { totalCount nodes { id } } }"""
    found = query_commitment(example_system, "UY0901", "id sources { id language }")
    spanish = [each["id"] for each in found["sources"] if each["language"] == "es"]
    answer = execute_query(example_system, query, id=[found["id"]], source=spanish)
    assert [each["kind"] for each in answer["kinds"]["nodes"]] == ["MilestoneCompleted", "CommitmentRecoded"]
    assert answer["actor"]["totalCount"] == 2
    assert {each["kind"] for each in answer["subject"]["nodes"]} == {"CommitmentRevised", "CommitmentSeenEarlier"}
    assert answer["source"]["totalCount"] == 1
    assert answer["none"] == {"totalCount": 0, "nodes": []}


# --------------------------------------------------------------------------------------------------------------- orders


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("[{field: CODE, direction: DESC}]", sorted(COMMITMENTS, reverse=True)),
        ("[{field: CYCLE, direction: DESC}]", ["KE0002", "FR0010", "FR0011", "KE0001", "FR0001", "FR0002"]),
        ("[{field: CHANGED, direction: DESC}, {field: CODE}]", None),
    ],
)
def test_the_pages_of_any_order_add_up_to_the_whole_list(
    rated_system: System, order: str, expected: list[str] | None
) -> None:
    whole = [
        node["code"]
        for node in execute_query(rated_system, f"{{ commitments(orderBy: {order}) {{ nodes {{ code }} }} }}")[
            "commitments"
        ]["nodes"]
    ]
    assert expected in (None, whole)
    assert _read_pages(rated_system, order, "first", "after", "endCursor") == whole
    assert _read_pages(rated_system, order, "last", "before", "startCursor") == whole


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("{field: ENDS_ON}", ["FR0001", "FR0011", "FR0010", "FR0002", "KE0001", "KE0002"]),
        ("{field: ENDS_ON, direction: DESC}", ["FR0010", "FR0011", "FR0001", "FR0002", "KE0001", "KE0002"]),
        ("{field: ENDS_ON, nulls: FIRST}", ["FR0002", "KE0001", "KE0002", "FR0001", "FR0011", "FR0010"]),
        (
            "{field: ENDS_ON, direction: DESC, nulls: FIRST}",
            ["FR0002", "KE0001", "KE0002", "FR0010", "FR0011", "FR0001"],
        ),
        (
            "[{field: STATUS, nulls: FIRST}, {field: ENDS_ON}]",
            ["FR0011", "FR0010", "KE0001", "KE0002", "FR0001", "FR0002"],
        ),
    ],
)
def test_nodes_without_a_value_come_last_in_both_directions_unless_asked_first(
    rated_system: System, order: str, expected: list[str]
) -> None:
    assert _read_pages(rated_system, order, "first", "after", "endCursor") == expected
    assert _read_pages(rated_system, order, "last", "before", "startCursor") == expected


def _read_pages(rated_system: System, order: str, size: str, edge: str, cursor: str) -> list[str]:
    found: list[str] = []
    given: str | None = None
    while True:
        query = (
            f"query ($at: String) {{ commitments(orderBy: {order}, {size}: 2, {edge}: $at) "
            f"{{ nodes {{ code }} pageInfo {{ {cursor} }} }} }}"
        )
        page = execute_query(rated_system, query, at=given)["commitments"]
        nodes = [node["code"] for node in page["nodes"]]
        if not nodes:
            return found
        found = found + nodes if size == "first" else nodes + found
        given = page["pageInfo"][cursor]


def test_a_cursor_of_another_order_is_an_error(rated_system: System) -> None:
    page = execute_query(
        rated_system, "{ commitments(first: 1, orderBy: [{field: CYCLE}]) { pageInfo { endCursor } } }"
    )
    cursor = page["commitments"]["pageInfo"]["endCursor"]
    assert (
        expect_error(rated_system, "query ($at: String) { commitments(after: $at) { nodes { code } } }", at=cursor)[1]
        == "BAD_CURSOR"
    )
