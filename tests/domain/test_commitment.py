"""Commitments: languages, and the events that state new facts."""

import pytest

from ogpgraph.domain.action_plan import languages_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.commitment import decide_events
from ogpgraph.domain.commitment_fields import is_listed_only
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.values import TextListValue, TranslationKind, is_translated
from tests.domain.events import HEADER, NARRATIVE, SIBLING_LIST, build_aggregate, text_value


def test_the_languages_of_a_commitment_are_those_of_its_title_and_description() -> None:
    facts = {"title/fr": text_value("a"), "description/es": text_value("b"), "leadInstitutions/de": TextListValue(())}
    assert languages_of(build_aggregate((facts, {}))) == {"fr", "es"}


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("title/fr", "fr"),
        ("milestones/1.1/updates/2026-01-02T03:04:05Z/kab", "kab"),
        ("narratives/DESIGN/SUMMARY/en", "en"),
        ("status", None),
        ("ratings/COMPLETION/DESIGN", None),
    ],
)
def test_the_path_of_a_text_ends_with_its_language(path: str, language: str | None) -> None:
    assert COMMITMENT.language_of(path) == language


def test_an_undeclared_path_is_refused() -> None:
    with pytest.raises(Invalid):
        COMMITMENT.language_of("budget/en")


@pytest.mark.parametrize(
    ("made", "translated"),
    [
        (TranslationKind.HUMAN, True),
        (TranslationKind.MACHINE, True),
        (TranslationKind.ORIGINAL, False),
        (TranslationKind.UNKNOWN, False),
    ],
)
def test_texts_translated_by_people_or_machines_are_translations(made: TranslationKind, translated: bool) -> None:
    assert is_translated(text_value("a", made)) is translated
    assert is_translated(TextListValue((), made)) is translated
    assert not is_translated("ACTIVE")
    assert not is_translated(None)


def test_a_commitment_is_listed_only_until_another_source_states_something() -> None:
    listed = ({"title/en": text_value("a")}, {"origin": SIBLING_LIST, "source": "list"})
    assert is_listed_only(build_aggregate(listed))
    assert not is_listed_only(
        build_aggregate(listed, ({"title/en": text_value("b")}, {"origin": HEADER, "source": "page"}))
    )
    prose = ({"narratives/DESIGN/SUMMARY/en": text_value("b")}, {"origin": NARRATIVE, "source": "page"})
    assert not is_listed_only(build_aggregate(listed, prose))


def test_the_first_event_of_a_commitment_registers_it() -> None:
    facts: Facts = {
        "code": "FR0001",
        "milestones/1/title/en": text_value("a"),
        "title/fr": text_value("b", TranslationKind.HUMAN),
    }
    events = decide_events(Aggregate("commitment-1"), facts)
    assert [(change.name, list(change.facts)) for change in events] == [
        ("CommitmentRegistered", ["code", "title/fr"]),
        ("MilestoneAdded", ["milestones/1/title/en"]),
    ]


def test_a_rating_without_a_value_is_withdrawn() -> None:
    known = build_aggregate(({"code": "FR0001"}, {}))
    (change,) = decide_events(known, {"ratings/COMPLETION/DESIGN": None})
    assert change.name == "RatingWithdrawn"
