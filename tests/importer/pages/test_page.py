from __future__ import annotations

import html
import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import ReportedRating
from ogpgraph.importer.pages.extraction import PageReading, UnreadableInput
from ogpgraph.importer.pages.page import READER, read_page
from tests.importer.pages.page_assertions import (
    LIMIT,
    PAGES,
    assert_consistent,
    extracted_value,
    read_page_text,
    read_sample_page,
    source_text,
)
from tests.importer.sample_pages import LIGHTHOUSE

HEADER, DESCRIPTION, PLAN, NARRATIVE = Origin.HEADER, Origin.DESCRIPTION, Origin.PLAN, Origin.NARRATIVE
NAMES = sorted(file.name for file in PAGES.iterdir())


def kinds(page: PageReading) -> set[str]:
    return {remark.kind for remark in page.remarks}


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_evidence_and_the_canonical_text_has_the_same_reading(name: str) -> None:
    assert_consistent(read_sample_page(name))


@pytest.mark.parametrize(
    ("name", "code", "language", "layout", "translation_kind"),
    [
        ("budget_en.txt", "RU0007", "en", "L1", "UNKNOWN"),
        ("compact_en.txt", "RU0011", "en", "L1c", "UNKNOWN"),
        ("lost_headings_en.txt", "RU0020", "en", "L1b", "UNKNOWN"),
        ("presupuesto_es.txt", "RU0007", "es", "L1", "MACHINE"),
        ("budget_fr.txt", "RU0007", "fr", "L3", "MACHINE"),
        ("local_en.txt", "RUST0001", "en", "L5", "UNKNOWN"),
        ("new_plan_en.txt", "RU0031", "en", "L4", "UNKNOWN"),
        ("page_en.html", "RU0032", "en", "L3", "UNKNOWN"),
    ],
)
def test_code_language_and_layout_are_recognized(
    name: str, code: str, language: str, layout: str, translation_kind: str
) -> None:
    page = read_sample_page(name)
    assert (page.code, page.language, page.layout, page.translation_kind) == (code, language, layout, translation_kind)


def test_the_reader_has_a_version() -> None:
    assert READER.startswith("page-")


class TestHeader:
    page = read_sample_page("budget_en.txt")

    def test_fields_are_read(self) -> None:
        assert extracted_value(self.page, HEADER, "title/en") == "Open Budgets for Every Town"
        assert extracted_value(self.page, HEADER, "status") == "ACTIVE"
        assert extracted_value(self.page, HEADER, "leadInstitutions/en") == ("Ministry of Finance, Planning and Towns",)
        assert extracted_value(self.page, HEADER, "supportingInstitutions/en") == ("Union of Towns", "Court of Audit")
        assert extracted_value(self.page, HEADER, "irmReports/en") == ("Ruritania Design Report 2018-2020",)
        assert extracted_value(self.page, HEADER, "policyAreas") == (
            "Fiscal Openness",
            "Legislation & Regulation",
            "Publication of Budget/Fiscal Information",
        )
        assert self.page.country
        assert self.page.country.value == "Ruritania"
        assert self.page.plan_title
        assert self.page.plan_title.value == "Ruritania Action Plan 2018-2020"
        assert self.page.cycle
        assert self.page.cycle.value == 2018

    def test_rated_pending_and_empty_are_distinguished(self) -> None:
        assert extracted_value(self.page, HEADER, "ratings/VERIFIABLE/DESIGN") == "YES"
        assert extracted_value(self.page, HEADER, "ratings/COMPLETION/RESULTS") == "PENDING"
        assert extracted_value(self.page, HEADER, "ratings/POTENTIAL_IMPACT/DESIGN") is None

    def test_a_list_of_ogp_values_is_one_rating_for_each(self) -> None:
        assert extracted_value(self.page, HEADER, "ratings/RELEVANCE/DESIGN/ACCESS_TO_INFORMATION") == "YES"
        assert extracted_value(self.page, HEADER, "ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION") == "YES"
        assert extracted_value(self.page, HEADER, "ratings/RELEVANCE/DESIGN") is None

    def test_a_rating_is_attributed_to_no_report_because_a_page_does_not_say_which_states_it(self) -> None:
        ratings = [each.value for each in self.page.facts[HEADER].values() if isinstance(each.value, ReportedRating)]
        assert ratings
        assert {rating.irm_report for rating in ratings} == {None}

    def test_labels_in_prose_are_no_fields(self) -> None:
        page = read_sample_page("lost_headings_en.txt")
        assert extracted_value(page, HEADER, "status") == "INACTIVE"
        assert extracted_value(page, HEADER, "ratings/VERIFIABLE/DESIGN") == "NO"
        assert (
            extracted_value(page, DESCRIPTION, "description/en") == page.text[page.text.index("Bells ring") :].strip()
        )

    def test_not_relevant_before_any_review_is_remarked_as_the_default_of_the_site(self) -> None:
        page = read_sample_page("lost_headings_en.txt")
        assert extracted_value(page, HEADER, "ratings/RELEVANCE/DESIGN") == "NO"
        assert "site-default" in kinds(page)
        assert "site-default" not in kinds(self.page)

    def test_a_line_without_a_known_label_is_remarked(self) -> None:
        page = read_sample_page("new_plan_en.txt")
        assert [remark.text for remark in page.remarks if remark.kind == "unknown-line"] == [
            "Colour of the Cover: blue"
        ]
        assert not {"leadInstitutions/en", "supportingInstitutions/en", "status"} & page.facts[HEADER].keys()

    def test_an_email_address_is_remarked_and_not_quoted(self) -> None:
        (remark,) = (remark for remark in read_sample_page("new_plan_en.txt").remarks if remark.kind == "personal-data")
        assert "@" not in remark.text


