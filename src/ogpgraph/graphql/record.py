"""What everything in the record has in common: its history, who set each value, who claims what, on what evidence."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Self, TypeVar

import strawberry

from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.event import Evidence as StoredEvidence
from ogpgraph.domain.source import last_observed_at, observations
from ogpgraph.domain.subject import Claim as StoredClaim
from ogpgraph.domain.subject import Subject as State
from ogpgraph.domain.subject import all_sources
from ogpgraph.domain.text import Made
from ogpgraph.domain.text import Wording as StoredWording
from ogpgraph.domain.values import Interval as StoredInterval
from ogpgraph.graphql.connection import After, Before, Connection, First, Last, connect, wanted_slice
from ogpgraph.graphql.scalars import EntryKind, FieldValue, Moment, PartialDate, Position
from ogpgraph.graphql.wordings import in_words, wording, wordings
from ogpgraph.readmodel.entry import Entry as StoredEntry
from ogpgraph.readmodel.entry import words_of_changes, words_of_evidence, words_of_reason
from ogpgraph.readmodel.lists import EntryListing
from ogpgraph.readmodel.projection import code_of
from ogpgraph.readmodel.snapshot import Snapshot

S = TypeVar("S", bound="Subject")
Language = Annotated[
    str | None,
    strawberry.argument(
        description="A language as a lower-case code. Left out: the original, else English, else the first by code."
    ),
]
DIRECTION_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
HISTORY = EntryListing(parent="stream")


@strawberry.interface(description="Anything with an id.")
class Node:
    """Anything with an id."""

    id: strawberry.ID = strawberry.field(description="The id: opaque, and the same for ever.")


@strawberry.type(description="A wording in one language.")
class Wording:
    """Words, their language, and how they came about."""

    path: str = strawberry.field(description="The field the wording belongs to.")
    language: str = strawberry.field(description="The language, as a lower-case code.")
    text: str | None = strawberry.field(description="The words; null where they were removed from the record.")
    made: Made = strawberry.field(description="How the wording came about in this language.")

    @strawberry.field(
        description="Whether it has characters that turn the direction of writing: a text may look other than it is."
    )
    def has_direction_controls(self) -> bool:
        """Tell whether the words have characters that turn the direction of writing."""
        return bool(self.text) and not DIRECTION_CONTROLS.isdisjoint(self.text or "")


@strawberry.type(description="The time in which a change happened, as far as anybody looked.")
class Interval:
    """After one sight, not later than the next."""

    after: Moment | None = strawberry.field(
        description="The last time the former value was seen; null where nobody had looked."
    )
    before: Moment = strawberry.field(description="The first time the new value was seen.")


@strawberry.type(description="A field that an entry changed.")
class Change:
    """A path with its value before and after."""

    path: str = strawberry.field(
        description="The field, its steps joined by slashes, such as `title/en` or `ratings/COMPLETION/RESULTS/state`. "
        "A path that begins with `claims/` tells of a source's claim that is not (or not alone) the current value."
    )
    before: FieldValue | None = strawberry.field(description="The value before; null where there was none.")
    after: FieldValue | None = strawberry.field(description="The value after; null where there is none any more.")


@strawberry.interface(description="Anything that has a history in the log.")
class Subject(Node):
    """A subject of the record as it stood at one position."""

    KIND: ClassVar[str] = ""
    state: strawberry.Private[State]
    snapshot: strawberry.Private[Snapshot]

    @strawberry.field(description="How many entries made it what it is.")
    def revision(self) -> int:
        """Return the revision."""
        return self.state.revision

    @strawberry.field(description="The position of the entry that made it what it is.")
    def since(self) -> Position:
        """Return since when the state holds."""
        return Position(self.snapshot.since(self.state.id))

    @strawberry.field(description="Its own entries, oldest first, up to the position that is read.")
    def history(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Entry]:
        """Return the subject's own entries."""
        wanted = wanted_slice(first, after, last, before)
        return entries_of(
            self.snapshot,
            lambda: self.snapshot.history(self.state, HISTORY, wanted),
            lambda: self.snapshot.number_of_entries(HISTORY, self.state),
        )

    @strawberry.field(description="Who set each current value: the entry that stated it, for a path and all below it.")
    def blame(
        self,
        path: Annotated[
            str,
            strawberry.argument(description="A field or the beginning of its path, such as `ratings`; empty for all."),
        ] = "",
    ) -> list[Blame]:
        """Return path → the entry that set the current value."""
        asked = path.strip("/")
        return [
            Blame(path=each, claim=claim, subject=self.state, snapshot=self.snapshot)
            for each, claim in self.state.present.items()
            if _is_below(each, asked) or _is_below(asked, each)
        ]

    @strawberry.field(
        description="What each source says of each field, side by side. Current is: what its own pages, the database "
        "and people state over what other pages list; OGP's own language over translations; what was first said later "
        "over what was said before. What the IRM's prose says of a rating is a claim and never the rating."
    )
    def claims(
        self,
        path: Annotated[
            str, strawberry.argument(description="A field or the beginning of its path; empty for all.")
        ] = "",
    ) -> list[Claim]:
        """Return every claim at a path and below it."""
        asked = path.strip("/")
        return [
            Claim(
                path=each,
                claim=claim,
                is_current=claim is self.state.current(each),
                subject=self.state,
                snapshot=self.snapshot,
            )
            for each in sorted(self.state.claims)
            if _is_below(each, asked)
            for claim in self.state.claims[each]
            if claim.value is not None
        ]

    @strawberry.field(description="The pages, lists and files that say something of it, by type, code and language.")
    def sources(self) -> list[Source]:
        """Return the subject's sources."""
        found = self.snapshot.all_related(self.state, all_sources)
        return [Source.of(source, self.snapshot) for source in sorted(found, key=code_of)]

    @strawberry.field(
        description="When a page or file about it was last seen, changed or not; lists of its siblings count only "
        "where there is nothing else."
    )
    def last_observed_at(self) -> Moment | None:
        """Return the time of the latest observation."""
        moment = self.snapshot.last_observed_at(self.state)
        return Moment(moment) if moment else None

    @strawberry.field(description="Every wording of it, in every language, with how each was made.")
    def wordings(self) -> list[Wording]:
        """Return all wordings of the subject."""
        return [
            Wording(
                path=path,
                language=path.rpartition("/")[2],
                text=self._words(path, claim.value.text),
                made=claim.value.made,
            )
            for path, claim in self.state.present.items()
            if isinstance(claim.value, StoredWording) and path.count("/")
        ]

    @classmethod
    def of(cls, state: State, snapshot: Snapshot) -> Self:
        """Return the GraphQL object of a state, of the type its kind has; raises LookupError where it is none."""
        kind = next((each for each in [cls, *_types_below(cls)] if state.kind == each.KIND), None)
        if kind is None:
            raise LookupError(f"{state.id} is no {cls.__name__}")
        return kind(id=strawberry.ID(state.id), state=state, snapshot=snapshot)

    # What the types have in common to read their fields with.

    def _text(self, path: str) -> str | None:
        return self.state.text(path)

    def _related(self, kind: type[S], path: str) -> S | None:
        found = self.snapshot.related(self.state, path)
        return kind.of(found, self.snapshot) if found else None

    def _words(self, path: str, reference: str) -> str | None:
        return self.snapshot.wording(self.state, path, reference)

    def _wording(self, prefix: str, language: str | None) -> str | None:
        return wording(self.snapshot, self.state, prefix, language)

    def _wordings(self, prefix: str, language: str | None) -> list[str]:
        return wordings(self.snapshot, self.state, prefix, language)


