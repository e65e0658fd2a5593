"""What everything in the record has in common: its history, who set each value, who claims what, its wordings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self, TypeVar

import strawberry

from ogpgraph.domain.subject import Subject as State
from ogpgraph.domain.subject import all_sources
from ogpgraph.domain.text import Wording as StoredWording
from ogpgraph.graphql.claim import Blame, Claim
from ogpgraph.graphql.connection import After, Before, Connection, First, Last, wanted_slice
from ogpgraph.graphql.entry import Entry, entries_of
from ogpgraph.graphql.node import TYPES, LazySource, Node, node_of, source_node
from ogpgraph.graphql.scalars import Moment, Position
from ogpgraph.graphql.wordings import Wording, wording, wordings
from ogpgraph.readmodel.lists import EntryListing
from ogpgraph.readmodel.projection import code_of
from ogpgraph.readmodel.snapshot import Snapshot

S = TypeVar("S", bound="Subject")
HISTORY = EntryListing(parent="stream")


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
    def sources(self) -> list[LazySource]:
        """Return the subject's sources."""
        found = self.snapshot.all_related(self.state, all_sources)
        return [source_node(source, self.snapshot) for source in sorted(found, key=code_of)]

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
        node = node_of(state, snapshot)
        if isinstance(node, cls):
            return node
        raise LookupError(f"{state.id} is no {cls.__name__}")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.KIND:
            TYPES[cls.KIND] = cls

    # What the types have in common to read their fields with.

    def _text(self, path: str) -> str | None:
        return self.state.text(path)

    def _number(self, path: str) -> int | None:
        value = self.state.value(path)
        return value if isinstance(value, int) else None

    def _list(self, path: str) -> list[str]:
        value = self.state.value(path)
        return list(value) if isinstance(value, tuple) else []

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
