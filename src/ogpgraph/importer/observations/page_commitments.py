"""Records what a page and its list state of commitments: each zone of the page states facts of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from msgspec import structs

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.code import code_path
from ogpgraph.domain.commitment import decide_events, register_commitment
from ogpgraph.domain.event import Cause, Facts, NewEvent, Origin
from ogpgraph.domain.lineage import recode_commitment
from ogpgraph.domain.renumbering import follow_renumbering
from ogpgraph.domain.source_statements import NOTHING_STATED
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import Interval, Value
from ogpgraph.importer.observations.differences import (
    Covers,
    IsSame,
    ObservedChanges,
    QuoteAgain,
    SourceStatements,
    covers_all,
    covers_none,
    record_respelled,
)
from ogpgraph.importer.observations.observation import ObservationOutcome, Spans
from ogpgraph.importer.observations.page_plans import cut_off_remarks
from ogpgraph.importer.observations.page_quotes import (
    is_finding,
    list_says,
    page_says,
    zone_dates,
    zone_spans,
    zone_withdraws,
)
from ogpgraph.importer.observations.unnamed_commitments import UnnamedCommitments
from ogpgraph.importer.observations.value_equivalence import (
    TextLookup,
    is_cut_off_in_page,
    is_equal_in_layout,
    is_shortened,
)
from ogpgraph.importer.pages.extraction import PageReading, Remark, SiblingListReading
from ogpgraph.importer.writer import TitlesByCode


class StatedCommitment(NamedTuple):
    """What one zone of a source states of a commitment. If that is a list, `listed` is the whole of it."""

    code: str
    member: Aggregate
    origin: Origin
    facts: Facts
    spans: Spans
    quote_again: QuoteAgain
    listed: SiblingListReading | None = None


class PageCommitments:
    """Records the commitments of one page; `remarks` gets what is not recorded or lost."""

    def __init__(
        self,
        uow: UnitOfWork,
        page: PageReading,
        stored_text: TextLookup,
        lookup_text: TextLookup,
        titles_of_plan: Callable[[str], TitlesByCode],
        remarks: list[Remark],
    ) -> None:
        self._uow = uow
        self._page = page
        self._stored_text = stored_text
        self._lookup_text = lookup_text
        self._remarks = remarks
        self._unnamed = UnnamedCommitments(uow, titles_of_plan, lookup_text)
        self._is_same: IsSame = partial(is_equal_in_layout, lookup_text)

    def reconcile(self, stated: StatedCommitment, outcome: ObservationOutcome) -> None:
        """Record all the facts that are stated of a commitment, so that others are gone; it may be a new one."""
        code, origin = stated.code, stated.origin
        stream = self._find_or_register(stated, outcome)
        commitment = self._uow.aggregate(stream)
        facts = follow_renumbering(commitment, stated.facts)
        provenance = outcome.provenance(origin, follow_renumbering(commitment, stated.spans))
        if commitment.string("code") != code:
            # A former code of the commitment is not a reason to recode it back.
            facts = {path: value for path, value in facts.items() if path != "code"}
        statements, covers = self._statements(stream, stated, outcome)
        changes = statements.changes(facts, self._is_same, covers, partial(self._is_cut_off_in, origin))
        self._remark_losses(code, statements, changes)
        for changed, dated in statements.split_by_interval(changes.stated, provenance):
            if outcome.is_late:
                self._uow.append(stream, "CommitmentSeenEarlier", changed, dated)
            else:
                events = decide_events(self._uow.aggregate(stream), changed)
                is_list = origin is Origin.SIBLING_LIST
                self._uow.append_all(stream, _join_translation(events) if is_list else events, dated)
        record_respelled(self._uow, stream, "CommitmentSeenEarlier", changes.respelled)
        for index, again in changes.restated.items():
            later = outcome.later[index]
            provenance = outcome.provenance_of(origin, later, stated.quote_again(statements, again, later[1]))
            self._uow.append(stream, "CommitmentSeenEarlier", again, provenance)

    def _find_or_register(self, stated: StatedCommitment, outcome: ObservationOutcome) -> str:
        """Return the stream of a commitment: that of its code, one without a code that it is, or a new one."""
        code = stated.code
        if stream := self._uow.resolve_code("commitment", code):
            return stream
        provenance = outcome.provenance(stated.origin, stated.spans)
        first_stated = structs.replace(provenance, changed_between=Interval(before=outcome.moment))
        if stream := self._unnamed.find(stated.facts, self._other_titles(code)):
            recode_commitment(self._uow, self._uow.aggregate(stream), code, first_stated)
            return stream
        # What an observation that is not the only one states besides the identity is recorded with its differences.
        first = identity_of(code, stated.member) if outcome.earlier or outcome.later else stated.facts
        return register_commitment(self._uow, code, first, first_stated).id

    def _statements(
        self, stream: str, stated: StatedCommitment, outcome: ObservationOutcome
    ) -> tuple[SourceStatements, Covers]:
        """Return what a zone of the source stated before, and where this observation says that there is nothing.

        An entry of a list, which may be damaged, says nothing but what it has, unless the list shows that it is gone.
        The same bytes, read again by another version of the reader, say all that they ever said.
        """
        origin, listed = stated.origin, stated.listed
        if listed is not None:
            is_listed = any(self._uow.resolve_code("commitment", each.code) == stream for each in listed.entries)
            current_code = self._uow.aggregate(stream).string("code") or ""
            says = partial(list_says, self._stored_text, current_code, self._page.language, listed)
            statements = SourceStatements(self._uow, stream, origin, outcome, says)
            return statements, covers_none if is_listed else covers_all
        says = partial(page_says, self._stored_text, partial(zone_spans, origin=origin))
        withdraws = partial(zone_withdraws, self._stored_text, origin)
        dates = partial(zone_dates, self._stored_text, origin)
        statements = SourceStatements(self._uow, stream, origin, outcome, says, withdraws, dates)
        return statements, covers_all if outcome.cause is Cause.EXTRACTION else partial(self._covers, origin)

    def _covers(self, origin: Origin, path: str, value: Value | None) -> bool:
        if value is None:  # nothing is withdrawn, but what a later observation states became so after this one
            return origin is not Origin.HEADER or self._page.says(origin, path)
        return self._page.withdraws(origin, path, is_finding=is_finding(value))

    def _is_cut_off_in(self, origin: Origin, path: str, value: Value, whole: Value) -> bool:
        # The title of a page ends in its code, so that it is whole.
        is_whole = origin is Origin.HEADER and path.startswith("title/")
        return not is_whole and is_cut_off_in_page(self._lookup_text, path, value, whole)

    def _remark_losses(self, code: str, statements: SourceStatements, changes: ObservedChanges) -> None:
        """Remark what was stated before and is not any more."""
        about = "" if code == self._page.code else f"{code} "
        self._remarks += cut_off_remarks(changes.cut_off, about)
        for path, value in changes.stated.items():
            former = statements.around.get(path, NOTHING_STATED).value
            if former is None:
                continue
            if value is None:
                self._remarks.append(Remark(0, "withdrawn", f"{about}{path}: it is not stated any more"))
            elif is_shortened(former, value, self._lookup_text):
                self._remarks.append(Remark(0, "shortened", f"{about}{path}: less is stated than before"))

    def _other_titles(self, code: str) -> list[str]:
        """Return the titles of the other entries of the page's list that are in the plan of a commitment."""
        listed = self._page.siblings
        entry = listed.find_entry(code) if listed else None
        if listed is None or entry is None:
            return []
        others = (each.facts.values() for each in listed.entries if each.code != code and each.cycle == entry.cycle)
        return [str(each.value) for facts in others for each in facts if isinstance(each.value, str)]


def _join_translation(events: list[NewEvent]) -> list[NewEvent]:
    """Return the events for an entry of a list, with a translation and its repeated facts as one event.

    A list in another language repeats cycle and plan with each translated title.
    """
    by_name = {event.name: event for event in events}
    translated, revised = by_name.get("CommitmentTranslated"), by_name.get("CommitmentRevised")
    if not translated or not revised:
        return events
    joined = structs.replace(translated, facts=translated.facts | revised.facts)
    return [joined, *(event for event in events if event not in (translated, revised))]


def identity_of(code: str, member: Aggregate) -> Facts:
    """Return the facts by which a source says which commitment it is about."""
    return {"code": code, code_path(code): True, "member": member.id}
