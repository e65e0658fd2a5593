"""Scalars and enums: the words of the schema."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, NewType, TypeVar

import msgspec
import strawberry
from strawberry.types.scalar import ScalarDefinition

from ogpgraph.clock import timestamp
from ogpgraph.domain import account, event, text, values, vocabulary
from ogpgraph.domain.nouns import NOUNS
from ogpgraph.graphql.errors import refused

E = TypeVar("E", bound=Enum)
MOST_POSITION = 2**53 - 1
"""The greatest integer that every JSON client can hold."""


def _position(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_POSITION:
        raise refused("a Position is a whole number, 0 or greater", "BAD_POSITION")
    return value


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise refused(f"{value!r} is not a time with its offset, such as 2026-11-22T12:00:00Z", "BAD_TIME")


def _written(value: object) -> str:
    return timestamp(value) if isinstance(value, datetime) else str(value)


Position = NewType("Position", int)
Moment = NewType("Moment", datetime)
PartialDate = NewType("PartialDate", str)
FieldValue = NewType("FieldValue", object)

SCALARS: dict[Any, ScalarDefinition] = {
    Position: strawberry.scalar(
        name="Position",
        description="A place in the log: the number of an entry, counted from 1 without gaps. "
        "Whatever was so at a position can be asked for ever.",
        serialize=int,
        parse_value=_position,
    ),
    Moment: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC (RFC 3339, with microseconds). An input needs its offset.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_written,
        parse_value=_moment,
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

EntryKind = StrEnum("EntryKind", [(kind.name, kind.name) for noun in NOUNS.values() for kind in noun.events])  # type: ignore[misc]  # made from the nouns, so that it cannot lack one

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
    text.Made: ("Made", "How a wording came about in its language."),
    EntryKind: (
        "EntryKind",
        "What an entry tells, by the stored name of its event. "
        + " ".join(f"{kind.name}: {kind.meaning}" for noun in NOUNS.values() for kind in noun.events),
    ),
}


def moment_in(written: str | None) -> Moment | None:
    """Return the moment that a row of the log has as text."""
    return Moment(datetime.fromisoformat(written)) if written else None


def word_of(words: type[E], word: str | None) -> E | None:
    """Return a word of a vocabulary, or None where nothing is said."""
    return words(word) if word else None


def date_of(date: str | None) -> PartialDate | None:
    """Return a day as the schema has it, or None where none is said."""
    return PartialDate(date) if date else None


for words, (name, description) in ENUMS.items():
    strawberry.enum(words, name=name, description=description)