def _is_below(path: str, prefix: str) -> bool:
    return not prefix or path == prefix or path.startswith(prefix + "/")


def _types_below(parent: type[S]) -> list[type[S]]:
    return [each for child in parent.__subclasses__() for each in (child, *_types_below(child))]


@strawberry.type(description="One entry of the log: an event, what it changed, and on what authority.")
class Entry(Node):
    """An entry as it was recorded; it never changes."""

    entry: strawberry.Private[StoredEntry]
    snapshot: strawberry.Private[Snapshot]

    @strawberry.field(description="Its number in the log, counted from 1 without gaps.")
    def position(self) -> Position:
        """Return the position."""
        return Position(self.entry.position)

    @strawberry.field(description="What happened.")
    def kind(self) -> EntryKind:
        """Return the event's name."""
        return EntryKind[self.entry.name]

    @strawberry.field(description="When it was recorded, by the server's clock; strictly increasing.")
    def recorded_at(self) -> Moment:
        """Return the time of recording."""
        return Moment(datetime.fromisoformat(self.entry.recorded_at))

    @strawberry.field(description="When it was said, or the source observed.")
    def stated_at(self) -> Moment:
        """Return the time of the statement."""
        return Moment(self.entry.envelope.time)

    @strawberry.field(description="The day it is true of, where that is known.")
    def effective_on(self) -> PartialDate | None:
        """Return the effective day."""
        day = self.entry.envelope.effective_on
        return PartialDate(day) if day else None

    @strawberry.field(description="Between which two sights of the source the change happened.")
    def changed_between(self) -> Interval | None:
        """Return the interval of the change."""
        return _interval(self.entry.envelope.changed_between)

    @strawberry.field(description="Who recorded it: a pseudonymous account, or the importer.")
    def actor(self) -> str:
        """Return the actor."""
        return self.entry.envelope.actor

    @strawberry.field(description="The role the actor acted in.")
    def role(self) -> str:
        """Return the role."""
        return self.entry.envelope.role

    @strawberry.field(description="Why, in the actor's words.")
    def reason(self) -> str | None:
        """Return the reason."""
        reference = self.entry.envelope.reason
        return self.snapshot.words(reference, words_of_reason) if reference else None

    @strawberry.field(description="Why the values differ from what was recorded before.")
    def cause(self) -> Cause:
        """Return the cause."""
        return self.entry.envelope.cause

    @strawberry.field(description="Where the facts were stated.")
    def stated_in(self) -> Origin:
        """Return the origin."""
        return self.entry.envelope.origin

    @strawberry.field(description="Whether it tells of an older observation, which leaves the present as it is.")
    def is_late(self) -> bool:
        """Tell whether the observation was older than one already recorded."""
        return self.entry.envelope.late

    @strawberry.field(description="The thing it is about, as it stood at this entry.")
    def subject(self) -> Subject:
        """Return the subject as it stood."""
        then, state = self.snapshot.then(self.entry, lambda entry: entry.stream)
        if state is None:
            raise LookupError(f"entry {self.entry.position} has no subject")
        return Subject.of(state, then)

    @strawberry.field(description="Which revision of the subject it made.")
    def revision(self) -> int:
        """Return the revision."""
        return self.entry.revision

    @strawberry.field(description="The fields it changed.")
    def changes(self) -> list[Change]:
        """Return the changes, in words."""
        return [
            Change(path=change.path, before=self._said(change.before), after=self._said(change.after))
            for change in self.entry.changes
        ]

    @strawberry.field(description="The source it was read from, as it stood at this entry.")
    def source(self) -> Source | None:
        """Return the source."""
        then, state = self.snapshot.then(self.entry, lambda entry: entry.envelope.source)
        return Source.of(state, then) if state else None

    @strawberry.field(description="The words it rests on, one for each fact that was read from a source.")
    def evidence(self) -> list[Evidence]:
        """Return the evidence."""
        return [
            Evidence(
                path=path, content_hash=item.content_hash, start=start, end=end, evidence=item, snapshot=self.snapshot
            )
            for item in self.entry.envelope.evidence
            for path, (start, end) in sorted(item.spans.items())
        ]

    @strawberry.field(description="The id that everything recorded by one import or one request shares.")
    def correlation_id(self) -> strawberry.ID:
        """Return the correlation id."""
        return strawberry.ID(self.entry.envelope.correlation)

    @strawberry.field(description="The entry that gave rise to this one.")
    def causation(self) -> Entry | None:
        """Return the causing entry."""
        return self._other(self.entry.envelope.causation)

    @strawberry.field(description="The entry that this one corrects.")
    def corrects(self) -> Entry | None:
        """Return the corrected entry."""
        return self._other(self.entry.envelope.corrects)

    @strawberry.field(description="The entry's leaf hash in the log's tree (RFC 6962), in hex.")
    def leaf_hash(self) -> str:
        """Return the leaf hash."""
        return self.entry.leaf

    def _other(self, event_id: str | None) -> Entry | None:
        found = self.snapshot.entry_of(event_id) if event_id else None
        return entry_node(found, self.snapshot) if found else None

    def _said(self, side: Any) -> FieldValue | None:
        if not isinstance(side, dict):
            return FieldValue(side) if side is not None else None
        words = [self.snapshot.words(each, words_of_changes) for each in side.get("texts", [side.get("text")])]
        return FieldValue(words if "texts" in side else words[0])


