"""Observations of pages, lists and files give the same claims in whatever order they are imported."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from ogpgraph.domain.aggregate import Claim
from ogpgraph.system import System
from tests.importer.observations.test_observation import open_new_system
from tests.importer.sample_pages import Page, Sibling, import_sample_page, with_spanish_labels
from tests.importer.spreadsheets.spreadsheet_files import build_csv, import_file, row_2016, row_2024

Import = Callable[[System], Any]
"""Imports one observation."""

MAPS, FORDS = Sibling("UY0902", "Maps"), Sibling("UY0903", "Fords", area="Youth")
_IDENTITY = ("code", "codes", "key", "member", "actionPlan")
"""Stated by whatever source registers a commitment, or refer to aggregates by ids that differ from log to log."""


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
    "two layouts": [
        file(2015, row_2016(Specificity="a. low", E_government="1"), layout="2016"),
        file(2016, row_2016(Specificity="High", E_government="1"), layout="2016"),
        file(2017, row_2016(Specificity="High", Open_Data="1"), layout="2016"),
    ],
}


def orders(imports: Sequence[Import], limit: int) -> Iterable[Sequence[Import]]:
    """Return the reverse order and some others."""
    others = list(permutations(imports))[1:-1]
    random.Random(len(imports)).shuffle(others)
    return [tuple(reversed(imports)), *others[: limit - 1]]


def claims_after(folder: Path, name: str, imports: Iterable[Import]) -> dict[str, Any]:
    with open_new_system(folder, name) as system:
        for import_one in imports:
            import_one(system)
        return claims_of(system)


def assert_same_in_every_order(folder: Path, imports: Sequence[Import], limit: int) -> None:
    expected = claims_after(folder, "in-order", imports)
    assert any(expected.values())
    for number, order in enumerate(orders(imports, limit)):
        assert claims_after(folder, f"order-{number}", order) == expected


@pytest.mark.parametrize("name", [*PAGES, *FILES])
def test_the_order_of_observations_makes_no_difference_to_any_claim(tmp_path: Path, name: str) -> None:
    assert_same_in_every_order(tmp_path, (PAGES | FILES)[name], limit=1)


@pytest.mark.long
@pytest.mark.parametrize("name", [*PAGES, *FILES])
def test_no_order_of_observations_makes_a_difference_to_any_claim(tmp_path: Path, name: str) -> None:
    assert_same_in_every_order(tmp_path, (PAGES | FILES)[name], limit=24)
