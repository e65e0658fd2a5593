"""The object types of the schema. They refer to each other, so they are in one module."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Self, TypeVar

import strawberry

from ogpgraph.domain import commitment as commitments
from ogpgraph.domain import vocabulary
from ogpgraph.domain.account import Role, rights_of
from ogpgraph.domain.aggregate import Aggregate, all_sources
from ogpgraph.domain.aggregate import Claim as StoredClaim
from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.event import Evidence as StoredEvidence
from ogpgraph.domain.source import last_observed_at, observations
from ogpgraph.domain.values import Rating as StoredRating
from ogpgraph.domain.values import TextValue
from ogpgraph.domain.vocabulary import (
    CoCreation,
    CoCreationValue,
    CommitmentStatus,
    Indicator,
    MemberStatus,
    MilestoneStatus,
    OgpValue,
    PlanStatus,
    RatingState,
    RatingValue,
    Stage,
)
from ogpgraph.graphql.connections import (
    After,
    Before,
    Connection,
    First,
    Last,
    build_connection,
    connection_arguments,
    parse_slice,
)
from ogpgraph.graphql.facets import (
    Dimension,
    Facet,
    TimelineGranularity,
    TimelinePoint,
    TimelineRange,
    count_facets,
    count_timeline,
)
from ogpgraph.graphql.filters import (
    ActionPlanFilter,
    ActionPlanOrder,
    AggregateFilter,
    CommitmentFilter,
    CommitmentOrder,
    build_order,
)
from ogpgraph.graphql.localized_text import (
    Language,
    LocalizedText,
    choose_text,
    claim_as_json,
    resolve_text,
    resolve_text_list,
)
from ogpgraph.graphql.scalars import DateTime, EntryKind, FieldValue, PartialDate, Position, enum_member, partial_date
from ogpgraph.readmodel.entry import Entry as StoredEntry
from ogpgraph.readmodel.entry import change_text_refs, evidence_text_refs, reason_text_refs
from ogpgraph.readmodel.queries import MATCH_ALL, AggregateQuery, EntryQuery, Page, PageRequest
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.readmodel.tags import code_of, is_starred


@strawberry.interface(description="Anything with an id.")
class Node:
    """Anything with an id."""

    id: strawberry.ID = strawberry.field(description="The id: opaque, and the same for ever.")


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
        state = self.snapshot.find_source(self.evidence.source)
        return Source.of(state, self.snapshot) if state else None

    @strawberry.field(description="The very words, taken again from the canonical text; null where that was removed.")
    def quote(self) -> str | None:
        """Return the words of the span."""
        text = self.snapshot.entry_text(self.evidence.text, evidence_text_refs) if self.evidence.text else None
        return text[self.start : self.end] if text is not None else None


@strawberry.type(description="The time in which a change happened, as far as anybody looked.")
class Interval:
    """After one sight, not later than the next."""

    after: DateTime | None = strawberry.field(
        description="The last time the former value was seen; null where nobody had looked."
    )
    before: DateTime = strawberry.field(description="The first time the new value was seen.")

    @classmethod
    def of(cls, after: datetime | None, before: datetime) -> Interval:
        """Return the interval between two sights."""
        return cls(after=DateTime(after) if after else None, before=DateTime(before))


@strawberry.type(description="A field that an entry changed.")
class Change:
    """A path with its value before and after."""

    path: str = strawberry.field(
        description="The field, its steps joined by slashes, such as `title/en` or `ratings/COMPLETION/RESULTS/state`. "
        "A path that begins with `claims/` tells of a source's claim that is not (or not alone) the current value."
    )
    before: FieldValue | None = strawberry.field(description="The value before; null where there was none.")
    after: FieldValue | None = strawberry.field(description="The value after; null where there is none any more.")


@strawberry.type(description="One entry of the log: an event, what it changed, and on what authority.")
class Entry(Node):
    """An entry as it was recorded; it never changes."""

    entry: strawberry.Private[StoredEntry]
    snapshot: strawberry.Private[Snapshot]

    @classmethod
    def of(cls, entry: StoredEntry, snapshot: Snapshot) -> Entry:
        """Return the GraphQL object of an entry."""
        return cls(id=strawberry.ID(entry.event_id), entry=entry, snapshot=snapshot)

    @strawberry.field(description="Its number in the log, counted from 1 without gaps.")
    def position(self) -> Position:
        """Return the position."""
        return Position(self.entry.position)

    @strawberry.field(description="What happened.")
    def kind(self) -> EntryKind:
        """Return the event's name."""
        return EntryKind[self.entry.name]

    @strawberry.field(description="When it was recorded, by the server's clock; strictly increasing.")
    def recorded_at(self) -> DateTime:
        """Return the time of recording."""
        return DateTime(datetime.fromisoformat(self.entry.recorded_at))

    @strawberry.field(description="When it was said, or the source observed.")
    def stated_at(self) -> DateTime:
        """Return the time of the statement."""
        return DateTime(self.entry.envelope.time)

    @strawberry.field(description="The day it is true of, where that is known.")
    def effective_on(self) -> PartialDate | None:
        """Return the effective day."""
        day = self.entry.envelope.effective_on
        return PartialDate(day) if day else None

    @strawberry.field(description="Between which two sights of the source the change happened.")
    def changed_between(self) -> Interval | None:
        """Return the interval of the change."""
        between = self.entry.envelope.changed_between
        return Interval.of(between.after, between.before) if between else None

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
        return self.snapshot.entry_text(reference, reason_text_refs) if reference else None

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
        then, state = self.snapshot.as_of_entry(self.entry, lambda entry: entry.stream)
        if state is None:
            raise LookupError(f"entry {self.entry.position} has no subject")
        return build_subject(state, then)

    @strawberry.field(description="Which revision of the subject it made.")
    def revision(self) -> int:
        """Return the revision."""
        return self.entry.revision

    @strawberry.field(description="The fields it changed.")
    def changes(self) -> list[Change]:
        """Return the changes, in words."""
        return [
            Change(
                path=change.path, before=self._resolve_change(change.before), after=self._resolve_change(change.after)
            )
            for change in self.entry.changes
        ]

    @strawberry.field(description="The source it was read from, as it stood at this entry.")
    def source(self) -> Source | None:
        """Return the source."""
        then, state = self.snapshot.as_of_entry(self.entry, lambda entry: entry.envelope.source)
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
        return self._entry_by_event(self.entry.envelope.causation)

    @strawberry.field(description="The entry that this one corrects.")
    def corrects(self) -> Entry | None:
        """Return the corrected entry."""
        return self._entry_by_event(self.entry.envelope.corrects)

    @strawberry.field(description="The entry's leaf hash in the log's tree (RFC 6962), in hex.")
    def leaf_hash(self) -> str:
        """Return the leaf hash."""
        return self.entry.leaf

    def _entry_by_event(self, event_id: str | None) -> Entry | None:
        found = self.snapshot.find_entry_by_event(event_id) if event_id else None
        return Entry.of(found, self.snapshot) if found else None

    def _resolve_change(self, side: Any) -> FieldValue | None:
        if not isinstance(side, dict):
            return FieldValue(side) if side is not None else None
        words = [self.snapshot.entry_text(each, change_text_refs) for each in side.get("texts", [side.get("text")])]
        return FieldValue(words if "texts" in side else words[0])


