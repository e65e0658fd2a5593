"""Brings rows into the record: each states its facts, and only what differs from what the file said is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec import structs

from ogpgraph.application import Basis, Session
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.commitment import COMMITMENT
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.subject import Claim
from ogpgraph.domain.text import Made, Wording, Wordings
from ogpgraph.domain.values import Rating, Value, references_of
from ogpgraph.importer.database.codebook import Codebook
from ogpgraph.importer.database.identity import Identity, PlanKey
from ogpgraph.importer.database.reading import RowReading
from ogpgraph.importer.database.respelled import same
from ogpgraph.importer.observing import News
from ogpgraph.importer.reading import RatingSaid, Said

_IDENTITY = frozenset(("code", "key", "member", "actionPlan"))
Words = Callable[[Iterable[str]], dict[str, str]]


@dataclass(frozen=True)
class State:
    """One state of the file: what it allows to be said, its form and the former state's, whose rows are whose."""

    news: News
    book: Codebook
    former: Codebook | None
    members: dict[str, str]
    plans: dict[PlanKey, str]
    streams: dict[int, str]
    keys: dict[int, str]
    codes: frozenset[str]

    @property
    def source(self) -> str:
        """Return the id of the file as a source."""
        return self.news.sight.source


@dataclass(frozen=True)
class _Statement:
    """What a row says of a commitment, ready to be compared with what is so."""

    stream: str | None
    identity: Identity
    reading: RowReading
    facts: Facts
    own: dict[str, Claim]


