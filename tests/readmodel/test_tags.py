"""The tags of an aggregate type follow from the declarations of its fields and derived dimensions."""

from __future__ import annotations

from typing import Any

import pytest

from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.field import ANY_PATH, DerivedDimension, Field, Filter
from ogpgraph.domain.timeline import is_dated
from ogpgraph.domain.values import PartialDate, Rating, TextListValue, TextValue
from ogpgraph.domain.vocabulary import CommitmentStatus, RatingState, RatingValue
from ogpgraph.readmodel import tag_rules
from ogpgraph.readmodel.tables import PROJECTION_VERSION, compute_projection_version
from ogpgraph.readmodel.tag_rules import build_rules
from tests.domain.events import build_aggregate, text_value


def tags_of(field: Field, facts: dict[str, Any]) -> set[tuple[str, str]]:
    rules = build_rules(AggregateType("commitment", "Anything.", (field,), ()))
    return {tag for rule in rules for tag in rule.derive(build_aggregate((facts, {})))}


@pytest.mark.parametrize(
    ("pattern", "value_type", "facts", "values"),
    [
        ("due", PartialDate, {"due": "2018-S2"}, {"2018-S2"}),
        ("budget", int, {"budget": 12}, {"12"}),
        ("urgent", bool, {"urgent": True}, {"true"}),
        ("state", CommitmentStatus, {"state": "ACTIVE"}, {"ACTIVE"}),
        ("areas", tuple[str, ...], {"areas": ("Aid", "Tax")}, {"Aid", "Tax"}),
        ("summary/{language}", TextValue, {"summary/en": text_value("a"), "summary/fr": text_value("b")}, "ab"),
        ("authors/{language}", TextListValue, {"authors/en": TextListValue(("a" * 64, "b" * 64))}, "ab"),
        ("marks/{stage}", Rating, {"marks/DESIGN": Rating(RatingState.RATED, RatingValue.YES)}, {"YES"}),
        ("marks/{stage}", Rating, {"marks/DESIGN": Rating(RatingState.PENDING)}, {"PENDING"}),
        ("steps/{number}/state", str, {"steps/1/state": "x", "steps/2/state": "y", "steps/1/due": "z"}, {"x", "y"}),
        ("due", PartialDate, {"due": None}, set()),
        ("due", PartialDate, {"dueDate": "2018"}, set()),
    ],
)
def test_a_field_that_is_filtered_has_a_tag_for_each_of_its_values(
    pattern: str, value_type: Any, facts: dict[str, Any], values: Any
) -> None:
    expected = {letter * 64 for letter in values} if isinstance(values, str) else values
    field = Field(pattern, value_type, "X", "X.", filter=Filter("x"), dimension="x")
    assert tags_of(field, facts) == {("x", value) for value in expected}
    assert tags_of(Field(pattern, value_type, "X", "X."), facts) == set()


def test_a_derived_dimension_is_computed_from_the_paths_that_it_depends_on() -> None:
    dimension = DerivedDimension("size", (ANY_PATH,), lambda a: [("size", str(len(a.claims)))], "Size", "Its size.")
    (rule,) = build_rules(AggregateType("commitment", "Anything.", (), (), (dimension,)))
    assert rule.is_whole
    assert list(rule.derive(build_aggregate(({"a": 1, "b": 2}, {})))) == [("size", "2")]


def test_only_what_lists_show_and_the_sources_of_it_have_tags() -> None:
    types = {name for name, each in AGGREGATE_TYPES.items() if build_rules(each)}
    assert types == {"member", "plan", "commitment", "source"}


# The version of the rows


def test_letting_a_path_depend_on_the_position_alone_changes_the_version_of_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tag_rules, "is_dated", lambda path: path != "prefix" and is_dated(path))
    assert compute_projection_version(AGGREGATE_TYPES.values()) == PROJECTION_VERSION
    monkeypatch.setattr(tag_rules, "is_dated", lambda path: path != "status" and is_dated(path))
    assert compute_projection_version(AGGREGATE_TYPES.values()) != PROJECTION_VERSION


def test_making_a_field_filterable_sortable_or_countable_changes_the_version_of_the_rows() -> None:
    def version(**declared: Any) -> int:
        field = Field("due", PartialDate, "Due", "When it is due.", **declared)
        return compute_projection_version([AggregateType("commitment", "Anything.", (field,), ())])

    plain, filterable, sortable = version(), version(filter=Filter("When.")), version(is_sortable=True)
    assert plain != filterable
    assert filterable == sortable, "both have the same tags"
    assert version(facet="DUE") == filterable
    assert version(dimension="other") not in (plain, filterable)
    assert 0 < PROJECTION_VERSION < 2**31
    assert compute_projection_version(AGGREGATE_TYPES.values()) == PROJECTION_VERSION
