"""Filters, orders, facets, timelines and comparisons, at the present and at any past position."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain import member as member_commands
from ogpgraph.domain import review as review_commands
from ogpgraph.domain.event import Facts
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue, Stage
from ogpgraph.system import System, migrate, open_system
from tests.conftest import BOTH_ENGINES, SystemFactory, TickingClock
from tests.graphql.client import execute_query, expect_error
from tests.graphql.example_log import command_context, sequential_ids
from tests.support.writers import register_commitment

pytestmark = BOTH_ENGINES

COMMITMENTS: dict[str, Facts] = {
    "FR0001": {"cycle": 2015, "status": "INACTIVE", "policyAreas": ("Open Data", "Justice"), "endsOn": "2017-06"},
    "FR0002": {"cycle": 2015, "status": "INACTIVE", "policyAreas": ("Justice",)},
    "FR0010": {"cycle": 2018, "status": "ACTIVE", "policyAreas": ("Open Data",), "endsOn": "2019/.."},
    "FR0011": {"cycle": 2018, "policyAreas": ("Gender",), "endsOn": "2018-S2"},
    "KE0001": {"cycle": 2018, "status": "ACTIVE"},
    "KE0002": {"cycle": 2020, "status": "ACTIVE", "policyAreas": ("Open Data",)},
}
TITLES = {
    "FR0001": "Open données publiques",
    "FR0002": "Courts",
    "FR0010": "Public registers",
    "FR0011": "Équal pay",
    "KE0001": "Water",
    "KE0002": "Budget",
}
MILESTONES = {"FR0001": ("COMPLETE", "2016"), "FR0010": ("LIMITED", "2019-03"), "FR0011": (None, "2018-S2")}


@pytest.fixture(scope="module")
def system_with_filters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two members with six commitments; ratings come a year later, one of them changes after another year."""
    url = f"sqlite:///{tmp_path_factory.mktemp('filters') / 'log.db'}"
    clock, new_id = TickingClock(), sequential_ids()
    clock.now = datetime(2020, 3, 1, tzinfo=UTC)
    migrate(url, clock=clock, new_id=new_id)
    with open_system(url, clock=clock, new_id=new_id) as system:
        system.execute(command_context(1), _register)
        clock.now += timedelta(days=365)
        system.execute(command_context(2), lambda uow: _rate(uow, {"FR0001": "COMPLETE", "FR0002": "LIMITED"}))
        clock.now += timedelta(days=365)
        system.execute(command_context(3), lambda uow: _rate(uow, {"FR0002": "SUBSTANTIAL"}))
        system.execute(
            command_context(4),
            lambda uow: review_commands.record_rating(
                uow, uow.require_by_code("commitment", "FR0001"), Indicator.STARRED, Stage.RESULTS, _yes()
            ),
        )
        clock.now = datetime(2022, 6, 1, tzinfo=UTC)
        yield system


def _register(uow: UnitOfWork) -> None:
    members = {
        "FR": member_commands.register_member(uow, "FRA", {"prefix": "FR", "region": "Europe"}).id,
        "KE": member_commands.register_member(uow, "KEN", {"prefix": "KE", "region": "Africa and the Middle East"}).id,
    }
    for code, facts in COMMITMENTS.items():
        said: Facts = {"member": members[code[:2]], "title/en": uow.text_value(TITLES[code]), **facts}
        if code in MILESTONES:
            status, due = MILESTONES[code]
            said |= {"milestones/1.1/title/en": uow.text_value("A step"), "milestones/1.1/endsOn": due}
            said |= {"milestones/1.1/status": status} if status else {}
        commitment_commands.register_commitment(uow, code, said)


def _rate(uow: UnitOfWork, values: dict[str, str]) -> None:
    for code, value in values.items():
        rating = Rating(RatingState.RATED, RatingValue(value))
        review_commands.record_rating(
            uow, uow.require_by_code("commitment", code), Indicator.COMPLETION, Stage.END_OF_TERM, rating
        )
    review_commands.record_rating(
        uow,
        uow.require_by_code("commitment", "FR0010"),
        Indicator.COMPLETION,
        Stage.RESULTS,
        Rating(RatingState.PENDING),
    )


def _yes() -> Rating:
    return Rating(RatingState.RATED, RatingValue.YES)


def codes(system_with_filters: System, where: str, at: str = "") -> list[str]:
    """The codes of the commitments that a filter leaves, now or at a moment."""
    asked = f"commitments(where: {where}) {{ totalCount nodes {{ code }} }}"
    found = (
        execute_query(system_with_filters, f"{{ at({at}) {{ {asked} }} }}")["at"]
        if at
        else execute_query(system_with_filters, f"{{ {asked} }}")
    )
    nodes = [node["code"] for node in found["commitments"]["nodes"]]
    assert found["commitments"]["totalCount"] == len(nodes)
    return nodes


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
def test_filter_leaves_exactly_what_it_asks_for(system_with_filters: System, where: str, expected: list[str]) -> None:
    assert codes(system_with_filters, where) == expected


