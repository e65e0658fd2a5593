"""What gives reason to doubt a page that was read: nothing is decided by it, a person has to look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.commitment import is_listed_only
from ogpgraph.domain.event import Origin
from ogpgraph.domain.member import lookup_member, member_of_commitment_code
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import TextValue
from ogpgraph.importer.pages.extraction import ExtractedValue, PageReading, Remark
from ogpgraph.importer.pages.text_normalization import normalize_policy_area
from ogpgraph.importer.writer import TitlesByCode

TextLookup = Callable[[str], str | None]

_ADDRESS = re.compile(r"/members/(?P<member>[^/]+)/commitments/(?P<code>[A-Za-z]{2,4}\d{4})/?$")
_NO_FIGURES = re.compile(r"https?://\S+|www\.\S+|\[\d+\]")
_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?!\d)|\d+(?:[.,]\d+)*")
_GROUPED_DIGITS = re.compile(r"\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+")
_MOST_NUMBERS = 10
_DATE_FIELDS = frozenset({"number", "startsOn", "endsOn", "cycle"})


def check_address(page: PageReading, url: str | None) -> Iterator[Remark]:
    """Yield where a page's address or its line of the country speaks of another code or member than the page's code."""
    who = member_of_commitment_code(page.code)
    named = lookup_member(str(page.country.value)) if page.country else None
    if page.country and who and named and named.code != who.code:
        line = page.text.count("\n", 0, page.country.span.start) + 1
        yield Remark(line, "member-differs", f"the page names {named.name}, {page.code} is of {who.name or who.code}")
    found = _ADDRESS.search(urlsplit(url).path) if url else None
    if not found:
        return
    if found["code"].upper() != page.code:
        yield Remark(0, "address-differs", f"the address says {found['code']}, the page {page.code}")
    slug = unquote(found["member"]).replace("-", " ")
    names = {
        normalize_policy_area(name) for name in (who and who.name, page.country and str(page.country.value)) if name
    }
    meant = lookup_member(slug)
    if normalize_policy_area(slug) not in names and not (who and meant and meant.code == who.code):
        yield Remark(
            0, "address-differs", f"the address says {slug!r}, {page.code} is of {(who and who.name) or 'another'}"
        )


def check_translation(page: PageReading, commitment: Aggregate, lookup_text: TextLookup) -> Iterator[Remark]:
    """Yield numbers and dates that a page gives otherwise than the page in another language does."""
    for origin, facts in page.facts.items():
        for path, extracted in facts.items():
            if path.rpartition("/")[2] in _DATE_FIELDS:
                yield from _compare_dates(page, commitment, origin, path, extracted)
            elif COMMITMENT.holds_text(path):
                yield from _compare_numbers(page, commitment, path, extracted, lookup_text)


def _compare_dates(
    page: PageReading, commitment: Aggregate, origin: Origin, path: str, extracted: ExtractedValue
) -> Iterator[Remark]:
    for claim in commitment.claims.get(path, ()):
        if claim.origin is origin and claim.language != page.language and claim.value not in (None, extracted.value):
            yield _remark_at(
                page, extracted, "date-differs", f"{path}: {extracted.value} here, {claim.value} in {claim.language}"
            )


def _compare_numbers(
    page: PageReading, commitment: Aggregate, path: str, extracted: ExtractedValue, lookup_text: TextLookup
) -> Iterator[Remark]:
    field, _, language = path.rpartition("/")
    here = extract_numbers(str(extracted.value))
    for other, claim in commitment.claims_under(field + "/"):
        if other.rpartition("/")[0] != field or other == path or not isinstance(claim.value, TextValue):
            continue
        there = extract_numbers(lookup_text(claim.value.text) or "")
        only = [(language, sorted(here - there)), (other.rpartition("/")[2], sorted(there - here))]
        if any(numbers for _, numbers in only):
            told = "; ".join(f"only in {name}: {_format_numbers(numbers)}" for name, numbers in only if numbers)
            yield _remark_at(page, extracted, "number-differs", f"{field}: {told}")


def _format_numbers(numbers: list[str]) -> str:
    more = len(numbers) - _MOST_NUMBERS
    return ", ".join(numbers[:_MOST_NUMBERS]) + (f" and {more} more" if more > 0 else "")


def _remark_at(page: PageReading, extracted: ExtractedValue, kind: str, text: str) -> Remark:
    return Remark(page.text.count("\n", 0, extracted.span.start) + 1, kind, text)


def extract_numbers(text: str) -> frozenset[str]:
    """Return the numbers of a text as people mean them: 1,000 and 1 000 are one; footnote marks are none."""
    found = _NUMBER.findall(_NO_FIGURES.sub(" ", text))
    return frozenset(_normalize_number(number) for number in found)


def _normalize_number(number: str) -> str:
    if _GROUPED_DIGITS.fullmatch(number):
        return re.sub(r"\D", "", number)
    return number.replace(",", ".")


def check_reissued_codes(
    uow: UnitOfWork, titles_of_plan: Callable[[str], TitlesByCode], lookup_text: TextLookup
) -> Iterator[Remark]:
    """Yield commitments that this session registered although the plan had one of the same title under another code."""
    codes = {event.facts.get("code"): event.stream for event in uow.pending if event.name == "CommitmentRegistered"}
    by_plan: dict[str, list[Aggregate]] = {}
    for stream in codes.values():
        commitment = uow.aggregate(stream)
        if plan := commitment.string("actionPlan"):
            by_plan.setdefault(plan, []).append(commitment)
    for plan, registered in by_plan.items():
        known = [
            (code, _normalized_titles(titles, lookup_text))
            for code, titles in titles_of_plan(plan).items()
            if code not in codes
        ]
        for commitment in registered:
            ours = {c.value.text for _, c in commitment.claims_under("title/") if isinstance(c.value, TextValue)}
            folded = _normalized_titles(ours, lookup_text)
            yield from (_reissued_code_remark(commitment, code) for code, theirs in known if folded & theirs)


def _normalized_titles(titles: set[str], lookup_text: TextLookup) -> set[str]:
    return {normalize_policy_area(words) for title in titles if (words := lookup_text(title))}


def _reissued_code_remark(commitment: Aggregate, code: str) -> Remark:
    where = "the member's list" if is_listed_only(commitment) else "this page"
    told = f"{where} calls {commitment.string('code')} what the same plan has as {code}: recode or merge if it is one"
    return Remark(0, "code-reissued", told)
