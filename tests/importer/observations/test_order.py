"""Observations of pages, lists and files give the same history in whatever order they are imported: worked examples."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from ogpgraph.domain.aggregate import Claim
from ogpgraph.domain.lineage import recode_commitment
from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.importer.observations.history import RecordHistory, assert_same_history, history_of
from tests.importer.observations.test_observation import open_new_system
from tests.importer.sample_pages import (
    SAMPLES,
    Page,
    Sibling,
    import_sample_page,
    importer_context,
    with_spanish_labels,
)
from tests.importer.spreadsheets.spreadsheet_files import build_csv, import_file, row_2015, row_2016, row_2024

Import = Callable[[System], Any]
"""Imports one observation."""

MAPS, FORDS = Sibling("UY0902", "Maps"), Sibling("UY0903", "Fords", area="Youth")
_IDENTITY = ("code", "codes", "key", "member", "actionPlan")
"""Not withdrawn by a reversal of another import, or refer to aggregates by ids that differ from log to log."""


def claims_of(system: System) -> dict[str, Any]:
    """Return code → path → what each source states there, and since when."""
    with system.read_session() as session:
        snapshot = session.at_head()
        found = snapshot.find_many(snapshot.find_ids_by_tag("commitment", "member", _member_streams(system))).values()
        return {
            each.string("code") or each.string("key") or "": {
                path: sorted(_readable(system, claim) for claim in claims)
                for path, claims in each.claims.items()
                if path.partition("/")[0] not in _IDENTITY
            }
            for each in found
        }


def _member_streams(system: System) -> list[str]:
    stream = system.executor.load("code-member-URY").string("aggregate")
    return [stream] if stream else []


def _readable(system: System, claim: Claim) -> tuple[str, ...]:
    def text(found: re.Match[str]) -> str:
        return system.unmasked_text(found[0]) or "?"

    value = re.sub(r"[0-9a-f]{64}", text, str(claim.value))
    return str(claim.origin), str(claim.source), value, str(claim.after), str(claim.before), str(claim.language)


def page(at: int, **changes: object) -> Import:
    return lambda system: import_sample_page(system, Page().with_changes(**changes), at)


def translation(at: int, title: str, lead: str | None = "Ministry of Ferries") -> Import:
    data = with_spanish_labels(Page(title=title, lead=lead))
    return lambda system: import_sample_page(system, data, at)


def file(year: int, *rows: dict[str, str], layout: str = "2024") -> Import:
    return lambda system: import_file(system, build_csv(layout, rows), year)


_FIRST_PLAN = {"Action_Plan_Number": "1", "Year_Of_Submission": "2012", "Commitment_Title": "Ferry tables"}
PAGES = {
    "a value that returns": [page(1), page(3, status="Inactive"), page(5)],
    "a value that goes and comes": [page(1, lead=None), page(3), page(5, lead=None)],
    "unchanged for some time": [page(1), page(3), page(5), page(7, lead="Harbour Office")],
    "unchanged on both sides of a change": [page(1), page(3), page(5, completion="Limited"), page(7)],
    "a text added, changed and removed": [page(1), page(3, prose="Read."), page(5, prose="Reread."), page(7)],
    "a list whose entries go and come": [
        page(1, siblings=[MAPS, FORDS]),
        page(3, siblings=[FORDS]),
        page(5, siblings=[Sibling("UY0902", "Map Lending"), FORDS]),
        page(7, siblings=[FORDS]),
    ],
    "a list that loses an entry, twice seen": [
        page(1, siblings=[FORDS]),
        page(3, siblings=[MAPS, FORDS]),
        page(5, siblings=[FORDS], status=None),
        page(7, siblings=[FORDS]),
    ],
    "a page and its translation": [
        page(1),
        translation(2, "Tablas"),
        page(4, title="Boats", lead=None),
        translation(6, "Botes", lead=None),
    ],
}
FILES = {
    "a rating that returns": [
        file(2020, row_2024(Specificity="High")),
        file(2021, row_2024(Specificity="Low")),
        file(2022, row_2024(Specificity="High")),
    ],
    "an institution that goes, unchanged for a year": [
        file(2020, row_2024(), row_2024("UY0902")),
        file(2021, row_2024(Lead_Institution=""), row_2024("UY0902")),
        file(2022, row_2024(Lead_Institution=""), row_2024("UY0902", Open_Data="1")),
        file(2023, row_2024(Lead_Institution="", Open_Data="1"), row_2024("UY0902")),
    ],
    "one layout with and without areas": [
        file(2015, row_2016(Specificity="a. low", E_government="1"), layout="2016"),
        file(2016, row_2016(Specificity="High", E_government="1"), layout="2016"),
        file(2017, row_2016(Specificity="High", Open_Data="1"), layout="2016"),
    ],
    "three layouts, spelled differently": [
        file(2015, row_2015(Start="Dec-12", Potential_Impact="Minor"), layout="2015"),
        file(2016, row_2016(Start_Date="12/01/2012", Specificity="a. low", Potential_Impact="minor"), layout="2016"),
        file(2024, row_2024("UY0701", **_FIRST_PLAN, Specificity="Low", Potential_Impact="MINOR")),
    ],
    "a row that is missing in between": [
        file(2015, row_2016(Specificity="Low"), layout="2016"),
        file(2016, row_2016("2. Maps"), layout="2016"),
        file(2017, row_2016(Specificity="High"), row_2016("2. Maps"), layout="2016"),
    ],
    "a title that is reworded and returns": [
        file(2015, row_2016("1. Ferry tables"), layout="2016"),
        file(2016, row_2016("1. Tables for ferries"), layout="2016"),
        file(2017, row_2016("1. Ferry tables"), layout="2016"),
    ],
}
MIXED = {
    "pages in two languages, other pages of the member, and files": [
        page(1, siblings=[MAPS]),
        translation(2, "Tablas"),
        page(3, code="UY0902", title="Maps", plan="Uruguay  Action Plan 2018-2020", siblings=[MAPS, FORDS]),
        file(2016, row_2016(), layout="2016"),
        file(2024, row_2024("UY0701", **_FIRST_PLAN), row_2024()),
        page(5, country="Republic of Uruguay", plan="Uruguay Action Plan 2018-2021"),
        page(7, plan="Uruguay Action Plan 2018-2020"),
    ],
    "a list with the code of a commitment that older files have without a code": [
        page(1, siblings=[Sibling("UY0701", "Ferry tables", cycle=2012), Sibling("UY0702", "Maps", cycle=2012)]),
        file(2015, row_2016(Specificity="a. low"), row_2016("2. Maps"), layout="2016"),
        file(2016, row_2016("1. FERRY TABLES", Specificity="High"), row_2016("2. Maps"), layout="2016"),
        file(2024, row_2024("UY0701", **_FIRST_PLAN)),
    ],
}
EXAMPLES = PAGES | FILES | MIXED


def orders(imports: Sequence[Import], limit: int) -> Iterable[Sequence[Import]]:
    """Return the reverse order and some others."""
    if limit == 1:  # many imports have too many permutations to list
        return [tuple(reversed(imports))]
    others = list(permutations(imports))[1:-1]
    random.Random(len(imports)).shuffle(others)
    return [tuple(reversed(imports)), *others[: limit - 1]]


def history_after(folder: Path, name: str, imports: Iterable[Import]) -> RecordHistory:
    with open_new_system(folder, name) as system:
        for import_one in imports:
            import_one(system)
        return history_of(system)


def assert_same_in_every_order(folder: Path, imports: Sequence[Import], limit: int) -> None:
    expected = history_after(folder, "in-order", imports)
    assert any(expected.present.values())
    for number, order in enumerate(orders(imports, limit)):
        assert_same_history(history_after(folder, f"order-{number}", order), expected)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_order_of_observations_makes_no_difference_to_the_history(tmp_path: Path, name: str) -> None:
    assert_same_in_every_order(tmp_path, EXAMPLES[name], limit=1)


@pytest.mark.long
@pytest.mark.parametrize("name", EXAMPLES)
def test_no_order_of_observations_makes_a_difference_to_the_history(tmp_path: Path, name: str) -> None:
    assert_same_in_every_order(tmp_path, EXAMPLES[name], limit=24)


def published(path: Path, at: int) -> Import:
    """Return the import of a published page or file, observed on a day or in a year."""
    data = path.read_bytes()
    return lambda system: (
        import_file(system, data, at) if path.suffix == ".csv" else import_sample_page(system, data, at)
    )


@pytest.mark.long
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="OGP's pages and files are not available (OGPGRAPH_TEST_SAMPLES)")
def test_the_order_of_published_pages_and_files_makes_no_difference_to_the_history(tmp_path: Path) -> None:
    pages = [published(path, at) for at, path in enumerate(sorted(SAMPLES.glob("*.txt")), 1)]
    states = {2015: "commitments-2015-05.csv", 2016: "commitments-2016.csv", 2024: "commitments-2024.csv"}
    files = [published(SAMPLES.parent / "database" / name, year) for year, name in states.items()]
    assert_same_in_every_order(tmp_path, [*pages, *files], limit=1)


# Each source states what it says


def statements_at(system: System, name: str, path: str) -> dict[str, list[str | None]]:
    """Return the source and the quotes of each statement at a path."""
    found = history_of(system).statements[name]
    return {key.split(" | ")[2]: [run.quote for run in runs] for key, runs in found.items() if key.startswith(path)}


def test_each_page_states_the_facts_of_the_member_and_the_plan(system: System) -> None:
    page(1)(system)
    page(3, code="UY0902", title="Maps")(system)
    pages = ("source PAGE UY0901 en", "source PAGE UY0902 en")
    for name, path, quote in (
        ("plan URY-2018", "title/en", "Uruguay Action Plan 2018-2020"),
        ("plan URY-2018", "endsOn", "2020"),
        ("plan URY-2018", "cycle", "2018"),
    ):
        assert statements_at(system, name, path) == {each: [quote] for each in pages}
    named = statements_at(system, "member NATIONAL URY", "name/en")
    assert named == {"": [None], **{each: ["Uruguay"] for each in pages}}, "the first is our table"


def test_each_source_states_the_code_and_the_member_of_a_commitment(system: System) -> None:
    page(1, siblings=[MAPS, Sibling("UY0901", "Ferry Tables")])(system)
    file(2022, row_2024())(system)
    page(3, siblings=[MAPS, Sibling("UY0901", "Ferry Tables")])(system)
    sources = {
        "source PAGE UY0901 en",
        "source COMMITMENT_LIST URY en",
        "source DATABASE_FILE commitments-database en",
    }
    for path in ("code |", "codes/UY0901", "member"):
        assert statements_at(system, "commitment UY0901", path).keys() == sources


def test_a_later_page_with_a_former_code_does_not_recode_the_commitment(system: System) -> None:
    page(1)(system)
    system.execute(
        importer_context(5), lambda uow: recode_commitment(uow, uow.require_by_code("commitment", "UY0901"), "UY0909")
    )
    translation(7, "Tablas")(system)
    page(8, status="Inactive")(system)
    found = execute_query(system, '{ commitment(code: "UY0901") { code formerCodes } }')
    assert found == {"commitment": {"code": "UY0909", "formerCodes": ["UY0901"]}}


# History


def test_an_archive_imported_backwards_has_entries_with_their_changes(system: System) -> None:
    for import_one in (page(5, status="Inactive"), page(3, lead="Harbour Office"), page(1, lead=None)):
        import_one(system)
    query = """{ commitment(code: "UY0901") { history { nodes {
        kind isLate changedBetween { before } changes { path before after } } } } }"""
    late = [each for each in execute_query(system, query)["commitment"]["history"]["nodes"] if each["isLate"]]
    changes = {
        (each["changedBetween"]["before"][8:10], change["path"]): (change["before"], change["after"])
        for each in late
        for change in each["changes"]
        if change["path"].endswith(("/status", "/leadInstitutions/en"))
    }
    # What the present page says stays the current value: these are what the source had stated before.
    assert changes == {
        ("03", "claims/status"): (None, "ACTIVE"),
        ("03", "claims/leadInstitutions/en"): (None, ["Harbour Office"]),
        ("01", "claims/status"): (None, "ACTIVE"),
    }