def entry_connection(
    snapshot: Snapshot, page: Callable[[], Page[StoredEntry]], count: Callable[[], int]
) -> Connection[Entry]:
    """Return the connection over a page of entries."""
    return build_connection(page, lambda entry: Entry.of(entry, snapshot), count)


@strawberry.type(description="Who set a current value.")
class Blame:
    """A path, its current value, and the entry that stated it."""

    path: str = strawberry.field(description="The field.")
    claim: strawberry.Private[StoredClaim]
    subject: strawberry.Private[Aggregate]
    snapshot: strawberry.Private[Snapshot]

    @strawberry.field(description="The current value.")
    def value(self) -> FieldValue | None:
        """Return the value in words."""
        return FieldValue(claim_as_json(self.snapshot, self.subject, self.path, self.claim))

    @strawberry.field(description="The entry that stated it.")
    def entry(self) -> Entry:
        """Return the entry."""
        entry = self.snapshot.find_entry_of_revision(self.subject, self.claim.revision)
        if entry is None:
            raise LookupError(f"{self.subject.id} has no entry of revision {self.claim.revision}")
        return Entry.of(entry, self.snapshot)

    @strawberry.field(description="The very words it was read from; empty where a person stated it.")
    def evidence(self) -> list[Evidence]:
        """Return the evidence of this value alone."""
        return [each for each in self.entry().evidence() if each.path == self.path]

    @strawberry.field(description="Between which sights it became so, as narrowed by everything observed since.")
    def changed_between(self) -> Interval:
        """Return the interval."""
        return Interval.of(self.claim.after, self.claim.before)


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
        state = self.snapshot.find_source(self.claim.source) if self.claim.source else None
        return Source.of(state, self.snapshot) if state else None


S = TypeVar("S", bound="Subject")
_HISTORY_QUERY = EntryQuery(parent="stream")


