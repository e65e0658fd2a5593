"""Tests of the translation of inputs into stored values, which clients, pages and spreadsheets share."""

import contextlib
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.application.translation import to_published_facts, to_stored_value, translate_sent_value
from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.text import clean_published_text
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import (
    PARTIAL_DATE,
    PlainValue,
    Rating,
    ReportedRating,
    TextListValue,
    TextValue,
    TranslationKind,
    Value,
    period_bounds,
    validate_partial_date,
)
from ogpgraph.domain.vocabulary import CoCreationValue, PolicyArea, RatingState, RatingValue
from tests.application.in_memory_log import InMemoryLog

DECOMPOSED = unicodedata.normalize("NFD", "Été")


def publish(uow: UnitOfWork, values: Mapping[str, PlainValue]) -> Facts:
    """Return what a source states of a commitment, as stored; everything is meant to be possible or left out."""
    return to_published_facts(uow, COMMITMENT, values, lambda _path, _text: None)


def refuse(path: str, text: str) -> None:
    raise AssertionError((path, text))


@pytest.fixture
def uow() -> UnitOfWork:
    units: list[UnitOfWork] = []
    InMemoryLog().given(units.append)
    return units[0]


def send(uow: UnitOfWork, path: str, value: Any) -> Value:
    return translate_sent_value(uow, COMMITMENT.find_field(path).type, value, path, TranslationKind.ORIGINAL)


def test_the_declared_type_of_a_field_decides_how_a_source_s_value_is_stored(uow: UnitOfWork) -> None:
    values: dict[str, PlainValue] = {
        "title/en": "Budget",
        "leadInstitutions/en": ("Treasury", "Court of Audit"),
        "policyAreas": ["Open Data"],
        "cycle": 2020,
        "ratings/COMPLETION/RESULTS": ReportedRating(RatingState.RATED, RatingValue.COMPLETE, "Complete"),
    }
    assert publish(uow, values) == {
        "title/en": TextValue(uow.text_ref("Budget"), TranslationKind.UNKNOWN),
        "leadInstitutions/en": TextListValue((uow.text_ref("Treasury"), uow.text_ref("Court of Audit"))),
        "policyAreas": ("Open Data",),
        "cycle": 2020,
        "ratings/COMPLETION/RESULTS": Rating(RatingState.RATED, RatingValue.COMPLETE, uow.text_ref("Complete")),
    }
    assert type(to_stored_value(uow, CoCreationValue, CoCreationValue.OPEN)) is str


def test_a_path_without_a_field_is_invalid(uow: UnitOfWork) -> None:
    with pytest.raises(Invalid, match="colour"):
        to_published_facts(uow, PLAN, {"colour": "blue"}, refuse)


@pytest.mark.parametrize(
    ("values", "recorded", "reported"),
    [
        ({"cycle": "soon"}, {}, ["cycle: Expected `int`, got `str`; not recorded"]),
        ({"startsOn": "2019-02-30"}, {}, ["startsOn: there is no 2019-02-30, 2019-02 has 28 days; not recorded"]),
        ({"title/en": "\u200b"}, {}, ["title/en: a text is empty: it has no visible character; not recorded"]),
        (
            {"startsOn": "2019", "endsOn": "2018", "number": "3"},
            {"number": "3"},
            ["endsOn: 2018 is before startsOn, 2019; neither is recorded"],
        ),
        (
            {"milestones/1/startsOn": "2019", "milestones/1/endsOn": "2018", "milestones/2/endsOn": "2017"},
            {"milestones/2/endsOn": "2017"},
            ["milestones/1/endsOn: 2018 is before milestones/1/startsOn, 2019; neither is recorded"],
        ),
    ],
)
def test_what_a_source_states_and_cannot_be_stored_is_reported_and_left_out(
    uow: UnitOfWork, values: dict[str, PlainValue], recorded: dict[str, Value], reported: list[str]
) -> None:
    found: list[str] = []
    assert to_published_facts(uow, COMMITMENT, values, lambda _, text: found.append(text)) == recorded
    assert found == reported


def test_texts_of_a_source_that_show_nothing_are_left_out_of_lists_and_ratings(uow: UnitOfWork) -> None:
    rating = ReportedRating(RatingState.RATED, RatingValue.COMPLETE, "\u2800")
    stored = publish(uow, {"leadInstitutions/en": ("\u3164", "Treasury"), "ratings/COMPLETION/RESULTS": rating})
    assert stored == {
        "leadInstitutions/en": TextListValue((uow.text_ref("Treasury"),)),
        "ratings/COMPLETION/RESULTS": Rating(RatingState.RATED, RatingValue.COMPLETE),
    }