class TestCompact:
    page = read_sample_page("compact_en.txt")

    def test_a_joined_heading_ends_the_value(self) -> None:
        assert extracted_value(self.page, HEADER, "status") == "INACTIVE"
        assert extracted_value(self.page, HEADER, "policyAreas") == ("Open Data", "Public Participation")
        assert extracted_value(self.page, PLAN, "commitmentText/en") == "Permits are given in a day."

    def test_a_repeated_value_on_the_next_line_counts_once(self) -> None:
        assert extracted_value(self.page, HEADER, "ratings/EARLY_RESULTS/RESULTS") == "MAJOR"
        assert extracted_value(self.page, HEADER, "ratings/STARRED/RESULTS") == "YES"

    def test_a_label_damaged_by_scanning_is_recognized(self) -> None:
        assert extracted_value(self.page, HEADER, "ratings/VERIFIABLE/DESIGN") == "YES"

    def test_values_without_a_separator_are_separated(self) -> None:
        assert extracted_value(self.page, HEADER, "ratings/RELEVANCE/DESIGN/TECHNOLOGY_AND_INNOVATION") == "YES"
        assert extracted_value(self.page, HEADER, "ratings/RELEVANCE/DESIGN/ACCESS_TO_INFORMATION") == "YES"

    def test_a_comma_within_the_name_of_a_report_does_not_divide_it(self) -> None:
        reports = extracted_value(self.page, HEADER, "irmReports/en")
        assert reports == ("Ruritania End-of-Term Report 2014-2016", "Strelsau, Ruritania Progress Report 2014-2015")

    def test_not_attached_is_no_plan_and_na_is_no_institution(self) -> None:
        assert self.page.plan_title is None
        assert extracted_value(self.page, HEADER, "supportingInstitutions/en") == ()

    def test_the_quoted_plan_and_the_irms_text_have_different_origins(self) -> None:
        assert extracted_value(self.page, PLAN, "number") == "11"
        assert extracted_value(self.page, PLAN, "milestones/11.1/title/en") == "Write down the rule"
        assert extracted_value(self.page, PLAN, "milestones/11.2/title/en") == "Put the rule\non every door"
        assert extracted_value(self.page, PLAN, "startsOn") is None
        assert extracted_value(self.page, PLAN, "endsOn") == "2016-06"
        assert extracted_value(self.page, PLAN, "leadInstitutions/en") == ("Guild of Permits",)
        assert (
            extracted_value(self.page, NARRATIVE, "narratives/END_OF_TERM/COMMITMENT_AIM/en")
            == "The aim is a permit in a day."
        )

    def test_status_lines_are_ratings_of_completion_at_their_stage(self) -> None:
        assert extracted_value(self.page, NARRATIVE, "ratings/COMPLETION/MIDTERM") == "LIMITED"
        assert extracted_value(self.page, NARRATIVE, "ratings/COMPLETION/END_OF_TERM") == "COMPLETE"
        assert (
            extracted_value(self.page, NARRATIVE, "narratives/END_OF_TERM/COMPLETION_NOTE/en")
            == "All doors have the rule."
        )

    def test_whether_government_opened_is_rated_for_each_value(self) -> None:
        path = "ratings/DID_IT_OPEN_GOVERNMENT/END_OF_TERM"
        assert extracted_value(self.page, NARRATIVE, f"{path}/ACCESS_TO_INFORMATION") == "MAJOR"
        assert extracted_value(self.page, NARRATIVE, f"{path}/CIVIC_PARTICIPATION") == "DID_NOT_CHANGE"


