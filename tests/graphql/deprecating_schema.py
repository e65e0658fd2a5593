"""A small schema of which some parts are deprecated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from enum import Enum
from typing import Annotated

import strawberry

from ogpgraph.graphql.deprecation import deprecate

SINCE, REMOVAL = date(2026, 12, 1), date(2027, 12, 1)
REASON = deprecate("Use `now` instead.", since=SINCE, removal=REMOVAL)
LATER_REASON = deprecate("Leave it out.", since=date(2027, 1, 1), removal=date(2027, 7, 1))


@strawberry.enum
class Tense(Enum):
    NOW = "NOW"
    THEN = strawberry.enum_value("THEN", deprecation_reason=REASON)


@strawberry.input
class Choice:
    tense: Tense | None = None
    old: int | None = strawberry.field(default=None, deprecation_reason=LATER_REASON)
    inner: list[Choice] | None = None


@strawberry.type
class Thing:
    name: str = "thing"
    title: str = strawberry.field(default="title", deprecation_reason=REASON)


def _read_then(
    old: Annotated[int | None, strawberry.argument(deprecation_reason=LATER_REASON)] = None,
) -> Thing:
    del old
    return Thing()


@strawberry.type
class Query:
    @strawberry.field
    def now(self, choice: Choice | None = None) -> Thing:
        del choice
        return Thing()

    then: Thing = strawberry.field(resolver=_read_then, deprecation_reason=REASON)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        yield 1


DEPRECATING_SCHEMA = strawberry.Schema(Query, subscription=Subscription)
