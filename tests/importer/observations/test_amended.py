"""Observations of pages after corrections and reversals, and read again by a newer reader."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from ogpgraph.domain.correction import correct
from ogpgraph.importer.run import import_page
from ogpgraph.importer.writer import revert_import
from ogpgraph.system import System
from tests.importer.observations.test_observation import (
    claims_with_intervals,
    interval,
    newer_reader,
    with_institutions_divided,
)
from tests.importer.observations.test_order import claims_of
from tests.importer.sample_pages import LIMIT, Page, count_events, import_sample_page, importer_context

PAGE = Page()
STATES = [PAGE, PAGE.with_changes(lead="Harbour Office"), PAGE.with_changes(lead="Port Office", status="Inactive")]


def import_as(system: System, page: Page, at: int, correlation: str) -> None:
    import_page(system, "a page", page.data, importer_context(at, correlation), limit_bytes=LIMIT)


def revert(system: System, correlation: str, at: int = 20, by: str | None = None) -> int:
    return revert_import(system, correlation, importer_context(at, by, reason="wrong"))


def lead(system: System) -> Any:
    return claims_with_intervals(system, "leadInstitutions/en")


def correct_page(system: System, path: str, value: str | None) -> None:
    """Correct what the page was read to state at a path."""
    stream = system.executor.load("code-commitment-UY0901").string("aggregate") or ""
    claim = system.executor.load(stream).current_claim(path)
    assert claim
    system.execute(
        importer_context(15, reason="misread"),
        lambda uow: correct(uow, uow.aggregate(stream), claim.revision, {path: value}),
    )


def status(system: System) -> Any:
    found = claims_with_intervals(system, "status")
    return found[0][0] if found else None


# Corrections


def test_a_correction_stays_while_the_page_says_what_it_said(system: System) -> None:
    import_sample_page(system, PAGE, 1)
    correct_page(system, "status", "WITHDRAWN")
    correct_page(system, "policyAreas", None)
    report = import_sample_page(system, PAGE.with_changes(lead="Harbour Office"), 16)
    assert count_events(report).get("CommitmentRevised") == 1, "the institution only"
    import_sample_page(system, PAGE.with_changes(lead="Port Office"), 8)
    assert status(system) == "WITHDRAWN"
    assert claims_with_intervals(system, "policyAreas") == []
    import_sample_page(system, PAGE.with_changes(status="Inactive"), 17)
    assert status(system) == "INACTIVE"
    assert claims_with_intervals(system, "policyAreas") == []


def test_a_page_that_begins_to_say_what_a_correction_says_has_changed(system: System) -> None:
    import_sample_page(system, PAGE, 1)
    correct_page(system, "status", "INACTIVE")
    import_sample_page(system, PAGE.with_changes(status="Inactive"), 16)
    import_sample_page(system, PAGE.with_changes(status="Inactive", lead=None), 17)
    assert status(system) == "INACTIVE"
    import_sample_page(system, PAGE, 18)
    assert claims_with_intervals(system, "status") == [("ACTIVE", interval(17, 18))]


# Reversals


def test_a_page_whose_import_was_reverted_is_recorded_again(system: System) -> None:
    import_as(system, PAGE, 1, "first")
    before = claims_of(system)
    revert(system, "first")
    assert claims_of(system) == {}
    import_as(system, PAGE, 1, "again")
    assert claims_of(system) == before


@pytest.mark.parametrize("reverted", list(permutations([2, 3])))
def test_reverting_the_later_imports_gives_what_the_first_one_gave(system: System, reverted: tuple[int, ...]) -> None:
    seen = []
    for at, page in enumerate(STATES, start=1):
        import_as(system, page, at, f"import-{at}")
        seen.append(claims_of(system))
    for at in reverted:
        revert(system, f"import-{at}", by=f"reversal-{at}")
    assert claims_of(system) == seen[0]
    for at in reverted:
        revert(system, f"reversal-{at}")
    assert claims_of(system) == seen[2]
    for at in reverted:
        revert(system, f"import-{at}", at=21)
    import_as(system, STATES[2], 3, "again")
    import_as(system, STATES[1], 2, "again")
    assert claims_of(system) == seen[2]


def test_what_a_reverted_import_had_stated_is_recorded_when_the_page_is_seen_again(system: System) -> None:
    import_as(system, PAGE, 1, "first")
    import_as(system, PAGE.with_changes(lead="Harbour Office"), 2, "second")
    revert(system, "first")
    assert status(system) is None
    import_as(system, PAGE.with_changes(lead="Harbour Office"), 3, "third")
    assert claims_with_intervals(system, "status") == [("ACTIVE", interval(None, 2))]


def test_unchanged_bytes_are_not_those_of_another_observation_once_theirs_is_reverted(system: System) -> None:
    import_as(system, PAGE, 1, "first")
    import_as(system, PAGE.with_changes(lead="Harbour Office"), 3, "second")
    import_as(system, PAGE.with_changes(lead="Harbour Office"), 5, "third")
    before = lead(system)
    revert(system, "second")
    assert lead(system) == [(["Ministry of Ferries"], interval(None, 1))]
    import_as(system, PAGE.with_changes(lead="Harbour Office"), 3, "again")
    assert lead(system) == before


# A newer reader


def test_a_new_reading_of_an_earlier_state_of_the_page_leaves_later_states(system: System) -> None:
    old, new = PAGE.with_changes(lead="Ferries and Harbours"), PAGE.with_changes(lead="Lamps and Lights")
    import_sample_page(system, old, 1)
    import_sample_page(system, new, 5)
    with newer_reader(with_institutions_divided):
        import_sample_page(system, old, 1)
        assert lead(system) == [(["Lamps", "Lights"], interval(1, 5))]


def test_a_new_reading_replaces_the_former_one_in_every_order(system: System) -> None:
    page = PAGE.with_changes(lead="Ferries and Harbours")
    import_sample_page(system, page, 5)
    import_sample_page(system, page, 7)
    with newer_reader(with_institutions_divided):
        import_sample_page(system, page, 9)
        assert lead(system) == [(["Ferries", "Harbours"], interval(None, 5))]
        import_sample_page(system, page.with_changes(lead="Ferries"), 3)
        assert lead(system) == [(["Ferries", "Harbours"], interval(3, 5))]
