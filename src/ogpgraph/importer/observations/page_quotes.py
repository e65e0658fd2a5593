"""Where a page and its list state their facts: path → the characters of the canonical text, for each aggregate."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from ogpgraph.domain.code import code_path
from ogpgraph.domain.event import Evidence, Facts, Origin
from ogpgraph.domain.values import Observation, Rating, Value
from ogpgraph.domain.vocabulary import RatingState
from ogpgraph.importer.observations.differences import SourceStatements
from ogpgraph.importer.observations.observation import Spans
from ogpgraph.importer.observations.value_equivalence import TextLookup
from ogpgraph.importer.pages.extraction import (
    ExtractedFacts,
    ExtractedValue,
    PageReading,
    Sibling,
    SiblingListReading,
    UnreadableInput,
)
from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.member_names import is_name_of, spell_name
from ogpgraph.importer.pages.page import READER, reread_page
from ogpgraph.importer.pages.sibling_list import find_code_and_cycle, read_sibling_list
from ogpgraph.importer.pages.text import Span
from ogpgraph.importer.pages.values import find_plan_years


def member_facts(page: PageReading) -> ExtractedFacts:
    """Return what a page states of its member: a name that the member is known to have."""
    country = page.country
    if country is None or not is_name_of(str(country.value), page.code, page.language):
        return {}
    return {f"name/{page.language}": ExtractedValue(spell_name(str(country.value)), country.span)}


def plan_facts(page: PageReading) -> ExtractedFacts:
    """Return what the title of a page's plan states of the plan."""
    title = page.plan_title
    if title is None:
        return {}
    facts = {f"title/{page.language}": title}
    if years := find_plan_years(str(title.value)):
        for path, (year, span) in zip(("startsOn", "endsOn"), years, strict=True):
            facts[path] = ExtractedValue(year, Span(title.span.start + span.start, title.span.start + span.end))
    return facts


def member_spans(page: PageReading) -> Spans:
    """Return where a page states facts of its member."""
    return _spans_of(member_facts(page))


def plan_spans(page: PageReading) -> Spans:
    """Return where a page states facts of its plan."""
    return _spans_of(plan_facts(page)) | _identity_spans(page)


def zone_spans(page: PageReading, origin: Origin) -> Spans:
    """Return where a zone of a page states facts of its commitment."""
    spans = _spans_of(page.facts.get(origin, {}))
    return spans | _identity_spans(page) if origin is Origin.HEADER else spans


def sibling_spans(list_text: str, sibling: Sibling) -> Spans:
    """Return where a list states facts of one of its entries, and of the plan of that."""
    spans = _spans_of(sibling.facts)
    if found := find_code_and_cycle(list_text, sibling.code):
        code, cycle = found
        spans |= {"code": code, code_path(sibling.code): code, "member": code, "cycle": cycle, "actionPlan": cycle}
    return spans


def quote_page_again(
    stored_text: TextLookup,
    spans_in: Callable[[PageReading], Spans],
    statements: SourceStatements,
    facts: Facts,
    recorded: Observation,
) -> tuple[Evidence, ...]:
    """Return the passages of a page in which it says facts again; without its text those where it said them before."""
    page = _read_again(stored_text, recorded)
    return statements.evidence_in(recorded, spans_in(page)) if page else statements.evidence_again(facts, recorded)


def page_says(
    stored_text: TextLookup,
    spans_in: Callable[[PageReading], Spans],
    path: str,
    _time: datetime,
    recorded: Observation,
) -> bool:
    """Return whether an observed page states something at a path of what the spans are about.

    A page that is not known any more, or that another version of the reader read, counts as doing so.
    """
    page = _read_again(stored_text, recorded)
    return page is None or path in spans_in(page)


def zone_withdraws(
    stored_text: TextLookup, origin: Origin, path: str, value: Value | None, _time: datetime, recorded: Observation
) -> bool:
    """Return whether a zone of an observed page says that there is nothing at a path, where there was a value."""
    page = _read_again(stored_text, recorded)
    return page is not None and page.withdraws(origin, path, is_finding=is_finding(value))


def zone_dates(stored_text: TextLookup, origin: Origin, path: str, _time: datetime, recorded: Observation) -> bool:
    """Return whether what a zone states at a path became so after an observed page: that had the field, or the text.

    A header without the field says nothing of it; any other text of the page would have had what is new in it.
    """
    page = _read_again(stored_text, recorded)
    return page is None or origin is not Origin.HEADER or path in zone_spans(page, origin) or page.says(origin, path)


def is_finding(value: Value | None) -> bool:
    """Return whether a value is what a review found."""
    return isinstance(value, Rating) and value.state is RatingState.RATED


def _read_again(stored_text: TextLookup, recorded: Observation) -> PageReading | None:
    """Return the reading of an observed page, None where another version of the reader read it or its text is gone."""
    text = stored_text(recorded.text) if recorded.reader == READER else None
    return _reread(text) if text else None


@lru_cache(maxsize=16)
def _reread(text: str) -> PageReading | None:
    """Return the reading of a page, None where this reader refuses it; it is asked for each of a page's facts."""
    try:
        return reread_page(text)
    except UnreadableInput:
        return None


def list_says(
    stored_text: TextLookup,
    code: str,
    language: str,
    current: SiblingListReading,
    path: str,
    _time: datetime,
    recorded: Observation,
) -> bool:
    """Return whether an observed list states something at a path of an entry, or that the current list's entry is gone.

    A list that is not known any more, or that another version of the reader read, counts as saying something.
    """
    listed = _read_list_again(stored_text, language, recorded)
    if listed is None:
        return True
    entry = listed.find_entry(code)
    return path in sibling_spans(listed.text, entry) if entry else listed.omits(code, current)


def quote_list_again(
    stored_text: TextLookup,
    code: str,
    language: str,
    statements: SourceStatements,
    facts: Facts,
    recorded: Observation,
) -> tuple[Evidence, ...]:
    """Return the passages of a list in which it says facts of one of its entries again."""
    listed = _read_list_again(stored_text, language, recorded)
    entry = listed.find_entry(code) if listed else None
    if listed is None or entry is None:
        return statements.evidence_again(facts, recorded)
    return statements.evidence_in(recorded, sibling_spans(listed.text, entry))


def _read_list_again(stored_text: TextLookup, language: str, recorded: Observation) -> SiblingListReading | None:
    """Return the reading of an observed list, None where another version of the reader read it or its text is gone."""
    text = stored_text(recorded.text) if recorded.reader == READER else None
    return read_stored_list(text, language) if text else None


@lru_cache(maxsize=16)
def read_stored_list(text: str, language: str) -> SiblingListReading:
    """Return the reading of a list's canonical text; it is asked for each of its entries."""
    return read_sibling_list(text, shipped_labels().get(language))[0]


def _identity_spans(page: PageReading) -> Spans:
    """Return where a page states which commitment, of which member and plan, it is about."""
    found = re.search(rf"(?<=\(){page.code}(?=\))", page.text, re.IGNORECASE)
    spans: Spans = dict.fromkeys(("code", code_path(page.code), "member"), found.span()) if found else {}
    extracted = {"member": page.country, "actionPlan": page.plan_title or page.cycle, "cycle": page.cycle}
    return spans | {path: each.span for path, each in extracted.items() if each}


def _spans_of(facts: ExtractedFacts) -> Spans:
    return {path: each.span for path, each in facts.items()}