@strawberry.type(description="The words of a source that a fact was read from.")
class Evidence:
    """A span of a source's canonical text."""

    path: str = strawberry.field(description="The field that was read from it.")
    content_hash: str = strawberry.field(description="The SHA-256 of the bytes of the source as observed.")
    start: int = strawberry.field(
        description="The first character of the words in the source's canonical text, counted from 0."
    )
    end: int = strawberry.field(description="The character after the last.")
    evidence: strawberry.Private[StoredEvidence]
    snapshot: strawberry.Private[Snapshot]

    @strawberry.field(
        description="Of a file of rows: the row, counted from 1 as a spreadsheet does; then `start` and `end` count "
        "the characters of that row's text, `Column: cell` for each of its cells."
    )
    def row(self) -> int | None:
        """Return the row."""
        return self.evidence.row

    @strawberry.field(
        description="Of a file of rows: the column, as the codebook has it; several are parted by commas."
    )
    def column(self) -> str | None:
        """Return the column."""
        return self.evidence.columns.get(self.path)

    @strawberry.field(description="The source.")
    def source(self) -> Source | None:
        """Return the source."""
        return _source(self.snapshot, self.evidence.source)

    @strawberry.field(description="The very words, taken again from the canonical text; null where that was removed.")
    def quote(self) -> str | None:
        """Return the words of the span."""
        text = self.snapshot.words(self.evidence.text, words_of_evidence) if self.evidence.text else None
        return text[self.start : self.end] if text is not None else None


