"""Tests of the translation of inputs into stored values, which clients, pages and spreadsheets share."""

import unicodedata
from typing import Any

import pytest

from ogpgraph.application.translation import to_stored_facts, to_stored_value, translate_sent_value
from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import PlainValue, Rating, ReportedRating, TextListValue, TextValue, TranslationKind, Value
from ogpgraph.domain.vocabulary import CoCreationValue, PolicyArea, RatingState, RatingValue
from tests.application.in_memory_log import InMemoryLog

DECOMPOSED = unicodedata.normalize("NFD", "Été")


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
    assert to_stored_facts(uow, COMMITMENT, values) == {
        "title/en": TextValue(uow.text_ref("Budget"), TranslationKind.UNKNOWN),
        "leadInstitutions/en": TextListValue((uow.text_ref("Treasury"), uow.text_ref("Court of Audit"))),
        "policyAreas": ("Open Data",),
        "cycle": 2020,
        "ratings/COMPLETION/RESULTS": Rating(RatingState.RATED, RatingValue.COMPLETE, uow.text_ref("Complete")),
    }
    assert type(to_stored_value(uow, CoCreationValue, CoCreationValue.OPEN)) is str


def test_a_path_without_a_field_is_invalid(uow: UnitOfWork) -> None:
    with pytest.raises(Invalid, match="colour"):
        to_stored_facts(uow, PLAN, {"colour": "blue"})


def test_a_value_that_does_not_fit_its_type_is_refused_when_the_event_is_appended(uow: UnitOfWork) -> None:
    for path, value in (("cycle", "soon"), ("leadInstitutions/en", "Treasury"), ("title/en", ["Budget"])):
        with pytest.raises(Invalid, match=path):
            uow.append("commitment-1", "CommitmentRegistered", to_stored_facts(uow, COMMITMENT, {path: value}))


def test_a_source_s_text_is_stored_as_the_evidence_has_it_and_a_client_s_text_is_normalized(uow: UnitOfWork) -> None:
    (stored,) = to_stored_facts(uow, COMMITMENT, {"title/fr": DECOMPOSED}).values()
    assert stored == TextValue(uow.text_ref(DECOMPOSED))
    assert send(uow, "title/fr", DECOMPOSED) == uow.text_value("Été")


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