class Recorder:
    """Brings rows of one state into the record, in one session; `words` gives wordings by their references."""

    def __init__(self, session: Session, state: State, words: Words) -> None:
        self._session = session
        self._state = state
        self._words = words

    def record(self, rows: Iterable[tuple[Identity, RowReading]]) -> None:
        """Record what is new in some rows."""
        found = [self._statement(identity, reading) for identity, reading in rows]
        statements = [each for each in found if not self._is_spoken_of_elsewhere(each)]
        words = self._words_of(statements)
        for statement in statements:
            self._say(statement, words)

    def _statement(self, identity: Identity, reading: RowReading) -> _Statement:
        facts: Facts = {path: self._stored(path, said) for path, said in reading.facts.items()}
        facts |= {"member": self._state.members[identity.member.code], "actionPlan": self._state.plans[identity.plan]}
        known = {"code": identity.code, "planNumber": identity.plan.number, "cycle": identity.cycle}
        facts |= {path: value for path, value in {**known, "number": identity.number}.items() if value is not None}
        stream = self._stream(identity)
        if stream and self._session.subject(stream).text("code") not in (None, identity.code):
            facts.pop("code", None)  # the file uses a code that the commitment no longer has
        own = self._session.subject(stream).said_by(Origin.DATABASE, self._state.source) if stream else {}
        for path in reading.doubtful & own.keys():
            # What is certain of a doubtful date does not contradict what was known more exactly.
            before = own[path].value
            facts[path] = before if str(before).startswith(str(facts[path])) else facts[path]
        return _Statement(stream, identity, reading, facts, own)

    def _is_spoken_of_elsewhere(self, statement: _Statement) -> bool:
        """Tell whether the row has a former code of a commitment that has another row, under its present code."""
        code = self._session.subject(statement.stream).text("code") if statement.stream else None
        if code in (None, statement.identity.code) or code not in self._state.codes:
            return False
        if statement.identity.code is None:
            return False
        text = f"{statement.identity.code} is a former code of {code}, which has a row too; not recorded"
        statement.reading.remark("", "former-code", text)
        return True

    def _stream(self, identity: Identity) -> str | None:
        code = identity.code or self._state.keys[identity.row]
        return self._session.meaning_of("commitment", code) or self._state.streams.get(identity.row)

    def _stored(self, path: str, said: Said) -> Value:
        word, value = self._session.word, said.value
        if isinstance(value, RatingSaid):
            return Rating(value.state, value.value, word(value.stated_as))
        if isinstance(value, tuple) and COMMITMENT.holds_wordings(path):
            return Wordings(tuple(word(each) for each in value))
        return Wording(word(str(value)), Made.UNKNOWN) if COMMITMENT.holds_wording(path) else value

    def _words_of(self, statements: list[_Statement]) -> dict[str, str]:
        """Return the wordings that it takes to tell a re-spelled value from another one."""
        needed: set[str] = set()
        for each in statements:
            for path, claim in each.own.items():
                if (new := each.facts.get(path)) is not None and new != claim.value:
                    needed.update(references_of(claim.value))
        fresh = {reference: text for reference, (_, text) in self._session.texts.items()}
        return self._words(needed - fresh.keys()) | fresh

    # Saying it

    def _say(self, statement: _Statement, words: dict[str, str]) -> None:
        basis = self._basis(statement.reading)
        stream = statement.stream or self._session.new_stream("commitment")
        if all(claim.value is None for claim in statement.own.values()):
            self._say_first(stream, statement, basis)
        elif basis.late:
            self._say_earlier(stream, statement, basis, words)
        else:
            self._say_changed(stream, statement, basis, words)

    def _basis(self, reading: RowReading) -> Basis:
        news = self._state.news
        spans = {path: span for path, span in reading.spans.items() if span[1]}
        evidence = Evidence(
            self._state.source,
            news.sight.content_hash,
            self._session.word(reading.text),
            spans,
            reading.row,
            {path: " ".join(column.split()) for path, column in reading.columns.items() if path in spans},
        )
        return structs.replace(news.basis(Origin.DATABASE, {}), evidence=(evidence,))

    def _say_first(self, stream: str, statement: _Statement, basis: Basis) -> None:
        """Record all that the file says of a commitment of which it said nothing: one event, one for its ratings."""
        # The file never spoke of it, so nothing is newer than this, however old the file is.
        at_once = structs.replace(basis, late=False)
        self._reserve(stream, statement)
        facts = dict(statement.facts)
        subject = self._session.subject(stream)
        if not subject.revision and statement.identity.code is None:
            facts["key"] = self._state.keys[statement.identity.row]
        if subject.revision and subject.value("code") is None and (code := facts.pop("code", None)):
            self._session.say(stream, "CommitmentRecoded", {"code": code}, at_once)
        self._say_at_once(stream, facts, at_once)

    def _reserve(self, stream: str, statement: _Statement) -> None:
        code = statement.identity.code or self._state.keys[statement.identity.row]
        if self._session.meaning_of("commitment", code) is None:
            self._session.reserve("commitment", code, stream)

    def _say_changed(self, stream: str, statement: _Statement, basis: Basis, words: dict[str, str]) -> None:
        self._reserve(stream, statement)
        news = self._news(statement, words)
        for cause, facts in self._by_cause(statement, news, basis.cause):
            because = structs.replace(basis, cause=cause)
            if (code := facts.pop("code", None)) is not None:
                self._session.say(stream, "CommitmentRecoded", {"code": code}, because)
            if cause is Cause.METHODOLOGY:
                self._say_at_once(stream, facts, because)
            else:
                changes = commitments.changes_of(self._session.subject(stream), facts)
                self._session.record(stream, changes, because)

    def _say_at_once(self, stream: str, facts: Facts, basis: Basis) -> None:
        """Record facts in one event, and the ratings among them in another: nothing of it happened by itself."""
        ratings = {path: value for path, value in facts.items() if path.startswith("ratings/")}
        plain = {path: value for path, value in facts.items() if path not in ratings}
        is_known = self._session.subject(stream).revision
        self._session.say(stream, "CommitmentRevised" if is_known else "CommitmentRegistered", plain, basis)
        self._session.say(stream, "RatingRecorded", ratings, basis)

    def _news(self, statement: _Statement, words: dict[str, str]) -> Facts:
        """Return what the row says otherwise than the file did, None for what its form could say and it does not."""
        own = statement.own
        news: Facts = {
            path: value
            for path, value in statement.facts.items()
            if path not in own or not same(path, own[path].value, value, words)
        }
        said = statement.facts.keys() | _IDENTITY
        gone = (path for path, claim in own.items() if claim.value is not None and path not in said)
        return news | {path: None for path in gone if self._state.book.covers(path)}

    def _by_cause(self, statement: _Statement, news: Facts, cause: Cause) -> list[tuple[Cause, Facts]]:
        """Part what the form of the file alone made different from what changed in what it says."""
        former = self._state.former
        if former is None or former.version == self._state.book.version or cause is not Cause.SOURCE_CHANGED:
            return [(cause, news)]
        method = {path: value for path, value in news.items() if path not in statement.own and not former.covers(path)}
        rest = {path: value for path, value in news.items() if path not in method}
        # Areas that only one of the two taxonomies has come and go with the form.
        both = former.taxonomy & self._state.book.taxonomy
        for path in [path for path in rest if path.startswith("policyAreas")]:
            before = _areas(statement.own[path].value if path in statement.own else None)
            after = _areas(rest.pop(path))
            between = (before & both) | (after - both)
            for facts, areas, is_new in ((method, between, between != before), (rest, after, after != between)):
                if is_new:
                    facts[path] = tuple(sorted(areas)) if areas or path == "policyAreas" else None
        return [(Cause.METHODOLOGY, method), (cause, rest)]

    def _say_earlier(self, stream: str, statement: _Statement, basis: Basis, words: dict[str, str]) -> None:
        """Record what an older state of the file tells of the past; what no newer one speaks of holds still."""
        own, seen_at = statement.own, self._state.news.interval.before
        then: Facts = {}
        for path, claim in own.items():
            if path in _IDENTITY or not self._state.book.covers(path):
                continue
            value = statement.facts.get(path)
            if value is not None and same(path, claim.value, value, words):
                value = claim.value
            narrows = seen_at < claim.before and (claim.after is None or claim.after < seen_at)
            if narrows or (value != claim.value and not self._state.news.told):
                then[path] = value
        self._session.say(stream, "CommitmentSeenEarlier", then, basis)
        fresh = {path: value for path, value in statement.facts.items() if path not in own}
        at_once, subject = structs.replace(basis, late=False), self._session.subject(stream)
        if fresh.pop("code", None) and subject.value("code") is None:
            self._session.say(stream, "CommitmentRecoded", {"code": statement.identity.code}, at_once)
        self._session.record(stream, commitments.changes_of(subject, fresh), at_once)


def _areas(value: Value | None) -> frozenset[str]:
    return frozenset(value) if isinstance(value, tuple) else frozenset()
