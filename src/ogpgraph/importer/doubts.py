"""What gives reason to doubt a page that was read: nothing is decided by it, a person has to look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

from ogpgraph.application import Session
from ogpgraph.domain.commitment import COMMITMENT, is_listed_only
from ogpgraph.domain.event import Origin
from ogpgraph.domain.members import member_by, member_of
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Wording
from ogpgraph.importer.folding import area_key
from ogpgraph.importer.reading import PageReading, Remark, Said
from ogpgraph.importer.recording import Titles

WordsOf = Callable[[str], str | None]

_ADDRESS = re.compile(r"/members/(?P<member>[^/]+)/commitments/(?P<code>[A-Za-z]{2,4}\d{4})/?$")
_NO_FIGURES = re.compile(r"https?://\S+|www\.\S+|\[\d+\]")
_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?!\d)|\d+(?:[.,]\d+)*")
_IN_THREES = re.compile(r"\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+")
_MOST_NUMBERS = 10
_DATED = frozenset({"number", "startsOn", "endsOn", "cycle"})


def doubts_of_address(page: PageReading, url: str | None) -> Iterator[Remark]:
    """Yield where a page's address or its line of the country speaks of another code or member than the page's code."""
    who = member_of(page.code)
    named = member_by(str(page.country.value)) if page.country else None
    if page.country and who and named and named.code != who.code:
        line = page.text.count("\n", 0, page.country.span.start) + 1
        yield Remark(line, "member-differs", f"the page names {named.name}, {page.code} is of {who.name or who.code}")
    found = _ADDRESS.search(urlsplit(url).path) if url else None
    if not found:
        return
    if found["code"].upper() != page.code:
        yield Remark(0, "address-differs", f"the address says {found['code']}, the page {page.code}")
    slug = unquote(found["member"]).replace("-", " ")
    names = {area_key(name) for name in (who and who.name, page.country and str(page.country.value)) if name}
    meant = member_by(slug)
    if area_key(slug) not in names and not (who and meant and meant.code == who.code):
        yield Remark(
            0, "address-differs", f"the address says {slug!r}, {page.code} is of {(who and who.name) or 'another'}"
        )


def doubts_of_translation(page: PageReading, commitment: Subject, words_of: WordsOf) -> Iterator[Remark]:
    """Yield numbers and dates that a page gives otherwise than the page in another language does."""
    for origin, facts in page.facts.items():
        for path, said in facts.items():
            if path.rpartition("/")[2] in _DATED:
                yield from _other_dates(page, commitment, origin, path, said)
            elif COMMITMENT.holds_wording(path):
                yield from _other_numbers(page, commitment, path, said, words_of)


def _other_dates(page: PageReading, commitment: Subject, origin: Origin, path: str, said: Said) -> Iterator[Remark]:
    for claim in commitment.claims.get(path, ()):
        if claim.origin is origin and claim.language != page.language and claim.value not in (None, said.value):
            yield _at(page, said, "date-differs", f"{path}: {said.value} here, {claim.value} in {claim.language}")


def _other_numbers(
    page: PageReading, commitment: Subject, path: str, said: Said, words_of: WordsOf
) -> Iterator[Remark]:
    field, _, language = path.rpartition("/")
    here = numbers_in(str(said.value))
    for other, claim in commitment.under(field + "/"):
        if other.rpartition("/")[0] != field or other == path or not isinstance(claim.value, Wording):
            continue
        there = numbers_in(words_of(claim.value.text) or "")
        only = [(language, sorted(here - there)), (other.rpartition("/")[2], sorted(there - here))]
        if any(numbers for _, numbers in only):
            told = "; ".join(f"only in {name}: {_some(numbers)}" for name, numbers in only if numbers)
            yield _at(page, said, "number-differs", f"{field}: {told}")


def _some(numbers: list[str]) -> str:
    more = len(numbers) - _MOST_NUMBERS
    return ", ".join(numbers[:_MOST_NUMBERS]) + (f" and {more} more" if more > 0 else "")


def _at(page: PageReading, said: Said, kind: str, text: str) -> Remark:
    return Remark(page.text.count("\n", 0, said.span.start) + 1, kind, text)


def numbers_in(text: str) -> frozenset[str]:
    """Return the numbers of a text as people mean them: 1,000 and 1 000 are one; footnote marks are none."""
    found = _NUMBER.findall(_NO_FIGURES.sub(" ", text))
    return frozenset(_plain(number) for number in found)


def _plain(number: str) -> str:
    if _IN_THREES.fullmatch(number):
        return re.sub(r"\D", "", number)
    return number.replace(",", ".")


def doubts_of_code(session: Session, titles_in: Callable[[str], Titles], words_of: WordsOf) -> Iterator[Remark]:
    """Yield commitments that this session registered although the plan had one of the same title under another code."""
    codes = {event.facts.get("code"): event.stream for event in session.pending if event.name == "CommitmentRegistered"}
    by_plan: dict[str, list[Subject]] = {}
    for stream in codes.values():
        commitment = session.subject(stream)
        if plan := commitment.text("actionPlan"):
            by_plan.setdefault(plan, []).append(commitment)
    for plan, registered in by_plan.items():
        known = [(code, _folded(titles, words_of)) for code, titles in titles_in(plan).items() if code not in codes]
        for commitment in registered:
            ours = {c.value.text for _, c in commitment.under("title/") if isinstance(c.value, Wording)}
            folded = _folded(ours, words_of)
            yield from (_namesake(commitment, code) for code, theirs in known if folded & theirs)


def _folded(titles: set[str], words_of: WordsOf) -> set[str]:
    return {area_key(words) for title in titles if (words := words_of(title))}


def _namesake(commitment: Subject, code: str) -> Remark:
    where = "the member's list" if is_listed_only(commitment) else "this page"
    told = f"{where} calls {commitment.text('code')} what the same plan has as {code}: recode or merge if it is one"
    return Remark(0, "code-reissued", told)
