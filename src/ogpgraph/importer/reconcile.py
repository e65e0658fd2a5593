"""Turns what a page says into commands: each zone of the page states its facts, and only what is new is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import structs

from ogpgraph.application import Basis, Session
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.commitment import COMMITMENT, Change
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.members import MemberCode, member_of, region_of
from ogpgraph.domain.source import content_hash, last_observed_at, observations
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Made, Wording, Wordings
from ogpgraph.domain.values import Observation, Rating, Value
from ogpgraph.importer.labels import labels_of
from ogpgraph.importer.layout import as_before
from ogpgraph.importer.observing import News, Sight, observe, previous_text
from ogpgraph.importer.page import READER, read_page
from ogpgraph.importer.reading import PageReading, RatingSaid, Said, SiblingReading, UnreadableInput
from ogpgraph.importer.siblings import read_siblings
from ogpgraph.importer.windows import window_in

_YEARS = re.compile(r"\b(20\d\d)\s*[-\u2013\u2014]\s*((?:20)?\d\d)\b")
_CODE = re.compile(r"\b[A-Z]{2,4}\d{4}\b")
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
    """Brings one page's reading into the record, in one session.

    `stored_text` gives the canonical text of an earlier observation by its reference, None where it is kept no longer.
    """

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
        self._read_page_again()
        same_bytes_until = self._same_bytes_until()
        news = observe(self._session, self.sight())
        if news:
            self._state_page(self._member(who, news), news)
        if self._page.siblings:
            self._read_list_again(who, self._page.siblings)
            self._bring_list(who, self._page.siblings, same_bytes_until)

    def sight(self) -> Sight:
        """Return the page as a sight of its source."""
        return self._sight("PAGE", self._page.code, self._found.content_hash, self._page.text)

    def _sight(self, kind: str, code: str, digest: str, text: str) -> Sight:
        url = self._found.url if kind == "PAGE" else None
        return Sight(kind, code, self._page.language, self._found.observed_at, digest, text, READER, url)

    def _list_sight(self, who: MemberCode, listed: SiblingReading) -> Sight:
        return self._sight("COMMITMENT_LIST", who.code, content_hash(listed.text.encode()), listed.text)

    def _bring_list(self, who: MemberCode, listed: SiblingReading, same_bytes_until: datetime | None = None) -> None:
        news = observe(self._session, self._list_sight(who, listed), same_bytes_until=same_bytes_until)
        if news:
            self._state_list(self._member(who, None), listed, news)

    # What another reader read before

    def _read_page_again(self) -> None:
        """Let today's reader read the former page first where another did: what differs is the reader's doing."""
        former = previous_text(self._session, self.sight())
        text = former and self._stored_text(former[1].text)
        if not former or not text:
            return
        try:
            page = read_page(text.encode(), limit_bytes=len(text.encode()))
        except UnreadableInput:
            return  # a page that this reader would refuse tells it nothing
        if (page.code, page.language) == (self._page.code, self._page.language):
            self._again(former, replace(page, siblings=None)).run()

    def _read_list_again(self, who: MemberCode, listed: SiblingReading) -> None:
        former = previous_text(self._session, self._list_sight(who, listed))
        text = former and self._stored_text(former[1].text)
        if former and text:
            reading, _ = read_siblings(text, labels_of(self._page.language))
            self._again(former, self._page)._bring_list(who, reading)  # noqa: SLF001 - its own kind

    def _again(self, former: tuple[datetime, Observation], page: PageReading) -> Reconciler:
        observed_at, seen = former
        found = replace(self._found, content_hash=seen.content_hash, observed_at=observed_at)
        return Reconciler(self._session, found, page, self._stored_text)

    def _same_bytes_until(self) -> datetime | None:
        """Return when these very bytes were last seen, where another reader read them."""
        source, sight = self._session.subject(self.sight().source), self.sight()
        latest = next((seen for _, seen in reversed(observations(source))), None)
        if latest is None or latest.content_hash != sight.content_hash or latest.reader == sight.reader:
            return None
        return last_observed_at(source)

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
        if news and (country := self._page.country):
            path = f"name/{self._page.language}"
            facts = {path: Wording(self._session.word(str(country.value)), self._made)}
            basis = news.basis(Origin.HEADER, {path: _span(country)})
            self._add(stream, "Member", self._session.revise_member, facts, basis)
        return self._session.subject(stream)

    def _add(
        self, stream: str, noun: str, revise: Callable[[str, Facts, Basis], None], facts: Facts, basis: Basis
    ) -> None:
        """Record what a page says of something that many pages speak of: what one of them leaves out stays said."""
        subject = self._session.subject(stream)
        own = subject.said_by(basis.origin, basis.source)
        own_values = {path: claim.value for path, claim in own.items()}
        facts = {p: as_before(v, [own_values.get(p), subject.value(p)], self._words) for p, v in facts.items()}
        if basis.late:
            earlier = {path: value for path, value in facts.items() if path in own}
            self._session.say(stream, f"{noun}SeenEarlier", _narrowing(subject, earlier, basis), basis)
            facts = {path: value for path, value in facts.items() if path not in own}
        at_once = structs.replace(basis, late=False)
        repeated = {path: value for path, value in facts.items() if path not in own and subject.value(path) == value}
        confirmed = {path: value for path, value in repeated.items() if _confirms(subject, path, basis)}
        revise(stream, facts, at_once)
        self._session.say(stream, f"{noun}Revised", confirmed, at_once)

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
        spans |= self._identity_spans()
        if cycle:
            facts["cycle"], spans["cycle"] = int(str(year)), _span(cycle)
        window = window_in(str(title.value), self._page.language) if title else None
        return self._plan_of(member, str(year), facts, news.basis(Origin.HEADER, spans), window)

    def _plan_of(self, member: Subject, year: str, facts: Facts, basis: Basis, window: int | None = None) -> str:
        code = f"{member.text('code')}-{year}"
        stream = self._session.meaning_of("plan", code)
        if stream and window and self._window_of(stream) not in (window, None):
            code = f"{code}-{window:02}"  # the second plan of a year
            stream = self._session.meaning_of("plan", code)
        if stream is None:
            at_once = structs.replace(basis, late=False)
            return self._session.register_action_plan(code, {"member": member.id, **facts}, at_once).id
        self._add(stream, "ActionPlan", self._session.revise_action_plan, facts, basis)
        return stream

    def _window_of(self, plan: str) -> int | None:
        """Return the month that a plan's name ends in, in whatever language it is known."""
        titles = self._session.subject(plan).under("title/")
        named = [(path, self._words(claim.value.text)) for path, claim in titles if isinstance(claim.value, Wording)]
        windows = (window_in(words or "", path.rpartition("/")[2]) for path, words in named)
        return next(filter(None, windows), None)

    # The commitment

    def _state_page(self, member: Subject, news: News) -> None:
        plan = self._plan(member, news)
        # A zone that is gone states nothing any more, which is news too.
        zones = {origin: self._facts(self._page.facts.get(origin, {})) for origin in _ZONES}
        header, spans = zones[Origin.HEADER]
        spans |= self._identity_spans()
        if plan:
            header["actionPlan"] = plan
        if self._page.cycle:
            header["cycle"], spans["cycle"] = int(str(self._page.cycle.value)), _span(self._page.cycle)
        for origin, (facts, spans) in zones.items():
            self._state(self._page.code, member, origin, facts, spans, news)

    def _identity_spans(self) -> Spans:
        """Return where the page says which commitment, of which member and plan, it is about."""
        code = re.search(rf"(?<=\(){self._page.code}(?=\))", self._page.text, re.IGNORECASE)
        spans = {"code": code.span(), "member": code.span()} if code else {}
        said = {"member": self._page.country, "actionPlan": self._page.plan_title or self._page.cycle}
        return spans | {path: _span(each) for path, each in said.items() if each}

    def _state(self, code: str, member: Subject, origin: Origin, facts: Facts, spans: Spans, news: News) -> None:
        basis = news.basis(origin, spans)
        stream = self._session.meaning_of("commitment", code)
        if stream is None:
            first = {} if news.late else facts
            at_once = structs.replace(basis, late=False)
            stream = self._session.register_commitment(code, {"member": member.id, **first}, at_once).id
        commitment = self._session.subject(stream)
        own = commitment.said_by(origin, news.sight.source)
        facts = {path: as_before(v, [own[path].value], self._words) if path in own else v for path, v in facts.items()}
        if news.late:
            self._session.say(
                stream, "CommitmentSeenEarlier", _seen_earlier(commitment, facts, basis, news.told), basis
            )
            return
        said = restated(commitment, origin, news.sight.source, facts)
        self._session.record(stream, _together(commitments.changes_of(commitment, said), origin), basis)

    def _facts(self, said: dict[str, Said]) -> tuple[Facts, Spans]:
        facts: Facts = {path: self._value(path, each) for path, each in said.items()}
        return facts, {path: _span(each) for path, each in said.items()}

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

    def _words(self, reference: str) -> str | None:
        """Return the words of a reference, those of this session included."""
        known = self._session.texts.get(reference)
        return known[1] if known else self._stored_text(reference)

    # The list of siblings

    def _state_list(self, member: Subject, listed: SiblingReading, news: News) -> None:
        for sibling in listed.entries:
            facts, spans = self._facts(sibling.facts)
            spans |= _line_spans(listed.text, sibling.code)
            cycle: Facts = {"cycle": sibling.cycle}
            plan = self._plan_of(member, str(sibling.cycle), cycle, news.basis(Origin.SIBLING_LIST, spans))
            said: Facts = {**facts, **cycle, "actionPlan": plan}
            self._state(sibling.code, member, Origin.SIBLING_LIST, said, spans, news)
        for code in self._left_out(listed, news):
            self._state(code, member, Origin.SIBLING_LIST, {}, {}, news)

    def _left_out(self, listed: SiblingReading, news: News) -> list[str]:
        """Return the codes of commitments that the list names just before or after, and does not name in this sight."""
        texts = (self._stored_text(seen.text) or "" for seen in news.beside)
        named = {code for text in texts for code in _CODE.findall(text)} - {each.code for each in listed.entries}
        return sorted(code for code in named if self._session.meaning_of("commitment", code))


