from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.values import PARTIAL_DATE
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue
from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.text import Line
from ogpgraph.importer.pages.values import (
    parse_date_range,
    parse_partial_date,
    parse_policy_areas,
    parse_rating,
    parse_report_names,
    split_trailing_dates,
)

EN, ES, FR = (shipped_labels().get(language) for language in ("en", "es", "fr"))


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
def test_dates_are_as_exact_as_their_text(text: str, expected: str) -> None:
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
def test_dates_are_read_in_each_language_with_words_of_the_others(language: str, text: str, expected: str) -> None:
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
def test_ambiguous_and_other_texts_are_no_dates(text: str) -> None:
    assert parse_partial_date(text, EN) is None


def test_a_range_has_a_first_and_a_last_date() -> None:
    assert parse_date_range("January 2019 - March 2020", EN) == ("2019-01", "2020-03")
    assert parse_date_range("from 2018 to 30 June 2019", EN) == ("2018", "2019-06-30")
    assert parse_date_range("2018–2020", EN) == ("2018", "2020")
    assert parse_date_range("de enero de 2019 a marzo de 2020", ES) == ("2019-01", "2020-03")
    assert parse_date_range("2019 and beyond", EN) == ("2019", "2019/..")
    assert parse_date_range("Semester 2 2018", EN) == ("2018-S2", "2018-S2")
    assert parse_date_range("sooner or later", EN) is None


def test_a_date_at_the_end_of_a_line_is_split_off() -> None:
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
def test_every_parsed_date_has_the_canonical_form(text: str, language: str) -> None:
    found = parse_partial_date(text, shipped_labels().get(language))
    assert found is None or re.match(PARTIAL_DATE, found)
    assert found is None or parse_partial_date(found, shipped_labels().get(language)) in {found, None}


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]))
def test_numbers_are_a_day_only_in_one_order_of_day_and_month(day: date, form: str) -> None:
    expected = day.isoformat() if day.day > 12 or day.day == day.month else None
    assert parse_partial_date(day.strftime(form), EN) == expected


@pytest.mark.parametrize(
    ("words", "known", "unknown"),
    [
        ("Anti Corruption and Integrity, Anti-Corruption", ("Anti-Corruption and Integrity", "Anti-Corruption"), ()),
        ("Environment & Climate, environment and climate", ("Environment and Climate",), ()),
        ("Publication Of Budget / Fiscal Information", ("Publication of Budget/Fiscal Information",), ()),
        ("Open Data Public Participation", ("Open Data", "Public Participation"), ()),
        ("Legislation & Regulation", ("Legislation & Regulation",), ()),
        ("Gobierno electrónico, Datos abiertos", ("E-Government", "Open Data"), ()),
        ("Space Travel, Aid, , Space Travel", ("Aid",), ("Space Travel",)),
    ],
)
def test_policy_areas_are_recognized_in_all_spellings(
    words: str, known: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    assert parse_policy_areas(words, EN) == (known, unknown)


@pytest.mark.parametrize(
    ("indicator", "words", "meaning"),
    [
        ("STARRED", "Yes Starred", RatingValue.YES),
        ("COMPLETION", "examen du MII en attente", RatingState.PENDING),
        ("EARLY_RESULTS", "en attente d'examen par l'IRM", RatingState.PENDING),
        ("EARLY_RESULTS", "Pendiente de la revisión por parte del IRM", RatingState.PENDING),
        ("COMPLETION", "Pending completion", RatingState.UNRECOGNISED),
        ("STARRED", "Sí Con Estrella", RatingValue.YES),
        ("EARLY_RESULTS", "marginal, marginales", RatingValue.MARGINAL),
        ("EARLY_RESULTS", "Majeur Majeurs", RatingValue.MAJOR),
        ("EARLY_RESULTS", "No early results to report yet", RatingValue.NO_EARLY_RESULTS_YET),
        ("EARLY_RESULTS", "Moderate", RatingValue.MODERATE),
        ("DID_IT_OPEN_GOVERNMENT", "None", RatingValue.DID_NOT_CHANGE),
        ("POTENTIAL_IMPACT", "None", RatingValue.NONE),
        ("POTENTIAL_IMPACT", "Moderate", RatingValue.MODERATE),
        ("RELEVANCE", "Not Relevant", RatingValue.NO),
        ("RELEVANCE", "non", RatingValue.NO),
        ("COMPLETION", "Completed", RatingValue.COMPLETE),
        ("COMPLETION", "Major", RatingState.UNRECOGNISED),
        ("COMPLETION", "Limited Complete", RatingState.UNRECOGNISED),
        ("COMPLETION", "nearly Complete", RatingState.UNRECOGNISED),
        ("VERIFIABLE", "Revisión de IRM pendiente", RatingState.PENDING),
        ("VERIFIABLE", "en attente de l’examen du MII", RatingState.PENDING),
        ("EARLY_RESULTS", "pas de données IRM", RatingState.NO_DATA),
        ("EARLY_RESULTS", "NR", RatingState.NOT_REVIEWED),
        ("EARLY_RESULTS", "N/A", RatingState.NOT_APPLICABLE),
    ],
)
def test_the_meaning_of_a_rating_depends_on_its_indicator(
    indicator: str, words: str, meaning: RatingState | RatingValue
) -> None:
    rating = parse_rating(Indicator(indicator), words, ES)
    assert (rating.value or rating.state) is meaning
    assert rating.stated_as == words
    assert (rating.value is not None) == (rating.state is RatingState.RATED)


def test_names_of_reports_may_contain_commas() -> None:
    assert parse_report_names("Kaduna State, Nigeria Design Report 2018-2020, X Action Plan Review 2021", EN) == (
        "Kaduna State, Nigeria Design Report 2018-2020",
        "X Action Plan Review 2021",
    )
    assert parse_report_names("Informe de diseño de Buenos Aires, Argentina 2018-2020", ES) == (
        "Informe de diseño de Buenos Aires, Argentina 2018-2020",
    )
