"""The order inputs of lists, whose fields follow from the declared fields that can be sorted by."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, Final, Generic, TypeVar

import strawberry
from graphql.pyutils import camel_to_snake

from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.field import Field
from ogpgraph.domain.member import MEMBER
from ogpgraph.graphql.errors import require_distinct
from ogpgraph.graphql.weights import weighs
from ogpgraph.readmodel.sort_keys import BY_CODE, Order, SortStep

FieldT = TypeVar("FieldT", bound=Enum)
StepT = TypeVar("StepT")

ORDER_COST: Final = 200
"""The cost of a field to sort by; an order that was used before costs less."""
MAX_ORDER_STEPS: Final = 5


@strawberry.enum(
    description="A direction of sorting. Numbers are sorted by size. Dates are sorted by time: by the first day of the "
    "period that they stand for, and of several periods that begin on the same day the shorter one comes first "
    "when ascending. So `2021-Q2` comes before `2021-12-31`."
)
class OrderDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="Ascending.")
    DESC = strawberry.enum_value("DESC", description="Descending.")


@strawberry.enum(description="Where nodes without a value of the field come, whatever the direction.")
class NullOrder(Enum):
    FIRST = strawberry.enum_value("FIRST", description="Before all nodes that have a value.")
    LAST = strawberry.enum_value("LAST", description="After all nodes that have a value.")


OrderSteps = Annotated[
    list[StepT] | None, strawberry.argument(metadata=weighs(item=ORDER_COST, max_items=MAX_ORDER_STEPS))
]
"""The argument `orderBy` of a list."""


def _derive_order_fields(aggregate_type: AggregateType) -> list[tuple[str, Any]]:
    """Return the names and values of the fields that aggregates of a type can be sorted by: their dimensions."""
    fields = [
        (
            order_name(field),
            strawberry.enum_value(field.index_dimension, description=f"By {_in_sentence(field.label)}."),
        )
        for field in aggregate_type.fields
        if field.is_sortable
    ]
    scales = [
        (order.name, strawberry.enum_value(order.dimension, description=order.description))
        for dimension in aggregate_type.dimensions
        for order in dimension.orders
    ]
    changed = strawberry.enum_value("changed", description="By the position of its last change.")
    return [*fields, *scales, ("CHANGED", changed)]


def order_name(field: Field) -> str:
    """Return the name by which lists are sorted by a field."""
    return camel_to_snake(field.name).upper()


def _in_sentence(label: str) -> str:
    """Return a label as it is written inside a sentence, in which names and abbreviations remain as they are."""
    return label if label[:2].isupper() else label[0].lower() + label[1:]


# Their members are not literal, because they follow from the declarations.
CommitmentOrderField = Enum("CommitmentOrderField", _derive_order_fields(COMMITMENT))  # type: ignore[misc]
ActionPlanOrderField = Enum("ActionPlanOrderField", _derive_order_fields(PLAN))  # type: ignore[misc]
MemberOrderField = Enum("MemberOrderField", _derive_order_fields(MEMBER))  # type: ignore[misc]
strawberry.enum(CommitmentOrderField, description="A field that commitments can be sorted by.")
strawberry.enum(ActionPlanOrderField, description="A field that action plans can be sorted by.")
strawberry.enum(MemberOrderField, description="A field that members can be sorted by.")


@strawberry.input(description="A field to sort by, the direction, and the place of nodes without a value.")
class OrderBy(Generic[FieldT]):
    field: FieldT = strawberry.field(description="The field.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="The direction.")
    nulls: NullOrder = strawberry.field(
        default=NullOrder.LAST, description="Where nodes without a value of the field come."
    )


@strawberry.input(description="A field to sort commitments by, the direction, and the place of those without a value.")
class CommitmentOrder(OrderBy[CommitmentOrderField]):
    pass


@strawberry.input(description="A field to sort action plans by, the direction, and the place of those without a value.")
class ActionPlanOrder(OrderBy[ActionPlanOrderField]):
    pass


@strawberry.input(description="A field to sort members by, the direction, and the place of those without a value.")
class MemberOrder(OrderBy[MemberOrderField]):
    pass


def build_order(steps: Sequence[OrderBy[Any]] | None) -> Order:
    """Return the order of some steps, the first of which sorts first; by code without any.

    Raises:
        GraphQLError: INVALID, if two steps sort by the same field.
    """
    if not steps:
        return BY_CODE
    require_distinct("orderBy", [step.field.name for step in steps])
    return tuple(
        SortStep(step.field.value, step.direction is OrderDirection.DESC, step.nulls is NullOrder.FIRST)
        for step in steps
    )
