"""Turns what a page says into commands: each zone of the page states its facts, and only what is new is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import structs

from ogpgraph.application import Provenance, UnitOfWork
from ogpgraph.application.commands import commitments as commitment_commands
from ogpgraph.application.commands import members
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.commitment import COMMITMENT
from ogpgraph.domain.event import Facts, NewEvent, Origin
from ogpgraph.domain.member import MemberIdentity, member_of_commitment_code, region_of
from ogpgraph.domain.source import content_hash, last_observed_at, observations
from ogpgraph.domain.values import Observation, Rating, TextListValue, TextValue, TranslationKind, Value
from ogpgraph.importer.observations.observation import (
    ObservationOutcome,
    SourceObservation,
    find_observation_to_reread,
    record_observation,
)
from ogpgraph.importer.observations.value_equivalence import reuse_equivalent_value
from ogpgraph.importer.pages.extraction import (
    ExtractedRating,
    ExtractedValue,
    PageReading,
    SiblingListReading,
    UnreadableInput,
)
from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.page import READER, reread_page
from ogpgraph.importer.pages.siblings import find_code_and_cycle, find_codes, read_sibling_list
from ogpgraph.importer.pages.values import find_plan_years, parse_plan_month

_FROM_TABLE = Provenance(origin=Origin.REFERENCE)
_ZONES = (Origin.HEADER, Origin.PLAN, Origin.DESCRIPTION, Origin.NARRATIVE)
_IDENTITY = frozenset({"code", "member"})
"""What a commitment is known by is said once; no source unsays it."""
Spans = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class PageCapture:
    """How a page was found: the hash of its bytes, when it was observed, where it is published if that is known."""

    content_hash: str
    observed_at: datetime
    url: str | None = None


class PageReconciler:
    """Brings one page's reading into the record, in one session.

    `stored_text` gives the canonical text of an earlier observation by its reference, None where it is kept no longer.
    """

    def __init__(
        self, uow: UnitOfWork, capture: PageCapture, page: PageReading, stored_text: Callable[[str], str | None]
    ) -> None:
        self._uow = uow
        self._stored_text = stored_text
        self._capture = capture
        self._page = page
        self._translation_kind = TranslationKind(page.translation_kind)

    def run(self) -> None:
        """Record everything the page says that is new, and the list of siblings that stands on it."""
        member_code = member_of_commitment_code(self._page.code)
        if member_code is None:
            raise UnreadableInput(f"{self._page.code} is not the code of a commitment of any known member")
        self._reread_page()
        same_bytes_until = self._same_bytes_until()
        outcome = record_observation(self._uow, self.observation())
        if outcome:
            self._reconcile_page(self._reconcile_member(member_code, outcome), outcome)
        if self._page.siblings:
            self._reread_list(member_code, self._page.siblings)
            self._reconcile_list(member_code, self._page.siblings, same_bytes_until)

    def observation(self) -> SourceObservation:
        """Return the page as a sight of its source."""
        return self._make_observation("PAGE", self._page.code, self._capture.content_hash, self._page.text)

    def _make_observation(self, kind: str, code: str, digest: str, text: str) -> SourceObservation:
        url = self._capture.url if kind == "PAGE" else None
        return SourceObservation(kind, code, self._page.language, self._capture.observed_at, digest, text, READER, url)

    def _list_observation(self, member_code: MemberIdentity, listed: SiblingListReading) -> SourceObservation:
        return self._make_observation(
            "COMMITMENT_LIST", member_code.code, content_hash(listed.text.encode()), listed.text
        )

    def _reconcile_list(
        self, member_code: MemberIdentity, listed: SiblingListReading, same_bytes_until: datetime | None = None
    ) -> None:
        outcome = record_observation(
            self._uow, self._list_observation(member_code, listed), same_bytes_until=same_bytes_until
        )
        if outcome:
            self._reconcile_siblings(self._reconcile_member(member_code, None), listed, outcome)

    # What another reader read before

    def _reread_page(self) -> None:
        """Let today's reader read the former page first where another did: what differs is the reader's doing."""
        former = find_observation_to_reread(self._uow, self.observation())
        text = former and self._stored_text(former[1].text)
        if not former or not text:
            return
        try:
            page = reread_page(text)
        except UnreadableInput:
            return  # a page that this reader would refuse tells it nothing
        if (page.code, page.language) == (self._page.code, self._page.language):
            self._earlier_reconciler(former, replace(page, siblings=None)).run()

    def _reread_list(self, member_code: MemberIdentity, listed: SiblingListReading) -> None:
        former = find_observation_to_reread(self._uow, self._list_observation(member_code, listed))
        text = former and self._stored_text(former[1].text)
        if former and text:
            reading, _ = read_sibling_list(text, shipped_labels().get(self._page.language))
            earlier = self._earlier_reconciler(former, self._page)
            earlier._reconcile_list(member_code, reading)  # noqa: SLF001 - another instance of this class

    def _earlier_reconciler(self, former: tuple[datetime, Observation], page: PageReading) -> PageReconciler:
        observed_at, recorded = former
        capture = replace(self._capture, content_hash=recorded.content_hash, observed_at=observed_at)
        return PageReconciler(self._uow, capture, page, self._stored_text)

    def _same_bytes_until(self) -> datetime | None:
        """Return when these very bytes were last seen, where another reader read them."""
        source, observation = self._uow.aggregate(self.observation().source), self.observation()
        latest = next((recorded for _, recorded in reversed(observations(source))), None)
        if latest is None or latest.content_hash != observation.content_hash or latest.reader == observation.reader:
            return None
        return last_observed_at(source)

    # The member and the plan

    def _reconcile_member(self, member_code: MemberIdentity, outcome: ObservationOutcome | None) -> Aggregate:
        stream = self._uow.resolve_code("member", member_code.code)
        if stream is None:
            facts: Facts = {"prefix": member_code.prefix, "type": member_code.kind}
            if region := region_of(member_code.code):
                facts["region"] = region
            if member_code.name:
                facts["name/en"] = TextValue(self._uow.text_ref(member_code.name), TranslationKind.UNKNOWN)
            stream = members.register_member(self._uow, member_code.code, facts, _FROM_TABLE).id
        if outcome and (country := self._page.country):
            path = f"name/{self._page.language}"
            facts = {path: TextValue(self._uow.text_ref(str(country.value)), self._translation_kind)}
            provenance = outcome.provenance(Origin.HEADER, {path: country.span})
            self._add_facts(stream, "Member", members.revise_member, facts, provenance)
        return self._uow.aggregate(stream)

    def _add_facts(
        self,
        stream: str,
        noun: str,
        revise: Callable[[UnitOfWork, Aggregate, Facts, Provenance], None],
        facts: Facts,
        provenance: Provenance,
    ) -> None:
        """Record what a page says of something that many pages speak of: what one of them leaves out stays said."""
        aggregate = self._uow.aggregate(stream)
        own = aggregate.claims_from(provenance.origin, provenance.source)
        own_values = {path: claim.value for path, claim in own.items()}
        facts = {
            p: reuse_equivalent_value(v, [own_values.get(p), aggregate.value(p)], self._lookup_text)
            for p, v in facts.items()
        }
        if provenance.late:
            earlier = {path: value for path, value in facts.items() if path in own}
            self._uow.append(stream, f"{noun}SeenEarlier", _narrowing_facts(aggregate, earlier, provenance), provenance)
            facts = {path: value for path, value in facts.items() if path not in own}
        at_once = structs.replace(provenance, late=False)
        repeated = {path: value for path, value in facts.items() if path not in own and aggregate.value(path) == value}
        confirmed = {path: value for path, value in repeated.items() if _should_confirm(aggregate, path, provenance)}
        revise(self._uow, self._uow.aggregate(stream), facts, at_once)
        self._uow.append(stream, f"{noun}Revised", confirmed, at_once)

    def _reconcile_plan(self, member: Aggregate, outcome: ObservationOutcome) -> str | None:
        title, cycle = self._page.plan_title, self._page.cycle
        facts: Facts = {}
        spans: Spans = {}
        if title:
            path = f"title/{self._page.language}"
            facts[path] = TextValue(self._uow.text_ref(str(title.value)), self._translation_kind)
            spans[path] = title.span
            for year_path, (year_named, span) in zip(
                ("startsOn", "endsOn"), find_plan_years(str(title.value)) or (), strict=False
            ):
                facts[year_path] = year_named
                spans[year_path] = (title.span.start + span.start, title.span.start + span.end)
        year = cycle.value if cycle else str(facts.get("startsOn", "")) or None
        if year is None:
            return None
        spans |= self._identity_spans()
        if cycle:
            facts["cycle"], spans["cycle"] = int(str(year)), cycle.span
        plan_month = parse_plan_month(str(title.value), shipped_labels().get(self._page.language)) if title else None
        return self._find_or_register_plan(
            member, str(year), facts, outcome.provenance(Origin.HEADER, spans), plan_month
        )

    def _find_or_register_plan(
        self, member: Aggregate, year: str, facts: Facts, provenance: Provenance, plan_month: int | None = None
    ) -> str:
        code = f"{member.string('code')}-{year}"
        stream = self._uow.resolve_code("plan", code)
        if stream and plan_month and self._plan_month_of(stream) not in (plan_month, None):
            code = f"{code}-{plan_month:02}"  # the second plan of a year
            stream = self._uow.resolve_code("plan", code)
        if stream is None:
            at_once = structs.replace(provenance, late=False)
            return members.register_action_plan(self._uow, code, {"member": member.id, **facts}, at_once).id
        self._add_facts(stream, "ActionPlan", members.revise_action_plan, facts, provenance)
        return stream

    def _plan_month_of(self, plan: str) -> int | None:
        """Return the month that a plan's name ends in, in whatever language it is known."""
        titles = self._uow.aggregate(plan).claims_under("title/")
        named = [
            (path, self._lookup_text(claim.value.text)) for path, claim in titles if isinstance(claim.value, TextValue)
        ]
        months = (parse_plan_month(words or "", shipped_labels().get(path.rpartition("/")[2])) for path, words in named)
        return next(filter(None, months), None)

    # The commitment

    def _reconcile_page(self, member: Aggregate, outcome: ObservationOutcome) -> None:
        plan = self._reconcile_plan(member, outcome)
        # A zone that is gone states nothing any more, which is a change too.
        zones = {origin: self._convert_facts(self._page.facts.get(origin, {})) for origin in _ZONES}
        header, spans = zones[Origin.HEADER]
        spans |= self._identity_spans()
        if plan:
            header["actionPlan"] = plan
        if self._page.cycle:
            header["cycle"], spans["cycle"] = int(str(self._page.cycle.value)), self._page.cycle.span
        for origin, (facts, spans) in zones.items():
            self._reconcile_commitment(self._page.code, member, origin, facts, spans, outcome)

    def _identity_spans(self) -> Spans:
        """Return where the page says which commitment, of which member and plan, it is about."""
        code = re.search(rf"(?<=\(){self._page.code}(?=\))", self._page.text, re.IGNORECASE)
        spans = {"code": code.span(), "member": code.span()} if code else {}
        extracted = {"member": self._page.country, "actionPlan": self._page.plan_title or self._page.cycle}
        return spans | {path: each.span for path, each in extracted.items() if each}

    def _reconcile_commitment(
        self, code: str, member: Aggregate, origin: Origin, facts: Facts, spans: Spans, outcome: ObservationOutcome
    ) -> None:
        provenance = outcome.provenance(origin, spans)
        stream = self._uow.resolve_code("commitment", code)
        if stream is None:
            first = {} if outcome.late else facts
            at_once = structs.replace(provenance, late=False)
            stream = commitment_commands.register_commitment(
                self._uow, code, {"member": member.id, **first}, at_once
            ).id
        commitment = self._uow.aggregate(stream)
        own = commitment.claims_from(origin, outcome.observation.source)
        facts = {
            path: reuse_equivalent_value(v, [own[path].value], self._lookup_text) if path in own else v
            for path, v in facts.items()
        }
        if outcome.late:
            self._uow.append(
                stream,
                "CommitmentSeenEarlier",
                _facts_seen_earlier(commitment, facts, provenance, outcome.already_recorded),
                provenance,
            )
            return
        changed = changed_source_facts(commitment, origin, outcome.observation.source, facts)
        self._uow.append_all(stream, _group_changes(commitments.decide_events(commitment, changed), origin), provenance)

    def _convert_facts(self, extracted: dict[str, ExtractedValue]) -> tuple[Facts, Spans]:
        facts: Facts = {path: self._convert_value(path, each) for path, each in extracted.items()}
        return facts, {path: each.span for path, each in extracted.items()}

    def _convert_value(self, path: str, extracted: ExtractedValue) -> Value:
        word, value = self._uow.text_ref, extracted.value
        if isinstance(value, ExtractedRating):
            report = word(value.irm_report) if value.irm_report else None
            return Rating(value.state, value.value, word(value.stated_as), report)
        if COMMITMENT.holds_text_list(path) and isinstance(value, tuple):
            return TextListValue(tuple(word(each) for each in value), self._translation_kind)
        if COMMITMENT.holds_text(path):
            return TextValue(word(str(value)), self._translation_kind)
        return value

    def _lookup_text(self, reference: str) -> str | None:
        """Return the words of a reference, those of this session included."""
        known = self._uow.texts.get(reference)
        return known[1] if known else self._stored_text(reference)

    # The list of siblings

    def _reconcile_siblings(self, member: Aggregate, listed: SiblingListReading, outcome: ObservationOutcome) -> None:
        for sibling in listed.entries:
            facts, spans = self._convert_facts(sibling.facts)
            if found := find_code_and_cycle(listed.text, sibling.code):
                code_span, cycle_span = found
                spans |= {"code": code_span, "member": code_span, "cycle": cycle_span, "actionPlan": cycle_span}
            cycle: Facts = {"cycle": sibling.cycle}
            plan = self._find_or_register_plan(
                member, str(sibling.cycle), cycle, outcome.provenance(Origin.SIBLING_LIST, spans)
            )
            extracted: Facts = {**facts, **cycle, "actionPlan": plan}
            self._reconcile_commitment(sibling.code, member, Origin.SIBLING_LIST, extracted, spans, outcome)
        for code in self._omitted_codes(listed, outcome):
            self._reconcile_commitment(code, member, Origin.SIBLING_LIST, {}, {}, outcome)

    def _omitted_codes(self, listed: SiblingListReading, outcome: ObservationOutcome) -> list[str]:
        """Return the codes of commitments that the list names just before or after, and does not name in this sight."""
        texts = (self._stored_text(recorded.text) or "" for recorded in outcome.adjacent)
        named = {code for text in texts for code in find_codes(text)} - {each.code for each in listed.entries}
        return sorted(code for code in named if self._uow.resolve_code("commitment", code))


