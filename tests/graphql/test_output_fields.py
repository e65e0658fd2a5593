"""What the declarations of fields become in the schema: plain output fields, filters, orders and dimensions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import strawberry
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType

from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.event import Origin
from ogpgraph.domain.field import Field, Filter
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.milestone import MILESTONE_FIELDS
from ogpgraph.domain.values import PartialDate, TextValue
from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.output_fields import derive_output_fields
from ogpgraph.graphql.schema import build_schema
from ogpgraph.graphql.value_filters import DateFilter, add_filter_fields, derive_filter_fields
from ogpgraph.readmodel.filters import AllOf, HasAnyValue

TYPES = core_schema(build_schema()).type_map
TYPE_NAMES = {"member": "Member", "plan": "ActionPlan", "commitment": "Commitment"}
AGGREGATE_TYPES = pytest.mark.parametrize("aggregate_type", [MEMBER, PLAN, COMMITMENT], ids=lambda each: str(each.name))

UNDER_ANOTHER_NAME = {
    "policyAreasUnrecognised": "policyAreas",
    "policyAreasUndetermined": "undeterminedPolicyAreas",
    "codes": "formerCodes",
    "database": "databaseColumns",
    "listed": "absentSince",
}
NOT_IN_THE_SCHEMA = {"statusDocument"}


def output_fields(type_name: str) -> dict[str, Any]:
    object_type = TYPES[type_name]
    assert isinstance(object_type, GraphQLObjectType)
    return dict(object_type.fields)


@AGGREGATE_TYPES
def test_every_declared_field_is_readable(aggregate_type: AggregateType) -> None:
    readable = output_fields(TYPE_NAMES[aggregate_type.name])
    groups = {UNDER_ANOTHER_NAME.get(field.group, field.group) for field in aggregate_type.fields}
    assert groups - readable.keys() == NOT_IN_THE_SCHEMA & groups


def test_every_declared_field_of_a_milestone_is_readable() -> None:
    declared = {field.pattern.split("/")[2] for field in MILESTONE_FIELDS}
    assert declared <= output_fields("Milestone").keys()


def test_the_due_date_has_the_description_of_its_declaration() -> None:
    (declared,) = (field for field in COMMITMENT.fields if field.pattern == "endsOn")
    assert output_fields("Commitment")["endsOn"].description == "When it is due; null if it is not known."
    assert declared.description == "When it is due."
    assert str(output_fields("Commitment")["endsOn"].type) == "PartialDate"


@AGGREGATE_TYPES
def test_every_declared_filter_and_order_is_in_the_schema(aggregate_type: AggregateType) -> None:
    name = TYPE_NAMES[aggregate_type.name]
    where, order = TYPES[f"{name}Filter"], TYPES[f"{name}OrderField"]
    assert isinstance(where, GraphQLInputObjectType)
    assert isinstance(order, GraphQLEnumType)
    assert {each.filter.name for each in aggregate_type.declarations if each.filter} <= where.fields.keys()
    sortable = [field.index_dimension for field in aggregate_type.fields if field.is_sortable]
    sortable += [order.dimension for dimension in aggregate_type.dimensions for order in dimension.orders]
    assert [value.value for value in order.values.values()] == [*sortable, "changed"]


def test_every_declared_facet_is_a_dimension() -> None:
    dimensions = TYPES["CommitmentDimension"]
    assert isinstance(dimensions, GraphQLEnumType)
    assert {each.facet for each in COMMITMENT.declarations if each.facet} <= dimensions.values.keys()


FIELDS = (
    Field("launchedOn", PartialDate, "Launch", "When it was launched.", filter=Filter("launchedOn")),
    Field("motto/{language}", TextValue, "Motto", "Its motto."),
    Field("notes/{time}/{language}", TextValue, "Notes", "Its notes."),
    Field("size", int, "Size", "Its size, in people."),
    Field("isOpen", bool, "Open", "Whether it is open."),
)


def test_a_new_field_needs_a_declaration_only() -> None:
    @strawberry.type
    @derive_output_fields(FIELDS, omit=("motto",))
    class Thing:
        size: int = 10

    thing: Any = Thing()
    values: dict[str, str | bool] = {"launchedOn": "2018", "isOpen": False}
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    claims: Any = {path: (Claim(each, Origin.PERSON, None, None, None, moment, 1),) for path, each in values.items()}
    thing.state = Aggregate("thing-1", 1, claims)
    definition: Any = vars(Thing)["__strawberry_definition__"]
    assert [field.name for field in definition.fields] == ["size", "launched_on", "is_open"]
    assert (thing.launched_on(), thing.size, thing.is_open()) == ("2018", 10, False)


def test_a_new_filter_needs_a_declaration_only() -> None:
    (field,) = derive_filter_fields(AggregateType("thing", "A thing.", FIELDS, ()))

    @strawberry.input
    @add_filter_fields((field,))
    class ThingFilter:
        pass

    created: Any = ThingFilter
    where = created(launched_on=DateFilter(is_null=False))
    snapshot: Any = None
    assert field.build_condition(where.launched_on, snapshot) == AllOf((HasAnyValue("launchedOn"),))
    assert field.description == "When it was launched."
