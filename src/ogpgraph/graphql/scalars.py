"""The custom scalars of the schema."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from ogpgraph.clock import format_timestamp, parse_rfc3339
from ogpgraph.domain import values
from ogpgraph.domain.errors import Invalid
from ogpgraph.graphql.errors import FieldErrorCode, client_error
from ogpgraph.readmodel.error_codes import ReadErrorCode

MAX_POSITION: Final = 2**53 - 1
"""The greatest integer that JSON clients represent exactly (RFC 8259, section 6)."""

Position = NewType("Position", int)
DateTime = NewType("DateTime", datetime)
PartialDate = NewType("PartialDate", str)
FieldValue = NewType("FieldValue", object)


SCALAR_FORMS: Final = {
    "Position": "a whole number, 0 or greater",
    "DateTime": "a time with a UTC offset, such as 2026-11-22T12:00:00Z",
    "PartialDate": values.PARTIAL_DATE_FORM,
}
"""What a value of each scalar has to be, as it is said in messages."""


def _parse_position(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_POSITION:
        raise client_error(f"a Position is {SCALAR_FORMS['Position']}", ReadErrorCode.BAD_POSITION)
    return value


def _parse_datetime(value: object) -> datetime:
    try:
        if isinstance(value, str):
            return parse_rfc3339(value)
    except ValueError:
        pass
    raise client_error(f"a DateTime is {SCALAR_FORMS['DateTime']}", FieldErrorCode.BAD_TIME)


def _parse_partial_date(value: object) -> str:
    # That the calendar has the day is tested where the date is used: mutations refuse it by name, at its field.
    if isinstance(value, str) and re.fullmatch(values.PARTIAL_DATE, value):
        return value
    raise client_error(f"a PartialDate is {SCALAR_FORMS['PartialDate']}", FieldErrorCode.BAD_TIME)


def require_day(date: PartialDate | None, argument: str) -> PartialDate | None:
    """Return the date of an argument of a query; raises GraphQLError (BAD_TIME) for a day that no month has."""
    try:
        return date and PartialDate(values.validate_calendar(date, argument))
    except Invalid as error:
        raise client_error(str(error), FieldErrorCode.BAD_TIME) from None


def _format_datetime(value: object) -> str:
    return format_timestamp(value) if isinstance(value, datetime) else str(value)


def return_unchanged(value: object) -> object:
    """Return a value as it is."""
    return value


SCALARS: Final[dict[Any, ScalarDefinition]] = {
    Position: strawberry.scalar(
        name="Position",
        description="The number of an entry in the log: 1, 2, 3 and so on, without gaps. It also names the state of "
        "the record after that entry, which can be read at any later time. 0 is the state before the first entry.",
        serialize=int,
        parse_value=_parse_position,
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A moment as RFC 3339 defines it, such as `2018-12-31T00:00:00Z`. Output is always in UTC with six "
        "fractional digits: `2018-12-31T00:00:00.000000Z`. Input has a date, a time to the second and `Z` or an offset "
        "(`+01:00`), and no other form of ISO 8601; digits after the sixth are cut off, and a leap second counts as "
        "the last microsecond before it.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_format_datetime,
        parse_value=_parse_datetime,
    ),
    PartialDate: strawberry.scalar(
        name="PartialDate",
        description="A date as precise as it was published: a year (`2018`), a half-year (`2018-S2`), a quarter "
        "(`2018-Q3`), a month (`2019-03`), a day (`2019-03-15`), or `2019/..` for 2019 and later. A day "
        "that the calendar does not have is refused, and by mutations, `asOf` and `compare` a year outside 1990 to "
        "2100.",
        serialize=str,
        parse_value=_parse_partial_date,
    ),
    FieldValue: strawberry.scalar(
        name="FieldValue",
        description="The value of a field as JSON: a string, a number, a Boolean, a list of strings, an object (for a "
        "rating), or null.",
        serialize=return_unchanged,
        parse_value=return_unchanged,
    ),
}


def parse_timestamp(text: str | None) -> DateTime | None:
    """Return the moment of a timestamp as a row stores it."""
    return DateTime(datetime.fromisoformat(text)) if text else None


def parse_partial_date(text: str | None) -> PartialDate | None:
    """Return the partial date that a claim holds, or None."""
    return PartialDate(text) if text else None
