"""The clock, which is always passed as an argument, and the format of all stored times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta

Clock = Callable[[], datetime]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(MINYEAR, 1, 1, tzinfo=UTC)
_LAST = datetime(MAXYEAR, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def system_clock() -> datetime:
    """Return the current time of this machine, in UTC."""
    return datetime.now(UTC)


def format_timestamp(moment: datetime) -> str:
    """Return a time in UTC with microseconds, in a fixed width: strings are sorted as the times are."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:  # within a day of the first or last year
        utc = _FIRST if moment.year == MINYEAR else _LAST
    # strftime would write the years before 1000 with fewer than four digits.
    return utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def to_microseconds(moment: datetime) -> int:
    """Return a time as the number of microseconds since the beginning of 1970 in UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(microseconds: int) -> datetime:
    """Return the time of a number of microseconds since the beginning of 1970 in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)
