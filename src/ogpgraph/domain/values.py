"""Values of facts besides strings and numbers: ids, texts by reference, ratings, observations, and partial dates."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from msgspec import Meta, Struct, field

from ogpgraph.clock import MICROSECOND
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.vocabulary import RatingState, RatingValue

PARTIAL_DATE = r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?|-S[12]|-Q[1-4]|/\.\.)?$"
COMMITMENT_CODE = r"^[A-Z]{2,6}[0-9]{4}$"
REFERENCE = r"^[0-9a-f]{64}$"
FIRST_YEAR, LAST_YEAR = 1990, 2100
"""The years that a date may have: the partnership was founded in 2011, and its reforms may have begun before."""

PartialDate = Annotated[
    str,
    Meta(
        pattern=PARTIAL_DATE,
        description="A date of any granularity: 2018, 2018-S2 (semester), 2018-Q3, 2019-03, 2019-03-15, "
        "or 2019/.. (that year and later); a day that the calendar has, in the years 1990 to 2100.",
    ),
]
AggregateId = Annotated[str, Meta(min_length=1, max_length=120, description="The id of another aggregate.")]
AwareDateTime = Annotated[datetime, Meta(tz=True)]
CommitmentCode = Annotated[str, Meta(pattern=COMMITMENT_CODE, description="A commitment's code, such as FR0043.")]
TextReference = Annotated[str, Meta(pattern=REFERENCE, description="The salted hash of a text in the text store.")]


class Rating(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel", tag="rating", tag_field="type"
):
    """The rating of one indicator at one stage; `stated_as` and `irm_report` are texts by reference."""

    state: RatingState
    value: RatingValue | None = None
    stated_as: TextReference | None = None
    irm_report: TextReference | None = None


class ReportedRating(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A rating with its texts in full: as pages, spreadsheets and corrections have it, and as `blame` shows it."""

    state: RatingState = RatingState.RATED
    value: RatingValue | None = None
    stated_as: str | None = None
    irm_report: str | None = None


