from __future__ import annotations

import string
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ogpgraph.clock import format_timestamp, parse_rfc3339


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02T03:04:05.000006Z"),
        (datetime(999, 12, 31, tzinfo=UTC), "0999-12-31T00:00:00.000000Z"),
        (datetime.fromisoformat("2026-01-02T03:04:05+02:00"), "2026-01-02T01:04:05.000000Z"),
        (datetime.fromisoformat("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_timestamps_have_one_width_and_sort_as_the_times_do(moment: datetime, text: str) -> None:
    assert format_timestamp(moment) == text
    assert datetime.fromisoformat(text) == moment


def test_time_beyond_the_calendar_becomes_its_end() -> None:
    assert format_timestamp(datetime.fromisoformat("0001-01-01T00:00:00+14:00")) == "0001-01-01T00:00:00.000000Z"
    assert format_timestamp(datetime.fromisoformat("9999-12-31T23:59:59-12:00")) == "9999-12-31T23:59:59.999999Z"


# ------------------------------------------------------------------------------------------------------------- RFC 3339


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2018-12-31T00:00:00Z", "2018-12-31T00:00:00.000000Z"),
        ("2018-12-31t00:00:00z", "2018-12-31T00:00:00.000000Z"),
        ("2018-12-31T00:30:00+05:45", "2018-12-30T18:45:00.000000Z"),
        ("2018-12-31T23:59:59-23:59", "2019-01-01T23:58:59.000000Z"),
        ("2018-12-31T00:00:00-00:00", "2018-12-31T00:00:00.000000Z"),
        ("2018-12-31T00:00:00.5Z", "2018-12-31T00:00:00.500000Z"),
        ("2018-12-31T00:00:00.1234569999Z", "2018-12-31T00:00:00.123456Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
        ("2016-12-31T15:59:60.25-08:00", "2016-12-31T23:59:59.999999Z"),
        ("0000-02-29T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("0000-12-31T23:00:00-02:00", "0001-01-01T01:00:00.000000Z"),
        ("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_of_rfc_3339_is_a_moment(text: str, moment: str) -> None:
    assert format_timestamp(parse_rfc3339(text)) == moment


def is_rfc_3339(text: str) -> bool:
    """Return whether the grammar of RFC 3339, section 5.6, derives a text, read from left to right, rule by rule."""
    rest = text

    def take(characters: str) -> str:
        nonlocal rest
        taken, rest = rest[:1], rest[1:]
        assert taken
        assert taken in characters
        return taken

    def number(digits: int, first: int, last: int) -> int:
        value = int("".join(take(string.digits) for _ in range(digits)))
        assert first <= value <= last
        return value

    try:
        year, _, month, _, day = number(4, 0, 9999), take("-"), number(2, 1, 12), take("-"), number(2, 1, 31)
        is_leap_year = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        assert day <= (28 + is_leap_year if month == 2 else 30 if month in (4, 6, 9, 11) else 31)
        take("Tt")
        hour, _, minute, _, second = number(2, 0, 23), take(":"), number(2, 0, 59), take(":"), number(2, 0, 60)
        if rest[:1] == ".":
            take(".")
            take(string.digits)
            while rest[:1] and rest[0] in string.digits:
                take(string.digits)
        sign = take("Zz+-")
        offset = 0
        if sign in "+-":
            hours, _, minutes = number(2, 0, 23), take(":"), number(2, 0, 59)
            offset = (hours * 60 + minutes) * (1 if sign == "+" else -1)
        assert second < 60 or (hour * 60 + minute - offset) % 1440 == 1439
    except AssertionError:
        return False
    return rest == ""


def is_accepted(text: str) -> bool:
    try:
        parse_rfc3339(text)
    except ValueError:
        return False
    return True


PARTS = (
    st.sampled_from(["2018", "2000", "1900", "0000", "9999", "201", "20180", "+2018", "２０１８"]),
    st.sampled_from(["-", "", "/", "-W"]),
    st.sampled_from(["01", "02", "06", "12", "00", "13", "1"]),
    st.sampled_from(["-", ""]),
    st.sampled_from(["01", "28", "29", "30", "31", "00", "32", "1", ""]),
    st.sampled_from(["T", "t", " ", "_", ""]),
    st.sampled_from(["00", "23", "24", "7", "18"]),
    st.sampled_from([":", ""]),
    st.sampled_from(["00", "59", "60", "5", ""]),
    st.sampled_from([":", ""]),
    st.sampled_from(["00", "59", "60", "61", "5", ""]),
    st.sampled_from(["", ".0", ".123456789", ".", ",5", ".1٣"]),
    st.sampled_from(
        ["Z", "z", "+00:00", "-00:00", "+05:60", "-24:00", "+5:00", "+0530", "+05", "-05:59", "", "UTC", "\n"]
    ),
    st.sampled_from(["", "\n", " ", "Z"]),
)
"""The parts of a date-time: the first of each is usual, the others are allowed or nearly so."""
USUAL = ("2018", "-", "12", "-", "31", "T", "23", ":", "59", ":", "59", ".5", "Z", "")


@st.composite
def date_times(draw: st.DrawFn) -> str:
    """Return a date-time in which at most three parts are not usual."""
    parts = list(USUAL)
    for index in draw(st.lists(st.integers(0, len(parts) - 1), max_size=3)):
        parts[index] = draw(PARTS[index])
    return "".join(parts)


@given(date_times())
@example("2018-12-31T23:59:60Z")
@example("2018-12-31T23:58:60Z")
@example("2018-12-31T23:59:60+05:00")
@example("2019-02-29T00:00:00Z")
@example("2018-12-31T00:00:00+05:60")
@example("2018-W52-1T00:00:00Z")
@example("2018-12-31T00Z")
@example("2018-12-31T00:00Z")
@example("2018-12-31T00:00:00")
@example("20181231T000000Z")
@example("2018-12-31 00:00:00Z")
@example("2018-12-31T24:00:00Z")
@example("2018-12-31T00:00:00Z\n")
def test_exactly_the_times_of_rfc_3339_are_accepted(text: str) -> None:
    assert is_accepted(text) == is_rfc_3339(text)


def test_a_leap_second_stays_in_its_day_and_in_order() -> None:
    seconds = ("58.9", "59", "59.9", "60", "60.9")
    moments = [parse_rfc3339(f"2016-12-31T23:59:{second}Z") for second in seconds]
    assert moments == sorted(moments)
    assert {moment.date().isoformat() for moment in moments} == {"2016-12-31"}
