"""Time as the record writes it; the clock itself is always handed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, UTC, datetime

Clock = Callable[[], datetime]
_FIRST = datetime(MINYEAR, 1, 1, tzinfo=UTC)
_LAST = datetime(MAXYEAR, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def system_clock() -> datetime:
    """Return the present moment of this machine, in UTC."""
    return datetime.now(UTC)


def format_timestamp(moment: datetime) -> str:
    """Return a moment in UTC with microseconds, of fixed width, so that the order of texts is the order of times."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:  # within a day of the ends of the calendar
        utc = _FIRST if moment.year == MINYEAR else _LAST
    # Not strftime, which writes the years before 1000 with fewer than four digits.
    return utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
