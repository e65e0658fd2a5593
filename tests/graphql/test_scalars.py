from __future__ import annotations

import pytest
from graphql import GraphQLError

from ogpgraph.system import System
from tests.graphql.client import execute_query, expect_error


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


# -------------------------------------------------------------------------------------------------------- partial dates


@pytest.mark.parametrize("literal", ['"2018-13"', '"2018-1"', '"2018-Q5"', '"15.03.2019"', '"2019\\n"', '""', "2018"])
def test_a_date_of_no_granularity_is_refused(example_system: System, literal: str) -> None:
    with pytest.raises(GraphQLError, match="is a year, half-year, quarter, month or day, such as 2019") as refused:
        execute_query(example_system, f"{{ commitments(where: {{endsOn: {{from: {literal}}}}}) {{ totalCount }} }}")
    assert (refused.value.extensions or {})["code"] == "BAD_TIME"


@pytest.mark.parametrize("date", ["2021-02-29", "2021-02-30", "2021-04-31"])
@pytest.mark.parametrize(
    ("condition", "argument"),
    [
        ("endsOn: {from: $date}", "from"),
        ("startsOn: {until: $date}", "until"),
        ("milestone: {dueBefore: $date}", "dueBefore"),
        ("milestone: {dueFrom: $date}", "dueFrom"),
    ],
)
def test_a_filter_refuses_a_day_that_the_calendar_does_not_have(
    example_system: System, condition: str, argument: str, date: str
) -> None:
    query = f"query ($date: PartialDate) {{ commitments(where: {{{condition}}}) {{ totalCount }} }}"
    assert execute_query(example_system, query, date="2020-02-29")
    message, code = expect_error(example_system, query, date=date)
    assert f"{argument}: there is no {date}, {date[:7]} has " in message
    assert code == "BAD_TIME"