@strawberry.type(description="Who set a current value.")
class Blame:
    """A path, its current value, and the entry that stated it."""

    path: str = strawberry.field(description="The field.")
    claim: strawberry.Private[StoredClaim]
    subject: strawberry.Private[State]
    snapshot: strawberry.Private[Snapshot]

    @strawberry.field(description="The current value.")
    def value(self) -> FieldValue | None:
        """Return the value in words."""
        return FieldValue(in_words(self.snapshot, self.subject, self.path, self.claim))

    @strawberry.field(description="The entry that stated it.")
    def entry(self) -> Entry:
        """Return the entry."""
        return _stating(self.snapshot, self.subject, self.claim)

    @strawberry.field(description="The very words it was read from; empty where a person stated it.")
    def evidence(self) -> list[Evidence]:
        """Return the evidence of this value alone."""
        return [each for each in self.entry().evidence() if each.path == self.path]

    @strawberry.field(description="Between which sights it became so, as narrowed by everything observed since.")
    def changed_between(self) -> Interval:
        """Return the interval."""
        return Interval(after=_moment(self.claim.after), before=Moment(self.claim.before))


@strawberry.type(description="What one source says of one field.")
class Claim(Blame):
    """A claim, current or not."""

    is_current: bool = strawberry.field(description="Whether it is the current value.")

    @strawberry.field(description="Where it is stated.")
    def stated_in(self) -> Origin:
        """Return the origin."""
        return self.claim.origin

    @strawberry.field(description="The language of the source.")
    def language(self) -> str | None:
        """Return the source's language."""
        return self.claim.language

    @strawberry.field(description="The source that says it; null where a person does.")
    def source(self) -> Source | None:
        """Return the source."""
        return _source(self.snapshot, self.claim.source)


