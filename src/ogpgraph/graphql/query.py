"""The questions one can ask: of the record now, and, with the same fields, of the record at any past moment."""

from __future__ import annotations

from typing import Annotated, TypeVar

import strawberry

from ogpgraph.graphql.compare import Comparison, compare_snapshots
from ogpgraph.graphql.connections import After, Before, Connection, First, Last, parse_slice
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.errors import client_error
from ogpgraph.graphql.filters import (
    ActionPlanFilter,
    ActionPlanOrder,
    CommitmentFilter,
    CommitmentOrder,
    EntryFilter,
    MemberFilter,
    MemberOrder,
)
from ogpgraph.graphql.projector_status import ProjectorStatus, read_projector_status
from ogpgraph.graphql.scalars import DateTime, Position, parse_moment
from ogpgraph.graphql.types import (
    ActionPlan,
    Commitment,
    CommitmentConnection,
    Entry,
    Member,
    Node,
    Source,
    Subject,
    aggregate_connection,
    build_query,
    commitment_connection,
    entry_connection,
)
from ogpgraph.graphql.volatile_fields import VOLATILE
from ogpgraph.readmodel.index import BY_CODE
from ogpgraph.readmodel.queries import EntryQuery
from ogpgraph.readmodel.snapshot import PositionError, ReadSession
from ogpgraph.readmodel.snapshot import Snapshot as RecordSnapshot

S = TypeVar("S", bound=Subject)
Code = Annotated[str, strawberry.argument(description="The code, in any case.")]
Id = Annotated[strawberry.ID, strawberry.argument(description="The id.")]


@strawberry.type(description="What is read, and how it can be named again.")
class Meta:
    """The identity of the log and the position of the reading."""

    log_id: strawberry.ID = strawberry.field(description="Which log this is: positions of one mean nothing in another.")
    epoch: int = strawberry.field(description="The log's epoch; a new one begins when a restored log goes on.")
    position: Position = strawberry.field(description="The position that is read; 0 while the log is empty.")
    recorded_at: DateTime | None = strawberry.field(description="When the entry at that position was recorded.")
    root_hash: str = strawberry.field(description="The root of the log's tree (RFC 6962) at that position, in hex.")
    projection: int = strawberry.field(description="The version of the projection that made the rows that are read.")
    schema_version: str = strawberry.field(description="The version of this schema.")

    @strawberry.field(
        metadata=VOLATILE,
        description="Whether every entry of the log can be read already. It describes the moment of the request and "
        "not the position that is read, so a response that contains it is never cached.",
    )
    def projector(self, info: Info) -> ProjectorStatus:
        """Return where the projector stands."""
        return read_projector_status(info)


@strawberry.interface(description="Everything that can be asked of the record as it stands at one position.")
class RecordView:
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
        query = build_query("member", where, order_by, snapshot)
        return aggregate_connection(Member, snapshot, query, None, parse_slice(first, after, last, before, query.order))

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
        query = build_query("plan", where, order_by, snapshot)
        return aggregate_connection(
            ActionPlan, snapshot, query, None, parse_slice(first, after, last, before, query.order)
        )

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
        query = build_query("commitment", where, order_by, snapshot)
        return commitment_connection(snapshot, query, None, parse_slice(first, after, last, before, query.order))

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
        snapshot, wanted = _snapshot(self, info), parse_slice(first, after, last, before)
        query = where.to_query(snapshot) if where else EntryQuery()
        return entry_connection(
            snapshot, lambda: snapshot.page_entries(query, wanted), lambda: snapshot.count_entries(query)
        )

    @strawberry.field(description="An entry of the log, by its position.")
    def entry(self, info: Info, position: Position) -> Entry | None:
        """Return an entry."""
        snapshot = _snapshot(self, info)
        found = snapshot.find_entry(position)
        return Entry.of(found, snapshot) if found else None

    @strawberry.field(description="A source, by its id.")
    def source(self, info: Info, id: Id) -> Source | None:
        """Return a source."""
        return _by_id(_snapshot(self, info), Source, id)

    @strawberry.field(description="Anything with an id, by its id.")
    def node(self, info: Info, id: Id) -> Node | None:
        """Return anything by its id."""
        snapshot = _snapshot(self, info)
        state = snapshot.find(id)
        if state is not None:
            return Subject.of(state, snapshot)
        found = snapshot.find_entry_by_event(id)
        return Entry.of(found, snapshot) if found else None

    @strawberry.field(description="What is read, and how it can be named again.")
    def meta(self, info: Info) -> Meta:
        """Return the identity of the log and the position of the reading."""
        snapshot = _snapshot(self, info)
        identity = info.context.session.log_identity
        return Meta(
            log_id=strawberry.ID(identity.id),
            epoch=identity.epoch,
            position=Position(snapshot.position),
            recorded_at=parse_moment(snapshot.recorded_at),
            root_hash=snapshot.root_hash,
            projection=snapshot.projection_version,
            schema_version=info.context.schema_version,
        )


@strawberry.type(description="The record as it stood at one position: whatever is nested below held then.")
class Snapshot(RecordView):
    """The record at a position."""

    snapshot: strawberry.Private[RecordSnapshot]


@strawberry.type(description="The record as it stands now: the position is fixed when a request begins.")
class Query(RecordView):
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
        time: Annotated[DateTime | None, strawberry.argument(description="A moment; give this or `position`.")] = None,
    ) -> Snapshot:
        """Return a past state of the record."""
        if (position is None) == (time is None):
            raise client_error("give either `position` or `time`", "BAD_POSITION")
        return Snapshot(snapshot=_at(info.context.session, position, time))

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
        session = info.context.session
        then, later = _at(session, from_, None), _at(session, to, None) if to is not None else session.at_head()
        if later.position < then.position:
            raise client_error("`from` has to come before `to`", "BAD_POSITION")
        return compare_snapshots(then, later, where, parse_slice(first, after, last, before, BY_CODE))


def _at(session: ReadSession, position: Position | None, time: DateTime | None) -> RecordSnapshot:
    if position == 0:
        # An empty log stands at 0, but nothing is so there that could be asked for again later.
        raise client_error("position 0 is before the first entry, which is 1", "BAD_POSITION")
    try:
        return session.at_time(time) if time is not None else session.at(position or 0)
    except PositionError as error:
        raise client_error(str(error), "BAD_POSITION") from error


def _snapshot(view: RecordView | None, info: Info) -> RecordSnapshot:
    return view.snapshot if isinstance(view, Snapshot) else info.context.head()


def _by_code(snapshot: RecordSnapshot, kind: type[S], code: str) -> S | None:
    state = snapshot.find_by_code(kind.AGGREGATE_TYPE, code.strip())
    return kind.of(state, snapshot) if state else None


def _by_id(snapshot: RecordSnapshot, kind: type[S], stream: str) -> S | None:
    state = snapshot.find(stream)
    return kind.of(state, snapshot) if state and state.type == kind.AGGREGATE_TYPE else None