def restated(subject: Subject, origin: Origin, source: str, facts: Facts) -> Facts:
    """Return what a source says otherwise than before, with None for what it no longer says."""
    before = {path: claim.value for path, claim in subject.said_by(origin, source).items()}
    news: Facts = {path: value for path, value in facts.items() if before.get(path) != value}
    unsaid = {path for path, value in before.items() if value is not None and path not in facts} - _IDENTITY
    return news | dict.fromkeys(sorted(unsaid))


def _together(changes: list[Change], origin: Origin) -> list[Change]:
    """Return the events of a line of the list; what a list in another language repeats goes with its translation."""
    named = {change.name: change for change in changes}
    translated, revised = named.get("CommitmentTranslated"), named.get("CommitmentRevised")
    if origin is not Origin.SIBLING_LIST or not translated or not revised:
        return changes
    together = structs.replace(translated, facts=translated.facts | revised.facts)
    return [together, *(change for change in changes if change not in (translated, revised))]


def _confirms(subject: Subject, path: str, basis: Basis) -> bool:
    """Tell whether to keep who says what is so already: a list, always, and whoever stands over our own tables."""
    current = subject.current(path)
    from_table = current is not None and current.origin is Origin.REFERENCE
    return current is not None and (from_table or basis.origin is Origin.SIBLING_LIST)


