"""Who says what: who set each current value, and what every source claims of it."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.event import Origin
from ogpgraph.domain.subject import Claim as StoredClaim
from ogpgraph.domain.subject import Subject as State
from ogpgraph.graphql.entry import Entry, Interval, entry_node
from ogpgraph.graphql.evidence import Evidence
from ogpgraph.graphql.node import LazySource, source_node
from ogpgraph.graphql.scalars import FieldValue
from ogpgraph.graphql.wordings import in_words
from ogpgraph.readmodel.snapshot import Snapshot


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
        entry = self.snapshot.entry_setting(self.subject, self.claim.revision)
        if entry is None:
            raise LookupError(f"{self.subject.id} has no entry of revision {self.claim.revision}")
        return entry_node(entry, self.snapshot)

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
    def source(self) -> LazySource | None:
        """Return the source."""
        state = self.snapshot.source(self.claim.source) if self.claim.source else None
        return source_node(state, self.snapshot) if state else None
