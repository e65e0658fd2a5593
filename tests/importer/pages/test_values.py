from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.values import PARTIAL_DATE
from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.text import Line
from ogpgraph.importer.pages.values import parse_date_range, parse_partial_date, split_trailing_dates

EN, ES, FR = shipped_labels()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018", "2018"),
        (" 2018. ", "2018"),
        ("Semester 2 2018", "2018-S2"),
        ("2018 Semester 2", "2018-S2"),
        ("second semester of 2018", "2018-S2"),
        ("first half of 2019", "2019-S1"),
        ("2018-S2", "2018-S2"),
        ("Q3 2018", "2018-Q3"),
        ("Quarter 1 2014", "2014-Q1"),
        ("last quarter of 2014", "2014-Q4"),
        ("2018-Q3", "2018-Q3"),
        ("Aug 2021", "2021-08"),
        ("July, 2014", "2014-07"),
        ("2019-03", "2019-03"),
        ("06/2015", "2015-06"),
        ("2019-03-15", "2019-03-15"),
        ("30 June 2015", "2015-06-30"),
        ("June 30th, 2015", "2015-06-30"),
        ("1st of May 2016", "2016-05-01"),
        ("13.05.2016", "2016-05-13"),
        ("12/31/2016", "2016-12-31"),
        ("05/05/2016", "2016-05-05"),
        ("2019 and beyond", "2019/.."),
        ("June 2019 and beyond", "2019/.."),
        ("Spring 2019", "2019"),
        ("by the end of 2019", "2019"),
        ("mid-2019", "2019"),
    ],
)
def test_dates_keep_their_granularity(text: str, expected: str) -> None:
    assert parse_partial_date(text, EN) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("es", "marzo de 2019", "2019-03"),
        ("es", "30 de junio de 2015", "2015-06-30"),
        ("es", "segundo semestre de 2018", "2018-S2"),
        ("es", "Semestre 2 de 2018", "2018-S2"),
        ("es", "tercer trimestre 2018", "2018-Q3"),
        ("es", "2019 y más allá", "2019/.."),
        ("es", "setiembre 2020", "2020-09"),
        ("es", "a finales de 2020", "2020"),
        ("fr", "1er juin 2015", "2015-06-01"),
        ("fr", "août 2021", "2021-08"),
        ("fr", "2e semestre 2018", "2018-S2"),
        ("fr", "premier trimestre de 2018", "2018-Q1"),
        ("fr", "2019 et au-delà", "2019/.."),
        ("fr", "fin 2019", "2019"),
        ("es", "June 2019", "2019-06"),
        ("fr", "Semester 1 2019", "2019-S1"),
    ],
)
def test_each_language_has_its_words_and_knows_the_others(language: str, text: str, expected: str) -> None:
    assert parse_partial_date(text, shipped_labels().get(language)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Not specified",
        "05/06/2016",
        "31/02/2019",
        "30 February 2019",
        "20'18",
        "2018-2020",
        "12",
        "Semester 3 2018",
        "x" * 500,
    ],
)
def test_what_is_no_date_or_may_be_two_is_none(text: str) -> None:
    assert parse_partial_date(text, EN) is None


def test_ranges_have_two_ends() -> None:
    assert parse_date_range("January 2019 - March 2020", EN) == ("2019-01", "2020-03")
    assert parse_date_range("from 2018 to 30 June 2019", EN) == ("2018", "2019-06-30")
    assert parse_date_range("2018–2020", EN) == ("2018", "2020")
    assert parse_date_range("de enero de 2019 a marzo de 2020", ES) == ("2019-01", "2020-03")
    assert parse_date_range("2019 and beyond", EN) == ("2019", "2019/..")
    assert parse_date_range("Semester 2 2018", EN) == ("2018-S2", "2018-S2")
    assert parse_date_range("sooner or later", EN) is None


def test_a_date_at_the_end_of_a_line_comes_off_it() -> None:
    line = Line("Hold the fair again in 2019 and beyond 2019 and beyond", 100, 7)
    split = split_trailing_dates(line, EN)
    assert split
    what, when, dates = split
    assert (what.text, what.start) == ("Hold the fair again in 2019 and beyond", 100)
    assert (when.text, when.end) == ("2019 and beyond", line.end)
    assert dates == ("2019", "2019/..")
    assert split_trailing_dates(Line("Hold the fair", 0, 1), EN) is None
    assert split_trailing_dates(Line("2019", 0, 1), EN) is None


@given(st.text(alphabet="0123456789/.- abcdefghijklmnopqrstuvwxyz", max_size=30), st.sampled_from(["en", "es", "fr"]))
def test_whatever_is_a_date_has_a_canonical_form(text: str, language: str) -> None:
    found = parse_partial_date(text, shipped_labels().get(language))
    assert found is None or re.match(PARTIAL_DATE, found)
    assert found is None or parse_partial_date(found, shipped_labels().get(language)) in {found, None}


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]))
def test_numbers_are_a_day_only_where_they_cannot_be_another(day: date, form: str) -> None:
    expected = day.isoformat() if day.day > 12 or day.day == day.month else None
    assert parse_partial_date(day.strftime(form), EN) == expected
