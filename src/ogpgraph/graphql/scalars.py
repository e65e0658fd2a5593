"""Scalars and enums: the words of the schema."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, NewType, TypeVar

import msgspec
import strawberry
from strawberry.types.scalar import ScalarDefinition

from ogpgraph.clock import format_timestamp
from ogpgraph.domain import account, event, values, vocabulary
from ogpgraph.domain import values as text
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.graphql.errors import client_error

E = TypeVar("E", bound=Enum)
MAX_POSITION = 2**53 - 1
"""The greatest integer that every JSON client can hold."""


def _parse_position(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_POSITION:
        raise client_error("a Position is a whole number, 0 or greater", "BAD_POSITION")
    return value


def _parse_datetime(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise client_error(f"{value!r} is not a time with its offset, such as 2026-11-22T12:00:00Z", "BAD_TIME")


def _format_datetime(value: object) -> str:
    return format_timestamp(value) if isinstance(value, datetime) else str(value)


Position = NewType("Position", int)
DateTime = NewType("DateTime", datetime)
PartialDate = NewType("PartialDate", str)
FieldValue = NewType("FieldValue", object)

SCALARS: dict[Any, ScalarDefinition] = {
    Position: strawberry.scalar(
        name="Position",
        description="A place in the log: the number of an entry, counted from 1 without gaps. "
        "Whatever was so at a position can be asked for ever.",
        serialize=int,
        parse_value=_parse_position,
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC (RFC 3339, with microseconds). An input needs its offset.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_format_datetime,
        parse_value=_parse_datetime,
    ),
    PartialDate: strawberry.scalar(
        name="PartialDate",
        description="A day with the granularity it was given with: `2018`, `2018-S2` (second half-year), `2018-Q3`, "
        "`2019-03`, `2019-03-15`, or `2019/..` for that year and beyond.",
        serialize=str,
        parse_value=lambda value: msgspec.convert(value, values.PartialDate),
    ),
    FieldValue: strawberry.scalar(
        name="FieldValue",
        description="The value of a field as JSON: a text, a number, true or false, a list of texts, or null.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
}

# Built from the aggregate types, so that it cannot lack an event type.
_EVENT_NAMES = [event.name for aggregate_type in AGGREGATE_TYPES.values() for event in aggregate_type.event_types]
EntryKind = StrEnum("EntryKind", [(name, name) for name in _EVENT_NAMES])  # type: ignore[misc]  # not literal

ENUMS: dict[Any, tuple[str, str]] = {
    vocabulary.Indicator: (
        "Indicator",
        "What the IRM rates of a commitment, in the order in which ratings are listed.",
    ),
    vocabulary.Stage: ("Stage", "The point of a plan's life that a rating or narrative is about."),
    vocabulary.RatingState: (
        "RatingState",
        (
            "Whether an indicator has a value, and why not where it has none. That nothing was said at all is none of "
            "these: then there is no rating."
        ),
    ),
    vocabulary.RatingValue: ("RatingValue", "The values that indicators can have, in the IRM's words."),
    vocabulary.Finding: (
        "FindingKind",
        "What OGP's database states of a commitment besides the IRM's indicators, in the codebook's meaning.",
    ),
    vocabulary.CoCreation: (
        "CoCreationKind",
        "What is known of how a plan was made and carried out together with the public.",
    ),
    vocabulary.CoCreationValue: ("CoCreationValue", "What can be said of co-creation, and why nothing is."),
    vocabulary.OgpValue: ("OgpValue", "The values of open government that a commitment may serve."),
    vocabulary.CommitmentStatus: ("CommitmentStatus", "Whether a commitment is being worked on."),
    vocabulary.MilestoneStatus: ("MilestoneStatus", "How far a milestone has come."),
    vocabulary.MemberStatus: ("MemberStatus", "A member's standing in the partnership."),
    vocabulary.PlanStatus: ("ActionPlanStatus", "Whether an action plan is running or has come to its end."),
    account.Role: ("Role", "As what an account may act. Everyone else is a reader of all that is recorded."),
    event.Cause: ("Cause", "Why a value differs from what was recorded before."),
    event.Origin: ("Origin", "Where a fact was stated."),
    text.TranslationKind: ("TranslationKind", "How a text came about in its language."),
    EntryKind: (
        "EntryKind",
        "What an entry tells, by the stored name of its event. "
        + " ".join(
            f"{kind.name}: {kind.description}" for noun in AGGREGATE_TYPES.values() for kind in noun.event_types
        ),
    ),
}


def parse_moment(written: str | None) -> DateTime | None:
    """Return the moment that a row of the log has as text."""
    return DateTime(datetime.fromisoformat(written)) if written else None


def enum_member(words: type[E], word: str | None) -> E | None:
    """Return a word of a vocabulary, or None where nothing is said."""
    return words(word) if word else None


def partial_date(date: str | None) -> PartialDate | None:
    """Return a day as the schema has it, or None where none is said."""
    return PartialDate(date) if date else None


for words, (name, description) in ENUMS.items():
    strawberry.enum(words, name=name, description=description)
