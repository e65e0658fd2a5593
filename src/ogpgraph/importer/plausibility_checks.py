"""Checks of a page that was read: each finds a reason for a person to look. No check decides or changes anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.commitment_fields import is_listed_only
from ogpgraph.domain.event import Origin
from ogpgraph.domain.member_table import lookup_member, member_of_commitment_code
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import Rating, ReportedRating, TextValue
from ogpgraph.importer.observations.value_equivalence import TextLookup
from ogpgraph.importer.pages.extraction import ExtractedValue, PageReading, Remark
from ogpgraph.importer.pages.text import normalize_policy_area
from ogpgraph.importer.writer import TitlesByCode

_PAGE_PATH = re.compile(r"/members/(?P<member>[^/]+)/commitments/(?P<code>[A-Za-z]{2,4}\d{4})/?$")
_URL_OR_FOOTNOTE_MARK = re.compile(r"https?://\S+|www\.\S+|\[\d+\]")
_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?!\d)|\d+(?:[.,]\d+)*")
_GROUPED_DIGITS = re.compile(r"\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+")
_MAX_NUMBERS = 10  # texts that have nothing in common differ in dozens
_DATE_FIELDS = frozenset({"number", "startsOn", "endsOn", "cycle"})


# The address


def check_address(page: PageReading, url: str | None) -> Iterator[Remark]:
    """Yield a remark where the page's country, or its URL, belongs to another code or member than the page's code."""
    member = member_of_commitment_code(page.code)
    named = lookup_member(str(page.country.value)) if page.country else None
    if page.country and member and named and named.code != member.code:
        line = page.country.span.line_number(page.text)
        text = f"the page names {named.name}, {page.code} is of {member.name or member.code}"
        yield Remark(line, "member-differs", text)
    found = _PAGE_PATH.search(urlsplit(url).path) if url else None
    if not found:
        return
    if found["code"].upper() != page.code:
        yield Remark(0, "address-differs", f"the address has {found['code']}, the page {page.code}")
    slug = unquote(found["member"]).replace("-", " ")
    known_names = [name for name in (member and member.name, page.country and str(page.country.value)) if name]
    meant = lookup_member(slug)
    # A slug may have a former or another name of the member, which its table knows.
    is_same_member = member is not None and meant is not None and meant.code == member.code
    if normalize_policy_area(slug) not in map(normalize_policy_area, known_names) and not is_same_member:
        owner = (member and member.name) or "another member"
        yield Remark(0, "address-differs", f"the address has {slug!r}, {page.code} is of {owner}")


# Translations


def check_translation(page: PageReading, commitment: Aggregate, lookup_text: TextLookup) -> Iterator[Remark]:
    """Yield a remark for each rating, number or date that differs from the page in another language."""
    for origin, facts in page.facts.items():
        for path, extracted in facts.items():
            if isinstance(extracted.value, ReportedRating):
                yield from _compare_ratings(page, commitment, origin, path, extracted)
            elif path.rpartition("/")[2] in _DATE_FIELDS:
                yield from _compare_dates(page, commitment, origin, path, extracted)
            elif COMMITMENT.holds_text(path):
                yield from _compare_numbers(page, commitment, path, extracted, lookup_text)


def _compare_ratings(
    page: PageReading, commitment: Aggregate, origin: Origin, path: str, extracted: ExtractedValue
) -> Iterator[Remark]:
    here = extracted.value
    for claim in _claims_in_other_languages(page, commitment, origin, path):
        there = claim.value
        if not isinstance(there, Rating) or not isinstance(here, ReportedRating):
            continue
        if (there.state, there.value) != (here.state, here.value):
            text = f"{path}: {here.value or here.state} here, {there.value or there.state} in {claim.language}"
            yield Remark(extracted.span.line_number(page.text), "rating-differs", text)


def _claims_in_other_languages(page: PageReading, commitment: Aggregate, origin: Origin, path: str) -> Iterator[Claim]:
    """Yield what the same zone of the page says in other languages.

    Only the same zone: header and summary often differ in one language, too.
    """
    for claim in commitment.claims.get(path, ()):
        if claim.origin is origin and claim.language not in (None, page.language) and claim.value is not None:
            yield claim


def _compare_dates(
    page: PageReading, commitment: Aggregate, origin: Origin, path: str, extracted: ExtractedValue
) -> Iterator[Remark]:
    for claim in _claims_in_other_languages(page, commitment, origin, path):
        if claim.value != extracted.value:
            text = f"{path}: {extracted.value} here, {claim.value} in {claim.language}"
            yield Remark(extracted.span.line_number(page.text), "date-differs", text)


def _compare_numbers(
    page: PageReading, commitment: Aggregate, path: str, extracted: ExtractedValue, lookup_text: TextLookup
) -> Iterator[Remark]:
    field, _, language = path.rpartition("/")
    here = extract_numbers(str(extracted.value))
    for other_path, claim in commitment.claims_under(field + "/"):
        other_field, _, other_language = other_path.rpartition("/")
        if other_field != field or other_path == path or not isinstance(claim.value, TextValue):
            continue
        there = extract_numbers(lookup_text(claim.value.text) or "")
        missing = [(language, sorted(here - there)), (other_language, sorted(there - here))]
        parts = [f"only in {name}: {_format_numbers(numbers)}" for name, numbers in missing if numbers]
        if parts:
            line = extracted.span.line_number(page.text)
            yield Remark(line, "number-differs", f"{field}: {'; '.join(parts)}")


def _format_numbers(numbers: list[str]) -> str:
    more = len(numbers) - _MAX_NUMBERS
    return ", ".join(numbers[:_MAX_NUMBERS]) + (f" and {more} more" if more > 0 else "")


def extract_numbers(text: str) -> frozenset[str]:
    """Return the numbers of a text: 1,000 and 1 000 are the same; those of URLs and footnote marks are left out."""
    found = _NUMBER.findall(_URL_OR_FOOTNOTE_MARK.sub(" ", text))
    return frozenset(_normalize_number(number) for number in found)


def _normalize_number(number: str) -> str:
    if _GROUPED_DIGITS.fullmatch(number):
        return re.sub(r"\D", "", number)
    return number.replace(",", ".")


# Codes


def check_reissued_codes(
    uow: UnitOfWork, titles_of_plan: Callable[[str], TitlesByCode], lookup_text: TextLookup
) -> Iterator[Remark]:
    """Yield a remark for each commitment just registered whose plan has one of the same title under another code."""
    codes = {event.facts.get("code"): event.stream for event in uow.pending if event.name == "CommitmentRegistered"}
    by_plan: dict[str, list[Aggregate]] = {}
    for stream in codes.values():
        commitment = uow.aggregate(stream)
        if plan := commitment.string("actionPlan"):
            by_plan.setdefault(plan, []).append(commitment)
    # By plan, because a list of siblings registers dozens of commitments of a few plans at once.
    for plan, registered in by_plan.items():
        known = {code: titles for code, titles in titles_of_plan(plan).items() if code not in codes}
        known_titles = {code: _normalize_titles(titles, lookup_text) for code, titles in known.items()}
        for commitment in registered:
            titles = {c.value.text for _, c in commitment.claims_under("title/") if isinstance(c.value, TextValue)}
            normalized = _normalize_titles(titles, lookup_text)
            yield from (_reissued_code(commitment, code) for code, other in known_titles.items() if normalized & other)


def _normalize_titles(titles: set[str], lookup_text: TextLookup) -> set[str]:
    return {normalize_policy_area(text) for title in titles if (text := lookup_text(title))}


def _reissued_code(commitment: Aggregate, code: str) -> Remark:
    place = "the member's list" if is_listed_only(commitment) else "this page"
    new = commitment.string("code")
    text = f"{place} gives {new} the title that {code} has in the same plan: if they are one, recode or merge"
    return Remark(0, "code-reissued", text)
