"""What has an id, and the parts of things that lead to nothing else: texts, observations and unknown values."""

from __future__ import annotations

from typing import Final, Protocol

import strawberry

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate import Claim as StoredClaim
from ogpgraph.domain.claim_options import Unknown as StoredUnknown
from ogpgraph.domain.state_id import StateId
from ogpgraph.domain.values import TranslationKind
from ogpgraph.graphql.changes import claim_as_json
from ogpgraph.graphql.dependence import OWN
from ogpgraph.graphql.scalars import DateTime, FieldValue
from ogpgraph.graphql.weights import computed
from ogpgraph.readmodel.snapshot import Snapshot

_DIRECTION_CONTROLS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@strawberry.interface(
    description="An object that `node` finds by its id. Things and entries have fields of one type under one name; "
    "parts of things, such as ratings, have fields of their own: give them aliases where they differ, such as `value`."
)
class Node:
    @strawberry.field(
        metadata=OWN,
        description="An opaque id, unique in this log, under which clients can cache the object. It identifies a "
        "state: below `at`, in what an entry leads to, and in comparisons it names the position that is read, below "
        "`asOf` the day. Elsewhere it is the id of the present object and equal to `stableId`.",
    )
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.identify()))

    @strawberry.field(
        metadata=OWN,
        description="The id of the thing itself, the same at every position. Mutations and filters that take an id "
        "take this one.",
    )
    def stable_id(self) -> strawberry.ID:
        return strawberry.ID(str(self.identify().stable))

    def identify(self) -> StateId:
        """Return the identity of the state that the object shows."""
        raise NotImplementedError


class Owner(Protocol):
    """What parts are read from: a thing, in the snapshot that it is read in."""

    snapshot: Snapshot

    @property
    def state(self) -> Aggregate:
        """The state of the thing."""


@strawberry.type  # not in the schema: only a part of the types below
class Part(Node):
    """A part of a thing that lists of it have, such as a rating. It is identified by the thing and a path."""

    owner: strawberry.Private[Owner]

    def identify(self) -> StateId:
        """Return the identity of the state of the part."""
        return self.owner.snapshot.state_id(self.owner.state.id, self.locate())

    def locate(self) -> str:
        """Return the path of the part: the name of a list, as in `iter_parts`, and what distinguishes its items."""
        raise NotImplementedError


@strawberry.type(description="A text in one language.")
class LocalizedText(Part):
    path: str = strawberry.field(description="The field that the text is a value of, such as `title/en`.")
    language: str = strawberry.field(description="The language, as a lower-case code such as `en`.")
    text: str | None = strawberry.field(description="The text; null if it was removed from the record.")
    translation_kind: TranslationKind = strawberry.field(description="How the text came about in this language.")

    @strawberry.field(
        metadata=OWN,
        description="Whether the text contains invisible characters that control the direction of writing (Unicode "
        "bidirectional controls). They can make a text appear different from its content.",
    )
    def has_direction_controls(self) -> bool:
        if isinstance(self.text, Exception):
            raise self.text
        return bool(self.text) and not _DIRECTION_CONTROLS.isdisjoint(self.text or "")

    def locate(self) -> str:
        """Return the path of the text."""
        return f"localizedTexts/{self.path}"


@strawberry.type(description="An observation of a source: its content at a moment.")
class Observation(Part):
    observed_at: DateTime = strawberry.field(description="When the source was observed.")
    content_hash: str = strawberry.field(
        description="The SHA-256 hash of the observed bytes: `sha256:` and 64 hexadecimal digits."
    )
    importer_version: str = strawberry.field(description="The version of the importer that read the content.")
    reference: strawberry.Private[str]

    @strawberry.field(
        metadata=computed(5),
        description="The text that was read, without the navigation around it: what `start` and `end` of evidence "
        "count in. Personal data in it is masked. Null if it was removed from the record.",
    )
    def text(self) -> str | None:
        return self.owner.snapshot.text(self.owner.state, self.locate(), self.reference)

    def locate(self) -> str:
        """Return the path of the observation."""
        return f"observations/{format_timestamp(self.observed_at)}"


@strawberry.type(description="A field whose value on the date that is read is unknown, and what it may have been.")
class UnknownValue(Part):
    path: str = strawberry.field(description="The path of the field, such as `ratings/COMPLETION/END_OF_TERM`.")
    unknown: strawberry.Private[StoredUnknown]

    def locate(self) -> str:
        """Return the path of the value."""
        return f"unknown/{self.path}"

    @strawberry.field(
        metadata=OWN, description="Until when the value before was certain; null if nothing was observed before."
    )
    def after(self) -> DateTime | None:
        return DateTime(self.unknown.after) if self.unknown.after else None

    @strawberry.field(metadata=OWN, description="From when on the value after is certain.")
    def before(self) -> DateTime:
        return DateTime(self.unknown.before)

    @strawberry.field(
        metadata=OWN,
        description="The values that it may have had, by time; null stands for no value. A rating is an object of its "
        "fields.",
    )
    def candidates(self) -> list[FieldValue | None]:
        return [self._as_json(claim) for claim in self.unknown.claims]

    def _as_json(self, claim: StoredClaim | None) -> FieldValue | None:
        return FieldValue(claim_as_json(self.owner.snapshot, self.owner.state, self.path, claim)) if claim else None
