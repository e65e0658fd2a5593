"""Damaged pages: either the reading is that of the whole page, or it says less, or the report names what was not read.

What an import reports by itself, because it compares with what is recorded, counts as reported: a value that is the
beginning of the former one, and one that an emptied field withdraws.
"""

from __future__ import annotations

import os
import textwrap
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import ReportedRating
from ogpgraph.importer.pages.extraction import ExtractedValue, PageReading, UnreadableInput
from ogpgraph.importer.pages.member_names import is_name_of
from ogpgraph.importer.pages.page import read_page
from tests.importer.pages.page_assertions import LIMIT, PAGES, SAMPLES
from tests.importer.sample_pages import LIBRARIES, LIGHTHOUSE

OWN = (*sorted(PAGES.glob("*.txt")), LIGHTHOUSE, LIBRARIES)
ALL = (*OWN, *sorted(SAMPLES.glob("*.txt")))
UNKNOWN_LINES = [
    "Colour of the cover: blue",
    "xyzzy",
    "Some unknown line of the site",
    "Total: 5",
    "Share this: 12 times",
]
KINDS = ["cut", "drop", "repeat", "swap", "insert", "wrap", "wrap one", "decompose", "cut all"]


@cache
def whole_page(file: Path) -> PageReading:
    return read_page(file.read_bytes(), limit_bytes=LIMIT)


def damage(lines: list[str], kind: str, place: int, size: int) -> list[str]:
    """Return lines with one kind of damage, at a place or everywhere, of a size or to a width."""
    filled = [index for index, line in enumerate(lines) if line.strip()]
    at = filled[place % (len(filled) - 1)]
    width = 40 + size % 61
    if kind == "cut":
        lines[at] = lines[at][: size % len(lines[at])]
    elif kind == "drop":
        del lines[at]
    elif kind == "repeat":
        lines.insert(at, lines[at])
    elif kind == "swap":
        other = filled[place % (len(filled) - 1) + 1]
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == "insert":
        lines[at:at] = [UNKNOWN_LINES[(size + n) % len(UNKNOWN_LINES)] for n in range(1 + size % 6)]
    elif kind == "wrap":
        return [part for line in lines for part in textwrap.wrap(line, width, break_long_words=False) or [""]]
    elif kind == "wrap one":
        lines[at : at + 1] = textwrap.wrap(lines[at], width, break_long_words=False) or [""]
    elif kind == "decompose":
        return unicodedata.normalize("NFD", "\n".join(lines)).split("\n")
    else:
        return [line[:width] for line in lines]
    return lines


DAMAGES = st.tuples(st.sampled_from(KINDS), st.integers(0, 10_000), st.integers(0, 10_000))


def comparable(found: ExtractedValue | None) -> object:
    if found is None:
        return None
    if isinstance(found.value, ReportedRating):
        return found.value.state, found.value.value
    if isinstance(found.value, tuple):
        return frozenset(" ".join(item.split()) for item in found.value)
    return " ".join(str(found.value).split())


def is_less(value: object, whole: object) -> bool:
    """Return whether a value is the beginning of the whole one, or a list a part of it: an import reports that."""
    if isinstance(value, str) and isinstance(whole, str):
        return whole.startswith(value)
    if isinstance(value, frozenset) and isinstance(whole, frozenset):
        return all(any(str(item).startswith(str(part)) for item in whole) for part in value)
    return False


def false_values(page: PageReading, whole: PageReading) -> Iterator[str]:
    """Yield what a damaged page states of the header that the whole page does not, and what it renames."""
    facts, expected = page.facts[Origin.HEADER], whole.facts[Origin.HEADER]
    for path, found in facts.items():
        value, before = comparable(found), comparable(expected.get(path))
        if value != before and not is_less(value, before):
            yield f"{path}: {value} instead of {before}"
    for path, found in expected.items():
        is_finding = isinstance(found.value, ReportedRating) and found.value.value is not None
        if is_finding and page.withdraws(Origin.HEADER, path, is_finding=True):
            yield f"{path} is withdrawn"
    for name, one, other in (("plan", page.plan_title, whole.plan_title), ("cycle", page.cycle, whole.cycle)):
        if one and not is_less(comparable(one), comparable(other)):
            yield f"{name}: {one.value}"
    country = page.country and str(page.country.value)
    if (
        country
        and comparable(page.country) != comparable(whole.country)
        and is_name_of(country, page.code, page.language)
    ):
        yield f"country: {country}"
    if (page.code, page.language) != (whole.code, whole.language):
        yield f"{page.code} {page.language}"


def check_damage(file: Path, kind: str, place: int, size: int) -> None:
    whole = whole_page(file)
    text = "\n".join(damage(file.read_text("utf-8").split("\n"), kind, place, size))
    try:
        page = read_page(text.encode(), limit_bytes=LIMIT)
    except UnreadableInput:
        return
    known = {(each.kind, each.text) for each in whole.remarks}
    is_reported = any((each.kind, each.text) not in known for each in page.remarks)
    found = list(false_values(page, whole))
    assert is_reported or found == [], (file.name, kind, found)
    # A rating is never another one, whether that is reported or not.
    renamed = [each for each in found if each.startswith(("title/", "plan", "country"))]
    assert renamed == [], (file.name, kind, renamed)
    if kind == "decompose":
        assert page == whole


SETTINGS = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(SETTINGS, max_examples=60, derandomize=True)
@given(st.sampled_from(OWN), DAMAGES)
def test_a_damaged_page_says_nothing_else_than_the_whole_one(file: Path, given_damage: tuple[str, int, int]) -> None:
    check_damage(file, *given_damage)


@pytest.mark.long
@settings(SETTINGS, max_examples=int(os.environ.get("DAMAGE_EXAMPLES", "3000")))
@given(st.sampled_from(ALL), DAMAGES)
def test_damaged_pages_say_nothing_else_than_the_whole_ones(file: Path, given_damage: tuple[str, int, int]) -> None:
    check_damage(file, *given_damage)


@pytest.mark.parametrize(
    ("name", "place", "size"),
    [("new_plan_en.txt", 6249, 573), ("orcamento_pt.txt", 996, 199)],  # found by the random examples
)
def test_the_rest_of_a_cut_label_is_no_value(name: str, place: int, size: int) -> None:
    check_damage(next(file for file in OWN if file.name == name), "cut", place, size)


@pytest.mark.parametrize("rest", ["Ot", "Other", "Other act", "Support Institution(s", "Lead Instit"])
def test_an_institution_that_is_the_rest_of_a_label_is_reported_and_not_recorded(rest: str) -> None:
    text = LIGHTHOUSE.read_text("utf-8")
    label = next(line for line in text.splitlines() if line.startswith("Lead Institution"))
    page = read_page(text.replace(label, f"Lead Institution: {rest}").encode(), limit_bytes=LIMIT)
    assert "leadInstitutions/en" not in page.facts[Origin.HEADER]
    assert [each.kind for each in page.remarks if each.text.startswith(rest)]


def test_an_institution_that_ends_in_a_small_word_goes_on() -> None:
    text = LIGHTHOUSE.read_text("utf-8")
    label = next(line for line in text.splitlines() if line.startswith("Lead Institution"))
    wrapped = text.replace(label, "Lead Institution: Ministry of\nJustice and Ferries")
    whole = text.replace(label, "Lead Institution: Ministry of Justice and Ferries")
    read, expected = (read_page(each.encode(), limit_bytes=LIMIT) for each in (wrapped, whole))
    assert (
        read.facts[Origin.HEADER]["leadInstitutions/en"].value
        == expected.facts[Origin.HEADER]["leadInstitutions/en"].value
    )
