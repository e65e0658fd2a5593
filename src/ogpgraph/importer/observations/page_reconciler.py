"""Records the differences between one page and the record: each zone of the page states facts of its own.

Facts of the commitment belong to the page alone, so a value that the page no longer has is withdrawn. Facts of the
member and the plan are stated by many pages, so that a page which lacks one withdraws nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import structs

from ogpgraph.application.translation import to_published_facts
from ogpgraph.domain.action_plan import PLAN, register_action_plan, revise_action_plan
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.code import code_path, confirmed_code
from ogpgraph.domain.commitment import decide_events, register_commitment
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Facts, NewEvent, Origin
from ogpgraph.domain.member import (
    MEMBER,
    MemberIdentity,
    member_of_commitment_code,
    region_of,
    register_member,
    revise_member,
)
from ogpgraph.domain.renumbering import follow_renumbering
from ogpgraph.domain.source import content_hash, last_observed_at, observations
from ogpgraph.domain.source_statements import NOTHING_STATED, Surroundings
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Observation, TextValue, TranslationKind, Value
from ogpgraph.importer.observations.observation import (
    ObservationOutcome,
    SourceObservation,
    Spans,
    find_observation_to_reread,
    observed_changes,
    record_observation,
    statements_around,
)
from ogpgraph.importer.observations.value_equivalence import TextLookup, reuse_equivalent_value
from ogpgraph.importer.pages.extraction import (
    ExtractedFacts,
    ExtractedValue,
    PageReading,
    Remark,
    Sibling,
    SiblingListReading,
    UnreadableInput,
)
from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.page import (
    READER,
    find_code_and_cycle,
    find_codes,
    read_sibling_list,
    reread_page,
)
from ogpgraph.importer.pages.text import Span
from ogpgraph.importer.pages.values import find_plan_years, parse_plan_month

_MEMBER_TABLE = Provenance(origin=Origin.REFERENCE)
_ZONES = (Origin.HEADER, Origin.PLAN, Origin.DESCRIPTION, Origin.NARRATIVE)
ReviseCommand = Callable[[UnitOfWork, Aggregate, Facts, Provenance], None]


@dataclass(frozen=True)
class PageCapture:
    """The circumstances of a page's observation: the hash of its bytes, the time, and its URL if it was fetched."""

    content_hash: str
    observed_at: datetime
    url: str | None = None


