"""Facets and timelines of lists of commitments."""

from __future__ import annotations

from typing import Any

from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.client import execute_query, expect_error
from tests.support.writers import register_commitment

pytestmark = BOTH_ENGINES


def facets(rated_system: System, arguments: str, where: str = "{}") -> dict[str, dict[str, Any]]:
    field = f"facets({arguments}) {{ dimension values {{ value count across {{ value count }} }} }}"
    found = execute_query(rated_system, f"{{ commitments(where: {where}) {{ {field} }} }}")["commitments"]["facets"]
    return {facet["dimension"]: {each["value"]: each for each in facet["values"]} for facet in found}


def counts(facet: dict[str, Any]) -> dict[str, int]:
    return {value: each["count"] for value, each in facet.items()}


def test_facets_count_the_whole_list_by_each_dimension(rated_system: System) -> None:
    found = facets(rated_system, "dimensions: [CYCLE, REGION, MEMBER, COMPLETION, POLICY_AREA, STARRED]")
    assert counts(found["CYCLE"]) == {"2018": 3, "2015": 2, "2020": 1}
    assert counts(found["REGION"]) == {"Europe": 4, "Africa and the Middle East": 2}
    assert counts(found["MEMBER"]) == {"FRA": 4, "KEN": 2}
    assert counts(found["COMPLETION"]) == {"COMPLETE": 1, "PENDING": 1, "SUBSTANTIAL": 1}
    assert counts(found["POLICY_AREA"]) == {"Open Data": 3, "Justice": 2, "Gender": 1}
    assert counts(found["STARRED"]) == {"false": 5, "true": 1}
    assert [*found["CYCLE"]] == ["2018", "2015", "2020"]  # the most frequent first


def test_the_commitments_of_a_value_are_counted_across_another_dimension(rated_system: System) -> None:
    found = facets(rated_system, "dimensions: [CYCLE], across: STATUS")
    assert found["CYCLE"]["2018"]["across"] == [{"value": "ACTIVE", "count": 2}]


def test_a_facet_can_ignore_the_filter_on_its_own_dimension(rated_system: System) -> None:
    where = '{cycle: {eq: 2015}, policyArea: {eq: "Open Data"}}'
    own = facets(rated_system, "dimensions: [CYCLE, STATUS], ignoreOwnFilter: true", where)
    assert counts(own["CYCLE"]) == {"2015": 1, "2018": 1, "2020": 1}
    assert counts(own["STATUS"]) == {"INACTIVE": 1}
    assert counts(facets(rated_system, "dimensions: [CYCLE]", where)["CYCLE"]) == {"2015": 1}


def test_the_facets_of_a_member_count_its_own_commitments_only(rated_system: System) -> None:
    found = execute_query(
        rated_system,
        '{ member(code: "KE") { commitments { facets(dimensions: [CYCLE]) { values { value count } } } } }',
    )
    values = found["member"]["commitments"]["facets"][0]["values"]
    assert values == [{"value": "2018", "count": 1}, {"value": "2020", "count": 1}]


# ------------------------------------------------------------------------------------------------------------ timelines


def test_a_timeline_has_the_counts_at_past_moments(rated_system: System) -> None:
    field = "timeline(dimension: COMPLETION, every: YEAR) { time totalCount values { value count } }"
    points = execute_query(rated_system, f"{{ commitments {{ {field} }} }}")["commitments"]["timeline"]
    assert [point["time"][:10] for point in points[:-1]] == ["2021-01-01", "2022-01-01"]
    counted = [{each["value"]: each["count"] for each in point["values"]} for point in points]
    assert counted == [
        {},
        {"COMPLETE": 1, "LIMITED": 1, "PENDING": 1},
        {"COMPLETE": 1, "SUBSTANTIAL": 1, "PENDING": 1},
    ]
    assert {point["totalCount"] for point in points} == {6}


def test_a_timeline_at_a_position_is_unchanged_by_later_writes(make_system: SystemFactory) -> None:
    system = make_system()
    register_commitment(system, "FR0001")
    field = 'timeline(dimension: STATUS, every: YEAR, until: "2029-01-01T00:00:00Z") { time position totalCount }'
    counted = []
    for later in ("FR0002", "FR0003"):
        counted.append(execute_query(system, f"{{ at(position: 2) {{ commitments {{ {field} }} }} }}"))
        register_commitment(system, later)
    assert counted[0] == counted[1]
    points = counted[0]["at"]["commitments"]["timeline"]
    assert [point["time"][:10] for point in points] == sorted({point["time"][:10] for point in points})
    assert {point["position"] for point in points} == {2}


def test_a_timeline_of_too_many_moments_is_an_error(rated_system: System) -> None:
    field = 'timeline(dimension: CYCLE, every: MONTH, from: "1900-01-01T00:00:00Z") { time }'
    assert expect_error(rated_system, f"{{ commitments {{ {field} }} }}")[1] == "BAD_TIME"


def test_a_dimension_and_a_field_to_sort_by_are_given_once(rated_system: System) -> None:
    for arguments, message in (
        ("facets(dimensions: [CYCLE, STATUS, CYCLE]) { dimension }", "`dimensions` has CYCLE twice"),
        (
            "totalCount } b: commitments(orderBy: [{field: CYCLE}, {field: CYCLE, direction: DESC}]) { totalCount",
            "`orderBy` has CYCLE twice",
        ),
    ):
        assert expect_error(rated_system, f"{{ commitments {{ {arguments} }} }}") == (message, "INVALID")