def test_filters_hold_at_the_position_that_is_read(system_with_filters: System) -> None:
    rated = "{rating: {indicator: COMPLETION, value: [LIMITED]}}"
    assert codes(system_with_filters, rated) == []
    assert codes(system_with_filters, rated, 'time: "2021-06-01T00:00:00Z"') == ["FR0002"]
    assert codes(system_with_filters, rated, 'time: "2020-06-01T00:00:00Z"') == []


def test_changed_since_finds_what_changed_after_a_position(system_with_filters: System) -> None:
    then = execute_query(system_with_filters, '{ at(time: "2021-06-01T00:00:00Z") { meta { position } } }')["at"][
        "meta"
    ]["position"]
    assert codes(system_with_filters, f"{{changedSince: {then}}}") == ["FR0001", "FR0002"]


def test_members_and_plans_are_found_by_what_belongs_to_them(system_with_filters: System) -> None:
    asked = "members(where: {commitments: {starred: true}}) { nodes { code } }"
    assert execute_query(system_with_filters, f"{{ {asked} }}")["members"]["nodes"] == [{"code": "FRA"}]
    nested = execute_query(
        system_with_filters, "{ members { nodes { code commitments(where: {cycle: {gte: 2018}}) { totalCount } } } }"
    )
    counts = {member["code"]: member["commitments"]["totalCount"] for member in nested["members"]["nodes"]}
    assert counts == {"FRA": 2, "KEN": 2}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("[{field: CODE, direction: DESC}]", sorted(COMMITMENTS, reverse=True)),
        ("[{field: CYCLE, direction: DESC}]", ["KE0002", "FR0010", "FR0011", "KE0001", "FR0001", "FR0002"]),
        ("[{field: CHANGED, direction: DESC}, {field: CODE}]", None),
    ],
)
def test_pages_in_any_order_join_to_the_whole_list(
    system_with_filters: System, order: str, expected: list[str] | None
) -> None:
    whole = [
        node["code"]
        for node in execute_query(system_with_filters, f"{{ commitments(orderBy: {order}) {{ nodes {{ code }} }} }}")[
            "commitments"
        ]["nodes"]
    ]
    assert expected in (None, whole)
    assert _walk(system_with_filters, order, "first", "after", "endCursor") == whole
    assert _walk(system_with_filters, order, "last", "before", "startCursor") == whole


def _walk(system_with_filters: System, order: str, size: str, edge: str, cursor: str) -> list[str]:
    found: list[str] = []
    given: str | None = None
    while True:
        query = (
            f"query ($at: String) {{ commitments(orderBy: {order}, {size}: 2, {edge}: $at) "
            f"{{ nodes {{ code }} pageInfo {{ {cursor} }} }} }}"
        )
        page = execute_query(system_with_filters, query, at=given)["commitments"]
        nodes = [node["code"] for node in page["nodes"]]
        if not nodes:
            return found
        found = found + nodes if size == "first" else nodes + found
        given = page["pageInfo"][cursor]


def test_a_cursor_of_another_order_is_refused(system_with_filters: System) -> None:
    page = execute_query(
        system_with_filters, "{ commitments(first: 1, orderBy: [{field: CYCLE}]) { pageInfo { endCursor } } }"
    )
    cursor = page["commitments"]["pageInfo"]["endCursor"]
    assert (
        expect_error(
            system_with_filters, "query ($at: String) { commitments(after: $at) { nodes { code } } }", at=cursor
        )[1]
        == "BAD_CURSOR"
    )


def facets(system_with_filters: System, arguments: str, where: str = "{}") -> dict[str, dict[str, Any]]:
    asked = f"facets({arguments}) {{ dimension values {{ value count across {{ value count }} }} }}"
    found = execute_query(system_with_filters, f"{{ commitments(where: {where}) {{ {asked} }} }}")["commitments"][
        "facets"
    ]
    return {facet["dimension"]: {each["value"]: each for each in facet["values"]} for facet in found}


def counts(facet: dict[str, Any]) -> dict[str, int]:
    return {value: each["count"] for value, each in facet.items()}


def test_facets_count_the_whole_list_by_each_dimension(system_with_filters: System) -> None:
    found = facets(system_with_filters, "dimensions: [CYCLE, REGION, MEMBER, COMPLETION, POLICY_AREA, STARRED]")
    assert counts(found["CYCLE"]) == {"2018": 3, "2015": 2, "2020": 1}
    assert counts(found["REGION"]) == {"Europe": 4, "Africa and the Middle East": 2}
    assert counts(found["MEMBER"]) == {"FRA": 4, "KEN": 2}
    assert counts(found["COMPLETION"]) == {"COMPLETE": 1, "PENDING": 1, "SUBSTANTIAL": 1}
    assert counts(found["POLICY_AREA"]) == {"Open Data": 3, "Justice": 2, "Gender": 1}
    assert counts(found["STARRED"]) == {"false": 5, "true": 1}
    assert [*found["CYCLE"]] == ["2018", "2015", "2020"]  # the most frequent first


