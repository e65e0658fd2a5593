"""What a thing states of itself, whatever it leads to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import strawberry

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.state_id import StateId
from ogpgraph.domain.values import TextValue
from ogpgraph.graphql.dependence import OWN
from ogpgraph.graphql.enums import Status
from ogpgraph.graphql.errors import keep_damage
from ogpgraph.graphql.output_fields import Language, resolve_text, resolve_texts
from ogpgraph.graphql.part import LocalizedText, Node, UnknownValue
from ogpgraph.graphql.scalars import DateTime, Position
from ogpgraph.graphql.weights import computed
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.snapshot import Snapshot

PathPrefix = Annotated[
    str,
    strawberry.argument(
        description="The path of a field, such as `title/en`, or its beginning, such as `ratings`. Omitted: all fields."
    ),
]


@strawberry.type  # not in the schema: only a part of Subject
class SubjectFacts(Node):
    """The fields of a thing that lead to no other object of the record."""

    stream: strawberry.Private[str]
    snapshot: strawberry.Private[Snapshot]
    load_state: strawberry.Private[Callable[[], Aggregate] | None] = None
    known_code: strawberry.Private[str | None] = None
    """Its code where that is known without its state, as of what entries are about: a page of these often has no more
    of it, and to make a hundred past states takes longer than all the rest of the page."""

    @cached_property
    def state(self) -> Aggregate:
        """The state of the thing, loaded when it is first needed."""
        assert self.load_state
        return self.load_state()

    def identify(self) -> StateId:
        """Return the identity of the state of the thing."""
        return self.snapshot.state_id(self.stream)

    @strawberry.field(
        metadata=OWN,
        description="Its code: OGP's code of a commitment, member or action plan, or what takes its place. Null if it "
        "is not known, and for an account.",
    )
    def code(self) -> str | None:
        return self.known_code or self._string("code")

    @strawberry.field(
        metadata=OWN,
        description="The number of a commitment in its action plan, as published (`14.1`), or of an action plan among "
        "those of its member. Null if it is not known, and for other things.",
    )
    def number(self) -> str | None:
        return self._number()

    @strawberry.field(
        metadata=OWN,
        description="The title of a commitment or action plan, or the name of a member. Null if there is none in this "
        "language, or it was removed from the record, and for other things.",
    )
    def title(self, language: Language = None) -> str | None:
        return resolve_text(self.snapshot, self.state, "title", language)

    @strawberry.field(
        metadata=OWN,
        description="The status of a commitment, action plan or member. Null if it is not known, and for other things.",
    )
    def status(self) -> Status | None:
        status = self._string("status")
        return Status(status) if status else None

    @strawberry.field(
        metadata=OWN,
        description="The number of entries about it, up to the position that is read. Mutations take it as "
        "`expectedRevision`.",
    )
    def revision(self) -> int:
        return self.state.revision

    @strawberry.field(
        metadata=OWN,
        description="The position since which it has been as it is read: that of the latest entry about it.",
    )
    def since(self) -> Position:
        return Position(self.snapshot.since(self.state.id))

    @strawberry.field(
        description="When a page or file about it was last observed, changed or not. Lists on other commitments' pages "
        "count only if there is no other source. Null if it was never read from a source."
    )
    def last_observed_at(self) -> DateTime | None:
        moment = self.snapshot.last_observed_at(self.state)
        return DateTime(moment) if moment else None

    @strawberry.field(
        metadata=OWN,
        description="Inside `asOf`, the fields whose value on that date is unknown, because it changed somewhere in an "
        "interval around the date: no source was observed in between. They read null; a field that is never null has "
        "the last value before or, without one, the first after. Empty elsewhere.",
    )
    def unknown(self, path: PathPrefix = "") -> list[UnknownValue]:
        prefix = path.strip("/")
        return [
            UnknownValue(path=each, unknown=unknown, owner=self)
            for each, unknown in self.snapshot.unknown(self.state).items()
            if is_at_or_below(each, prefix)
        ]

    @strawberry.field(
        metadata=computed(length=20) | OWN,
        description="All of its current texts in every language. Lists of texts, such as institutions, are not among "
        "them.",
    )
    def localized_texts(self) -> list[LocalizedText]:
        return [
            LocalizedText(
                path=path,
                language=path.rpartition("/")[2],
                text=keep_damage(partial(self.snapshot.text, self.state, path, claim.value.text)),
                translation_kind=claim.value.translation_kind,
                owner=self,
            )
            for path, claim in self.state.current_claims.items()
            if isinstance(claim.value, TextValue) and "/" in path
        ]

    def _number(self) -> str | None:
        number = self.state.value("number")
        return None if number is None else str(number)

    def _string(self, path: str) -> str | None:
        return self.state.string(path)

    def _strings(self, path: str) -> list[str]:
        value = self.state.value(path)
        return list(value) if isinstance(value, tuple) else []

    def _texts(self, prefix: str, language: str | None) -> list[str]:
        return resolve_texts(self.snapshot, self.state, prefix, language)


def is_at_or_below(path: str, prefix: str) -> bool:
    """Return whether a path is the one of a prefix, or one below it; every path is below the empty prefix."""
    return not prefix or path == prefix or path.startswith(prefix + "/")