class Observation(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", tag="observation", tag_field="type"):
    """One observation of a source: the hash of its bytes, its canonical text by reference, and the reader's version."""

    content_hash: str
    text: TextReference
    reader: str


class TranslationKind(StrEnum):
    """How a text came to be in its language."""

    ORIGINAL = "ORIGINAL"
    HUMAN = "HUMAN"
    MACHINE = "MACHINE"
    UNKNOWN = "UNKNOWN"


class TextValue(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="text", tag_field="type"):
    """A text in one language, by reference."""

    text: str
    translation_kind: TranslationKind = field(default=TranslationKind.UNKNOWN, name="translationKind")


class TextListValue(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="texts", tag_field="type"):
    """A list of texts in one language, by reference; an empty list is a statement, too."""

    texts: tuple[str, ...]
    translation_kind: TranslationKind = field(default=TranslationKind.UNKNOWN, name="translationKind")


PlainValue = bool | int | str | tuple[str, ...] | list[str] | ReportedRating
"""A value of an input before it is translated: its texts are in full."""
Value = bool | int | str | tuple[str, ...] | TextValue | TextListValue | Rating | Observation
"""A value of a fact, as events store it: its texts are references."""


_TYPES_WITH_TEXTS = (TextValue, TextListValue, Rating, Observation)


def value_text_references(value: Value | None) -> tuple[str, ...]:
    """Return the references of the texts that a value consists of."""
    if not isinstance(value, _TYPES_WITH_TEXTS):  # as most
        return ()
    if isinstance(value, TextListValue):
        return value.texts
    if isinstance(value, Rating):
        return tuple(filter(None, (value.stated_as, value.irm_report)))
    return (value.text,)


class Interval(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a change happened, as far as known: after one observation of the source, before or at the next.

    `after` is absent if there was no earlier observation.
    """

    before: AwareDateTime
    after: AwareDateTime | None = None


_MONTHS = {
    "S1": ("01", "06"),
    "S2": ("07", "12"),
    "Q1": ("01", "03"),
    "Q2": ("04", "06"),
    "Q3": ("07", "09"),
    "Q4": ("10", "12"),
}


@lru_cache(maxsize=10_000)  # filters ask for the same dates again and again
def period_bounds(period: str) -> tuple[str, str]:
    """Return the first and the last day of a partial date; an open period ends on 9999-12-31.

    Every month ends on the 31st: the bounds are compared as strings, and no calendar is needed for that.
    """
    begin, _, open_end = period.partition("/")
    year, _, part = begin.partition("-")
    first, last = _MONTHS.get(part) or (part or "01", part or "12")
    begins = first if len(first) > 2 else f"{first}-01"
    ends = last if len(last) > 2 else f"{last}-31"
    return f"{year}-{begins}", "9999-12-31" if open_end else f"{year}-{ends}"


def first_day(period: str) -> int:
    """Return the first day of a partial date, counted as `date.toordinal` does."""
    return period_days(period)[0].toordinal()


def last_day(period: str) -> int:
    """Return the last day of a partial date; 9999-12-31 for an open period."""
    return period_days(period)[1].toordinal()


@lru_cache(maxsize=10_000)
def day_of(moment: datetime) -> int:
    """Return the day of a moment in UTC, counted as `date.toordinal` does."""
    return moment.astimezone(UTC).toordinal()


PARTIAL_DATE_FORM = "a year, half-year, quarter, month or day, such as 2019, 2019-S1, 2019-Q3, 2019-03 or 2019-03-15"


def validate_partial_date(text: str, field: str) -> str:
    """Return a partial date that the calendar has, in the years from FIRST_YEAR to LAST_YEAR.

    Raises Invalid, with the field and the reason.
    """
    if not re.fullmatch(PARTIAL_DATE, text):
        raise Invalid(f"{field}: {text[:40]!r} is not {PARTIAL_DATE_FORM}", field)
    if not FIRST_YEAR <= int(text[:4]) <= LAST_YEAR:
        raise Invalid(f"{field}: {text} is not in the years {FIRST_YEAR} to {LAST_YEAR}", field)
    return validate_calendar(text, field)


def validate_calendar(date: str, field: str) -> str:
    """Return a partial date; raises Invalid, with the field and the reason, if it is a day that no month has."""
    year, *parts = date.partition("/")[0].split("-")
    if len(parts) == 2 and int(parts[1]) > (days := monthrange(int(year), int(parts[0]))[1]):
        raise Invalid(f"{field}: there is no {date}, {year}-{parts[0]} has {days} days", field)
    return date


def is_reversed(begin: str, end: str) -> bool:
    """Return whether a period ends before it begins: its last day is before its first, whatever the granularity."""
    return period_bounds(end)[1] < period_bounds(begin)[0]


def period_days(period: str) -> tuple[date, date]:
    """Return the first and the last day of a partial date, as the calendar has them."""
    first, last = period_bounds(period)
    year, month, day = map(int, last.split("-"))
    return date.fromisoformat(first), date(year, month, min(day, monthrange(year, month)[1]))


def period_interval(period: str, stated_at: datetime) -> Interval:
    """Return the interval of a partial date: from the instant before it begins to its last one, in UTC.

    A period that goes on when the statement is made ends then: nothing became so later than it was stated.
    """
    first, last = period_days(period)
    begin, end = datetime.combine(first, time.min, UTC), datetime.combine(last, time.max, UTC)
    if begin <= stated_at < end:
        end = stated_at
    return Interval(before=end, after=begin - MICROSECOND)


def is_translated(value: Value | None) -> bool:
    """Return whether a value is text that a person or a machine translated."""
    return isinstance(value, (TextValue, TextListValue)) and value.translation_kind in (
        TranslationKind.MACHINE,
        TranslationKind.HUMAN,
    )
