"""A page that was read with doubt takes nothing away from the record, and invents and renames nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ogpgraph.importer.pages.extraction import UnreadableInput
from ogpgraph.importer.report import Report
from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.importer.sample_pages import FERRIES, Page, Sibling, import_sample_page, with_spanish_labels

PAGE = FERRIES.with_changes(completion="Limited", prose="Not verifiable.")
QUERY = """{ commitment(code: "UY0901") { title status leadInstitutions policyAreas description startsOn
             member { name } actionPlan { title cycle } narratives { section }
             ratings { indicator state value } } }"""


def state(system: System) -> Any:
    return execute_query(system, QUERY)["commitment"]


def import_changed(system: System, change: Callable[[str], str], at: int = 2) -> Report:
    return import_sample_page(system, change(PAGE.text).encode(), at)


def kinds(report: Report) -> set[str]:
    return {each.kind for each in report.remarks}


def without(*labels: str) -> Callable[[str], str]:
    return lambda text: "\n".join(line for line in text.split("\n") if not line.startswith(labels))


LINES = "Colour of the cover: blue\nxyzzy\nSome unknown line of the site\nTotal: 5\nPrinted in Strelsau\n\n"


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("Institutions\n", LINES + "Institutions\n", "unknown-line"),
        ("IRM Review", LINES * 3 + "IRM Review", "unknown-line"),
        ("Verifiable: Yes", "Verifiable: Ye", "unknown-rating"),
        ("Completion: Limited", "Completion: Limi", "unknown-rating"),
        ("\n\nOpen Data", "\n\nOpen Da", "value-doubtful"),
        ("Policy Areas\n\n", "", "header-incomplete"),
        ("Plan 2018-2020", "Plan 201", "value-doubtful"),
        ("Uruguay Action Plan 2018-2020", "xyzzy", "odd-plan-title"),
        ("Uruguay\n", "Overview of everything\n", "unknown-name"),
        ("Ministry of Ferries", "Ministry of Fer", "cut-off"),
        ("of all ferries.", "of al", "cut-off"),
    ],
)
def test_a_damaged_page_leaves_the_record_as_it_is_and_the_report_names_what_was_not_read(
    system: System, old: str, new: str, kind: str
) -> None:
    import_sample_page(system, PAGE)
    before = state(system)
    report = import_changed(system, lambda text: text.replace(old, new, 1))
    assert kind in kinds(report)
    assert state(system) == before


def test_a_layout_without_a_field_says_nothing_of_it(system: System) -> None:
    import_sample_page(system, PAGE)
    before = state(system)
    assert "withdrawn" not in kinds(import_changed(system, without("Status", "Lead", "Completion", "Verifiable")))
    assert state(system) == before


def test_an_empty_field_withdraws_what_was_stated_and_the_report_says_so(system: System) -> None:
    import_sample_page(system, PAGE)
    report = import_changed(system, lambda text: re.sub("Lead Institution: .*", "Lead Institution:", text))
    remarks = [each.text for each in report.remarks if each.kind == "withdrawn"]
    assert remarks == ["leadInstitutions/en: it is not stated any more"]
    assert state(system)["leadInstitutions"] == []


def test_an_empty_status_is_an_icon_and_says_nothing(system: System) -> None:
    import_sample_page(system, PAGE)
    before = state(system)
    assert "withdrawn" not in kinds(import_sample_page(system, PAGE.with_changes(status=None), 2))
    assert state(system) == before


def test_a_header_that_ends_nowhere_leaves_the_description_as_it_was(system: System) -> None:
    import_sample_page(system, PAGE)
    before = state(system)
    report = import_changed(system, lambda text: text.replace("Policy Areas\n\n", "").replace("\nDescription\n", "\n"))
    assert {"header-incomplete", "text-doubtful"} <= kinds(report)
    assert state(system) == before


def test_an_empty_field_withdraws_that_a_review_is_pending_and_no_finding(system: System) -> None:
    import_sample_page(system, PAGE)
    import_sample_page(system, PAGE.with_changes(completion=None), 2)
    assert {"indicator": "COMPLETION", "state": "RATED", "value": "LIMITED"} in state(system)["ratings"]
    import_sample_page(system, PAGE.with_changes(completion="Pending IRM Review"), 3)
    import_sample_page(system, PAGE.with_changes(completion=None), 4)
    assert [each["indicator"] for each in state(system)["ratings"]] == ["VERIFIABLE"]


def test_a_shorter_list_is_reported(system: System) -> None:
    two = PAGE.text.replace("Policy Areas\n\nOpen Data", "Policy Areas\n\nOpen Data, Health")
    import_sample_page(system, two.encode())
    report = import_sample_page(system, PAGE, 2)
    assert state(system)["policyAreas"] == ["Open Data"]
    assert "shortened" in kinds(report)


@pytest.mark.parametrize(
    "title", ["Ferry Tables\nof all Harbours", "Ferry Tables and\nHarbours", "Ferry and\nTables for\nEverybody"]
)
def test_a_title_on_several_lines_is_one_title_and_renames_no_member(system: System, title: str) -> None:
    import_sample_page(system, PAGE.with_changes(title=title))
    assert state(system)["title"] == title.replace("\n", " ")
    assert state(system)["member"] == {"name": "Uruguay"}


def test_an_unknown_line_above_the_title_renames_neither_member_nor_commitment(system: System) -> None:
    import_sample_page(system, PAGE)
    before = state(system)
    report = import_changed(system, lambda text: text.replace("Ferry Tables (", "Printed in Strelsau\nFerry Tables ("))
    assert {"title-doubtful", "unknown-line"} <= kinds(report)
    assert state(system) == before


def test_a_translated_name_of_the_member_is_known_from_the_language_file(system: System) -> None:
    page = Page(code="FR0901", country="Francia", plan="Plan de acción de Francia 2018-2020")
    import_sample_page(system, with_spanish_labels(page))
    names = execute_query(system, '{ member(code: "FR") { name es: name(language: "es") } }')["member"]
    assert names == {"name": "France", "es": "Francia"}
    assert "unknown-name" in kinds(
        import_sample_page(system, with_spanish_labels(page.with_changes(country="Galia")), 2)
    )
    assert execute_query(system, '{ member(code: "FR") { es: name(language: "es") } }')["member"] == {"es": "Francia"}


def test_a_plan_keeps_its_name_where_a_page_has_only_the_beginning_of_it(system: System) -> None:
    import_sample_page(system, PAGE)
    other = PAGE.with_changes(code="UY0902", title="Maps", plan="Uruguay Action Plan")
    assert "cut-off" in kinds(import_sample_page(system, other, 2))
    assert state(system)["actionPlan"] == {"title": "Uruguay Action Plan 2018-2020", "cycle": 2018}


def test_a_page_that_lost_its_cycle_stays_in_its_plan(system: System) -> None:
    page = PAGE.with_changes(plan="Uruguay Action Plan 2019-2020")
    import_sample_page(system, page)
    report = import_sample_page(system, page.text.replace("Action Plan Cycle: 2018\n\n", "").encode(), 2)
    assert "plan-unknown" in kinds(report)
    assert execute_query(system, "{ actionPlans { nodes { cycle } } }")["actionPlans"]["nodes"] == [{"cycle": 2018}]


LISTED = (Sibling("UY0901", "Ferry Tables"), Sibling("UY0902", "Maps"), Sibling("UY0903", "Fords"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  3. Fords\n\n    UY0903, 2018, Open Data\n", ""),
        ("    UY0902, 2018, Open Data\n", ""),
        ("  2. Maps", "xyzzy"),
        ("  2. Maps", "xyzzy\n\n  2. Ma"),
        ("UY0902, 2018, Open Data", "UY0902, 2018, Open D"),
    ],
)
def test_a_damaged_list_takes_nothing_away_and_renames_nothing(system: System, old: str, new: str) -> None:
    page = Page(siblings=LISTED)
    query = "{ commitments { nodes { code title cycle policyAreas } } }"
    import_sample_page(system, page)
    before = execute_query(system, query)
    import_sample_page(system, page.text.replace(old, new).encode(), 2)
    assert execute_query(system, query) == before


def test_a_code_with_a_longer_prefix_is_that_of_a_local_member(system: System) -> None:
    page = Page(code="UYMVD0001", country="Montevideo, Uruguay", plan="Action plan – Montevideo, Uruguay, 2021 – 2023")
    assert import_sample_page(system, page).code == "UYMVD0001"
    member = execute_query(system, '{ commitment(code: "UYMVD0001") { member { code type } } }')["commitment"]["member"]
    assert member == {"code": "UYMVD", "type": "LOCAL"}


def test_a_code_of_no_member_is_refused_with_that_reason(system: System) -> None:
    with pytest.raises(UnreadableInput, match="ZZABCDEF0001 is not the code of a commitment of any known member"):
        import_sample_page(system, Page(code="ZZABCDEF0001"))
