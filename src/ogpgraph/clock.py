"""The clock, which is always passed as an argument, the format of all stored times, and the machine's uptime."""

from __future__ import annotations

import re
import time
from calendar import monthrange
from collections.abc import Callable
from contextlib import suppress
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

Clock = Callable[[], datetime]
MICROSECOND: Final = timedelta(microseconds=1)
"""The difference of a time and the next one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(MINYEAR, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_400_YEARS: Final = timedelta(days=146_097)
_LAST = datetime(MAXYEAR, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def system_clock() -> datetime:
    """Return the current time of this machine, in UTC."""
    return datetime.now(UTC)


class Uptime(NamedTuple):
    """How long the machine has run, suspended or not, which nobody can set.

    `boot` is the id of this run of it, empty where it is not known: then the seconds are those of this process only.
    """

    boot: str
    seconds: float


def read_uptime() -> Uptime:
    """Return the uptime of this machine."""
    boot = _read_boot_id()
    # The usual monotonic clock of Linux does not count the time for which the machine was suspended.
    return Uptime(boot, time.clock_gettime(time.CLOCK_BOOTTIME) if boot else time.monotonic())


@cache
def _read_boot_id() -> str:
    """Return the id of this run of the machine where it counts its uptime, otherwise an empty string."""
    with suppress(OSError, AttributeError):
        time.clock_gettime(time.CLOCK_BOOTTIME)
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def format_timestamp(moment: datetime) -> str:
    """Return a time in UTC with microseconds, in a fixed width: strings are sorted as the times are."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:  # within a day of the first or last year
        utc = _FIRST if moment.year == MINYEAR else _LAST
    # strftime would write the years before 1000 with fewer than four digits. With an offset it takes twice as long.
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


_RFC_3339: Final = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-([0-9]{2})[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
"""A date-time as RFC 3339, section 5.6, writes it, apart from the number of days of each month and leap seconds."""


def parse_rfc3339(text: str) -> datetime:
    """Return the moment of an RFC 3339 date-time, in UTC and cut off after the microseconds.

    A leap second, 23:59:60 in UTC, counts as the last microsecond before midnight: `datetime` has none, and so it stays
    in its day and in order. A moment outside the years that `datetime` has counts as the nearest one inside.

    Raises:
        ValueError: for any other text, such as other forms of ISO 8601.
    """
    if not (found := _RFC_3339.fullmatch(text)):
        raise ValueError("not a date-time of RFC 3339")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    if not 1 <= day <= monthrange(year, month)[1]:
        raise ValueError("the calendar has no such day")
    offset = timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0)) * (-1 if found[8] == "-" else 1)
    if second == 60 and (timedelta(hours=hour, minutes=minute) - offset) % _DAY != _DAY - timedelta(minutes=1):
        raise ValueError("a leap second is 23:59:60 in UTC")
    microsecond = int(f"{found[7] or '':0<6.6}")
    if second == 60:
        second, microsecond = 59, 999_999
    # The year 0000 is one of RFC 3339, but not of `datetime`; the calendar is the same every 400 years.
    cycle = _400_YEARS if year == 0 else timedelta()
    try:
        return datetime(year or 400, month, day, hour, minute, second, microsecond, UTC) - (cycle + offset)
    except OverflowError:
        return _FIRST if year <= MINYEAR else _LAST


def to_microseconds(moment: datetime) -> int:
    """Return a time as the number of microseconds since the beginning of 1970 in UTC."""
    return (moment - _EPOCH) // MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Return the time of a number of microseconds since the beginning of 1970 in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)
