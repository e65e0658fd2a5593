"""Orders: by what lists can be sorted. Ties go by code, so that an order is always complete."""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeVar

import strawberry

from ogpgraph.readmodel.index import BY_CODE, Order

F = TypeVar("F", bound=StrEnum)


@strawberry.enum(name="OrderDirection", description="Up or down.")
class Direction(StrEnum):
    """Up or down."""

    ASC = "ASC"
    DESC = "DESC"


@strawberry.enum(description="What commitments can be sorted by. CHANGED is the position of the last change.")
class CommitmentField(StrEnum):
    """What commitments can be sorted by; the value is the dimension."""

    CODE = "code"
    CYCLE = "cycle"
    STATUS = "status"
    STARTS_ON = "startsOn"
    ENDS_ON = "endsOn"
    CHANGED = "changed"


@strawberry.enum(description="What action plans can be sorted by. CHANGED is the position of the last change.")
class ActionPlanField(StrEnum):
    """What action plans can be sorted by."""

    CODE = "code"
    CYCLE = "cycle"
    CHANGED = "changed"


@strawberry.enum(description="What members can be sorted by. CHANGED is the position of the last change.")
class MemberField(StrEnum):
    """What members can be sorted by."""

    CODE = "code"
    REGION = "region"
    CHANGED = "changed"


@strawberry.input(description="A field to sort by, and which way.")
class OrderBy(Generic[F]):
    """One step of an order."""

    field: F = strawberry.field(description="By what.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Up or down.")


CommitmentOrder = OrderBy[CommitmentField]
ActionPlanOrder = OrderBy[ActionPlanField]
MemberOrder = OrderBy[MemberField]


def order_of(steps: list[OrderBy[F]] | None) -> Order:
    """Return the order that some steps make; by code where there are none."""
    if not steps:
        return BY_CODE
    return tuple((step.field.value, step.direction is Direction.DESC) for step in steps)
