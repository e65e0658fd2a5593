"""Records the differences between one page and the record: each zone of the page states facts of its own.

Facts of the commitment belong to the page alone, so a value that the page no longer has is withdrawn. Facts of the
member and the plan are stated by many pages, so that a page which lacks one withdraws nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from msgspec import structs

from ogpgraph.application.translation import to_published_facts
from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.code import code_path
from ogpgraph.domain.commitment import decide_events, register_commitment
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Cause, Facts, NewEvent, Origin
from ogpgraph.domain.lineage import recode_commitment
from ogpgraph.domain.member import MEMBER, register_known_member
from ogpgraph.domain.member_table import MemberIdentity, member_of_commitment_code
from ogpgraph.domain.renumbering import follow_renumbering
from ogpgraph.domain.source import content_hash, last_observed_at, observations
from ogpgraph.domain.source_statements import NOTHING_STATED
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import Interval, Observation, TranslationKind, Value
from ogpgraph.importer.observations.differences import (
    Covers,
    ObservedChanges,
    QuoteAgain,
    SourceStatements,
    covers_all,
    covers_none,
    record_respelled,
)
from ogpgraph.importer.observations.observation import (
    ObservationOutcome,
    Says,
    SourceObservation,
    Spans,
    find_observation_to_reread,
    record_observation,
)
from ogpgraph.importer.observations.page_plans import PagePlans, cut_off_remarks
from ogpgraph.importer.observations.page_quotes import (
    is_finding,
    list_says,
    member_facts,
    member_spans,
    page_says,
    plan_facts,
    quote_list_again,
    quote_page_again,
    read_stored_list,
    sibling_spans,
    zone_dates,
    zone_says,
    zone_spans,
    zone_withdraws,
)
from ogpgraph.importer.observations.shared_facts import record_shared_facts
from ogpgraph.importer.observations.unnamed_commitments import UnnamedCommitments
from ogpgraph.importer.observations.value_equivalence import (
    TextLookup,
    is_cut_off_in_page,
    is_equal_in_layout,
    is_shortened,
)
from ogpgraph.importer.pages.extraction import (
    ExtractedFacts,
    PageReading,
    Remark,
    Sibling,
    SiblingListReading,
    UnreadableInput,
)
from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.member_names import find_named_member
from ogpgraph.importer.pages.page import READER, reread_page
from ogpgraph.importer.pages.sibling_list import read_sibling_list
from ogpgraph.importer.writer import TitlesByCode

_LONG_PREFIXES = range(5, 7)  # no code of a member has more letters
_ZONES = (Origin.HEADER, Origin.PLAN, Origin.DESCRIPTION, Origin.NARRATIVE)


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

    def __init__(
        self,
        uow: UnitOfWork,
        capture: PageCapture,
        page: PageReading,
        stored_text: TextLookup,
        titles_of_plan: Callable[[str], TitlesByCode],
    ) -> None:
        self._uow = uow
        self._stored_text = stored_text
        self._titles_of_plan = titles_of_plan
        self._unnamed = UnnamedCommitments(uow, titles_of_plan, self.lookup_text)
        self._capture = capture
        self._page = page
        self._translation_kind = TranslationKind(page.translation_kind)
        self._listed = SiblingListReading("", ())
        """The list that is being recorded."""
        self.remarks: list[Remark] = []
        self._plans = PagePlans(uow, page, stored_text, self.lookup_text, self.remarks)

    def reconcile(self) -> None:
        """Append the events for everything new on the page and in its list.

        Raises UnreadableInput, and Conflict where the page's code means a commitment of another member.
        """
        member_identity = member_of_commitment_code(self._page.code) or self._find_registered_member()
        if member_identity is None:
            raise UnreadableInput(
                f"{self._page.code} is not the code of a commitment of any known member: register its member first"
            )
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

    def _find_registered_member(self) -> MemberIdentity | None:
        """Return the member that somebody registered with the letters of the page's code; a local one by long codes.

        Codes of countries are short, and in the table: those with more letters than these are of local members.
        """
        letters = self._page.code.rstrip("0123456789")
        for stream in self._uow.list_streams("member"):
            member = self._uow.aggregate(stream)
            code, kind = member.string("code"), member.string("type")
            if code and letters in (code, member.string("prefix")):
                return MemberIdentity(code, letters, "LOCAL" if kind == "LOCAL" else "NATIONAL", None)
        return MemberIdentity(letters, letters, "LOCAL", None) if len(letters) in _LONG_PREFIXES else None

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
        return PageReconciler(self._uow, capture, page, self._stored_text, self._titles_of_plan)

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
        return self._uow.aggregate(stream) if stream else register_known_member(self._uow, identity)

    def _revise_member(self, member: Aggregate, outcome: ObservationOutcome) -> None:
        facts = self._published_facts(MEMBER, member_facts(self._page))
        provenance = outcome.provenance(Origin.HEADER, member_spans(self._page))
        again = partial(quote_page_again, self._stored_text, member_spans)
        says = partial(page_says, self._stored_text, member_spans)
        record_shared_facts(self._uow, member.id, facts, provenance, outcome, self._is_same, says, quote_again=again)
        country = self._page.country
        if country and not facts and not find_named_member(str(country.value)):
            text = f"{country.value}: not known as a name of {member.string('code')}; not recorded"
            self.remarks.append(Remark(country.span.line_number(self._page.text), "unknown-name", text))

    def _is_same(self, _path: str, one: Value, other: Value) -> bool:
        return is_equal_in_layout(one, other, self.lookup_text)

    def _is_cut_off(self, path: str, value: Value, whole: Value) -> bool:
        return is_cut_off_in_page(path, value, whole, self.lookup_text)

    def _remark_cut_off(self, paths: Iterable[str], about: str) -> None:
        self.remarks += cut_off_remarks(paths, about)

    def _reconcile_plan(self, member: Aggregate, outcome: ObservationOutcome) -> str | None:
        """Return the stream of the page's plan; None where the page does not say which one it is."""
        return self._plans.reconcile(member, self._published_facts(PLAN, plan_facts(self._page)), outcome)

    # The commitment

    def _reconcile_page(self, member: Aggregate, outcome: ObservationOutcome) -> None:
        plan = self._reconcile_plan(member, outcome)
        # A zone that the page does not have is reconciled, too: it may say again what it said before an older page.
        zones = {origin: self._published_facts(COMMITMENT, self._page.facts.get(origin, {})) for origin in _ZONES}
        header = zones[Origin.HEADER]
        header |= _identity(self._page.code, member)
        if plan:
            header["actionPlan"] = plan
        if cycle := self._page.cycle:
            header["cycle"] = int(str(cycle.value))
        for origin, facts in zones.items():
            again = partial(quote_page_again, self._stored_text, partial(zone_spans, origin=origin))
            spans = zone_spans(self._page, origin)
            self._reconcile_commitment(self._page.code, member, origin, facts, spans, outcome, again)

    def _reconcile_commitment(
        self,
        code: str,
        member: Aggregate,
        origin: Origin,
        facts: Facts,
        spans: Spans,
        outcome: ObservationOutcome,
        quote_again: QuoteAgain,
    ) -> None:
        """Record the facts that one zone of the source states of a commitment: all of them, so that others are gone."""
        stream, provenance = self._uow.resolve_code("commitment", code), outcome.provenance(origin, spans)
        if stream is None and (stream := self._unnamed.find(facts, self._other_titles(code))):
            first_stated = structs.replace(provenance, changed_between=Interval(before=outcome.moment))
            recode_commitment(self._uow, self._uow.aggregate(stream), code, first_stated)
        if stream is None:
            # What an observation that is not the only one states besides the identity is recorded below.
            first = _identity(code, member) if outcome.earlier or outcome.later else facts
            first_stated = structs.replace(provenance, changed_between=Interval(before=outcome.moment))
            stream = register_commitment(self._uow, code, first, first_stated).id
        commitment = self._uow.aggregate(stream)
        facts = follow_renumbering(commitment, facts)
        provenance = outcome.provenance(origin, follow_renumbering(commitment, spans))
        if commitment.string("code") != code:
            # A former code of the commitment is not a reason to recode it back.
            facts = {path: value for path, value in facts.items() if path != "code"}
        statements, covers = self._statements(stream, origin, outcome)
        changes = statements.changes(facts, self._is_same, covers, partial(self._is_cut_off_in, origin))
        self._remark_losses(code, statements, changes)
        for stated, dated in statements.split_by_interval(changes.stated, provenance):
            if outcome.is_late:
                self._uow.append(stream, "CommitmentSeenEarlier", stated, dated)
            else:
                events = decide_events(self._uow.aggregate(stream), stated)
                is_list = origin is Origin.SIBLING_LIST
                self._uow.append_all(stream, _join_translation(events) if is_list else events, dated)
        record_respelled(self._uow, stream, "CommitmentSeenEarlier", changes.respelled)
        for index, again in changes.restated.items():
            later = outcome.later[index]
            provenance = outcome.provenance_of(origin, later, quote_again(statements, again, later[1]))
            self._uow.append(stream, "CommitmentSeenEarlier", again, provenance)

    def _statements(self, stream: str, origin: Origin, outcome: ObservationOutcome) -> tuple[SourceStatements, Covers]:
        """Return what a zone of the source stated before, and where this observation says that there is nothing.

        An entry of a list, which may be damaged, says nothing but what it has, unless the list shows that it is gone.
        The same bytes, read again by another version of the reader, say all that they ever said.
        """
        if origin is Origin.SIBLING_LIST:
            is_omitted = not self._is_listed(stream)
            statements = SourceStatements(self._uow, stream, origin, outcome, self._list_says(stream))
            return statements, covers_all if is_omitted else covers_none
        says = partial(zone_says, self._stored_text, origin)
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
        return not is_whole and self._is_cut_off(path, value, whole)

    def _remark_losses(self, code: str, statements: SourceStatements, changes: ObservedChanges) -> None:
        """Remark what was stated before and is not any more."""
        about = "" if code == self._page.code else f"{code} "
        self._remark_cut_off(changes.cut_off, about)
        for path, value in changes.stated.items():
            former = statements.around.get(path, NOTHING_STATED).value
            if former is None:
                continue
            if value is None:
                self.remarks.append(Remark(0, "withdrawn", f"{about}{path}: it is not stated any more"))
            elif is_shortened(former, value, self.lookup_text):
                self.remarks.append(Remark(0, "shortened", f"{about}{path}: less is stated than before"))

    def _is_listed(self, stream: str) -> bool:
        listed = self._listed
        return any(self._uow.resolve_code("commitment", each.code) == stream for each in listed.entries)

    def _list_says(self, stream: str) -> Says:
        """Return how to ask whether an observed list says anything of a commitment."""
        code = self._uow.aggregate(stream).string("code") or ""
        return partial(list_says, self._stored_text, code, self._page.language, self._listed)

    def _other_titles(self, code: str) -> list[str]:
        """Return the titles of the other entries of the page's list that are in the plan of a commitment."""
        entries = self._page.siblings.entries if self._page.siblings else ()
        cycle = next((each.cycle for each in entries if each.code == code), None)
        others = (each.facts.values() for each in entries if each.code != code and each.cycle == cycle)
        return [str(each.value) for facts in others for each in facts if isinstance(each.value, str)]

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
        self._listed = listed
        member = self._find_or_register_member(member_identity)
        for sibling in listed.entries:
            if other := self._other_member(sibling.code, member_identity.code):
                text = f"the list of {member_identity.code} has {sibling.code}, a commitment of {other}; not recorded"
                self.remarks.append(Remark(0, "other-member", text))
            else:
                self._reconcile_sibling(member, listed.text, sibling, outcome)
        for code in self._omitted_codes(listed, outcome):
            if not self._other_member(code, member_identity.code):
                again = partial(quote_list_again, self._stored_text, code, self._page.language)
                self._reconcile_commitment(code, member, Origin.SIBLING_LIST, {}, {}, outcome, again)

    def _reconcile_sibling(
        self, member: Aggregate, list_text: str, sibling: Sibling, outcome: ObservationOutcome
    ) -> None:
        facts, spans = self._published_facts(COMMITMENT, sibling.facts), sibling_spans(list_text, sibling)
        provenance = outcome.provenance(Origin.SIBLING_LIST, spans)
        plan = self._plans.find_or_register(member, str(sibling.cycle), {"cycle": sibling.cycle}, provenance, outcome)
        facts |= {**_identity(sibling.code, member), "cycle": sibling.cycle, "actionPlan": plan}
        again = partial(quote_list_again, self._stored_text, sibling.code, self._page.language)
        self._reconcile_commitment(sibling.code, member, Origin.SIBLING_LIST, facts, spans, outcome, again)

    def _omitted_codes(self, listed: SiblingListReading, outcome: ObservationOutcome) -> list[str]:
        """Return the codes of known commitments that an adjacent state of the list has, and that are gone from this."""
        texts = filter(None, (self._stored_text(recorded.text) for recorded in outcome.adjacent))
        others = [read_stored_list(text, self._page.language) for text in texts]
        codes = {each.code for other in others for each in other.entries if listed.omits(each.code, other)}
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


def _identity(code: str, member: Aggregate) -> Facts:
    """Return the facts by which a source says which commitment it is about."""
    return {"code": code, code_path(code): True, "member": member.id}