class PageReconciler:
    """Records one page in a unit of work. `stored_text` looks up the canonical texts of earlier observations.

    `remarks` are on what was read and is not recorded.
    """

    def __init__(self, uow: UnitOfWork, capture: PageCapture, page: PageReading, stored_text: TextLookup) -> None:
        self._uow = uow
        self._stored_text = stored_text
        self._capture = capture
        self._page = page
        self._translation_kind = TranslationKind(page.translation_kind)
        self.remarks: list[Remark] = []

    def reconcile(self) -> None:
        """Append the events for everything new on the page and in its list.

        Raises UnreadableInput, and Conflict where the page's code means a commitment of another member.
        """
        member_identity = member_of_commitment_code(self._page.code)
        if member_identity is None:
            raise UnreadableInput(f"{self._page.code} is not the code of a commitment of any known member")
        if other := self._other_member(self._page.code, member_identity.code):
            raise Conflict(
                f"{self._page.code} is the code of a commitment of {other}, and the page is one of "
                f"{member_identity.code}: nothing is recorded"
            )
        self._reread_page()
        same_bytes_until = self._same_bytes_until()  # before this observation is recorded, which would be the answer
        if outcome := record_observation(self._uow, self.observation()):
            member = self._find_or_register_member(member_identity)
            self._revise_member(member, outcome)
            self._reconcile_page(self._uow.aggregate(member.id), outcome)
        if self._page.siblings:
            self._reread_list(member_identity, self._page.siblings)
            self._reconcile_list(member_identity, self._page.siblings, same_bytes_until)

    def observation(self) -> SourceObservation:
        """Return the page as an observation of its source."""
        capture, page = self._capture, self._page
        return SourceObservation(
            "PAGE", page.code, page.language, capture.observed_at, capture.content_hash, page.text, READER, capture.url
        )

    def lookup_text(self, reference: str) -> str | None:
        """Return the text of a reference, stored or in this unit of work."""
        pending = self._uow.texts.get(reference)
        return pending[1] if pending else self._stored_text(reference)

    # Earlier observations by another reader

    def _reread_page(self) -> None:
        """Record the latest observation as this reader reads it, if another version of the reader read it.

        After that, every difference to this observation is a change of the page.
        """
        former = find_observation_to_reread(self._uow, self.observation())
        text = former and self._stored_text(former[1].text)
        if not former or not text:
            return
        try:
            page = reread_page(text)
        except UnreadableInput:
            return  # refused by this reader, the observation has no facts to compare with
        if (page.code, page.language) == (self._page.code, self._page.language):
            # Without the list, which was an observation of its own and is reread as such.
            self._earlier_reconciler(former, replace(page, siblings=None)).reconcile()

    def _reread_list(self, member_identity: MemberIdentity, listed: SiblingListReading) -> None:
        former = find_observation_to_reread(self._uow, self._list_observation(member_identity, listed))
        text = former and self._stored_text(former[1].text)
        if former and text:
            reading, _ = read_sibling_list(text, shipped_labels().get(self._page.language))
            earlier = self._earlier_reconciler(former, self._page)
            earlier._reconcile_list(member_identity, reading)  # noqa: SLF001 - another instance of this class

    def _earlier_reconciler(self, former: tuple[datetime, Observation], page: PageReading) -> PageReconciler:
        observed_at, recorded = former
        capture = replace(self._capture, content_hash=recorded.content_hash, observed_at=observed_at)
        return PageReconciler(self._uow, capture, page, self._stored_text)

    def _same_bytes_until(self) -> datetime | None:
        """Return when these very bytes were last observed, if another version of the reader read them."""
        observation = self.observation()
        source = self._uow.aggregate(observation.source)
        known = observations(source)
        if not known or known[-1][1].content_hash != observation.content_hash:
            return None
        return last_observed_at(source) if known[-1][1].reader != observation.reader else None

    def _other_member(self, code: str, member_code: str) -> str | None:
        """Return the code of the member of the commitment that a code means; None if it is `member_code`, or free."""
        stream = self._uow.resolve_code("commitment", code)
        member = self._uow.aggregate(stream).string("member") if stream else None
        found = self._uow.aggregate(member).string("code") if member else None
        return found if found != member_code else None

    # The member and the plan

    def _find_or_register_member(self, identity: MemberIdentity) -> Aggregate:
        stream = self._uow.resolve_code("member", identity.code)
        if stream is not None:
            return self._uow.aggregate(stream)
        facts: Facts = {"prefix": identity.prefix, "type": identity.kind}
        if region := region_of(identity.code):
            facts["region"] = region
        if identity.name:
            facts["name/en"] = self._uow.text_value(identity.name, TranslationKind.UNKNOWN)
        return register_member(self._uow, identity.code, facts, _MEMBER_TABLE)

    def _revise_member(self, member: Aggregate, outcome: ObservationOutcome) -> None:
        if country := self._page.country:
            path = f"name/{self._page.language}"
            facts = self._published_facts(MEMBER, {path: country})
            provenance = outcome.provenance(Origin.HEADER, {path: country.span})
            self._add_shared_facts(member.id, "Member", revise_member, facts, provenance, outcome)

    def _add_shared_facts(
        self,
        stream: str,
        event_prefix: str,
        revise: ReviseCommand,
        facts: Facts,
        provenance: Provenance,
        outcome: ObservationOutcome,
    ) -> None:
        """Record facts of a member or a plan, which other pages state, too."""
        aggregate = self._uow.aggregate(stream)
        around = statements_around(self._uow, stream, provenance.origin, outcome)
        facts = self._reuse_equivalent_values(facts, around, aggregate)
        own = {path: value for path, value in facts.items() if path in around}
        changes = observed_changes({path: around[path] for path in own}, own, outcome)
        first = {path: value for path, value in facts.items() if path not in around}
        repeated = {path: value for path, value in first.items() if aggregate.value(path) == value}
        confirmed = {path: value for path, value in repeated.items() if _should_confirm(aggregate, path, provenance)}
        new = {path: value for path, value in first.items() if path not in repeated}
        if outcome.is_late:
            name = f"{event_prefix}SeenEarlier"
            self._uow.append(stream, name, changes.stated | new | confirmed, provenance)
            # A page that lacks such a fact withdraws nothing: only values are said again.
            for index, again in changes.restated.items():
                values: Facts = {path: value for path, value in again.items() if value is not None}
                provenance_of_later = outcome.provenance_of(provenance.origin, outcome.later[index])
                self._uow.append(stream, name, values, provenance_of_later)
            return
        revise(self._uow, aggregate, changes.stated | new, provenance)
        self._uow.append(stream, f"{event_prefix}Revised", confirmed, provenance)

    def _reuse_equivalent_values(
        self, facts: Facts, around: Mapping[str, Surroundings], aggregate: Aggregate | None = None
    ) -> Facts:
        """Return facts with the values that the source, or else the aggregate, has already in another layout."""

        def known_values(path: str) -> Iterator[Value | None]:
            known = around.get(path, NOTHING_STATED)
            yield from (each.value for each in (known.last, known.next) if each)
            if aggregate:
                yield aggregate.value(path)

        return {
            path: reuse_equivalent_value(value, known_values(path), self.lookup_text) for path, value in facts.items()
        }

    def _reconcile_plan(self, member: Aggregate, outcome: ObservationOutcome) -> str | None:
        """Return the stream of the page's plan; None where the page names neither its cycle nor its years."""
        title, cycle = self._page.plan_title, self._page.cycle
        facts, spans = self._plan_title_facts(title) if title else ({}, {})
        year = str(cycle.value) if cycle else facts.get("startsOn")
        if year is None:
            return None
        spans |= self._identity_spans()
        if cycle:
            facts["cycle"], spans["cycle"] = int(str(cycle.value)), cycle.span
        month = parse_plan_month(str(title.value), shipped_labels().get(self._page.language)) if title else None
        provenance = outcome.provenance(Origin.HEADER, spans)
        return self._find_or_register_plan(member, str(year), facts, provenance, outcome, month)

    def _plan_title_facts(self, title: ExtractedValue) -> tuple[Facts, Spans]:
        extracted = {f"title/{self._page.language}": title}
        if years := find_plan_years(str(title.value)):
            for path, (year, span) in zip(("startsOn", "endsOn"), years, strict=True):
                extracted[path] = ExtractedValue(year, Span(title.span.start + span.start, title.span.start + span.end))
        return self._published_facts(PLAN, extracted), {path: each.span for path, each in extracted.items()}

    def _find_or_register_plan(
        self,
        member: Aggregate,
        year: str,
        facts: Facts,
        provenance: Provenance,
        outcome: ObservationOutcome,
        month: int | None = None,
    ) -> str:
        code = f"{member.string('code')}-{year}"
        stream = self._uow.resolve_code("plan", code)
        if stream and month and self._plan_month(stream) not in (month, None):
            code = f"{code}-{month:02}"  # the second plan of a year
            stream = self._uow.resolve_code("plan", code)
        if stream is None:
            return register_action_plan(self._uow, code, {"member": member.id, **facts}, provenance).id
        self._add_shared_facts(stream, "ActionPlan", revise_action_plan, facts, provenance, outcome)
        return stream

    def _plan_month(self, plan: str) -> int | None:
        """Return the month that a plan's title ends in, in whatever language the title is known."""
        for path, claim in self._uow.aggregate(plan).claims_under("title/"):
            title = self.lookup_text(claim.value.text) if isinstance(claim.value, TextValue) else None
            if month := parse_plan_month(title or "", shipped_labels().get(path.rpartition("/")[2])):
                return month
        return None

    # The commitment

    def _reconcile_page(self, member: Aggregate, outcome: ObservationOutcome) -> None:
        plan = self._reconcile_plan(member, outcome)
        # A zone that the page no longer has is reconciled, too: all its facts are withdrawn.
        zones = {origin: self._convert_facts(self._page.facts.get(origin, {})) for origin in _ZONES}
        header, spans = zones[Origin.HEADER]
        spans |= self._identity_spans()
        if plan:
            header["actionPlan"] = plan
        if cycle := self._page.cycle:
            header["cycle"], spans["cycle"] = int(str(cycle.value)), cycle.span
        for origin, (facts, zone_spans) in zones.items():
            self._reconcile_commitment(self._page.code, member, origin, facts, zone_spans, outcome)

    def _identity_spans(self) -> Spans:
        """Return where the page states which commitment, of which member and plan, it is about."""
        code = re.search(rf"(?<=\(){self._page.code}(?=\))", self._page.text, re.IGNORECASE)
        spans: Spans = {"code": code.span(), "member": code.span()} if code else {}
        extracted = {"member": self._page.country, "actionPlan": self._page.plan_title or self._page.cycle}
        return spans | {path: each.span for path, each in extracted.items() if each}

    def _reconcile_commitment(
        self, code: str, member: Aggregate, origin: Origin, facts: Facts, spans: Spans, outcome: ObservationOutcome
    ) -> None:
        """Record the facts that one zone of the source states of a commitment: all of them, so that others are gone."""
        if "code" in spans:
            spans = spans | {code_path(code): spans["code"]}
        stream = self._uow.resolve_code("commitment", code)
        if stream is None:
            # A late observation registers the commitment; what it states besides its identity is recorded below.
            first = {} if outcome.is_late else facts
            provenance = outcome.provenance(origin, spans)
            stream = register_commitment(self._uow, code, {"member": member.id, **first}, provenance).id
        commitment = self._uow.aggregate(stream)
        facts = follow_renumbering(commitment, facts)
        provenance = outcome.provenance(origin, follow_renumbering(commitment, spans))
        facts = facts | (confirmed_code(commitment, code) if facts else {})
        around = statements_around(self._uow, stream, origin, outcome)
        changes = observed_changes(around, self._reuse_equivalent_values(facts, around), outcome)
        if outcome.is_late:
            self._uow.append(stream, "CommitmentSeenEarlier", changes.stated, provenance)
        else:
            events = decide_events(commitment, changes.stated)
            is_list = origin is Origin.SIBLING_LIST
            self._uow.append_all(stream, _join_translation(events) if is_list else events, provenance)
        for index, again in changes.restated.items():
            provenance = outcome.provenance_of(origin, outcome.later[index])
            self._uow.append(stream, "CommitmentSeenEarlier", again, provenance)

    def _convert_facts(self, extracted: ExtractedFacts) -> tuple[Facts, Spans]:
        facts = self._published_facts(COMMITMENT, extracted)
        return facts, {path: each.span for path, each in extracted.items()}

    def _published_facts(self, aggregate_type: AggregateType, extracted: ExtractedFacts) -> Facts:
        """Return values as they are stored; what cannot be stored has a remark."""

        def report(path: str, text: str) -> None:
            self.remarks.append(Remark(extracted[path].span.line_number(self._page.text), "not-recorded", text))

        values = {path: each.value for path, each in extracted.items()}
        return to_published_facts(self._uow, aggregate_type, values, report, self._translation_kind)

    # The list of siblings

    def _list_observation(self, member_identity: MemberIdentity, listed: SiblingListReading) -> SourceObservation:
        language, observed_at = self._page.language, self._capture.observed_at
        digest = content_hash(listed.text.encode())
        return SourceObservation(
            "COMMITMENT_LIST", member_identity.code, language, observed_at, digest, listed.text, READER
        )

    def _reconcile_list(
        self, member_identity: MemberIdentity, listed: SiblingListReading, same_bytes_until: datetime | None = None
    ) -> None:
        observation = self._list_observation(member_identity, listed)
        outcome = record_observation(self._uow, observation, same_bytes_until=same_bytes_until)
        if outcome is None:
            return
        member = self._find_or_register_member(member_identity)
        for sibling in listed.entries:
            if other := self._other_member(sibling.code, member_identity.code):
                text = f"the list of {member_identity.code} has {sibling.code}, a commitment of {other}; not recorded"
                self.remarks.append(Remark(0, "other-member", text))
            else:
                self._reconcile_sibling(member, listed.text, sibling, outcome)
        for code in self._omitted_codes(listed, outcome):
            if not self._other_member(code, member_identity.code):
                self._reconcile_commitment(code, member, Origin.SIBLING_LIST, {}, {}, outcome)

    def _reconcile_sibling(
        self, member: Aggregate, list_text: str, sibling: Sibling, outcome: ObservationOutcome
    ) -> None:
        facts, spans = self._convert_facts(sibling.facts)
        if found := find_code_and_cycle(list_text, sibling.code):
            code, cycle = found
            spans |= {"code": code, "member": code, "cycle": cycle, "actionPlan": cycle}
        provenance = outcome.provenance(Origin.SIBLING_LIST, spans)
        plan = self._find_or_register_plan(member, str(sibling.cycle), {"cycle": sibling.cycle}, provenance, outcome)
        facts |= {"cycle": sibling.cycle, "actionPlan": plan}
        self._reconcile_commitment(sibling.code, member, Origin.SIBLING_LIST, facts, spans, outcome)

    def _omitted_codes(self, listed: SiblingListReading, outcome: ObservationOutcome) -> list[str]:
        """Return the codes of known commitments that an adjacent observation of the list has, and this one lacks."""
        texts = (self._stored_text(recorded.text) or "" for recorded in outcome.adjacent)
        codes = {code for text in texts for code in find_codes(text)} - {each.code for each in listed.entries}
        return sorted(code for code in codes if self._uow.resolve_code("commitment", code))


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


def _should_confirm(aggregate: Aggregate, path: str, provenance: Provenance) -> bool:
    """Return whether a source's repetition of the current value is recorded.

    A list always is, since it is the only source of many plans; any page is, over a value from our own tables.
    """
    current = aggregate.current_claim(path)
    from_table = current is not None and current.origin is Origin.REFERENCE
    return current is not None and (from_table or provenance.origin is Origin.SIBLING_LIST)
