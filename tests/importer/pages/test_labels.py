from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from ogpgraph.domain.vocabulary import POLICY_AREAS, VALUES_OF, Indicator, RatingState, RatingValue
from ogpgraph.importer.pages.labels import HEADINGS, Labels, guess_label, match_label, shipped_labels, split_at_labels
from ogpgraph.importer.pages.text import Line, fold, fold_with_positions, normalize_policy_area
from ogpgraph.importer.pages.values import parse_policy_areas, parse_rating, parse_report_names
from ogpgraph.languages import shipped_languages

EN, ES, FR = shipped_labels()


def field_of(text: str, language: str = "en") -> str | None:
    match = match_label(text, shipped_labels().get(language))
    return match.field if match else None


def test_the_languages_are_the_files() -> None:
    assert shipped_languages().codes == ("en", "es", "fr")


@pytest.mark.parametrize("one", ["d'appui", "d’appui", "D`APPUI", "d´appui"])
def test_words_compare_blind_to_case_accents_and_apostrophes(one: str) -> None:
    assert fold(one) == "d'appui"
    assert fold("  Mise\u00a0en  ŒUVRE ") == "mise en oeuvre"
    assert fold("2014–2016") == fold("2014-2016")


def test_damage_of_scanning_is_read_as_the_ligature_that_was_lost() -> None:
    assert fold("modiᴀ밄có") == "modifico"
    assert EN.normalize("Veriᴀ밄able:") == "verifiable"


def test_a_fold_knows_where_its_characters_stand() -> None:
    text = "a\u00a0 Œuvre é́ modiᴀ밄có"
    plain = fold_with_positions(text)
    start = plain.text.index("modifico")
    assert text[slice(*plain.span(start, start + 8))] == "modiᴀ밄có"
    start = plain.text.index("oeuvre")
    assert text[slice(*plain.span(start, start + 6))] == "Œuvre"
    assert text[slice(*plain.span(0, len(plain.text)))] == text


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
def test_labels_are_found_in_all_their_spellings(language: str, line: str, field: str | None) -> None:
    assert field_of(line, language) == field


def test_a_slight_rewording_is_guessed_and_says_so() -> None:
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
def test_glued_headings_come_apart_and_prose_stays_whole(line: str, pieces: list[str]) -> None:
    assert [piece.text for piece in split_at_labels(Line(line, 0, 1), EN, "header")] == pieces


@pytest.mark.parametrize("labels", [EN, ES, FR], ids=shipped_languages().codes)
def test_every_language_has_every_table_and_only_known_areas(labels: Labels) -> None:
    assert labels.own.header.keys() >= HEADINGS
    assert labels.own.header.keys() == EN.own.header.keys()
    assert labels.own.sections.keys() == EN.own.sections.keys()
    assert labels.own.policy_areas.keys() <= set(POLICY_AREAS)
    assert len(labels.own.dates.months) == 12
    needed = {value for values in VALUES_OF.values() for value in values}
    assert needed <= labels.own.values.keys()


def test_no_word_means_two_things_in_one_table() -> None:
    for files in combinations([EN.own, ES.own, FR.own], 2):
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
        for labels in (EN, ES, FR)
        for area, words in labels.own.policy_areas.items()
        for word in words
    }
    areas |= {(normalize_policy_area(area), area) for area in POLICY_AREAS}
    assert len(areas) == len({key for key, _ in areas})


def test_each_policy_area_is_its_own_spelling() -> None:
    assert len({normalize_policy_area(area) for area in POLICY_AREAS}) == len(POLICY_AREAS)
    for area in POLICY_AREAS:
        for labels in (EN, ES, FR):
            assert parse_policy_areas(area, labels) == ((area,), ())


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
def test_policy_areas_are_a_closed_list_of_many_spellings(
    words: str, known: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    assert parse_policy_areas(words, EN) == (known, unknown)


@pytest.mark.parametrize(
    ("indicator", "words", "meaning"),
    [
        ("STARRED", "Yes Starred", RatingValue.YES),
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
def test_rating_words_mean_what_their_indicator_can_mean(
    indicator: str, words: str, meaning: RatingState | RatingValue
) -> None:
    rating = parse_rating(Indicator(indicator), words, ES)
    assert (rating.value or rating.state) is meaning
    assert rating.stated_as == words
    assert (rating.value is not None) == (rating.state is RatingState.RATED)


def test_names_of_reports_keep_their_commas() -> None:
    assert parse_report_names("Kaduna State, Nigeria Design Report 2018-2020, X Action Plan Review 2021", EN) == (
        "Kaduna State, Nigeria Design Report 2018-2020",
        "X Action Plan Review 2021",
    )
    assert parse_report_names("Informe de diseño de Buenos Aires, Argentina 2018-2020", ES) == (
        "Informe de diseño de Buenos Aires, Argentina 2018-2020",
    )


def test_the_data_lies_beside_the_code() -> None:
    import ogpgraph.languages as languages

    assert (Path(languages.__file__).parent / "en.toml").exists()