class TestNarrative:
    page = read_sample_page("budget_en.txt")

    def test_sections_have_their_headings_as_keys(self) -> None:
        sections = [path for path in self.page.facts[NARRATIVE] if path.startswith("narratives/")]
        assert sections == [
            "narratives/MIDTERM/TITLE/en",
            "narratives/MIDTERM/CONTEXT_AND_OBJECTIVES/en",
            "narratives/MIDTERM/VOICES_FROM_THE_MARKET/en",
            "narratives/MIDTERM/NEXT_STEPS/en",
            "narratives/MIDTERM/FOOTNOTES/en",
        ]
        assert [r.text for r in self.page.remarks if r.kind == "unknown-section"] == ["Voices from the market"]

    def test_ratings_are_read_from_prose_but_not_from_advice(self) -> None:
        assert extracted_value(self.page, NARRATIVE, "ratings/RELEVANCE/DESIGN/ACCESS_TO_INFORMATION") == "YES"
        assert extracted_value(self.page, NARRATIVE, "ratings/RELEVANCE/DESIGN") is None
        assert extracted_value(self.page, NARRATIVE, "ratings/VERIFIABLE/DESIGN") == "YES"
        assert extracted_value(self.page, NARRATIVE, "ratings/POTENTIAL_IMPACT/DESIGN") == "MODERATE"

    def test_milestones_have_the_dates_of_the_governments_road_map(self) -> None:
        dates = {path: value.value for path, value in self.page.facts[DESCRIPTION].items() if path.startswith("miles")}
        assert dates == {
            "milestones/7.1/startsOn": "2019-03",
            "milestones/7.1/endsOn": "2019-03",
            "milestones/7.2/startsOn": "2019-S2",
            "milestones/7.2/endsOn": "2019-S2",
            "milestones/7.3/startsOn": "2020",
            "milestones/7.3/endsOn": "2020/..",
        }
        assert source_text(self.page.text, self.page.facts[DESCRIPTION]["milestones/7.3/endsOn"]) == "2020 and beyond"

    def test_milestones_without_a_summary_are_read_from_the_governments_text(self) -> None:
        page = read_sample_page("lost_headings_en.txt")
        assert extracted_value(page, DESCRIPTION, "milestones/20.1/title/en") == "Oil the bells"
        assert extracted_value(page, DESCRIPTION, "milestones/20.1/endsOn") == "2012-06-30"
        assert extracted_value(page, DESCRIPTION, "milestones/20.2/endsOn") is None  # 5 June or 6 May
        assert extracted_value(page, DESCRIPTION, "milestones/2.5/title/en") is None

    @pytest.mark.parametrize(
        ("sentence", "path", "value"),
        [
            ("The researcher deems it not relevant to OGP values.", "RELEVANCE/DESIGN", "NO"),
            ("It is not clearly relevant to the OGP values.", "RELEVANCE/DESIGN", "NO"),
            ("It does not seem to be relevant to OGP values.", "RELEVANCE/DESIGN", None),
            ("It would be relevant to OGP values if people came.", "RELEVANCE/DESIGN", None),
            (
                "It is relevant to OGP values of civic participation, says all.",
                "RELEVANCE/DESIGN/CIVIC_PARTICIPATION",
                "YES",
            ),
            ("It is not specific enough to be verifiable.", "VERIFIABLE/DESIGN", "NO"),
            ("The milestones are verifiable.", "VERIFIABLE/DESIGN", "YES"),
            ("It has no potential impact.", "POTENTIAL_IMPACT/DESIGN", "NONE"),
            ("It does not have a transformative potential impact.", "POTENTIAL_IMPACT/DESIGN", None),
            ("The potential impact of this commitment is considered minor.", "POTENTIAL_IMPACT/DESIGN", "MINOR"),
        ],
    )
    def test_a_sentence_is_a_rating_only_where_it_states_one(self, sentence: str, path: str, value: str | None) -> None:
        text = (PAGES / "budget_en.txt").read_text("utf-8")
        start, end = text.index("The commitment is specific"), text.index("Voices from")
        page = read_page_text(f"{text[:start]}{sentence}\n\n{text[end:]}")
        assert extracted_value(page, NARRATIVE, f"ratings/{path}") == value

    def test_a_header_that_lags_behind_the_prose_is_remarked(self) -> None:
        text = (PAGES / "budget_en.txt").read_text("utf-8")
        lagging = text.replace("Access to Information , Civic Participation", "Pending IRM Review")
        page = read_page_text(
            lagging.replace("relevant to the OGP value of access to information", "relevant to OGP values")
        )
        assert "header-lags" in kinds(page)
        contrary = read_page_text(
            lagging.replace("Pending IRM Review\n\nPotential", "No\n\nPotential").replace("value of", "values,")
        )
        assert "contradiction" in kinds(contrary)


