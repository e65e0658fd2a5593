"""The questions one can ask: of the record now, and, with the same fields, of the record at any past moment."""

from __future__ import annotations

from typing import Annotated, TypeVar

import strawberry

from ogpgraph.graphql.action_plan import ActionPlan
from ogpgraph.graphql.commitment import Commitment
from ogpgraph.graphql.commitment_connection import CommitmentConnection, commitments_of
from ogpgraph.graphql.compare import Comparison, compared
from ogpgraph.graphql.connection import After, Before, Connection, First, Last, wanted_slice
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.entry import Entry, entries_of, entry_node
from ogpgraph.graphql.errors import refused
from ogpgraph.graphql.filters import ActionPlanFilter, CommitmentFilter, MemberFilter
from ogpgraph.graphql.follower import Follower, follower_of
from ogpgraph.graphql.inputs import EntryFilter
from ogpgraph.graphql.lists import list_of, listing_of
from ogpgraph.graphql.member import Member
from ogpgraph.graphql.node import Node
from ogpgraph.graphql.orders import ActionPlanOrder, CommitmentOrder, MemberOrder
from ogpgraph.graphql.scalars import Moment, Position, moment_in
from ogpgraph.graphql.source import Source
from ogpgraph.graphql.subject import Subject
from ogpgraph.readmodel import model
from ogpgraph.readmodel import snapshot as readmodel
from ogpgraph.readmodel.index import BY_CODE
from ogpgraph.readmodel.lists import EntryListing
from ogpgraph.readmodel.model import PositionError

S = TypeVar("S", bound=Subject)
Code = Annotated[str, strawberry.argument(description="The code, in any case.")]
Id = Annotated[strawberry.ID, strawberry.argument(description="The id.")]


@strawberry.type(description="What is read, and how it can be named again.")
class Meta:
    """The identity of the log and the position of the reading."""

    log_id: strawberry.ID = strawberry.field(description="Which log this is: positions of one mean nothing in another.")
    epoch: int = strawberry.field(description="The log's epoch; a new one begins when a restored log goes on.")
    position: Position = strawberry.field(description="The position that is read; 0 while the log is empty.")
    recorded_at: Moment | None = strawberry.field(description="When the entry at that position was recorded.")
    root_hash: str = strawberry.field(description="The root of the log's tree (RFC 6962) at that position, in hex.")
    projection: int = strawberry.field(description="The version of the projection that made the rows that are read.")
    schema_version: str = strawberry.field(description="The version of this schema.")

    @strawberry.field(description="How the read model is doing.")
    def follower(self, info: Info) -> Follower:
        """Return where the follower stands."""
        return follower_of(info)


