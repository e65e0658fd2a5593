from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ogpgraph.clock import format_timestamp


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
