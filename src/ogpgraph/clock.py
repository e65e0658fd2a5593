"""Time as the record writes it; the clock itself is always handed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present moment of this machine, in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Return a moment in UTC with microseconds, of fixed width, so that the order of texts is the order of times."""
    try:
        utc = moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:  # within a day of the ends of the calendar
        utc = datetime.min if moment.year == datetime.min.year else datetime.max
    # Not strftime, which writes the years before 1000 with fewer than four digits.
    return utc.isoformat(timespec="microseconds") + "Z"