@strawberry.interface(description="Everything that can be asked of the record as it stands at one position.")
class Reading:
    """The questions that `Query` answers now and `Snapshot` then."""

    @strawberry.field(description="A member, by OGP's code (FRA) or the prefix of its commitments (FR).")
    def member(self, info: Info, code: Code) -> Member | None:
        """Return a member."""
        return _by_code(_snapshot(self, info), Member, code)

    @strawberry.field(description="Members, by code.")
    def members(
        self,
        info: Info,
        where: MemberFilter | None = None,
        order_by: list[MemberOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Member]:
        """Return members."""
        snapshot = _snapshot(self, info)
        listing = listing_of("member", where, order_by, snapshot)
        return list_of(Member, snapshot, listing, None, wanted_slice(first, after, last, before, listing.order))

    @strawberry.field(description="An action plan, by its id.")
    def action_plan(self, info: Info, id: Id) -> ActionPlan | None:
        """Return an action plan."""
        return _by_id(_snapshot(self, info), ActionPlan, id)

    @strawberry.field(description="Action plans, by member and cycle.")
    def action_plans(
        self,
        info: Info,
        where: ActionPlanFilter | None = None,
        order_by: list[ActionPlanOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ActionPlan]:
        """Return action plans."""
        snapshot = _snapshot(self, info)
        listing = listing_of("plan", where, order_by, snapshot)
        return list_of(ActionPlan, snapshot, listing, None, wanted_slice(first, after, last, before, listing.order))

    @strawberry.field(description="A commitment, by its present or a former code.")
    def commitment(self, info: Info, code: Code) -> Commitment | None:
        """Return a commitment."""
        return _by_code(_snapshot(self, info), Commitment, code)

    @strawberry.field(description="Commitments, by code.")
    def commitments(
        self,
        info: Info,
        where: CommitmentFilter | None = None,
        order_by: list[CommitmentOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection:
        """Return commitments."""
        snapshot = _snapshot(self, info)
        listing = listing_of("commitment", where, order_by, snapshot)
        return commitments_of(snapshot, listing, None, wanted_slice(first, after, last, before, listing.order))

    @strawberry.field(description="The audit log: every entry, oldest first.")
    def entries(
        self,
        info: Info,
        where: EntryFilter | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Entry]:
        """Return entries."""
        snapshot, wanted = _snapshot(self, info), wanted_slice(first, after, last, before)
        listing = where.listing(snapshot) if where else EntryListing()
        return entries_of(
            snapshot, lambda: snapshot.entries(listing, wanted), lambda: snapshot.number_of_entries(listing)
        )

    @strawberry.field(description="An entry of the log, by its position.")
    def entry(self, info: Info, position: Position) -> Entry | None:
        """Return an entry."""
        snapshot = _snapshot(self, info)
        found = snapshot.entry_at(position)
        return entry_node(found, snapshot) if found else None

    @strawberry.field(description="A source, by its id.")
    def source(self, info: Info, id: Id) -> Source | None:
        """Return a source."""
        return _by_id(_snapshot(self, info), Source, id)

    @strawberry.field(description="Anything with an id, by its id.")
    def node(self, info: Info, id: Id) -> Node | None:
        """Return anything by its id."""
        snapshot = _snapshot(self, info)
        state = snapshot.subject(id)
        if state is not None:
            return Subject.of(state, snapshot)
        found = snapshot.entry_of(id)
        return entry_node(found, snapshot) if found else None

    @strawberry.field(description="What is read, and how it can be named again.")
    def meta(self, info: Info) -> Meta:
        """Return the identity of the log and the position of the reading."""
        snapshot = _snapshot(self, info)
        identity = info.context.reading.model.identity
        return Meta(
            log_id=strawberry.ID(identity.id),
            epoch=identity.epoch,
            position=Position(snapshot.position),
            recorded_at=moment_in(snapshot.recorded_at),
            root_hash=snapshot.root_hash,
            projection=snapshot.projection,
            schema_version=info.context.schema_version,
        )


@strawberry.type(description="The record as it stood at one position: whatever is nested below held then.")
class Snapshot(Reading):
    """The record at a position."""

    snapshot: strawberry.Private[readmodel.Snapshot]


@strawberry.type(description="The record as it stands now: the position is fixed when a request begins.")
class Query(Reading):
    """The questions of the schema."""

    @strawberry.field(
        description="The record as it stood at a position, or after the last entry not later than a time. An error "
        "before the first entry, past the head, and for a time that has not come yet. Keep the position of an answer "
        "rather than its time: a save may be on its way that got a time some milliseconds ago."
    )
    def at(
        self,
        info: Info,
        position: Annotated[
            Position | None, strawberry.argument(description="A position; give this or `time`.")
        ] = None,
        time: Annotated[Moment | None, strawberry.argument(description="A moment; give this or `position`.")] = None,
    ) -> Snapshot:
        """Return a past state of the record."""
        if (position is None) == (time is None):
            raise refused("give either `position` or `time`", "BAD_POSITION")
        return Snapshot(snapshot=_at(info.context.reading, position, time))

    @strawberry.field(
        description="What differs between two positions: the commitments that changed in between, those of which only "
        "claims changed included. A filter has to hold at one of the two."
    )
    def compare(
        self,
        info: Info,
        from_: Annotated[Position, strawberry.argument(name="from", description="The first position.")],
        to: Annotated[Position | None, strawberry.argument(description="The second; left out, the head.")] = None,
        where: CommitmentFilter | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Comparison]:
        """Return the commitments that differ."""
        reading = info.context.reading
        then, later = _at(reading, from_, None), _at(reading, to, None) if to is not None else reading.now()
        if later.position < then.position:
            raise refused("`from` has to come before `to`", "BAD_POSITION")
        return compared(then, later, where, wanted_slice(first, after, last, before, BY_CODE))


def _at(reading: model.Reading, position: Position | None, time: Moment | None) -> readmodel.Snapshot:
    if position == 0:
        # An empty log stands at 0, but nothing is so there that could be asked for again later.
        raise refused("position 0 is before the first entry, which is 1", "BAD_POSITION")
    try:
        return reading.at_time(time) if time is not None else reading.at(position or 0)
    except PositionError as error:
        raise refused(str(error), "BAD_POSITION") from error


def _snapshot(asked: Reading | None, info: Info) -> readmodel.Snapshot:
    return asked.snapshot if isinstance(asked, Snapshot) else info.context.now()


def _by_code(snapshot: readmodel.Snapshot, kind: type[S], code: str) -> S | None:
    state = snapshot.by_code(kind.KIND, code.strip())
    return kind.of(state, snapshot) if state else None


def _by_id(snapshot: readmodel.Snapshot, kind: type[S], stream: str) -> S | None:
    state = snapshot.subject(stream)
    return kind.of(state, snapshot) if state and state.kind == kind.KIND else None