def test_a_cell_of_the_database_is_a_text_unless_it_is_plain(uow: UnitOfWork) -> None:
    assert publish(uow, {"cluster": "12, 21", "database/URL": "ask ann@example.org"}) == {
        "cluster": "12, 21",
        "database/URL": TextValue(uow.text_ref("ask ann@example.org"), TranslationKind.UNKNOWN),
    }
    assert publish(uow, {"cluster": "Smith"}) == {"cluster": TextValue(uow.text_ref("Smith"), TranslationKind.UNKNOWN)}


def test_a_text_is_stored_in_one_normal_form_whoever_states_it(uow: UnitOfWork) -> None:
    (stored,) = publish(uow, {"title/fr": DECOMPOSED}).values()
    assert stored == TextValue(uow.text_ref("Été"))
    assert send(uow, "title/fr", DECOMPOSED) == uow.text_value("Été")
    assert {text for _, text in uow.texts.values()} == {"Été"}


BLANK = [
    "",
    " ",
    "\u00a0",
    "\u200b\u200d",
    "\u202e\u2066",
    "\ufe0f",
    "\u115f\u1160\u3164\uffa0",
    "\u2800",
    "\u0301",
]


WITH_CREDENTIALS = [
    "see https://user:pw@example.org/",
    "HTTPS:pw@example.org",
    "files: ftp://user:pw@example.org/plan.pdf",
    "sftp://pw@example.org",
    "(//user:pw@example.org/plan)",
    "postgresql://:pw@host/name",
]


@pytest.mark.parametrize("text", [*BLANK, "a\x07", "a\rb", "a\x00", "a\x85", "\ud800", *WITH_CREDENTIALS])
def test_a_client_s_text_that_shows_nothing_or_has_control_characters_is_refused_by_name(
    uow: UnitOfWork, text: str
) -> None:
    for value in (text, [text], {"state": "NO_DATA", "statedAs": text}):
        path = {str: "title/en", list: "leadInstitutions/en", dict: "ratings/COMPLETION/RESULTS"}[type(value)]
        if value == {"state": "NO_DATA", "statedAs": ""}:
            continue  # there is no such text
        with pytest.raises(Invalid) as refused:
            send(uow, path, value)
        assert refused.value.path in (path, "statedAs")
        assert "pw" not in refused.value.message


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_refused_or_stored_normalized_and_without_control_characters(text: str) -> None:
    units: list[UnitOfWork] = []
    InMemoryLog().when(units.append)
    with contextlib.suppress(Invalid):
        send(units[0], "title/en", text)
    publish(
        units[0], {"title/en": clean_published_text(text), "policyAreasUnrecognised/en": (clean_published_text(text),)}
    )
    for _, stored in units[0].texts.values():
        assert unicodedata.normalize("NFC", stored) == stored
        assert not [each for each in stored if unicodedata.category(each) in ("Cc", "Cs") and each not in "\n\t"]
        assert stored.strip()


@given(st.from_regex(PARTIAL_DATE) | st.text())
def test_any_date_is_a_period_of_the_calendar_or_refused(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert validate_partial_date(text, "startsOn") == text
        begin, _ = period_bounds(text)
        assert 1990 <= date.fromisoformat(begin).year <= 2100
        if len(text) == len("2019-03-15"):
            assert date.fromisoformat(text).isoformat() == text


def test_a_client_s_value_is_refused_at_its_path_unless_it_has_the_declared_type(uow: UnitOfWork) -> None:
    assert send(uow, "policyAreas", ["open data"]) == (PolicyArea("Open Data"),)
    for path, value, message in (
        ("title/en", 5, "is a text"),
        ("title/en", "  ", "is empty"),
        ("leadInstitutions/en", "Treasury", "is a list of texts"),
        ("ratings/COMPLETION/RESULTS", "BAD", "Invalid enum value 'BAD'"),
        ("policyAreas", ["Opn Data"], "did you mean Open Data"),
    ):
        with pytest.raises(Invalid, match=message) as refusal:
            send(uow, path, value)
        assert refusal.value.path == path
