"""Entries of the log: an event each, with what it changed, why, and on what evidence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import strawberry

from ogpgraph.domain.event import Cause, Origin
from ogpgraph.graphql.connection import Connection, connect
from ogpgraph.graphql.evidence import Evidence
from ogpgraph.graphql.node import LazySource, LazySubject, Node, node_of, source_node
from ogpgraph.graphql.scalars import EntryKind, FieldValue, Moment, PartialDate, Position
from ogpgraph.readmodel.entry import Entry as StoredEntry
from ogpgraph.readmodel.entry import words_of_changes, words_of_reason
from ogpgraph.readmodel.paging import Page
from ogpgraph.readmodel.snapshot import Snapshot


@strawberry.type(description="The time in which a change happened, as far as anybody looked.")
class Interval:
    """After one sight, not later than the next."""

    after: Moment | None = strawberry.field(
        description="The last time the former value was seen; null where nobody had looked."
    )
    before: Moment = strawberry.field(description="The first time the new value was seen.")

    @classmethod
    def of(cls, after: datetime | None, before: datetime) -> Interval:
        """Return the interval between two sights."""
        return cls(after=Moment(after) if after else None, before=Moment(before))


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
    def subject(self) -> LazySubject:
        """Return the subject as it stood."""
        then, state = self.snapshot.then(self.entry, lambda entry: entry.stream)
        if state is None:
            raise LookupError(f"entry {self.entry.position} has no subject")
        return node_of(state, then)

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
    def source(self) -> LazySource | None:
        """Return the source."""
        then, state = self.snapshot.then(self.entry, lambda entry: entry.envelope.source)
        return source_node(state, then) if state else None

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


def entries_of(
    snapshot: Snapshot, page: Callable[[], Page[StoredEntry]], count: Callable[[], int]
) -> Connection[Entry]:
    """Return the connection over a page of entries."""
    return connect(page, lambda entry: entry_node(entry, snapshot), count)


def entry_node(entry: StoredEntry, snapshot: Snapshot) -> Entry:
    """Return the GraphQL object of an entry."""
    return Entry(id=strawberry.ID(entry.event_id), entry=entry, snapshot=snapshot)