def changed_source_facts(aggregate: Aggregate, origin: Origin, source: str, facts: Facts) -> Facts:
    """Return what a source says otherwise than before, with None for what it no longer says."""
    before = {path: claim.value for path, claim in aggregate.claims_from(origin, source).items()}
    changed: Facts = {path: value for path, value in facts.items() if before.get(path) != value}
    unsaid = {path for path, value in before.items() if value is not None and path not in facts} - _IDENTITY
    return changed | dict.fromkeys(sorted(unsaid))


def _group_changes(changes: list[NewEvent], origin: Origin) -> list[NewEvent]:
    """Return the events of a line of the list; what a list in another language repeats goes with its translation."""
    named = {change.name: change for change in changes}
    translated, revised = named.get("CommitmentTranslated"), named.get("CommitmentRevised")
    if origin is not Origin.SIBLING_LIST or not translated or not revised:
        return changes
    together = structs.replace(translated, facts=translated.facts | revised.facts)
    return [together, *(change for change in changes if change not in (translated, revised))]


def _should_confirm(aggregate: Aggregate, path: str, provenance: Provenance) -> bool:
    """Tell whether to keep who says what is so already: a list, always, and whoever stands over our own tables."""
    current = aggregate.current_claim(path)
    from_table = current is not None and current.origin is Origin.REFERENCE
    return current is not None and (from_table or provenance.origin is Origin.SIBLING_LIST)


def _facts_seen_earlier(aggregate: Aggregate, facts: Facts, provenance: Provenance, already_recorded: bool) -> Facts:
    """Return what an older sight tells: what was said otherwise then, and what narrows the interval of a claim."""
    own = aggregate.claims_from(provenance.origin, provenance.source)
    then = {path: facts.get(path) for path in own if path not in _IDENTITY}
    narrowing = _narrowing_facts(aggregate, then, provenance)
    if already_recorded:
        return narrowing
    otherwise = {path: value for path, value in then.items() if value != own[path].value}
    return narrowing | otherwise | {path: value for path, value in facts.items() if path not in own}


def _narrowing_facts(aggregate: Aggregate, then: Facts, provenance: Provenance) -> Facts:
    """Return what was said then at paths whose claim became so in an interval that the sight cuts short."""
    own, between = aggregate.claims_from(provenance.origin, provenance.source), provenance.changed_between
    seen_at = between.before if between else None
    claims = {path: own[path] for path in then}
    return {
        path: then[path]
        for path, claim in claims.items()
        if seen_at and seen_at < claim.before and (claim.after is None or claim.after < seen_at)
    }