def _seen_earlier(subject: Subject, facts: Facts, basis: Basis, told: bool) -> Facts:
    """Return what an older sight tells: what was said otherwise then, and what narrows the interval of a claim."""
    own = subject.said_by(basis.origin, basis.source)
    then = {path: facts.get(path) for path in own if path not in _IDENTITY}
    narrowing = _narrowing(subject, then, basis)
    if told:
        return narrowing
    otherwise = {path: value for path, value in then.items() if value != own[path].value}
    return narrowing | otherwise | {path: value for path, value in facts.items() if path not in own}


def _narrowing(subject: Subject, then: Facts, basis: Basis) -> Facts:
    """Return what was said then at paths whose claim became so in an interval that the sight cuts short."""
    own, between = subject.said_by(basis.origin, basis.source), basis.changed_between
    seen_at = between.before if between else None
    claims = {path: own[path] for path in then}
    return {
        path: then[path]
        for path, claim in claims.items()
        if seen_at and seen_at < claim.before and (claim.after is None or claim.after < seen_at)
    }


def _span(said: Said) -> tuple[int, int]:
    return said.span.start, said.span.end


def _line_spans(text: str, code: str) -> Spans:
    """Return where a list says a commitment's code, and the cycle, which stands for its plan too."""
    line = re.search(rf"\b({code})\b\D*(\d{{4}})", text)
    if line is None:
        return {}
    return {"code": line.span(1), "member": line.span(1), "cycle": line.span(2), "actionPlan": line.span(2)}


def _say_years(title: str, start: int, facts: Facts, spans: Spans) -> None:
    if (years := _YEARS.search(title)) is None:
        return
    first, last = years.groups()
    for path, group, year in (("startsOn", 1, first), ("endsOn", 2, last if len(last) == 4 else first[:2] + last)):
        facts[path] = year
        spans[path] = (start + years.start(group), start + years.end(group))
