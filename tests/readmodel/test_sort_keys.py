"""Sort keys: values of a kind are sorted as what they mean, not as texts."""

from __future__ import annotations

import pytest

from ogpgraph.readmodel.sort_keys import build_sort_key, date_key


@pytest.mark.parametrize(
    "dates",
    [
        ["2021-Q2", "2021-12-31"],
        ["2019", "2020-S1", "2020-Q2", "2020-06-30", "2020-S2"],
        ["2018-01-01", "2018-01", "2018-Q1", "2018-S1", "2018", "2018/..", "2018-01-02", "2018-02"],
    ],
)
def test_partial_dates_are_sorted_by_time(dates: list[str]) -> None:
    assert [date for _, date in sorted((date_key(date), date) for date in dates)] == dates


def test_numbers_are_sorted_by_size_and_texts_as_they_are() -> None:
    keys = [build_sort_key("plan", "cycle", year) or "" for year in ("999", "2018")]
    assert keys == sorted(keys)
    assert build_sort_key("commitment", "status", "ACTIVE") == "ACTIVE"


def test_findings_are_sorted_by_their_scale_and_what_is_not_on_it_has_no_key() -> None:
    scale = ("NOT_STARTED", "LIMITED", "SUBSTANTIAL", "COMPLETE")
    keys = [build_sort_key("commitment", "rating:COMPLETION", value) or "" for value in scale]
    assert keys == sorted(set(keys))
    assert build_sort_key("commitment", "rating:COMPLETION", "PENDING") is None
