"""What an entry, and the evidence of it, state of themselves, whatever they lead to."""

from __future__ import annotations

from datetime import datetime

import strawberry

from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.event import Evidence as StoredEvidence
from ogpgraph.domain.state_id import StateId
from ogpgraph.graphql.changes import Change, Interval
from ogpgraph.graphql.dependence import OWN
from ogpgraph.graphql.enums import EntryKind
from ogpgraph.graphql.part import Node
from ogpgraph.graphql.scalars import DateTime, PartialDate, Position, parse_partial_date
from ogpgraph.graphql.weights import computed
from ogpgraph.readmodel.entry import Entry as StoredEntry
from ogpgraph.readmodel.entry import change_text_refs, evidence_text_refs, reason_text_refs
from ogpgraph.readmodel.snapshot import Snapshot


@strawberry.type  # not in the schema: only a part of Entry
class EntryFacts(Node):
    """The fields of an entry that lead to no other object of the record."""

    entry: strawberry.Private[StoredEntry]
    snapshot: strawberry.Private[Snapshot]

    def identify(self) -> StateId:
        """Return the identity of the entry, which is the same at every position: entries do not change."""
        return StateId(self.entry.event_id)

    @strawberry.field(metadata=OWN, description="The number of the entry in the log: 1, 2, 3 and so on, without gaps.")
    def position(self) -> Position:
        return Position(self.entry.position)

    @strawberry.field(metadata=OWN, description="The kind of event.")
    def kind(self) -> EntryKind:
        return EntryKind[self.entry.name]

    @strawberry.field(
        metadata=OWN,
        description="When the entry was recorded, by the server's clock. It strictly increases with the position; "
        "`at(time:)` refers to it.",
    )
    def recorded_at(self) -> DateTime:
        return DateTime(datetime.fromisoformat(self.entry.recorded_at))

    @strawberry.field(metadata=OWN, description="When the statement was made or the source was observed.")
    def stated_at(self) -> DateTime:
        return DateTime(self.entry.envelope.time)

    @strawberry.field(
        metadata=OWN, description="The date from which the statement is true in the world; null if it is not known."
    )
    def effective_on(self) -> PartialDate | None:
        return parse_partial_date(self.entry.envelope.effective_on)

    @strawberry.field(
        metadata=OWN,
        description="The interval in which the change happened, between two observations of the source; null for a "
        "statement that was not read from a source.",
    )
    def changed_between(self) -> Interval | None:
        between = self.entry.envelope.changed_between
        return Interval.of(between.after, between.before) if between else None

    @strawberry.field(
        metadata=OWN,
        description="When what the entry states became so, as far as is known: the whole period of `effectiveOn`; or "
        "between two observations of the source; or, for a statement of a person without a date, no later than it was "
        "made. `asOf` refers to it, as `at` does to `recordedAt`.",
    )
    def effective(self) -> Interval:
        interval = self.entry.effective
        return Interval.of(interval.after, interval.before)

    @strawberry.field(
        metadata=OWN,
        description="Who recorded the entry: the pseudonymous id of an account, `importer`, or `operator` for commands "
        "on accounts.",
    )
    def actor(self) -> str:
        return self.entry.envelope.actor

    @strawberry.field(metadata=OWN, description="The role in which the actor recorded the entry, such as `reviewer`.")
    def role(self) -> str:
        return self.entry.envelope.role

    @strawberry.field(
        metadata=OWN,
        description="The reason that the actor gave; null if there is none or it was removed from the record.",
    )
    def reason(self) -> str | None:
        reference = self.entry.envelope.reason
        return self.snapshot.entry_text(reference, reason_text_refs) if reference else None

    @strawberry.field(metadata=OWN, description="Why the values differ from those that were recorded before.")
    def cause(self) -> Cause:
        return self.entry.envelope.cause

    @strawberry.field(metadata=OWN, description="Where the facts were stated.")
    def stated_in(self) -> Origin:
        return self.entry.envelope.origin

    @strawberry.field(
        metadata=OWN,
        description="Whether the entry results from an observation that is older than one recorded before. Such an "
        "entry adds to the history and changes no current value.",
    )
    def is_late(self) -> bool:
        return self.entry.name.endswith("SeenEarlier")

    @strawberry.field(metadata=OWN, description="The revision of the subject that the entry created, counted from 1.")
    def revision(self) -> int:
        return self.entry.revision

    @strawberry.field(metadata=computed(2) | OWN, description="The fields that the entry changed.")
    def changes(self) -> list[Change]:
        return [Change.of(change, self._find_text) for change in self.entry.changes]

    @strawberry.field(metadata=OWN, description="An id that all entries recorded by one import or one request share.")
    def correlation_id(self) -> strawberry.ID:
        return strawberry.ID(self.entry.envelope.correlation)

    @strawberry.field(
        metadata=OWN,
        description="The hash of the entry as a leaf of the log's Merkle tree (RFC 6962): 64 hexadecimal digits.",
    )
    def leaf_hash(self) -> str:
        return self.entry.leaf

    @strawberry.field(
        metadata=OWN,
        description="The root of the log's Merkle tree (RFC 6962) at the position of the entry: 64 hexadecimal digits. "
        "It commits to every entry up to this one; `at(position:, root:)` reads the record only in this history.",
    )
    def root_hash(self) -> str:
        return self.entry.root

    @strawberry.field(
        metadata=OWN,
        description="Where the entry is in the log and in which history of it, to continue after it: a subscription "
        "by its `cursor`, the feed by `after`, a list of entries by `after`. It is opaque.",
    )
    def cursor(self) -> str:
        return str(self.entry.bookmark)

    def _find_text(self, reference: str) -> str | None:
        return self.snapshot.entry_text(reference, change_text_refs)


@strawberry.type  # not in the schema: only a part of Evidence
class EvidenceFacts:
    """The fields of a passage that supports a fact of an entry, without the source that it is in."""

    path: str = strawberry.field(description="The path of the field whose value is in the passage.")
    content_hash: str = strawberry.field(
        description="The SHA-256 hash of the observed bytes of the source: `sha256:` and 64 hexadecimal digits."
    )
    start: int = strawberry.field(
        description="Where the passage begins in the text of the source, without the navigation around it, in "
        "characters (Unicode code points) from 0."
    )
    end: int = strawberry.field(description="Where the passage ends: the place after its last character.")
    evidence: strawberry.Private[StoredEvidence]
    snapshot: strawberry.Private[Snapshot]

    @strawberry.field(
        metadata=OWN,
        description="For a file of rows: the number of the row, counted from 1 as in a spreadsheet. `start` and `end` "
        "then refer to the text of this row, in which each cell is `Column: cell`. Null for other sources.",
    )
    def row(self) -> int | None:
        return self.evidence.row

    @strawberry.field(
        metadata=OWN,
        description="For a file of rows: the column, named as in OGP's codebook; several are separated by commas. Null "
        "for other sources.",
    )
    def column(self) -> str | None:
        return self.evidence.columns.get(self.path)

    @strawberry.field(
        metadata=computed(2) | OWN,
        description="The passage itself; null if the text of the source was removed from the record.",
    )
    def quote(self) -> str | None:
        text = self.snapshot.entry_text(self.evidence.text, evidence_text_refs) if self.evidence.text else None
        return text[self.start : self.end] if text is not None else None