def test_facets_split_by_another_dimension(system_with_filters: System) -> None:
    found = facets(system_with_filters, "dimensions: [CYCLE], across: STATUS")
    assert found["CYCLE"]["2018"]["across"] == [{"value": "ACTIVE", "count": 2}]


def test_a_facet_can_ignore_its_own_filter(system_with_filters: System) -> None:
    where = '{cycle: {eq: 2015}, policyArea: {eq: "Open Data"}}'
    own = facets(system_with_filters, "dimensions: [CYCLE, STATUS], exceptOwn: true", where)
    assert counts(own["CYCLE"]) == {"2015": 1, "2018": 1, "2020": 1}
    assert counts(own["STATUS"]) == {"INACTIVE": 1}
    assert counts(facets(system_with_filters, "dimensions: [CYCLE]", where)["CYCLE"]) == {"2015": 1}


def test_facets_of_a_members_commitments_count_only_those(system_with_filters: System) -> None:
    found = execute_query(
        system_with_filters,
        '{ member(code: "KE") { commitments { facets(dimensions: [CYCLE]) { values { value count } } } } }',
    )
    values = found["member"]["commitments"]["facets"][0]["values"]
    assert values == [{"value": "2018", "count": 1}, {"value": "2020", "count": 1}]


def test_timeline_tells_the_counts_at_past_moments(system_with_filters: System) -> None:
    asked = "timeline(dimension: COMPLETION, every: YEAR) { time totalCount values { value count } }"
    points = execute_query(system_with_filters, f"{{ commitments {{ {asked} }} }}")["commitments"]["timeline"]
    assert [point["time"][:10] for point in points[:-1]] == ["2021-01-01", "2022-01-01"]
    told = [{each["value"]: each["count"] for each in point["values"]} for point in points]
    assert told == [{}, {"COMPLETE": 1, "LIMITED": 1, "PENDING": 1}, {"COMPLETE": 1, "SUBSTANTIAL": 1, "PENDING": 1}]
    assert {point["totalCount"] for point in points} == {6}


def test_a_timeline_at_a_position_stays_the_same_after_later_writes(make_system: SystemFactory) -> None:
    system = make_system()
    register_commitment(system, "FR0001")
    asked = 'timeline(dimension: STATUS, every: YEAR, until: "2029-01-01T00:00:00Z") { time position totalCount }'
    told = []
    for later in ("FR0002", "FR0003"):
        told.append(execute_query(system, f"{{ at(position: 2) {{ commitments {{ {asked} }} }} }}"))
        register_commitment(system, later)
    assert told[0] == told[1]
    points = told[0]["at"]["commitments"]["timeline"]
    assert [point["time"][:10] for point in points] == sorted({point["time"][:10] for point in points})
    assert {point["position"] for point in points} == {2}


def test_a_timeline_of_too_many_moments_is_refused(system_with_filters: System) -> None:
    asked = 'timeline(dimension: CYCLE, every: MONTH, from: "1900-01-01T00:00:00Z") { time }'
    assert expect_error(system_with_filters, f"{{ commitments {{ {asked} }} }}")[1] == "BAD_TIME"


def test_compare_tells_what_differs_between_two_positions(system_with_filters: System) -> None:
    then = execute_query(system_with_filters, '{ at(time: "2021-06-01T00:00:00Z") { meta { position } } }')["at"][
        "meta"
    ]["position"]
    compared = "before { code rating(indicator: COMPLETION) { value } } after { code } changes { path before after }"
    asked = f"totalCount nodes {{ {compared} }}"
    found = execute_query(
        system_with_filters, f"query ($from: Position!) {{ compare(from: $from) {{ {asked} }} }}", **{"from": then}
    )["compare"]
    assert found["totalCount"] == 2
    second = found["nodes"][1]
    assert (second["before"]["code"], second["before"]["rating"]["value"], second["after"]["code"]) == (
        "FR0002",
        "LIMITED",
        "FR0002",
    )
    path = "ratings/COMPLETION/END_OF_TERM/value"
    assert second["changes"] == [{"path": path, "before": "LIMITED", "after": "SUBSTANTIAL"}]
    one = f"query ($from: Position!) {{ compare(from: $from, where: {{starred: true}}) {{ {asked} }} }}"
    assert [
        node["after"]["code"] for node in execute_query(system_with_filters, one, **{"from": then})["compare"]["nodes"]
    ] == ["FR0001"]


def test_comparing_backwards_is_refused(system_with_filters: System) -> None:
    assert expect_error(system_with_filters, "{ compare(from: 5, to: 2) { totalCount } }")[1] == "BAD_POSITION"