@strawberry.interface(description="Anything that has a history in the log.")
class Subject(Node):
    """A subject of the record as it stood at one position."""

    AGGREGATE_TYPE: ClassVar[str] = ""
    state: strawberry.Private[Aggregate]
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
        wanted = parse_slice(first, after, last, before)
        return entry_connection(
            self.snapshot,
            lambda: self.snapshot.page_history(self.state, _HISTORY_QUERY, wanted),
            lambda: self.snapshot.count_entries(_HISTORY_QUERY, self.state),
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
        prefix = path.strip("/")
        return [
            Blame(path=each, claim=claim, subject=self.state, snapshot=self.snapshot)
            for each, claim in self.state.current_claims.items()
            if _is_at_or_below(each, prefix) or _is_at_or_below(prefix, each)
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
        prefix = path.strip("/")
        return [
            Claim(
                path=each,
                claim=claim,
                is_current=claim is self.state.current_claim(each),
                subject=self.state,
                snapshot=self.snapshot,
            )
            for each in sorted(self.state.claims)
            if _is_at_or_below(each, prefix)
            for claim in self.state.claims[each]
            if claim.value is not None
        ]

    @strawberry.field(description="The pages, lists and files that say something of it, by type, code and language.")
    def sources(self) -> list[Source]:
        """Return the subject's sources."""
        found = self.snapshot.find_all_related(self.state, all_sources)
        return [Source.of(source, self.snapshot) for source in sorted(found, key=code_of)]

    @strawberry.field(
        description="When a page or file about it was last seen, changed or not; lists of its siblings count only "
        "where there is nothing else."
    )
    def last_observed_at(self) -> DateTime | None:
        """Return the time of the latest observation."""
        moment = self.snapshot.last_observed_at(self.state)
        return DateTime(moment) if moment else None

    @strawberry.field(description="Every wording of it, in every language, with how each was made.")
    def localized_texts(self) -> list[LocalizedText]:
        """Return all wordings of the subject."""
        return [
            LocalizedText(
                path=path,
                language=path.rpartition("/")[2],
                text=self._text_at(path, claim.value.text),
                translation_kind=claim.value.translation_kind,
            )
            for path, claim in self.state.current_claims.items()
            if isinstance(claim.value, TextValue) and path.count("/")
        ]

    @classmethod
    def of(cls, state: Aggregate, snapshot: Snapshot) -> Self:
        """Return the GraphQL object of a state, of the type its kind has; raises LookupError where it is none."""
        node = build_subject(state, snapshot)
        if isinstance(node, cls):
            return node
        raise LookupError(f"{state.id} is no {cls.__name__}")

    # What the types have in common to read their fields with.

    def _text(self, path: str) -> str | None:
        return self.state.string(path)

    def _number(self, path: str) -> int | None:
        value = self.state.value(path)
        return value if isinstance(value, int) else None

    def _list(self, path: str) -> list[str]:
        value = self.state.value(path)
        return list(value) if isinstance(value, tuple) else []

    def _related(self, kind: type[S], path: str) -> S | None:
        found = self.snapshot.find_related(self.state, path)
        return kind.of(found, self.snapshot) if found else None

    def _text_at(self, path: str, reference: str) -> str | None:
        return self.snapshot.text(self.state, path, reference)

    def _text_in(self, prefix: str, language: str | None) -> str | None:
        return resolve_text(self.snapshot, self.state, prefix, language)

    def _texts_in(self, prefix: str, language: str | None) -> list[str]:
        return resolve_text_list(self.snapshot, self.state, prefix, language)


def _is_at_or_below(path: str, prefix: str) -> bool:
    return not prefix or path == prefix or path.startswith(prefix + "/")


@strawberry.type(description="A sight of a source.")
class Observation:
    """When it was seen, which bytes, by which reader."""

    observed_at: DateTime = strawberry.field(description="When the source was observed.")
    content_hash: str = strawberry.field(description="The SHA-256 of the bytes observed.")
    reader: str = strawberry.field(description="The version of the program that read them.")


@strawberry.type(description="A published page, list or file that facts are read from.")
class Source(Subject):
    """A source with everything observed of it."""

    AGGREGATE_TYPE: ClassVar[str] = "source"

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
            Observation(observed_at=DateTime(time), content_hash=seen.content_hash, reader=seen.reader)
            for time, seen in observations(self.state)
        ]

    @strawberry.field(description="When it was last seen, changed or not.")
    def last_observed_at(self) -> DateTime | None:
        """Return the time of the latest sight."""
        moment = last_observed_at(self.state)
        return DateTime(moment) if moment else None


@strawberry.type(description="A code, reserved for what it means.")
class Code(Subject):
    """A reservation."""

    AGGREGATE_TYPE: ClassVar[str] = "code"

    @strawberry.field(description="The code.")
    def code(self) -> str:
        """Return the code."""
        return self.state.id.split("-", 2)[2]

    @strawberry.field(description="What the code means.")
    def means(self) -> Subject | None:
        """Return the subject."""
        return self._related(Subject, "means")


@strawberry.type(description="Somebody who may write, known by a pseudonymous id and by their rights alone.")
class Account(Subject):
    """An account."""

    AGGREGATE_TYPE: ClassVar[str] = "account"

    @strawberry.field(description="As what it may act; an account without roles is a reader, as everyone is.")
    def roles(self) -> list[Role]:
        """Return the roles."""
        return list(rights_of(self.state).roles)

    @strawberry.field(description="The codes of the members that it may report for.")
    def reporter_of(self) -> list[str]:
        """Return the members' codes."""
        return list(rights_of(self.state).reporter_of)


_INDICATOR_ORDER = {word: place for place, word in enumerate(Indicator)}
_STAGE_ORDER = {word: place for place, word in enumerate(Stage)}
_OGP_VALUE_ORDER = {word: place for place, word in enumerate(OgpValue)}


@strawberry.type(description="What the IRM says of one indicator at one stage.")
class Rating:
    """A rating, or why there is none."""

    indicator: Indicator = strawberry.field(description="What is rated.")
    stage: Stage = strawberry.field(description="At which point of the plan's life.")
    ogp_value: OgpValue | None = strawberry.field(description="Which OGP value it is about, where it is about one.")
    state: RatingState = strawberry.field(description="Whether there is a value, and why not where there is none.")
    value: RatingValue | None = strawberry.field(description="The value, where it is rated.")
    stated_in: Origin = strawberry.field(description="Where it was stated.")
    path: strawberry.Private[str]
    claim: strawberry.Private[StoredClaim]
    owner: strawberry.Private[Subject]

    @classmethod
    def of(cls, owner: Subject, path: str, claim: StoredClaim) -> Rating:
        """Return the rating at a path; raises TypeError where there is none."""
        stored = claim.value
        if not isinstance(stored, StoredRating):
            raise TypeError(f"{path} holds no rating")
        indicator, stage, about = _parse_rating_path(path)
        return cls(
            indicator=indicator,
            stage=stage,
            ogp_value=about,
            state=stored.state,
            value=stored.value,
            stated_in=claim.origin,
            path=path,
            claim=claim,
            owner=owner,
        )

    @strawberry.field(description="The words as published.")
    def stated_as(self) -> str | None:
        """Return the published words."""
        return self._text_at(self._stored.stated_as)

    @strawberry.field(description="The IRM report that it rests on, where that is certain.")
    def irm_report(self) -> str | None:
        """Return the report's name."""
        return self._text_at(self._stored.irm_report)

    @strawberry.field(description="The entry that stated it.")
    def entry(self) -> Entry | None:
        """Return the entry."""
        snapshot = self.owner.snapshot
        entry = snapshot.find_entry_of_revision(self.owner.state, self.claim.revision)
        return Entry.of(entry, snapshot) if entry else None

    @property
    def _stored(self) -> StoredRating:
        return self.claim.value  # type: ignore[return-value]  # `_rating` made sure

    def _text_at(self, reference: str | None) -> str | None:
        return self.owner.snapshot.text(self.owner.state, self.path, reference) if reference else None


@lru_cache(maxsize=1_000)  # more than there are indicators, stages and OGP values
def _parse_rating_path(path: str) -> tuple[Indicator, Stage, OgpValue | None]:
    _, indicator, stage, *about = path.split("/")
    ogp_value = OgpValue(about[0]) if about else None
    return Indicator(indicator), Stage(stage), ogp_value


def rating_sort_key(rating: Rating) -> tuple[int, int, int]:
    """Return the place of a rating: by indicator, stage and OGP value, each in its declared order."""
    about = _OGP_VALUE_ORDER[rating.ogp_value] if rating.ogp_value else -1
    return _INDICATOR_ORDER[rating.indicator], _STAGE_ORDER[rating.stage], about


@strawberry.type(description="A section of the IRM's text on a commitment.")
class Narrative:
    """A section."""

    stage: Stage = strawberry.field(description="The stage that the text is about.")
    section: str = strawberry.field(
        description="Which section: CONTEXT_AND_OBJECTIVES, NEXT_STEPS, FOOTNOTES and others, by their headings."
    )
    language: str = strawberry.field(description="The language.")
    text: str | None = strawberry.field(description="The text; null where it was removed.")

    @classmethod
    def of(cls, owner: Subject, section: str, language: str | None) -> Narrative | None:
        """Return a section of the IRM's text in a language, or None where there is none in it."""
        found = choose_text(owner.state, section, language)
        if found is None or not isinstance(found[1].value, TextValue):
            return None
        path, _ = found
        _, stage, name = section.split("/")
        text = owner.snapshot.text(owner.state, path, found[1].value.text)
        return cls(stage=Stage(stage), section=name, language=path.rpartition("/")[2], text=text)


@strawberry.type(description="A step of a commitment that can be seen to be done.")
class Milestone:
    """A milestone."""

    number: str = strawberry.field(description="Its number as published, such as 14.1.")
    owner: strawberry.Private[Subject]

    @strawberry.field(description="What it delivers.")
    def title(self, language: Language = None) -> str | None:
        """Return the title."""
        return resolve_text(self.owner.snapshot, self.owner.state, self._path("title"), language)

    @strawberry.field(description="How far it has come, where anybody reported.")
    def status(self) -> MilestoneStatus | None:
        """Return the status."""
        return enum_member(MilestoneStatus, self.owner.state.string(self._path("status")))

    @strawberry.field(description="When work on it begins.")
    def starts_on(self) -> PartialDate | None:
        """Return the beginning."""
        return partial_date(self.owner.state.string(self._path("startsOn")))

    @strawberry.field(description="When it is due.")
    def ends_on(self) -> PartialDate | None:
        """Return the end."""
        return partial_date(self.owner.state.string(self._path("endsOn")))

    @strawberry.field(description="The progress reports on it, oldest first.")
    def updates(self) -> list[MilestoneUpdate]:
        """Return the progress reports."""
        state, snapshot = self.owner.state, self.owner.snapshot
        return [
            MilestoneUpdate(
                reported_at=DateTime(datetime.fromisoformat(path.split("/")[3])),
                language=path.split("/")[4],
                text=snapshot.text(state, path, claim.value.text),
            )
            for path, claim in state.claims_under(self._path("updates/"))
            if isinstance(claim.value, TextValue)
        ]

    def _path(self, path: str) -> str:
        return f"milestones/{self.number}/{path}"


@strawberry.type(description="A progress report on a milestone.")
class MilestoneUpdate:
    """What was reported, and when."""

    reported_at: DateTime = strawberry.field(description="When it was reported.")
    language: str = strawberry.field(description="The language of the report.")
    text: str | None = strawberry.field(description="The report; null where it was removed.")


@strawberry.type(
    description="What OGP's database states of a commitment besides the IRM's indicators: a yes or no, or a value, or "
    "why there is none."
)
class Finding:
    """A finding."""

    kind: vocabulary.Finding = strawberry.field(description="What is stated.")
    state: RatingState = strawberry.field(description="Whether there is a value, and why not where there is none.")
    value: RatingValue | None = strawberry.field(description="The value, where there is one.")
    stated_in: Origin = strawberry.field(description="Where it was stated.")
    stored: strawberry.Private[StoredRating]
    claim: strawberry.Private[StoredClaim]
    owner: strawberry.Private[Subject]

    @strawberry.field(description="The cell as published.")
    def stated_as(self) -> str | None:
        """Return the published words."""
        reference = self.stored.stated_as
        return self.owner.snapshot.text(self.owner.state, _finding_path(self.kind), reference) if reference else None

    @strawberry.field(description="The entry that stated it.")
    def entry(self) -> Entry | None:
        """Return the entry."""
        entry = self.owner.snapshot.find_entry_of_revision(self.owner.state, self.claim.revision)
        return Entry.of(entry, self.owner.snapshot) if entry else None


@strawberry.type(description="When the IRM's report of a stage came out.")
class ReportYear:
    """A year, or why there is none."""

    stage: Stage = strawberry.field(description="The stage the report is about.")
    year: int | None = strawberry.field(description="The year of its publication, where there is one.")
    state: RatingState = strawberry.field(description="RATED where there is a year, and why not elsewhere.")


@strawberry.type(description="Policy areas for which the database says neither yes nor no.")
class UndeterminedPolicyAreas:
    """Areas, and why nothing is said of them."""

    state: RatingState = strawberry.field(
        description="Why: NO_DATA where plans of its time were not sorted by the area."
    )
    areas: list[str] = strawberry.field(description="The areas, in the vocabulary's words.")


@strawberry.type(description="A column of OGP's database for which the record has no word of its own.")
class DatabaseColumn:
    """A column and its cell."""

    name: str = strawberry.field(description="The column, such as BINDING_CONSTRAINT or START_DATE.")
    value: str = strawberry.field(description="The cell as published.")


@strawberry.type
class IrmDatabaseFields(Subject):
    """The fields that a commitment has from OGP's database alone."""

    @strawberry.field(
        description="Policy areas of which OGP's database says neither that they are the commitment's nor that they "
        "are not, by why not. An area that is in neither list is said not to be the commitment's, or not asked about."
    )
    def policy_areas_without(self) -> list[UndeterminedPolicyAreas]:
        """Return the policy areas of which nothing is said, by why not."""
        areas_by_state = {state: self.state.value(f"policyAreasWithout/{state}") for state in RatingState}
        return [
            UndeterminedPolicyAreas(state=state, areas=list(areas))
            for state, areas in areas_by_state.items()
            if isinstance(areas, tuple)
        ]

    @strawberry.field(description="Which of its member's action plans it belongs to, counted from the first.")
    def plan_number(self) -> int | None:
        """Return the number of the plan."""
        return self._number("planNumber")

    @strawberry.field(description="The heading of the plan under which it stands.")
    def theme(self, language: Language = None) -> str | None:
        """Return the theme."""
        return self._text_in("theme", language)

    @strawberry.field(description="Its title as OGP's database shortens it.")
    def short_title(self, language: Language = None) -> str | None:
        """Return the short title."""
        return self._text_in("shortTitle", language)

    @strawberry.field(
        description="With which commitments of its plan the IRM grouped it in its report, as published: numbers of "
        "commitments, a letter, 0 for none; ND, NR and NA as they stand."
    )
    def cluster(self) -> str | None:
        """Return the cluster."""
        return self._text("cluster")

    @strawberry.field(
        description="The codes of the commitments that the IRM reviewed as one with it, its own among them; what it "
        "found is then said of all of them (action plan reviews, plans since 2020)."
    )
    def cluster_commitments(self) -> list[str]:
        """Return the codes of the cluster."""
        return self._list("clusterCommitments")

    @strawberry.field(description="When the IRM's reports on it came out, by stage.")
    def report_years(self) -> list[ReportYear]:
        """Return the years of the reports in the order of the stages."""
        stored = {stage: self.state.value(f"reportYears/{stage}") for stage in Stage}
        return [_build_report_year(stage, value) for stage, value in stored.items() if value is not None]

    @strawberry.field(
        description="What OGP's database states of it besides the IRM's indicators. What was never stated is not here."
    )
    def findings(
        self,
        kind: Annotated[list[vocabulary.Finding] | None, strawberry.argument(description="Only these kinds.")] = None,
    ) -> list[Finding]:
        """Return the findings in the declared order."""
        found = (_build_finding(self, each) for each in vocabulary.Finding if not kind or each in kind)
        return [each for each in found if each is not None]

    @strawberry.field(
        description="Whether the next action plan carries it forward, in the IRM's judgement at the end of its own; "
        "the successor itself, where it is known, is in `successors`."
    )
    def carried_forward(self) -> Finding | None:
        """Return whether it was carried forward."""
        return _build_finding(self, vocabulary.Finding.CARRIED_FORWARD)

    @strawberry.field(
        description="Columns of OGP's database for which the record has no word of its own, as published; among them "
        "START_DATE and END_DATE where the cell is no date, or one that can be read in two ways."
    )
    def database_columns(self) -> list[DatabaseColumn]:
        """Return the columns as published, by name."""
        return [
            DatabaseColumn(name=path.partition("/")[2], value=str(claim.value))
            for path, claim in self.state.claims_under("database/")
        ]


def _build_finding(owner: Subject, kind: vocabulary.Finding) -> Finding | None:
    claim = owner.state.current_claim(_finding_path(kind))
    if claim is None or not isinstance(stored := claim.value, StoredRating):
        return None
    return Finding(
        kind=kind,
        state=stored.state,
        value=stored.value,
        stated_in=claim.origin,
        stored=stored,
        claim=claim,
        owner=owner,
    )


def _finding_path(kind: vocabulary.Finding) -> str:
    return f"findings/{kind.value}"


def _build_report_year(stage: Stage, value: object) -> ReportYear:
    if isinstance(value, int):
        return ReportYear(stage=stage, year=value, state=RatingState.RATED)
    return ReportYear(stage=stage, year=None, state=RatingState(str(value)))


_STAGES = list(Stage)


@strawberry.type(description="What a government promised in an action plan, and what became of it.")
class Commitment(IrmDatabaseFields):
    """A commitment."""

    AGGREGATE_TYPE: ClassVar[str] = "commitment"

    @strawberry.field(
        description="The commitment's present code, such as FR0043; where it has none, since it is known from files "
        "without codes alone, its `key`. Either finds it."
    )
    def code(self) -> str:
        """Return the code."""
        return self._text("code") or self._text("key") or ""

    @strawberry.field(
        description="The record's own key of a commitment that a file named without a code: the member's code, the "
        "number of the plan, and eight digits made of its title. It keeps its key when its code becomes known."
    )
    def key(self) -> str | None:
        """Return the key."""
        return self._text("key")

    @strawberry.field(description="Codes it had before; they still find it.")
    def former_codes(self) -> list[str]:
        """Return the former codes."""
        return self._list("formerCodes")

    @strawberry.field(description="Its number in the plan, as published; null where only lists of siblings are known.")
    def number(self) -> str | None:
        """Return the number."""
        return self._text("number")

    @strawberry.field(description="Its title.")
    def title(self, language: Language = None) -> str | None:
        """Return the title."""
        return self._text_in("title", language)

    @strawberry.field(description="The government's own text.")
    def description(self, language: Language = None) -> str | None:
        """Return the description."""
        return self._text_in("description", language)

    @strawberry.field(
        description="The plan's text as the IRM quotes it: the government's words, apart from the IRM's own."
    )
    def commitment_text(self, language: Language = None) -> str | None:
        """Return the quoted text."""
        return self._text_in("commitmentText", language)

    @strawberry.field(description="The languages its title or description is known in, as lower-case codes.")
    def languages(self) -> list[str]:
        """Return the languages."""
        return sorted(commitments.languages_of(self.state))

    @strawberry.field(description="Whether it is being worked on, as its page says.")
    def status(self) -> CommitmentStatus | None:
        """Return the status."""
        return enum_member(CommitmentStatus, self._text("status"))

    @strawberry.field(description="The year its plan was submitted.")
    def cycle(self) -> int | None:
        """Return the cycle."""
        return self._number("cycle")

    @strawberry.field(description="When work on it begins.")
    def starts_on(self) -> PartialDate | None:
        """Return the beginning."""
        return partial_date(self._text("startsOn"))

    @strawberry.field(description="When it is due.")
    def ends_on(self) -> PartialDate | None:
        """Return the end."""
        return partial_date(self._text("endsOn"))

    @strawberry.field(description="Whether nothing is known of it but what other pages of its member list.")
    def listed_only(self) -> bool:
        """Tell whether it is known from lists of siblings only."""
        return commitments.is_listed_only(self.state)

    @strawberry.field(description="The plan it belongs to.")
    def action_plan(self) -> ActionPlan | None:
        """Return the plan."""
        return self._related(ActionPlan, "actionPlan")

    @strawberry.field(description="The member that made it.")
    def member(self) -> Member | None:
        """Return the member."""
        return self._related(Member, "member")

    @strawberry.field(description="Who leads it, as published.")
    def lead_institutions(self, language: Language = None) -> list[str]:
        """Return the lead institutions."""
        return self._texts_in("leadInstitutions", language)

    @strawberry.field(description="Who supports it, as published; empty where there is nobody.")
    def supporting_institutions(self, language: Language = None) -> list[str]:
        """Return the supporting institutions."""
        return self._texts_in("supportingInstitutions", language)

    @strawberry.field(
        description="OGP's policy areas in the vocabulary's words, then those no vocabulary knows, as published."
    )
    def policy_areas(self) -> list[str]:
        """Return the policy areas."""
        return [*self._list("policyAreas"), *self._texts_in("policyAreasUnrecognised", None)]

    @strawberry.field(description="The IRM reports named for it.")
    def irm_reports(self, language: Language = None) -> list[str]:
        """Return the names of the reports."""
        return self._texts_in("irmReports", language)

    @strawberry.field(description="Its milestones, by number.")
    def milestones(self) -> list[Milestone]:
        """Return the milestones."""
        numbers = commitments.milestone_numbers(self.state)
        return [Milestone(number=number, owner=self) for number in numbers]

    @strawberry.field(
        description="What the IRM says of each indicator. An indicator of which nothing was said is not here."
    )
    def ratings(
        self,
        indicator: Annotated[list[Indicator] | None, strawberry.argument(description="Only these indicators.")] = None,
        stage: Annotated[list[Stage] | None, strawberry.argument(description="Only these stages.")] = None,
    ) -> list[Rating]:
        """Return the ratings in the declared order of indicators, stages and OGP values."""
        ratings = (Rating.of(self, path, claim) for path, claim in self.state.claims_under("ratings/"))
        chosen = [r for r in ratings if (not indicator or r.indicator in indicator) and (not stage or r.stage in stage)]
        return sorted(chosen, key=rating_sort_key)

    @strawberry.field(description="What the IRM says of one indicator at the latest stage at which it said anything.")
    def rating(
        self, indicator: Annotated[Indicator, strawberry.argument(description="The indicator.")]
    ) -> Rating | None:
        """Return the latest rating of an indicator, the overall one before those about one OGP value."""
        ratings = [
            Rating.of(self, path, claim) for path, claim in self.state.claims_under(f"ratings/{Indicator(indicator)}/")
        ]
        return max(ratings, key=lambda r: (_STAGES.index(r.stage), r.ogp_value is None), default=None)

    @strawberry.field(
        description="Whether the IRM starred it: false also while that is pending; the indicator STARRED tells which."
    )
    def starred(self) -> bool:
        """Tell whether the commitment has a star."""
        return is_starred(self.state)

    @strawberry.field(description="What the IRM wrote on it, section by section, in one language.")
    def narratives(self, language: Language = None) -> list[Narrative]:
        """Return the sections of the IRM's text."""
        sections = dict.fromkeys(path.rpartition("/")[0] for path, _ in self.state.claims_under("narratives/"))
        return [narrative for section in sections if (narrative := Narrative.of(self, section, language))]

    @strawberry.field(description="The commitments that it carries forward.")
    def predecessors(self) -> list[Commitment]:
        """Return the predecessors."""
        return self._linked_commitments("predecessors")

    @strawberry.field(description="The commitments that carry it forward.")
    def successors(self) -> list[Commitment]:
        """Return the successors."""
        return self._linked_commitments("successors")

    @strawberry.field(description="The commitment that it turned out to be, where two were merged.")
    def merged_into(self) -> Commitment | None:
        """Return the commitment that remained."""
        return self._related(Commitment, "mergedInto")

    @strawberry.field(description="The commitment that it was a part of, where one was split.")
    def split_from(self) -> Commitment | None:
        """Return the former whole."""
        return self._related(Commitment, "splitFrom")

    @strawberry.field(description="The commitments that it was split into.")
    def split_into(self) -> list[Commitment]:
        """Return the parts."""
        return self._linked_commitments("splitInto")

    def _linked_commitments(self, path: str) -> list[Commitment]:
        found = self.snapshot.find_all_related(self.state, lambda each: _linked_ids(path, each))
        return [Commitment.of(each, self.snapshot) for each in found]


def _linked_ids(path: str, state: Aggregate) -> tuple[str, ...]:
    value = state.value(path)
    return value if isinstance(value, tuple) else ()


def build_query(
    kind: str, where: AggregateFilter | None, order_by: list[Any] | None, snapshot: Snapshot, parent: str | None = None
) -> AggregateQuery:
    """Return the list that the arguments of a connection ask for."""
    return AggregateQuery(kind, where.condition(snapshot) if where else MATCH_ALL, build_order(order_by), parent)


def aggregate_connection(
    node: type[S], snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, wanted: PageRequest
) -> Connection[S]:
    """Return the connection over a list of subjects, or over a parent's part of it."""
    return Connection(**aggregate_connection_arguments(node, snapshot, query, parent, wanted))


def aggregate_connection_arguments(
    node: type[Subject], snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, wanted: PageRequest
) -> dict[str, Any]:
    """Return what a connection over a list of subjects, or over a parent's part of it, is made with."""
    return connection_arguments(
        lambda: snapshot.page_for_parent(parent, query, wanted) if parent else snapshot.page(query, wanted),
        lambda state: node.of(state, snapshot),
        lambda: snapshot.count(query, parent),
    )


@strawberry.type(description="A page of a list of commitments, and its counts.")
class CommitmentConnection(Connection[Commitment]):
    """A list of commitments that can be counted by dimensions, now and over time."""

    snapshot: strawberry.Private[Snapshot]
    query: strawberry.Private[AggregateQuery]
    parent: strawberry.Private[Aggregate | None]

    @strawberry.field(description="How many commitments of the whole list have each value of some dimensions.")
    def facets(
        self,
        dimensions: Annotated[list[Dimension], strawberry.argument(description="What to count by.")],
        across: Annotated[
            Dimension | None, strawberry.argument(description="Split each count by this dimension too.")
        ] = None,
        except_own: Annotated[
            bool, strawberry.argument(description="Count each dimension as if the list were not filtered by it.")
        ] = False,
    ) -> list[Facet]:
        """Return the counts of the list."""
        owned = self.snapshot.select(AggregateQuery("commitment", parent=self.query.parent), self.parent)
        return count_facets(self.snapshot, self.query, owned, dimensions, across, except_own=except_own)

    @strawberry.field(
        description="The list as it was at the ends of past periods and is at the end, counted by a dimension. The "
        "filter is asked anew at each moment, but titles are looked up at the position that is read."
    )
    def timeline(
        self,
        dimension: Annotated[Dimension, strawberry.argument(description="What to count by.")],
        every: Annotated[
            TimelineGranularity, strawberry.argument(description="How far the moments lie apart.")
        ] = TimelineGranularity.YEAR,
        from_: Annotated[
            DateTime | None,
            strawberry.argument(name="from", description="The first period; left out, that of the first entry."),
        ] = None,
        until: Annotated[
            DateTime | None,
            strawberry.argument(description="The last moment; left out, that of the position that is read."),
        ] = None,
    ) -> list[TimelinePoint]:
        """Return the counts at past moments."""
        return count_timeline(self.snapshot, self.query, self.parent, dimension, TimelineRange(from_, until, every))


def commitment_connection(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, wanted: PageRequest
) -> CommitmentConnection:
    """Return the connection over a list of commitments, which can be counted too."""
    connection_arguments = aggregate_connection_arguments(Commitment, snapshot, query, parent, wanted)
    return CommitmentConnection(**connection_arguments, snapshot=snapshot, query=query, parent=parent)


@strawberry.type(description="One thing that is known of how the public took part in an action plan.")
class CoCreationFact:
    """A fact of co-creation."""

    kind: CoCreation = strawberry.field(description="What is stated.")
    value: CoCreationValue = strawberry.field(description="What it is, or why nothing is said.")


@strawberry.type(
    description="What a member hands in each cycle: a plan of commitments; without a title while only its cycle is "
    "known."
)
class ActionPlan(Subject):
    """An action plan."""

    AGGREGATE_TYPE: ClassVar[str] = "plan"

    @strawberry.field(description="The plan's key: the member's code and the cycle.")
    def code(self) -> str | None:
        """Return the key."""
        return self._text("code")

    @strawberry.field(description="Which of the member's plans it is, counted from the first.")
    def number(self) -> int | None:
        """Return the number."""
        return self._number("number")

    @strawberry.field(description="OGP's own id of the plan, such as AP_ALB01.")
    def published_id(self) -> str | None:
        """Return OGP's id."""
        return self._text("publishedId")

    @strawberry.field(description="Over how many years it runs, as OGP's database says.")
    def duration_years(self) -> int | None:
        """Return the duration."""
        return self._number("durationYears")

    @strawberry.field(description="The plan's name as published; null while only the cycle is known.")
    def title(self, language: Language = None) -> str | None:
        """Return the title."""
        return self._text_in("title", language)

    @strawberry.field(description="The year of submission, which is not always the first year of the name.")
    def cycle(self) -> int | None:
        """Return the cycle."""
        return self._number("cycle")

    @strawberry.field(description="When the plan's period begins.")
    def starts_on(self) -> PartialDate | None:
        """Return the beginning."""
        return partial_date(self._text("startsOn"))

    @strawberry.field(description="When the plan's period ends, extensions included.")
    def ends_on(self) -> PartialDate | None:
        """Return the end."""
        return partial_date(self._text("endsOn"))

    @strawberry.field(
        description="How the public took part in making the plan and in carrying it out, in the IRM's judgement. What "
        "was never stated is not here."
    )
    def co_creation(self) -> list[CoCreationFact]:
        """Return the facts of co-creation in the declared order."""
        stored = ((kind, self._text(f"coCreation/{kind}")) for kind in CoCreation)
        return [CoCreationFact(kind=kind, value=CoCreationValue(word)) for kind, word in stored if word]

    @strawberry.field(description="Whether it is running or concluded, where that is recorded.")
    def status(self) -> PlanStatus | None:
        """Return the status."""
        return enum_member(PlanStatus, self._text("status"))

    @strawberry.field(description="The member whose plan it is.")
    def member(self) -> Member | None:
        """Return the member."""
        return self._related(Member, "member")

    @strawberry.field(description="Its commitments, by code.")
    def commitments(
        self,
        where: CommitmentFilter | None = None,
        order_by: list[CommitmentOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection:
        """Return the plan's commitments."""
        query = build_query("commitment", where, order_by, self.snapshot, parent="actionPlan")
        wanted = parse_slice(first, after, last, before, query.order)
        return commitment_connection(self.snapshot, query, self.state, wanted)


@strawberry.type(description="A national or local government that takes part in the Open Government Partnership.")
class Member(Subject):
    """A member."""

    AGGREGATE_TYPE: ClassVar[str] = "member"

    @strawberry.field(description="OGP's code of the member, such as FRA, or GBSC for a local government.")
    def code(self) -> str | None:
        """Return the code."""
        return self._text("code")

    @strawberry.field(description="The letters that its commitments' codes begin with, such as FR.")
    def prefix(self) -> str | None:
        """Return the prefix."""
        return self._text("prefix")

    @strawberry.field(description="NATIONAL or LOCAL.")
    def type(self) -> str | None:
        """Return the sort of government."""
        return self._text("type")

    @strawberry.field(
        description="How OGP's database sorts it: National, Legacy Local (the pilots of 2016 to 2020) or Other, as "
        "published."
    )
    def category(self) -> str | None:
        """Return the category."""
        return self._text("category")

    @strawberry.field(description="OGP's region: Europe, Americas, Asia and the Pacific, Africa and the Middle East.")
    def region(self) -> str | None:
        """Return the region."""
        return self._text("region")

    @strawberry.field(description="The member's name.")
    def name(self, language: Language = None) -> str | None:
        """Return the name."""
        return self._text_in("name", language)

    @strawberry.field(description="Its standing in the partnership, where a decision is recorded.")
    def status(self) -> MemberStatus | None:
        """Return the status."""
        return enum_member(MemberStatus, self._text("status"))

    @strawberry.field(description="Since when it is a member.")
    def joined_on(self) -> PartialDate | None:
        """Return the day of joining."""
        return partial_date(self._text("joinedOn"))

    @strawberry.field(description="Its action plans, by cycle.")
    def action_plans(
        self,
        where: ActionPlanFilter | None = None,
        order_by: list[ActionPlanOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ActionPlan]:
        """Return the member's plans."""
        query = build_query("plan", where, order_by, self.snapshot, parent="member")
        wanted = parse_slice(first, after, last, before, query.order)
        return aggregate_connection(ActionPlan, self.snapshot, query, self.state, wanted)

    @strawberry.field(description="Its commitments, by code.")
    def commitments(
        self,
        where: CommitmentFilter | None = None,
        order_by: list[CommitmentOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection:
        """Return the member's commitments."""
        query = build_query("commitment", where, order_by, self.snapshot, parent="member")
        wanted = parse_slice(first, after, last, before, query.order)
        return commitment_connection(self.snapshot, query, self.state, wanted)


SUBJECT_TYPES: dict[str, type[Subject]] = {
    each.AGGREGATE_TYPE: each for each in (Member, ActionPlan, Commitment, Source, Code, Account)
}


def build_subject(aggregate: Aggregate, snapshot: Snapshot) -> Subject:
    """Return the GraphQL object of an aggregate's state; raises LookupError if its type is not in the schema."""
    object_type = SUBJECT_TYPES.get(aggregate.type)
    if object_type is None:
        raise LookupError(f"{aggregate.id} is of a type that the schema does not have")
    return object_type(id=strawberry.ID(aggregate.id), state=aggregate, snapshot=snapshot)