class TestUnusualSummaries:
    """Summaries with unlisted headings, appended to a page without any."""

    @staticmethod
    def page(*lines: str) -> PageReading:
        return read_page_text((PAGES / "new_plan_en.txt").read_text("utf-8") + "\n" + "\n\n".join(lines) + "\n")

    def test_an_unlisted_heading_is_recognized_by_its_words(self) -> None:
        page = self.page("IRM Interim Progress Summary", "3. Count the wells", "Commitment Aim:", "To know them.")
        assert extracted_value(page, NARRATIVE, "narratives/MIDTERM/COMMITMENT_AIM/en") == "To know them."
        assert extracted_value(page, PLAN, "number") == "3"
        prose = self.page("The IRM wrote a summary of results.")
        assert not prose.facts[NARRATIVE]

    def test_a_theme_above_the_title_is_remarked(self) -> None:
        page = self.page(
            "IRM Midterm Status Summary", "Theme II", "✪ 3: “Count” the wells", "Next steps", "Count more."
        )
        assert extracted_value(page, NARRATIVE, "narratives/MIDTERM/TITLE/en") == "✪ 3: “Count” the wells"
        assert extracted_value(page, PLAN, "number") == "3"
        assert "Theme II" in {remark.text for remark in page.remarks}

    def test_a_title_needs_no_number(self) -> None:
        page = self.page("IRM Midterm Status Summary", "Count the wells", "Commitment Text: We count.")
        assert extracted_value(page, NARRATIVE, "narratives/MIDTERM/TITLE/en") == "Count the wells"
        assert extracted_value(page, PLAN, "commitmentText/en") == "We count."
        assert extracted_value(page, PLAN, "number") is None
        assert "title-without-number" in kinds(page)

    def test_milestones_are_numbered_in_several_forms(self) -> None:
        page = self.page(
            "IRM Midterm Status Summary",
            "3. Count the wells",
            "Milestones [4]",
            "1. Count those in towns",
            "Milestone 2: Count the others",
            "3.3.1 Count again",
            "and be done",
            "Start Date and End Date: September 2018 - August 2020",
        )
        assert extracted_value(page, PLAN, "milestones/1/title/en") == "Count those in towns"
        assert extracted_value(page, PLAN, "milestones/2/title/en") == "Count the others"
        assert extracted_value(page, PLAN, "milestones/3.3.1/title/en") == "Count again"
        assert [remark.text for remark in page.remarks if remark.kind == "milestone-without-number"] == ["and be done"]
        assert (extracted_value(page, PLAN, "startsOn"), extracted_value(page, PLAN, "endsOn")) == (
            "2018-09",
            "2020-08",
        )

    def test_the_title_of_a_milestone_in_a_row_is_its_cell(self) -> None:
        page = self.page(
            "IRM Midterm Status Summary", "3. Wells", "Milestones", "3.1 Count them | Office | 2018 | 2019"
        )
        assert extracted_value(page, PLAN, "milestones/3.1/title/en") == "Count them"

    def test_an_unknown_line_below_a_milestone_is_no_part_of_its_title(self) -> None:
        page = self.page(
            "IRM Midterm Status Summary", "3. Wells", "Milestones", "3.1 Count them", "Printed in Strelsau"
        )
        text = page.text.replace("3.1 Count them\n\n", "3.1 Count them\n")
        assert extracted_value(read_page_text(text), PLAN, "milestones/3.1/title/en") == "Count them"
        assert "milestone-without-number" in kinds(page)

    def test_the_first_of_two_summaries_counts_and_the_second_is_remarked(self) -> None:
        page = self.page(
            "IRM Midterm Status Summary",
            "3. Count the wells",
            "Status: Limited",
            "IRM End of Term Status Summary",
            "4. Count the wells",
            "Status",
            "Complete",
        )
        assert extracted_value(page, PLAN, "number") == "3"
        assert "said-twice" in kinds(page)
        assert extracted_value(page, NARRATIVE, "ratings/COMPLETION/MIDTERM") == "LIMITED"
        assert extracted_value(page, NARRATIVE, "ratings/COMPLETION/END_OF_TERM") == "COMPLETE"

    def test_an_unknown_status_and_text_without_a_heading_are_stored_and_remarked(self) -> None:
        page = self.page(
            "IRM Midterm Status Summary", "3. Wells", "Midterm: Splendid", "Start Date: soon", "Loose words."
        )
        assert extracted_value(page, NARRATIVE, "narratives/MIDTERM/COMPLETION_NOTE/en") == "Splendid"
        assert extracted_value(page, NARRATIVE, "narratives/MIDTERM/UNTITLED/en") == "Loose words."
        assert {"unknown-rating", "odd-date", "text-without-heading"} <= kinds(page)

    def test_the_value_of_a_field_may_be_on_the_line_below_its_label_or_go_on_there(self) -> None:
        page = self.page(
            "IRM Midterm Status Summary",
            "3. Wells",
            "Responsible institution:",
            "Ministry of Wells",
            "Supporting institutions",
            "None",
            "Start Date:\nJuly 2018",
            "End Date: June\n2020",
            "Status",
            "End of term:",
            "Complete",
            "Midterm:",
            "Limited",
        )
        assert {path: found.value for path, found in page.facts[PLAN].items() if path != "number"} == {
            "leadInstitutions/en": ("Ministry of Wells",),
            "supportingInstitutions/en": (),
            "startsOn": "2018-07",
            "endsOn": "2020-06",
        }
        assert extracted_value(page, NARRATIVE, "ratings/COMPLETION/MIDTERM") == "LIMITED"
        assert extracted_value(page, NARRATIVE, "ratings/COMPLETION/END_OF_TERM") == "COMPLETE"
        assert kinds(page).isdisjoint({"odd-date", "text-without-heading", "institution-without-value"})

    def test_a_line_below_an_empty_field_that_is_no_such_value_is_text(self) -> None:
        page = self.page(
            "IRM Midterm Status Summary",
            "3. Wells",
            "Lead institution:",
            "The Ministry of Wells has led this with many others.",
            "Start Date:",
            "End Date: 2020",
            "Midterm:",
            "Nobody came.",
        )
        assert {*page.facts[PLAN]} == {"number", "endsOn"}
        assert extracted_value(page, NARRATIVE, "ratings/COMPLETION/MIDTERM") is None
        assert {"institution-without-value", "text-without-heading"} <= kinds(page)

    def test_the_governments_text_may_begin_with_the_number(self) -> None:
        text = (PAGES / "new_plan_en.txt").read_text("utf-8")
        page = read_page_text(text.replace("Which wells", "Commitment 4: Which wells"))
        assert extracted_value(page, DESCRIPTION, "number") == "4"


