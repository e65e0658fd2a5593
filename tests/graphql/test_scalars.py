from __future__ import annotations

import pytest
from graphql import GraphQLError

from ogpgraph.system import System
from tests.graphql.client import execute_query


@pytest.mark.parametrize(
    "literal", ['"2018-12-31T00:00:00+05:60"', '"2018-W52-1T00:00:00Z"', '"2018-12-31T00Z"', '"2018-12-31"', "2018"]
)
def test_a_time_that_is_not_of_rfc_3339_is_refused(example_system: System, literal: str) -> None:
    with pytest.raises(GraphQLError) as refused:
        execute_query(example_system, f"{{ at(time: {literal}) {{ meta {{ position }} }} }}")
    assert (refused.value.extensions or {})["code"] == "BAD_TIME"


@pytest.mark.parametrize("time", ["2018-12-31t00:00:00z", "2018-12-31T23:59:60Z", "2018-12-31T00:00:00.1234567890Z"])
def test_every_time_of_rfc_3339_is_accepted(example_system: System, time: str) -> None:
    field = f'timeline(dimension: STATUS, from: "{time}") {{ totalCount }}'
    assert execute_query(example_system, f"{{ commitments {{ {field} }} }}")


def test_times_are_written_in_utc_with_six_digits(example_system: System) -> None:
    found = execute_query(example_system, "{ entry(position: 1) { recordedAt } }")
    assert len(found["entry"]["recordedAt"]) == len("2018-12-31T00:00:00.000000Z")
    assert found["entry"]["recordedAt"].endswith("Z")
