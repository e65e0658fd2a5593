"""Cells that a spreadsheet program changed are repaired where the original is certain, and reported in every case."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.importer.spreadsheets.cell_repair import (
    clean_cell,
    repair_date,
    repair_number,
    repair_numbers,
)


@given(st.integers(2000, 2040))
def test_a_year_that_was_converted_to_a_date_is_restored(year: int) -> None:
    day = date(1899, 12, 30) + timedelta(days=year)
    written = f"{day.month}/{day.day}/{day.year}"
    found = repair_date(written, "month first")
    assert (found.text, found.repair, found.doubt) == (str(year), f"{written} was read as the year {year}", "")


@given(st.dates(date(2001, 1, 1), date(2039, 12, 31)))
def test_a_date_is_parsed_in_the_order_of_its_column(day: date) -> None:
    assert repair_date(f"{day.month}/{day.day}/{day.year}", "month first").text == day.isoformat()
    assert repair_date(f"{day.day}/{day.month}/{day.year}", "day first").text == day.isoformat()


@given(st.dates(date(2001, 1, 1), date(2039, 12, 31)))
def test_without_an_order_an_ambiguous_date_keeps_only_its_year(day: date) -> None:
    found = repair_date(f"{day.month}/{day.day}/{day.year}", None)
    assert found.text in (day.isoformat(), str(day.year))
    assert (found.text == str(day.year)) is bool(found.doubt)


@pytest.mark.parametrize(
    ("written", "original"),
    [
        ("Dec-12", "2012-12"),
        ("13-Feb-11", "2011-02-13"),
        ("6/30/20", "2020-06-30"),
        ("41640", "2014-01-01"),
        ("2014.0", "2014"),
        ("2014-07-01 00:00:00", "2014-07-01"),
        ("July 2014", "2014-07"),
        ("Quarter 1 2014", "2014-Q1"),
        ("Not Specified", None),
        ("Continuous", None),
        ("99/99/2014", None),
        ("1/1/1987", None),
    ],
)
def test_a_date_keeps_the_precision_that_is_certain(written: str, original: str | None) -> None:
    assert repair_date(written, "month first").text == original


def test_days_and_months_divided_by_points_are_day_first_whatever_the_option() -> None:
    assert repair_date("01.08.2017", None).text == repair_date("01.08.2017", "month first").text == "2017-08-01"


@given(st.integers(0, 99), st.integers(0, 9))
def test_a_binary_fraction_is_restored_to_the_number_that_was_typed(whole: int, tenth: int) -> None:
    typed = f"{whole}.{tenth}" if tenth else str(whole)
    assert repair_number(f"{float(typed):.17f}").text == typed
    assert repair_number("2.2999999999999998").text == "2.3"


def test_a_pair_of_numbers_that_was_converted_to_a_date_is_restored() -> None:
    assert (repair_numbers("12/21/2016").text, repair_numbers("04/22/2016").text) == ("12, 21", "4, 22")
    assert repair_numbers("12, 21").text == "12, 21"
    assert repair_numbers("2016-12-21").text == "12, 21"


def test_a_wrong_decoding_is_repaired() -> None:
    mojibake = "Educación – “año”".encode().decode("cp1252", errors="ignore")
    assert clean_cell("Educación".encode().decode("cp1252")).text == "Educación"
    assert clean_cell(mojibake).doubt
    assert clean_cell("Ã\x8dndice").text == "Índice"
    assert clean_cell("Educación").repair == ""


def test_a_spreadsheet_error_is_no_value() -> None:
    found = clean_cell("#REF!")
    assert (found.text, found.doubt) == (None, "spreadsheet error #REF!")


@pytest.mark.parametrize("cell", ["=A1", "=SUM(A1:A3)", "=-B2*3", "='Sheet 1'!A1", "=1+2"])
def test_a_formula_without_its_value_is_no_value(cell: str) -> None:
    assert clean_cell(cell).text is None


@pytest.mark.parametrize("cell", ["= open data", "=> publish the register", "== Theme"])
def test_a_text_that_begins_with_an_equals_sign_is_no_formula(cell: str) -> None:
    assert clean_cell(cell).text == cell


@given(st.text(max_size=40))
def test_no_cell_raises_an_error(cell: str) -> None:
    text = clean_cell(cell).text or ""
    for read in (
        repair_number,
        repair_numbers,
        lambda each: repair_date(each, None),
        lambda each: repair_date(each, "day first"),
    ):
        read(text)


@pytest.mark.parametrize(
    ("cell", "date"),
    [
        ("I quarter of 2021", "2021-Q1"),
        ("Quarter III, 2012", "2012-Q3"),
        ("31-12-2014", "2014-12-31"),
        ("2014-07-01T00:00:00.000Z", "2014-07-01"),
        ("July-14", "2014-07"),
        ("Sept-14", "2014-09"),
        ("2012-2013", None),
        ("Junk-14", None),
    ],
)
def test_a_date_is_read_as_exactly_as_it_is_written(cell: str, date: str | None) -> None:
    assert repair_date(cell, None).text == date