class TestOtherLanguages:
    def test_spanish(self) -> None:
        page = read_sample_page("presupuesto_es.txt")
        assert extracted_value(page, HEADER, "policyAreas") == ("Fiscal Openness", "Legislation & Regulation")
        assert extracted_value(page, HEADER, "policyAreasUnrecognised/es") == ("Faroles",)
        assert extracted_value(page, HEADER, "supportingInstitutions/es") == ()
        assert extracted_value(page, HEADER, "irmReports/es") == (
            "Informe de diseño de Strelsau, Ruritania 2018-2020",
            "Informe final de Ruritania 2020",
        )
        assert extracted_value(page, HEADER, "ratings/STARRED/RESULTS") == "YES"
        assert extracted_value(page, HEADER, "ratings/EARLY_RESULTS/RESULTS") == "MAJOR"
        assert extracted_value(page, HEADER, "ratings/COMPLETION/RESULTS") == "PENDING"
        assert extracted_value(page, PLAN, "number") == "7"
        assert extracted_value(page, PLAN, "endsOn") == "2020-S2"
        assert extracted_value(page, DESCRIPTION, "milestones/7.1/startsOn") == "2019-03"
        assert extracted_value(page, DESCRIPTION, "milestones/7.2/endsOn") == "2020/.."
        assert extracted_value(page, NARRATIVE, "ratings/RELEVANCE/DESIGN") == "NO"
        assert extracted_value(page, NARRATIVE, "ratings/POTENTIAL_IMPACT/DESIGN") == "MINOR"
        assert "unknown-policy-area" in kinds(page)

    def test_french(self) -> None:
        page = read_sample_page("budget_fr.txt")
        assert extracted_value(page, HEADER, "policyAreas") == ("Capacity Building", "E-Government")
        assert extracted_value(page, HEADER, "ratings/AMBITION/DESIGN") == "LOW"
        assert extracted_value(page, HEADER, "ratings/STARRED/RESULTS") == "NO"
        assert extracted_value(page, HEADER, "ratings/EARLY_RESULTS/RESULTS") == "MAJOR"
        assert extracted_value(page, HEADER, "ratings/RELEVANCE/DESIGN/PUBLIC_ACCOUNTABILITY") == "YES"
        assert extracted_value(page, HEADER, "status") is None
        assert extracted_value(page, DESCRIPTION, "milestones/7.1/startsOn") == "2019-06-01"
        assert extracted_value(page, DESCRIPTION, "milestones/7.2/endsOn") == "2020/.."


