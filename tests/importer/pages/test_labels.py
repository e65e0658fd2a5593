from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from ogpgraph.domain.vocabulary import POLICY_AREAS, VALUES_OF
from ogpgraph.importer.pages.label_matching import HEADINGS, guess_label, match_label, split_at_labels
from ogpgraph.importer.pages.labels import Labels, shipped_labels
from ogpgraph.importer.pages.text import Line, normalize_policy_area
from ogpgraph.importer.pages.values import parse_policy_areas
from ogpgraph.languages import shipped_languages

EN, ES, FR = (shipped_labels().get(language) for language in ("en", "es", "fr"))


def field_of(text: str, language: str = "en") -> str | None:
    match = match_label(text, shipped_labels().get(language))
    return match.field if match else None


def test_there_are_labels_for_each_shipped_language() -> None:
    assert shipped_languages().codes == ("en", "es", "fr", "pt")


@pytest.mark.parametrize(
    ("language", "line", "field"),
    [
        ("en", "Support Institution(s): NA", "SUPPORT_INSTITUTIONS"),
        ("en", "ambition (see definition) : High", "AMBITION"),
        ("en", "Status:", "STATUS"),
        ("en", "STATUS", "STATUS"),
        ("en", "Design i", "DESIGN"),
        ("en", "Verifiable Yes", "VERIFIABLE"),
        ("en", "Verifiable by everybody", None),
        ("en", "Whatever: Yes", None),
        ("es", "Ambición (consulta: definición): Bajo", "AMBITION"),
        ("es", "Institución (es) de apoyo: NA", "SUPPORT_INSTITUTIONS"),
        ("es", "Plan de ACCION: x", "ACTION_PLAN"),
        ("fr", "Institution (s) de soutien : NA", "SUPPORT_INSTITUTIONS"),
        ("fr", "D’UN COUP D'ŒIL", "AT_A_GLANCE"),
        ("fr", "Starred: Pending", "STARRED"),
    ],
)
def test_labels_are_recognized_in_all_spellings(language: str, line: str, field: str | None) -> None:
    assert field_of(line, language) == field


def test_a_similar_label_is_guessed_and_marked_as_such() -> None:
    match = guess_label("Relevant to the OGP Values: Yes", EN)
    assert match
    assert (match.field, match.guessed) == ("RELEVANCE", True)
    assert guess_label("Relation of the values: Yes", EN) is None


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        ("Public ParticipationIRM Review", ["Public Participation", "IRM Review"]),
        ("OverviewAt-a-GlanceAction Plan: A", ["Overview", "At-a-Glance", "Action Plan: A"]),
        ("Design iVerifiable: YesPotential Impact:", ["Design i", "Verifiable: Yes", "Potential Impact:"]),
        ("DescriptionThe clerk writes.", ["Description", "The clerk writes."]),
        ("Pending IRM Review", ["Pending IRM Review"]),
        ("Ministry of Institutions", ["Ministry of Institutions"]),
        ("Pre-Design Description of it", ["Pre-Design Description of it"]),
    ],
)
def test_lines_are_split_at_joined_headings_but_not_in_prose(line: str, pieces: list[str]) -> None:
    assert [piece.text for piece in split_at_labels(Line(line, 0, 1), EN, "header")] == pieces


@pytest.mark.parametrize("labels", [*shipped_labels()], ids=shipped_languages().codes)
def test_every_language_has_every_table_and_only_known_policy_areas(labels: Labels) -> None:
    assert labels.own.header.keys() >= HEADINGS
    assert labels.own.header.keys() == EN.own.header.keys()
    assert labels.own.sections.keys() == EN.own.sections.keys()
    assert labels.own.policy_areas.keys() <= set(POLICY_AREAS)
    assert len(labels.own.dates.months) == 12
    needed = {value for values in VALUES_OF.values() for value in values}
    assert needed <= labels.own.values.keys()


def test_no_word_has_two_meanings_in_one_table() -> None:
    for files in combinations([labels.own for labels in shipped_labels()], 2):
        for table in ("header", "sections", "stages"):
            one, other = (
                {EN.normalize(word): name for name, group in getattr(file, table).items() for word in group}
                for file in files
            )
            assert {key: one[key] for key in one.keys() & other.keys()} == {
                key: other[key] for key in one.keys() & other.keys()
            }
    areas = {
        (normalize_policy_area(word), area)
        for labels in shipped_labels()
        for area, words in labels.own.policy_areas.items()
        for word in words
    }
    areas |= {(normalize_policy_area(area), area) for area in POLICY_AREAS}
    assert len(areas) == len({key for key, _ in areas})


def test_the_canonical_name_of_a_policy_area_is_one_of_its_spellings() -> None:
    assert len({normalize_policy_area(area) for area in POLICY_AREAS}) == len(POLICY_AREAS)
    for area in POLICY_AREAS:
        for labels in shipped_labels():
            assert parse_policy_areas(area, labels) == ((area,), ())


def test_the_language_files_are_part_of_the_package() -> None:
    import ogpgraph.languages as languages

    assert (Path(languages.__file__).parent / "en.toml").exists()
