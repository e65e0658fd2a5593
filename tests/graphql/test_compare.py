"""The comparison of two positions."""

from __future__ import annotations

from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.client import execute_query, expect_error, position_at

pytestmark = BOTH_ENGINES


FIELDS = """totalCount nodes {
  before { code rating(indicator: COMPLETION) { value } }
  after { code }
  changes { path before after }
}"""


def test_the_comparison_of_two_positions_has_what_changed_in_between(rated_system: System) -> None:
    position = position_at(rated_system, "2021-06-01T00:00:00Z")
    found = execute_query(rated_system, f"{{ compare(from: {position}) {{ {FIELDS} }} }}")["compare"]
    assert found["totalCount"] == 2
    second = found["nodes"][1]
    assert second["before"] == {"code": "FR0002", "rating": {"value": "LIMITED"}}
    assert second["after"] == {"code": "FR0002"}
    path = "ratings/COMPLETION/END_OF_TERM/value"
    assert second["changes"] == [{"path": path, "before": "LIMITED", "after": "SUBSTANTIAL"}]


def test_a_filter_of_a_comparison_has_to_match_at_one_of_the_positions(rated_system: System) -> None:
    position = position_at(rated_system, "2021-06-01T00:00:00Z")
    query = f"{{ compare(from: {position}, where: {{starred: true}}) {{ {FIELDS} }} }}"
    nodes = execute_query(rated_system, query)["compare"]["nodes"]
    assert [node["after"]["code"] for node in nodes] == ["FR0001"]


def test_the_first_position_must_not_be_after_the_second(rated_system: System) -> None:
    assert expect_error(rated_system, "{ compare(from: 5, to: 2) { totalCount } }")[1] == "BAD_POSITION"