@pytest.mark.parametrize(
    ("other", "dates", "is_reported"),
    [
        ("15/02/2024", ("2024-01-01", "2024-06-01"), False),
        ("02/15/2024", ("2024-01-01", "2024-01-06"), False),
        ("3/4/2024", ("2024-01-01", "2024"), True),
    ],
)
def test_dates_of_a_table_are_read_in_the_order_that_the_page_shows_elsewhere(
    other: str, dates: tuple[str, str], *, is_reported: bool
) -> None:
    row = f"9.1. Count the wells | number | Office | 01/01/2024 | 01/06/2024\nPrinted on {other}\n"
    page = read_page_text((PAGES / "new_plan_en.txt").read_text("utf-8") + row)
    found = [extracted_value(page, DESCRIPTION, f"milestones/9.1/{path}") for path in ("startsOn", "endsOn")]
    assert tuple(found) == dates
    assert ("odd-date" in kinds(page)) is is_reported


COLUMN_NAMES = "No. | Milestone | End date | Office | Start date"
CELLS = (
    ("9.1", "Count the wells", "31/12/2024", "Office of Wells", "15/02/2024"),
    ("9.2", "Count again", "June 2025", "", "TBD"),
)
AS_MARKUP = "<tr>{}</tr>".format("".join(f"<th>{name}</th>" for name in COLUMN_NAMES.split(" | "))) + "".join(
    "<tr>{}</tr>".format("".join(f"<td>\n<div><p>{cell}</p></div>\n</td>" for cell in row)) for row in CELLS
)


@pytest.mark.parametrize(
    "table",
    [
        "\n".join([COLUMN_NAMES, *(" | ".join(row) for row in CELLS)]),
        "\n".join([f"| {COLUMN_NAMES} |", "|---|:--|--:|---|---|", *(f"| {' | '.join(row)} |" for row in CELLS)]),
        "\n".join([COLUMN_NAMES.replace(" | ", "\t"), *("\t".join(row) for row in CELLS)]),
        COLUMN_NAMES.replace("Start date", "Inicio").replace("End date", "Fecha límite")
        + "".join("\n" + " | ".join(row) for row in CELLS),
        f"<table>{AS_MARKUP}</table>",
    ],
)
def test_the_names_of_a_table_s_columns_say_which_cells_are_dates(table: str) -> None:
    text = (PAGES / "new_plan_en.txt").read_text("utf-8") + "\n"
    is_markup = table.startswith("<")
    page = read_page_text(
        "<body>" + "".join(f"<p>{line}</p>" for line in text.splitlines()) + table if is_markup else text + table
    )
    facts = page.facts[DESCRIPTION]
    assert {path: found.value for path, found in facts.items() if path.startswith("milestones")} == {
        "milestones/9.1/title/en": "Count the wells",
        "milestones/9.1/startsOn": "2024-02-15",
        "milestones/9.1/endsOn": "2024-12-31",
        "milestones/9.2/title/en": "Count again",
        "milestones/9.2/endsOn": "2025-06",
    }
    assert "odd-date" not in kinds(page)


def test_a_cell_that_should_be_a_date_and_is_none_is_remarked() -> None:
    table = "Milestone | Start | End\n9.1 Count the wells | when it rains | 2025\n9.2 Count again | TBD | 2026\n"
    page = read_page_text((PAGES / "new_plan_en.txt").read_text("utf-8") + table)
    assert [remark.text for remark in page.remarks if remark.kind == "odd-date"] == ["when it rains"]
    assert extracted_value(page, DESCRIPTION, "milestones/9.1/endsOn") == "2025"


def test_a_local_page_has_dates_ogp_values_and_each_institution_once() -> None:
    page = read_sample_page("local_en.txt")
    assert extracted_value(page, HEADER, "leadInstitutions/en") == ("Office of Lamps", "Office of Bridges")
    assert extracted_value(page, HEADER, "policyAreas") == ("Public Participation", "Infrastructure & Transport")
    assert (extracted_value(page, HEADER, "startsOn"), extracted_value(page, HEADER, "endsOn")) == (
        "2021-08",
        "2022-07",
    )
    assert extracted_value(page, HEADER, "irmReports/en") is None
    assert extracted_value(page, HEADER, "ratings/RELEVANCE/DESIGN") == "YES"
    assert extracted_value(page, HEADER, "ratings/RELEVANCE/DESIGN/TECHNOLOGY_AND_INNOVATION") == "YES"
    assert extracted_value(page, NARRATIVE, "narratives/DESIGN/INCEPTION_REPORT_SUMMARY/en")
    assert "field-without-place" in kinds(page)