@strawberry.type(description="A sight of a source.")
class Observation:
    """When it was seen, which bytes, by which reader."""

    observed_at: Moment = strawberry.field(description="When the source was observed.")
    content_hash: str = strawberry.field(description="The SHA-256 of the bytes observed.")
    reader: str = strawberry.field(description="The version of the program that read them.")


@strawberry.type(description="A published page, list or file that facts are read from.")
class Source(Subject):
    """A source with everything observed of it."""

    KIND: ClassVar[str] = "source"

    @strawberry.field(description="What sort of source it is: PAGE, COMMITMENT_LIST, DATABASE_FILE or DOCUMENT.")
    def type(self) -> str | None:
        """Return the source's sort."""
        return self._text("type")

    @strawberry.field(description="The code of the commitment or member it is about, or the name of the file.")
    def code(self) -> str | None:
        """Return the code."""
        return self._text("code")

    @strawberry.field(description="The language it is published in.")
    def language(self) -> str | None:
        """Return the language."""
        return self._text("language")

    @strawberry.field(description="Where it is published, where that is known.")
    def url(self) -> str | None:
        """Return the address."""
        return self._text("url")

    @strawberry.field(
        description="Every observation, oldest first; sightings of unchanged bytes move only `lastObservedAt`."
    )
    def observations(self) -> list[Observation]:
        """Return the observations."""
        return [
            Observation(observed_at=Moment(time), content_hash=seen.content_hash, reader=seen.reader)
            for time, seen in observations(self.state)
        ]

    @strawberry.field(description="When it was last seen, changed or not.")
    def last_observed_at(self) -> Moment | None:
        """Return the time of the latest sight."""
        return _moment(last_observed_at(self.state))


@strawberry.type(description="A code, reserved for what it means.")
class Code(Subject):
    """A reservation."""

    KIND: ClassVar[str] = "code"

    @strawberry.field(description="The code.")
    def code(self) -> str:
        """Return the code."""
        return self.state.id.split("-", 2)[2]

    @strawberry.field(description="What the code means.")
    def means(self) -> Subject | None:
        """Return the subject."""
        return self._related(Subject, "means")


def entries_of(snapshot: Snapshot, page: Any, count: Any) -> Connection[Entry]:
    """Return the connection over a page of entries."""
    return connect(page, lambda entry: entry_node(entry, snapshot), count)


def entry_node(entry: StoredEntry, snapshot: Snapshot) -> Entry:
    """Return the GraphQL object of an entry."""
    return Entry(id=strawberry.ID(entry.event_id), entry=entry, snapshot=snapshot)


def _stating(snapshot: Snapshot, subject: State, claim: StoredClaim) -> Entry:
    entry = snapshot.entry_setting(subject, claim.revision)
    if entry is None:
        raise LookupError(f"{subject.id} has no entry of revision {claim.revision}")
    return entry_node(entry, snapshot)


def _source(snapshot: Snapshot, stream: str | None) -> Source | None:
    state = snapshot.source(stream) if stream else None
    return Source.of(state, snapshot) if state else None


def _interval(interval: StoredInterval | None) -> Interval | None:
    return Interval(after=_moment(interval.after), before=Moment(interval.before)) if interval else None


def _moment(moment: datetime | None) -> Moment | None:
    return Moment(moment) if moment else None
