"""Turns what a page says into commands: each zone of the page states its facts, and only what is new is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ogpgraph.application import Basis, Session
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.commitment import COMMITMENT
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.members import MemberCode, member_of, region_of
from ogpgraph.domain.source import content_hash
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Made, Wording, Wordings
from ogpgraph.domain.values import Rating, Value
from ogpgraph.importer.observing import News, Sight, observe
from ogpgraph.importer.labels import labels_of
from ogpgraph.importer.page import READER
from ogpgraph.importer.reading import PageReading, RatingSaid, Said, SiblingReading, UnreadableInput
from ogpgraph.importer.siblings import read_siblings

_YEARS = re.compile(r"\b(20\d\d)\s*[-\u2013\u2014]\s*((?:20)?\d\d)\b")
_FROM_TABLE = Basis(origin=Origin.REFERENCE)
_ZONES = (Origin.HEADER, Origin.PLAN, Origin.DESCRIPTION, Origin.NARRATIVE)
_IDENTITY = frozenset({"code", "member"})
"""What a commitment is known by is said once; no source unsays it."""
Spans = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Found:
    """How a page was found: the hash of its bytes, when it was observed, where it is published if that is known."""

    content_hash: str
    observed_at: datetime
    url: str | None = None


class Reconciler:
    """Brings one page's reading into the record, in one session."""

    def __init__(
        self, session: Session, found: Found, page: PageReading, stored_text: Callable[[str], str | None]
    ) -> None:
        self._session = session
        self._stored_text = stored_text
        self._found = found
        self._page = page
        self._made = Made(page.made_by)

    def run(self) -> None:
        """Record everything the page says that is new, and the list of siblings that stands on it."""
        who = member_of(self._page.code)
        if who is None:
            raise UnreadableInput(f"{self._page.code} is not the code of a commitment of any known member")
        news = observe(self._session, self.sight())
        listed = self._page.siblings
        list_news = observe(self._session, self._list_sight(who, listed)) if listed else None
        if news is None and list_news is None:
            return
        member = self._member(who, news)
        if news:
            self._state_page(member, news)
        if listed and list_news:
            self._state_list(member, listed, list_news)

    def sight(self) -> Sight:
        """Return the page as a sight of its source."""
        return self._sight("PAGE", self._page.code, self._found.content_hash, self._page.text)

    def _sight(self, kind: str, code: str, digest: str, text: str) -> Sight:
        url = self._found.url if kind == "PAGE" else None
        return Sight(kind, code, self._page.language, self._found.observed_at, digest, text, READER, url)

    def _list_sight(self, who: MemberCode, listed: SiblingReading) -> Sight:
        return self._sight("COMMITMENT_LIST", who.code, content_hash(listed.text.encode()), listed.text)

    # The member and the plan

    def _member(self, who: MemberCode, news: News | None) -> Subject:
        stream = self._session.meaning_of("member", who.code)
        if stream is None:
            facts: Facts = {"prefix": who.prefix, "type": who.kind}
            if region := region_of(who.code):
                facts["region"] = region
            if who.name:
                facts["name/en"] = Wording(self._session.word(who.name), Made.UNKNOWN)
            stream = self._session.register_member(who.code, facts, _FROM_TABLE).id
        if news and not news.late and self._page.country:
            path = f"name/{self._page.language}"
            self._session.revise_member(stream, *self._one(path, self._page.country, news))
        return self._session.subject(stream)

    def _one(self, path: str, said: Said, news: News) -> tuple[Facts, Basis]:
        wording = Wording(self._session.word(str(said.value)), self._made)
        return {path: wording}, news.basis(Origin.HEADER, {path: (said.span.start, said.span.end)})

    def _plan(self, member: Subject, news: News) -> str | None:
        title, cycle = self._page.plan_title, self._page.cycle
        facts: Facts = {}
        spans: Spans = {}
        if title:
            path = f"title/{self._page.language}"
            facts[path] = Wording(self._session.word(str(title.value)), self._made)
            spans[path] = (title.span.start, title.span.end)
            _say_years(str(title.value), title.span.start, facts, spans)
        year = cycle.value if cycle else str(facts.get("startsOn", "")) or None
        if year is None:
            return None
        if cycle:
            spans["cycle"] = (cycle.span.start, cycle.span.end)
        return self._plan_of(member, str(year), cycle is not None, facts, news, spans, Origin.HEADER)

    def _plan_of(
        self, member: Subject, year: str, is_cycle: bool, facts: Facts, news: News, spans: Spans, origin: Origin
    ) -> str:
        code = f"{member.text('code')}-{year}"
        basis = news.basis(origin, spans)
        stream = self._session.meaning_of("plan", code)
        if stream is None:
            known: Facts = {"member": member.id, **({"cycle": int(year)} if is_cycle else {}), **facts}
            return self._session.register_action_plan(code, known, basis).id
        if not news.late:
            self._session.revise_action_plan(stream, facts, basis)
        return stream

    # The commitment

    def _state_page(self, member: Subject, news: News) -> None:
        plan = self._plan(member, news)
        # A zone that is gone states nothing any more, which is news too.
        zones = {origin: self._facts(self._page.facts.get(origin, {})) for origin in _ZONES}
        header, spans = zones[Origin.HEADER]
        spans |= self._identity_spans()
        if plan:
            header["actionPlan"] = plan
        if self._page.cycle and isinstance(self._page.cycle.value, int):
            header["cycle"] = self._page.cycle.value
            spans["cycle"] = (self._page.cycle.span.start, self._page.cycle.span.end)
        for origin, (facts, spans) in zones.items():
            self._state(self._page.code, member, origin, facts, spans, news)

    def _identity_spans(self) -> Spans:
        """Return where the page says which commitment, of which member and plan, it is about."""
        start = self._page.text.index(f"({self._page.code})") + 1
        said = {"member": self._page.country, "actionPlan": self._page.plan_title or self._page.cycle}
        spans = {path: (each.span.start, each.span.end) for path, each in said.items() if each}
        return spans | {"code": (start, start + len(self._page.code))}

    def _state(self, code: str, member: Subject, origin: Origin, facts: Facts, spans: Spans, news: News) -> None:
        basis = news.basis(origin, spans)
        stream = self._session.meaning_of("commitment", code)
        if stream is None:
            self._session.register_commitment(code, {"member": member.id, **facts}, basis)
            return
        commitment = self._session.subject(stream)
        if news.late:
            self._session.say(stream, "CommitmentSeenEarlier", _seen_earlier(commitment, origin, facts, news), basis)
            return
        said = restated(commitment, origin, news.sight.source, facts)
        self._session.record(stream, commitments.changes_of(commitment, said), basis)

    def _facts(self, said: dict[str, Said]) -> tuple[Facts, Spans]:
        facts: Facts = {path: self._value(path, each) for path, each in said.items()}
        return facts, {path: (each.span.start, each.span.end) for path, each in said.items()}

    def _value(self, path: str, said: Said) -> Value:
        word, value = self._session.word, said.value
        if isinstance(value, RatingSaid):
            report = word(value.irm_report) if value.irm_report else None
            return Rating(value.state, value.value, word(value.stated_as), report)
        if COMMITMENT.holds_wordings(path) and isinstance(value, tuple):
            return Wordings(tuple(word(each) for each in value), self._made)
        if COMMITMENT.holds_wording(path):
            return Wording(word(str(value)), self._made)
        return value

    # The list of siblings

    def _state_list(self, member: Subject, listed: SiblingReading, news: News) -> None:
        for sibling in listed.entries:
            facts, spans = self._facts(sibling.facts)
            spans |= _line_spans(listed.text, sibling.code)
            facts["cycle"] = sibling.cycle
            facts["actionPlan"] = self._plan_of(member, str(sibling.cycle), True, {}, news, spans, Origin.SIBLING_LIST)
            self._state(sibling.code, member, Origin.SIBLING_LIST, facts, spans, news)
        if not news.late:
            for code in self._dropped(listed, news):
                self._state(code, member, Origin.SIBLING_LIST, {}, {}, news)

    def _dropped(self, listed: SiblingReading, news: News) -> list[str]:
        """Return the codes that the list named when it was last observed, and names no more."""
        former = news.former and self._stored_text(news.former.text)
        if not former:
            return []
        named = read_siblings(former, labels_of(self._page.language))[0].entries
        return sorted({sibling.code for sibling in named} - {sibling.code for sibling in listed.entries})