def test_markup_has_the_reading_of_its_text() -> None:
    page = read_sample_page("page_en.html")
    assert "alert" not in page.text
    assert "What this means" not in page.text
    assert page.country
    assert page.country.value == "Ruritania"
    assert extracted_value(page, HEADER, "title/en") == "Open Wells"
    assert extracted_value(page, HEADER, "leadInstitutions/en") == ("Well & Pump Office",)
    assert extracted_value(page, HEADER, "supportingInstitutions/en") == ("Bucket Makers", "Rope Makers")
    assert extracted_value(page, DESCRIPTION, "milestones/32.1/title/en") == "Count the wells"
    assert extracted_value(page, DESCRIPTION, "milestones/32.1/endsOn") == "2022-06-30"
    assert page.siblings
    assert [entry.code for entry in page.siblings.entries] == ["RU0032", "RU0005"]


class TestSiblings:
    siblings = read_sample_page("budget_en.txt").siblings

    def test_each_entry_has_title_cycle_area_and_star(self) -> None:
        assert self.siblings
        values = [
            (
                entry.code,
                entry.cycle,
                {path: found.value for path, found in entry.facts.items() if "STARRED" not in path},
            )
            for entry in self.siblings.entries
        ]
        assert values == [
            ("RU0007", 2018, {"title/en": "Open Budgets for Every Town", "policyAreas": ("Fiscal Openness",)}),
            ("RU0002", 2015, {"title/en": "Bread Prices", "policyAreas": ("Open Data",)}),
            ("RU0003", 2015, {"title/en": "Night Watch Registers", "policyAreasUnrecognised/en": ("Lantern Policy",)}),
        ]
        starred = [entry.code for entry in self.siblings.entries if "ratings/STARRED/RESULTS" in entry.facts]
        assert starred == ["RU0002"]

    def test_a_line_above_the_first_entry_is_not_its_title_where_entries_are_numbered(self) -> None:
        text = (PAGES / "budget_en.txt").read_text("utf-8").replace("  1. Open Budgets for Every Town\n\n", "Stray\n\n")
        listed = read_page_text(text).siblings
        assert listed
        assert sorted(listed.entries[0].facts) == ["policyAreas"]

    def test_the_list_is_a_source_of_its_own(self) -> None:
        page = read_sample_page("budget_en.txt")
        assert page.siblings
        assert "Bread Prices" not in page.text
        assert "ban" not in page.text + page.siblings.text
        assert not page.text.rstrip().endswith("Commitments")


def without_blank_lines(text: str) -> str:
    return re.sub(r"\n\s*\n+", "\n", text)


def with_joined_headings(text: str) -> str:
    headings = (
        "Institutions|Policy Areas|IRM Review|Description|Instituciones|Áreas de política|Revisión de IRM|Detalles"
    )
    return re.sub(rf"\n({headings})\n", r"\1\n", without_blank_lines(text))


def with_values_below_labels(text: str) -> str:
    return re.sub(r"(?m)^((?:Status|Verifiable|Starred|Estado|Destacado|Verificable):) (.+)$", r"\1\n\2", text)


def as_html(text: str) -> str:
    return (
        "<html><body>" + "".join(f"<p>{html.escape(line.strip())}</p>" for line in text.split("\n")) + "</body></html>"
    )


def in_header(text: str, replacement: str) -> str:
    """Return a page in which the fields of the header are written in another way."""
    header, heading, body = re.split(r"(\n(?:Description|Detalles)\n)", text, maxsplit=1)
    return FIELD_LINE.sub(replacement, header) + heading + body


FIELD_LINE = re.compile(r"(?m)^((?:[^\W\d][\w()'’ -]{3,28})) ?: (\S.{0,200})$")


def with_fields_in_a_table(text: str) -> str:
    rows = in_header(text, r"<table><tr><th><b>\1</b></th><td><p>\2</p></td></tr></table>")
    lines = (line if line.startswith("<") else f"<p>{html.escape(line)}</p>" for line in rows.split("\n"))
    return f"<html><body>{''.join(lines)}</body></html>"


def with_fields_in_bars(text: str) -> str:
    return in_header(text, r"| \1: | \2 |")


def with_tabs_behind_labels(text: str) -> str:
    return in_header(text, "\\1\t\\2")


def comparable_reading(page: PageReading) -> dict[str, object]:
    """Return the values of a page without differences in white space."""
    found = {
        f"{origin}/{path}": extracted_value(page, origin, path)
        for origin, facts in page.facts.items()
        for path in facts
    }
    listed = [(one.code, one.cycle, sorted(one.facts)) for one in page.siblings.entries] if page.siblings else []
    texts = {path: " ".join(value.split()) if isinstance(value, str) else value for path, value in found.items()}
    return {**texts, "code": page.code, "listed": listed, "cycle": page.cycle.value if page.cycle else None}


