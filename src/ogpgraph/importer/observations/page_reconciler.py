"""Records the differences between one page and the record: each zone of the page states facts of its own.

Facts of the commitment belong to the page alone, so a value that the page no longer has is withdrawn. Facts of the
member and the plan are stated by many pages, so that a page which lacks one withdraws nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from ogpgraph.application.translation import to_published_facts
from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.member import MEMBER, register_known_member
from ogpgraph.domain.member_table import MemberIdentity, member_of_commitment_code
from ogpgraph.domain.source import content_hash, last_observed_at, observations
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import Observation, TranslationKind
from ogpgraph.importer.observations.observation import (
    ObservationOutcome,
    SourceObservation,
    find_observation_to_reread,
    record_observation,
)
from ogpgraph.importer.observations.page_commitments import PageCommitments, StatedCommitment, identity_of
from ogpgraph.importer.observations.page_plans import PagePlans
from ogpgraph.importer.observations.page_quotes import (
    member_facts,
    member_spans,
    page_says,
    plan_facts,
    quote_list_again,
    quote_page_again,
    read_stored_list,
    sibling_spans,
    zone_spans,
)
from ogpgraph.importer.observations.shared_facts import record_shared_facts
from ogpgraph.importer.observations.value_equivalence import TextLookup, is_equal_in_layout
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
        self._capture = capture
        self._page = page
        self._translation_kind = TranslationKind(page.translation_kind)
        self.remarks: list[Remark] = []
        self._plans = PagePlans(uow, page, stored_text, self.lookup_text, self.remarks)
        self._commitments = PageCommitments(uow, page, stored_text, self.lookup_text, titles_of_plan, self.remarks)

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
            self.reconcile_list(member_identity, self._page.siblings, same_bytes_until)

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
            self._earlier_reconciler(former, self._page).reconcile_list(member_identity, reading)

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

    # The member

    def _find_or_register_member(self, identity: MemberIdentity) -> Aggregate:
        stream = self._uow.resolve_code("member", identity.code)
        return self._uow.aggregate(stream) if stream else register_known_member(self._uow, identity)

    def _revise_member(self, member: Aggregate, outcome: ObservationOutcome) -> None:
        facts = self._published_facts(MEMBER, member_facts(self._page))
        provenance = outcome.provenance(Origin.HEADER, member_spans(self._page))
        again = partial(quote_page_again, self._stored_text, member_spans)
        says = partial(page_says, self._stored_text, member_spans)
        is_same = partial(is_equal_in_layout, self.lookup_text)
        record_shared_facts(self._uow, member.id, facts, provenance, outcome, is_same, says, quote_again=again)
        country = self._page.country
        if country and not facts and not find_named_member(str(country.value)):
            text = f"{country.value}: not known as a name of {member.string('code')}; not recorded"
            self.remarks.append(Remark(country.span.line_number(self._page.text), "unknown-name", text))

    # The commitment

    def _reconcile_page(self, member: Aggregate, outcome: ObservationOutcome) -> None:
        plan = self._plans.reconcile(member, self._published_facts(PLAN, plan_facts(self._page)), outcome)
        # A zone that the page does not have is reconciled, too: it may say again what it said before an older page.
        zones = {origin: self._published_facts(COMMITMENT, self._page.facts.get(origin, {})) for origin in _ZONES}
        header = zones[Origin.HEADER]
        header |= identity_of(self._page.code, member)
        if plan:
            header["actionPlan"] = plan
        if cycle := self._page.cycle:
            header["cycle"] = int(str(cycle.value))
        for origin, facts in zones.items():
            again = partial(quote_page_again, self._stored_text, partial(zone_spans, origin=origin))
            spans = zone_spans(self._page, origin)
            stated = StatedCommitment(self._page.code, member, origin, facts, spans, again)
            self._commitments.reconcile(stated, outcome)

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

    def reconcile_list(
        self, member_identity: MemberIdentity, listed: SiblingListReading, same_bytes_until: datetime | None = None
    ) -> None:
        """Append the events for everything new in a list of the page."""
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
                self._reconcile_sibling(member, listed, sibling, outcome)
        for code in self._omitted_codes(listed, outcome):
            if not self._other_member(code, member_identity.code):
                again = partial(quote_list_again, self._stored_text, code, self._page.language)
                stated = StatedCommitment(code, member, Origin.SIBLING_LIST, {}, {}, again, listed)
                self._commitments.reconcile(stated, outcome)

    def _reconcile_sibling(
        self, member: Aggregate, listed: SiblingListReading, sibling: Sibling, outcome: ObservationOutcome
    ) -> None:
        facts, spans = self._published_facts(COMMITMENT, sibling.facts), sibling_spans(listed.text, sibling)
        provenance = outcome.provenance(Origin.SIBLING_LIST, spans)
        plan = self._plans.find_or_register(member, str(sibling.cycle), {"cycle": sibling.cycle}, provenance, outcome)
        facts |= {**identity_of(sibling.code, member), "cycle": sibling.cycle, "actionPlan": plan}
        again = partial(quote_list_again, self._stored_text, sibling.code, self._page.language)
        stated = StatedCommitment(sibling.code, member, Origin.SIBLING_LIST, facts, spans, again, listed)
        self._commitments.reconcile(stated, outcome)

    def _omitted_codes(self, listed: SiblingListReading, outcome: ObservationOutcome) -> list[str]:
        """Return the codes of known commitments that an adjacent state of the list has, and that are gone from this."""
        texts = filter(None, (self._stored_text(recorded.text) for recorded in outcome.adjacent))
        others = [read_stored_list(text, self._page.language) for text in texts]
        codes = {each.code for other in others for each in other.entries if listed.omits(each.code, other)}
        return sorted(code for code in codes if self._uow.resolve_code("commitment", code))