def restated(subject: Subject, origin: Origin, source: str, facts: Facts) -> Facts:
    """Return what a source says otherwise than before, with None for what it no longer says."""
    before = {path: claim.value for path, claim in subject.said_by(origin, source).items()}
    if origin is Origin.SIBLING_LIST:
        # Lists in several languages repeat each other: what a list adds to nobody's knowledge is not a claim of its own.
        facts = {path: value for path, value in facts.items() if path in before or subject.value(path) != value}
    news: Facts = {path: value for path, value in facts.items() if before.get(path) != value}
    unsaid = {path for path, value in before.items() if value is not None and path not in facts} - _IDENTITY
    return news | dict.fromkeys(sorted(unsaid))


def _seen_earlier(subject: Subject, origin: Origin, facts: Facts, news: News) -> Facts:
    """Return what an older sight tells: what was said otherwise then, and what was already said and narrows an interval."""
    said: Facts = {}
    seen_at = news.interval.before
    own = subject.said_by(origin, news.sight.source)
    for path, claim in own.items():
        if path in _IDENTITY:
            continue
        then = facts.get(path)
        narrows = seen_at < claim.before and (claim.after is None or claim.after < seen_at)
        if narrows or then != claim.value:
            said[path] = then
    return said | {path: value for path, value in facts.items() if path not in own}


def _line_spans(text: str, code: str) -> Spans:
    """Return where a list says a commitment's code, and the cycle, which stands for its plan too."""
    line = re.search(rf"\b({code})\b\D*(\d{{4}})", text)
    if line is None:
        return {}
    return {"code": line.span(1), "cycle": line.span(2), "actionPlan": line.span(2)}


def _say_years(title: str, start: int, facts: Facts, spans: Spans) -> None:
    if (years := _YEARS.search(title)) is None:
        return
    first, last = years.groups()
    for path, group, year in (("startsOn", 1, first), ("endsOn", 2, last if len(last) == 4 else first[:2] + last)):
        facts[path] = year
        spans[path] = (start + years.start(group), start + years.end(group))