@pytest.mark.parametrize(
    "change",
    [
        without_blank_lines,
        with_joined_headings,
        with_values_below_labels,
        as_html,
        with_fields_in_a_table,
        with_fields_in_bars,
        with_tabs_behind_labels,
    ],
)
@pytest.mark.parametrize("name", ["budget_en.txt", "presupuesto_es.txt"])
def test_a_page_in_another_layout_has_the_same_reading(name: str, change: Callable[[str], str]) -> None:
    text = (PAGES / name).read_text("utf-8")
    if change in (without_blank_lines, with_joined_headings):
        # An unlisted heading is recognized only by the blank lines around it.
        text = text.replace("Voices from the market\n\n", "")
    assert comparable_reading(read_page_text(change(text))) == comparable_reading(read_page_text(text))


HEADER_LINES = (PAGES / "budget_en.txt").read_text("utf-8").split("\n")
SPANISH_LINES = (PAGES / "presupuesto_es.txt").read_text("utf-8").split("\n")
UNUSUAL_LINES = st.sampled_from(
    ["", "i", "Status", "Commitments", "FR0001, 2018, Aid", "Milestones", "9.1 x", "A: b", "[1] x", "•", "ᴀ밄"]
)


@st.composite
def damaged_pages(draw: st.DrawFn) -> str:
    """Return a page with lines removed, repeated, swapped, joined and inserted."""
    lines = list(draw(st.sampled_from([HEADER_LINES, SPANISH_LINES])))
    for _ in range(draw(st.integers(1, 12))):
        at = draw(st.integers(0, len(lines) - 2))
        change = draw(st.sampled_from(["remove", "repeat", "swap", "join", "insert"]))
        if change == "remove":
            del lines[at]
        elif change == "repeat":
            lines.insert(at, lines[at])
        elif change == "swap":
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
        elif change == "join":
            lines[at : at + 2] = [lines[at] + lines[at + 1]]
        else:
            lines.insert(at, draw(UNUSUAL_LINES | st.text(max_size=30)))
    return "\n".join(lines)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged_pages())
def test_a_damaged_page_is_refused_or_read_with_correct_evidence(text: str) -> None:
    try:
        page = read_page(text.encode("utf-8", "replace"), limit_bytes=LIMIT)
    except UnreadableInput:
        return
    assert_consistent(page)


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for page in (data, data + b"\n" + (PAGES / "local_en.txt").read_bytes()):
        with suppress(UnreadableInput):
            assert read_page(page, limit_bytes=LIMIT).code


@pytest.mark.parametrize(
    "end", ["Status: Ac", "Institutions", "Policy Are", "Starred: Pending IRM Rev", "Completion: "]
)
def test_a_page_cut_off_in_its_header_is_refused(end: str) -> None:
    """A page cut off later than in its header cannot be distinguished from a short one."""
    page = SHORT_PAGE[: SHORT_PAGE.index(end) + len(end)].encode()
    with pytest.raises(UnreadableInput, match="cut off: it ends in the header"):
        read_page(page, limit_bytes=100_000)
    assert read_page(SHORT_PAGE.encode(), limit_bytes=100_000).code == "UY0123"


SHORT_PAGE = """Skip Navigation
Uruguay

Lamps for the coast (UY0123)

Overview

At-a-Glance

Action Plan: Uruguay Action Plan 2018-2020

Action Plan Cycle: 2018

Status: Active

Institutions

Lead Institution: The Harbour Office

Support Institution(s): NA

Policy Areas

Open Data

IRM Review

IRM Report: Pending IRM Review

Starred: Pending IRM Review

Early Results: Pending IRM Review

Design i

Verifiable: Pending IRM Review

Relevant to OGP Values: Pending IRM Review

Potential Impact:

Implementation i

Completion: Pending IRM Review

Description

The lamps along the coast are listed and the list is published.
"""


def test_a_page_without_a_description_can_be_reread_from_its_canonical_text() -> None:
    text = (PAGES / "budget_en.txt").read_text("utf-8")
    start, end = text.index("Every town prints"), text.index("Commitments\n\n  1.")
    assert_consistent(read_page_text(text[:start] + text[end:]))


def test_facts_have_the_origins_of_the_zones() -> None:
    page = read_page(LIGHTHOUSE.read_bytes(), limit_bytes=LIMIT)
    assert page.facts.keys() <= {Origin.HEADER, Origin.PLAN, Origin.DESCRIPTION, Origin.NARRATIVE}
