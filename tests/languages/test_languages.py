from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

import ogpgraph.languages
from ogpgraph.domain.event import Origin
from ogpgraph.importer.pages.labels import LabelSet, shipped_labels
from ogpgraph.importer.pages.page import read_page
from ogpgraph.importer.pages.values import parse_plan_month
from ogpgraph.languages import Language, LanguageError, Languages, load_languages, shipped_languages
from ogpgraph.personal import PersonalDataDetector, find_personal_data
from tests.importer.pages.page_assertions import LIMIT, PAGES, assert_evidence, extracted_value

SHIPPED = Path(ogpgraph.languages.__file__).parent
GERMAN = Path(__file__).parent / "de.toml"
GERMAN_PAGE = Path(__file__).parent / "verzeichnis_de.txt"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files of the shipped languages and of German."""
    for file in (*SHIPPED.glob("*.toml"), GERMAN):
        shutil.copy(file, tmp_path)
    return tmp_path


@pytest.fixture
def languages(folder: Path) -> Languages:
    return load_languages(folder)


def test_the_shipped_languages_are_in_the_declared_order() -> None:
    assert shipped_languages().codes == ("en", "es", "fr", "pt")
    assert shipped_languages().codes == tuple(file.stem for file in sorted(SHIPPED.glob("*.toml")))


def test_a_language_is_added_by_adding_a_file(languages: Languages) -> None:
    assert languages.codes == ("en", "es", "fr", "de", "pt")


def test_a_page_in_an_added_language_is_read(languages: Languages) -> None:
    page = read_page(GERMAN_PAGE.read_bytes(), limit_bytes=LIMIT, label_set=LabelSet(languages))
    assert (page.language, page.code, page.translation_kind, page.layout) == ("de", "RU0077", "MACHINE", "L3")
    assert_evidence(page)
    assert page.country
    assert page.country.value == "Ruritanien"
    expected = {
        (Origin.HEADER, "title/de"): "Verzeichnis der Brunnen",
        (Origin.HEADER, "status"): "ACTIVE",
        (Origin.HEADER, "leadInstitutions/de"): ("Ministerium für Wasser",),
        (Origin.HEADER, "supportingInstitutions/de"): (),
        (Origin.HEADER, "policyAreas"): ("Open Data", "Health"),
        (Origin.HEADER, "policyAreasUnrecognised/de"): ("Brunnenkunde",),
        (Origin.HEADER, "ratings/VERIFIABLE/DESIGN"): "YES",
        (Origin.HEADER, "ratings/COMPLETION/RESULTS"): "PENDING",
        (Origin.PLAN, "number"): "7",
        (Origin.PLAN, "milestones/7.1/title/de"): "Brunnen zählen",
        (Origin.PLAN, "startsOn"): "2019-01-01",
        (Origin.PLAN, "endsOn"): "2019-S2",
        (Origin.DESCRIPTION, "milestones/7.1/endsOn"): "2019-03",
        (Origin.NARRATIVE, "ratings/VERIFIABLE/DESIGN"): "YES",
    }
    assert {(origin, path): extracted_value(page, origin, path) for origin, path in expected} == expected
    assert page.siblings
    assert [(each.code, sorted(each.facts)) for each in page.siblings.entries] == [
        ("RU0077", ["policyAreas", "title/de"]),
        ("RU0078", ["policyAreas", "ratings/STARRED/RESULTS", "title/de"]),
    ]
    assert {remark.kind for remark in page.remarks} == {"unknown-policy-area"}


def test_personal_data_in_an_added_language_is_found(languages: Languages) -> None:
    text = GERMAN_PAGE.read_text("utf-8") + "erika (ät) amt (punkt) example, Rufnummer 912 345 678 oder 699 123 456"
    names = ["Erika Musterfrau", "Max Mustermann", "erika (ät) amt (punkt) example", "912 345 678", "699 123 456"]
    assert [text[mark.start : mark.end] for mark in PersonalDataDetector(languages).find(text)] == names
    assert find_personal_data(text) == ()


def test_english_stays_the_default_whatever_is_added(languages: Languages) -> None:
    assert LabelSet(languages).default.language == "en"
    assert LabelSet(languages).get("xx").language == "en"


def test_pages_in_the_other_languages_are_read_as_before(languages: Languages) -> None:
    label_set = LabelSet(languages)
    for file in PAGES.iterdir():
        page = read_page(file.read_bytes(), limit_bytes=LIMIT, label_set=label_set)
        assert page == read_page(file.read_bytes(), limit_bytes=LIMIT)


@pytest.mark.parametrize(
    ("orders", "language"),
    [({"en": 1, "es": 2, "fr": 3, "de": 4, "pt": 5}, "en"), ({"en": 5, "es": 3, "fr": 2, "de": 1, "pt": 4}, "de")],
)
def test_of_languages_that_fit_equally_the_first_in_the_declared_order_is_chosen(
    languages: Languages, orders: dict[str, int], language: str
) -> None:
    # Every language lists the same labels, so that all fit equally well.
    labels = {"header": next(iter(languages)).tables["pages"]["header"]}
    same = Languages(
        Language(each.code, orders[each.code], partial(dict, pages=each.tables["pages"] | labels)) for each in languages
    )
    page = (PAGES / "budget_en.txt").read_bytes()
    assert read_page(page, limit_bytes=LIMIT, label_set=LabelSet(same)).language == language


def test_the_month_of_a_plan_is_read_in_the_language_of_its_title(languages: Languages) -> None:
    assert parse_plan_month("Aktionsplan 2018-2020 (Dezember)", LabelSet(languages).get("de")) == 12
    assert parse_plan_month("Aktionsplan 2018-2020 (Dezember)", shipped_labels().get("de")) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("order = 4", "order = 2", "two languages have the order 2"),
        ('language = "de"', 'language = "fr"', "two languages have the code fr"),
        ("order = 4", "", "de.toml does not declare"),
        ("[personal_data]", "[other]", r"the language de has no table \[personal_data\]"),
    ],
)
def test_a_language_file_that_contradicts_the_others_is_refused(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "de.toml").write_text(GERMAN.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(LanguageError, match=message):
        PersonalDataDetector(load_languages(folder))


def test_an_unknown_table_of_a_language_file_is_refused(folder: Path) -> None:
    (folder / "de.toml").write_text(GERMAN.read_text("utf-8").replace("no_plan", "no_plans"), "utf-8")
    with pytest.raises(ValueError, match="no_plans"):
        LabelSet(load_languages(folder))
