"""Pages to read in tests, and what must be so of every reading whatever the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import ReportedRating
from ogpgraph.importer.pages.extraction import ExtractedValue, PageReading
from ogpgraph.importer.pages.page import read_page, reread_page

LIMIT = 2_000_000
PAGES = Path(__file__).parent / "examples"
SAMPLES = Path(os.environ.get("OGPGRAPH_TEST_SAMPLES", Path(__file__).parents[4] / "shared" / "samples")) / "pages"


def read_sample_page(name: str) -> PageReading:
    return read_page((PAGES / name).read_bytes(), limit_bytes=LIMIT)


def read_page_text(text: str) -> PageReading:
    return read_page(text.encode(), limit_bytes=LIMIT)


def extracted_value(page: PageReading, origin: Origin, path: str) -> object:
    """Return the value at a path, the state or value where it is a rating, None where there is none."""
    found = page.facts[origin].get(path)
    if found is None:
        return None
    if isinstance(found.value, ReportedRating):
        return str(found.value.value or found.value.state)
    return found.value


def source_text(text: str, found: ExtractedValue) -> str:
    return text[found.span.start : found.span.end]


def _extracted_values(page: PageReading) -> Iterator[tuple[str, str, ExtractedValue]]:
    for facts in page.facts.values():
        yield from ((page.text, path, found) for path, found in facts.items())
    for name, found in (("country", page.country), ("plan", page.plan_title), ("cycle", page.cycle)):
        if found:
            yield page.text, name, found
    for entry in page.siblings.entries if page.siblings else ():
        assert page.siblings
        yield from ((page.siblings.text, path, found) for path, found in entry.facts.items())


def assert_evidence(page: PageReading) -> None:
    """Assert that every value is stated by its span, literally where it is a text."""
    for text, path, found in _extracted_values(page):
        quoted = source_text(text, found)
        assert quoted, path
        assert quoted == quoted.strip(), path
        assert 0 <= found.span.start < found.span.end <= len(text), path
        if isinstance(found.value, ReportedRating):
            assert quoted == found.value.stated_as, path
        elif isinstance(found.value, int) or _is_text_path(path):
            assert quoted == str(found.value), path
        elif isinstance(found.value, tuple) and not path.startswith("policyAreas"):
            assert all(item in quoted for item in found.value), path


def _is_text_path(path: str) -> bool:
    first = path.split("/", maxsplit=1)[0]
    return (
        first in {"title", "description", "commitmentText", "narratives", "number", "country", "plan"}
        or "/title/" in path
    )


def assert_paths(page: PageReading) -> None:
    """Assert that commitments have all paths."""
    for origin, facts in page.facts.items():
        for path in facts:
            assert COMMITMENT.find_field(path).pattern, (origin, path)


def assert_idempotent(page: PageReading) -> None:
    """Assert that the canonical text has the same reading, except for the list, which is a source of its own."""
    again = reread_page(page.text)
    assert again == replace(page, siblings=None, remarks=again.remarks)


def assert_consistent(page: PageReading) -> None:
    assert_evidence(page)
    assert_paths(page)
    assert_idempotent(page)
