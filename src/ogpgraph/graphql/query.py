"""The root fields of queries: the same ones for the present and, below `at`, for any past position."""

from __future__ import annotations

from typing import Annotated, TypeVar

import strawberry

from ogpgraph.domain.errors import RefusalCode
from ogpgraph.domain.state_id import parse_state_id
from ogpgraph.graphql.compare import Comparison, compare_snapshots
from ogpgraph.graphql.connections import After, Before, Connection, First, Last, parse_page_request
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.dependence import named, settled
from ogpgraph.graphql.entry_filters import EntryFilter, EntryOrders, build_entry_order
from ogpgraph.graphql.errors import client_error
from ogpgraph.graphql.filters import ActionPlanFilter, CommitmentFilter, MemberFilter
from ogpgraph.graphql.lists import aggregate_connection, build_query
from ogpgraph.graphql.meta import Meta
from ogpgraph.graphql.moments import find_last_day, find_sides, find_snapshot, require_history
from ogpgraph.graphql.nodes import find_node
from ogpgraph.graphql.orders import ActionPlanOrder, CommitmentOrder, MemberOrder, OrderSteps
from ogpgraph.graphql.part import Node
from ogpgraph.graphql.scalars import DateTime, PartialDate, Position, parse_timestamp
from ogpgraph.graphql.search import (
    SEARCH_DESCRIPTION,
    SEARCH_FIELD,
    QueryText,
    SearchConnection,
    SearchFilter,
    search_record,
)
from ogpgraph.graphql.subject import Entry, Source, Subject, entry_connection
from ogpgraph.graphql.types import (
    SPLIT_LEFT_OUT,
    ActionPlan,
    Commitment,
    CommitmentConnection,
    Member,
    commitment_connection,
)
from ogpgraph.graphql.weights import LIST, LIST_COST, LOOKUP_COST, STATE_COST, computed, weighs
from ogpgraph.readmodel.bookmark import ROOT_DIGITS
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.readmodel.queries import AggregateQuery
from ogpgraph.readmodel.snapshot import Snapshot as RecordSnapshot

SubjectT = TypeVar("SubjectT", bound=Subject)
Code = Annotated[str, strawberry.argument(description="The code, in any case.")]
Id = Annotated[strawberry.ID, strawberry.argument(description="The id.")]


def _find_name(
    _view: RecordView | None, code: str | None = None, id: str | None = None
) -> tuple[str | None, str | None]:
    """Return the code or the id in the arguments of a field that finds a thing by one of them."""
    return code, id


@strawberry.interface(
    description="The record at one position. Everything that is reached from here is read at it. A field that fails is "
    "null, and the others are complete; `errors` says why."
)
class RecordView:
    @strawberry.field(
        metadata=computed(LOOKUP_COST) | named(_find_name),
        description="The member with a code: OGP's code of the member (`FRA`) or the prefix of its commitments' codes "
        "(`FR`). Null if there is none.",
    )
    def member(self, info: Info, code: Code) -> Member | None:
        return _find_by_code(_snapshot(self, info), Member, code)

    @strawberry.field(metadata=LIST, description="All members.")
    def members(
        self,
        info: Info,
        where: MemberFilter | None = None,
        order_by: OrderSteps[MemberOrder] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Member] | None:
        snapshot = _snapshot(self, info)
        query = build_query("member", where, order_by, snapshot)
        page_request = parse_page_request(info.context.session, first, after, last, before, query)
        return aggregate_connection(Member, snapshot, query, None, page_request)

    @strawberry.field(
        metadata=computed(LOOKUP_COST) | named(_find_name),
        description="The action plan with a code or an id; null if there is none.",
    )
    def action_plan(
        self,
        info: Info,
        code: Annotated[
            str | None,
            strawberry.argument(description="The code, such as `FRA-2018`, in any case. Give either this or `id`."),
        ] = None,
        id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The id. Give either this or `code`.")
        ] = None,
    ) -> ActionPlan | None:
        snapshot = _snapshot(self, info)
        if code is not None and id is None:
            return _find_by_code(snapshot, ActionPlan, code)
        if code is None and id is not None:
            return _find_by_id(snapshot, ActionPlan, id)
        raise client_error("give either `code` or `id`", RefusalCode.INVALID)

    @strawberry.field(metadata=LIST, description="All action plans. The default order is by member and cycle.")
    def action_plans(
        self,
        info: Info,
        where: ActionPlanFilter | None = None,
        order_by: OrderSteps[ActionPlanOrder] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ActionPlan] | None:
        snapshot = _snapshot(self, info)
        query = build_query("plan", where, order_by, snapshot)
        page_request = parse_page_request(info.context.session, first, after, last, before, query)
        return aggregate_connection(ActionPlan, snapshot, query, None, page_request)

    @strawberry.field(
        metadata=computed(LOOKUP_COST) | named(_find_name),
        description="The commitment with a code: its current code, a former one or its `key`. The code of a commitment "
        "that was merged into another finds that one. Null if there is none.",
    )
    def commitment(self, info: Info, code: Code) -> Commitment | None:
        return _find_by_code(_snapshot(self, info), Commitment, code)

    @strawberry.field(metadata=LIST, description=f"All commitments. {SPLIT_LEFT_OUT}")
    def commitments(
        self,
        info: Info,
        where: CommitmentFilter | None = None,
        order_by: OrderSteps[CommitmentOrder] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection | None:
        snapshot = _snapshot(self, info)
        query = build_query("commitment", where, order_by, snapshot)
        page_request = parse_page_request(info.context.session, first, after, last, before, query)
        return commitment_connection(snapshot, query, None, page_request)

    @strawberry.field(metadata=SEARCH_FIELD, description=SEARCH_DESCRIPTION)
    def search(
        self,
        info: Info,
        query: QueryText,
        language: Annotated[
            str | None,
            strawberry.argument(
                description="Search only texts in this language, by its code, such as `en`, in any case; `en-US` means "
                "the same. Omitted or null: in all languages."
            ),
        ] = None,
        where: SearchFilter | None = None,
        first: First = None,
        after: After = None,
    ) -> SearchConnection | None:
        return search_record(_snapshot(self, info), query, language, where, first, after)

    @strawberry.field(
        metadata=computed(LIST_COST),
        description="The entries of the log, up to the position that is read; the oldest first by default.",
    )
    def entries(
        self,
        info: Info,
        where: EntryFilter | None = None,
        order_by: EntryOrders = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Entry] | None:
        snapshot, session = _snapshot(self, info), info.context.session
        page_request = parse_page_request(session, first, after, last, before)
        query = (where or EntryFilter()).to_query(snapshot, build_entry_order(order_by))
        return entry_connection(
            snapshot,
            lambda: snapshot.page_entries(query, page_request),
            lambda: snapshot.count_entries(query),
            lambda: snapshot.page_positions(query, page_request),
            lambda: frozenset() if snapshot.is_page_settled(query, page_request) else None,
        )

    @strawberry.field(
        metadata=computed(LOOKUP_COST) | settled(lambda _, **_arguments: True),
        description="The entry at a position; null if that is 0 or after the position that is read.",
    )
    def entry(
        self, info: Info, position: Annotated[Position, strawberry.argument(description="The position of the entry.")]
    ) -> Entry | None:
        snapshot = _snapshot(self, info)
        found = snapshot.find_entry(position)
        return Entry.of(found, snapshot) if found else None

    @strawberry.field(
        metadata=computed(LOOKUP_COST) | named(_find_name), description="The source with an id; null if there is none."
    )
    def source(self, info: Info, id: Id) -> Source | None:
        return _find_by_id(_snapshot(self, info), Source, id)

    @strawberry.field(
        metadata=computed(LOOKUP_COST) | named(_find_name),
        description="The object with an id: a member, action plan, commitment, source, code, account or entry, or a "
        "part of one, such as a rating. An id that names a position or a date is read there. Null if there is no such "
        "object. It is an error if the text cannot be an id (`INVALID`), or if its position is past the newest one or, "
        "below `at` and `asOf`, it names another state than the one that is read (`BAD_POSITION`).",
    )
    def node(self, info: Info, id: Id) -> Node | None:
        return _find_node(_snapshot(self, info), id)

    @strawberry.field(
        metadata=computed(opens_state=True),
        description="The state of affairs as of a date: what was so at its last instant (UTC), by all that is known at "
        "the position that is read, however late it was recorded. `at` goes by when something was recorded, `asOf` by "
        "when it was so; `at { asOf }` is what was known then about an earlier date. A year, half-year, quarter or "
        "month stands for its last day. What changed somewhere in an interval that contains the date is listed in "
        "`unknown`. An action plan and its commitments exist once the plan has begun; where its begin is not known, "
        "from the first observation on. Codes, sources and entries depend on the position alone.",
    )
    def as_of(
        self,
        info: Info,
        date: Annotated[
            PartialDate, strawberry.argument(description="The date, of any precision, but not open like `2019/..`.")
        ],
    ) -> Snapshot | None:
        return Snapshot(snapshot=_snapshot(self, info).as_of(find_last_day(date, "date")))

    @strawberry.field(
        metadata=computed(2 * STATE_COST),
        description="The commitments that changed between two positions, or between two dates, before and after, in "
        "the order of their codes. Commitments of which only claims changed that are not current are among them, and "
        "those that were split.",
    )
    def compare(
        self,
        info: Info,
        from_: Annotated[
            Position | None,
            strawberry.argument(name="from", description="The first position. Give either this or `fromDate`."),
        ] = None,
        to: Annotated[
            Position | None,
            strawberry.argument(description="The second position. Omitted or null: the position that is read."),
        ] = None,
        from_date: Annotated[
            PartialDate | None,
            strawberry.argument(description="The first date, as `asOf` takes it. Give either this or `from`."),
        ] = None,
        to_date: Annotated[
            PartialDate | None,
            strawberry.argument(description="The second date. It is required with `fromDate`."),
        ] = None,
        where: Annotated[
            CommitmentFilter | None,
            strawberry.argument(
                metadata=weighs(times=2),  # evaluated at both
                description="Only commitments that match at one of the two positions or dates.",
            ),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Comparison] | None:
        snapshot, session = _snapshot(self, info), info.context.session
        page_request = parse_page_request(session, first, after, last, before, AggregateQuery("commitment"))
        return compare_snapshots(*find_sides(snapshot, (from_, to), (from_date, to_date)), where, page_request)

    @strawberry.field(description="The position that is read and the identity of the log.")
    def meta(self, info: Info) -> Meta | None:
        snapshot = _snapshot(self, info)
        identity = info.context.session.log_identity
        return Meta(
            log_id=strawberry.ID(identity.id),
            position=Position(snapshot.position),
            recorded_at=parse_timestamp(snapshot.recorded_at),
            date=PartialDate(snapshot.date.isoformat()) if snapshot.date else None,
            root_hash=snapshot.root_hash,
            projection_version=snapshot.projection_version,
            schema_version=info.context.schema_version,
        )


@strawberry.type(
    description="The record at a position, or as of a date. Everything that is reached from here is read at it."
)
class Snapshot(RecordView):
    snapshot: strawberry.Private[RecordSnapshot]


@strawberry.type(
    description="The record at its newest position, which is fixed when the request begins, so all fields of a "
    "response describe the same state. A field that fails is null, and the others are complete; `errors` says why."
)
class Query(RecordView):
    @strawberry.field(
        metadata=computed(LOOKUP_COST, opens_state=True) | settled(lambda _, position=None, **_others: bool(position)),
        description="The record at a position, or at a time: at the last entry that was recorded until then. It is an "
        "error if the position or the time is before the first entry or in the future. To read the same state again, "
        "use the `position` of the response: an entry that is being recorded can still get a time a few milliseconds "
        "back.",
    )
    def at(
        self,
        info: Info,
        position: Annotated[
            Position | None, strawberry.argument(description="The position. Give either this or `time`.")
        ] = None,
        time: Annotated[
            DateTime | None, strawberry.argument(description="The time. Give either this or `position`.")
        ] = None,
        root_: Annotated[
            str | None,
            strawberry.argument(
                name="root",  # a parameter of this name would get the object that the field is selected on
                description=f"The first hexadecimal digits of the root at the position, {ROOT_DIGITS} or more: then "
                "the record is read only in that history of the log, otherwise it is an error (`OTHER_HISTORY`).",
            ),
        ] = None,
    ) -> Snapshot | None:
        if (position is None) == (time is None):
            raise client_error("give either `position` or `time`", ReadErrorCode.BAD_POSITION)
        if root_ is not None:
            require_history(info.context.session, position, root_)
        return Snapshot(snapshot=find_snapshot(info.context.session, position, time).pinned)


def _snapshot(view: RecordView | None, info: Info) -> RecordSnapshot:
    """Return the snapshot of the view that a field is selected on. graphql-core passes None as the root of a query."""
    return view.snapshot if isinstance(view, Snapshot) else info.context.head()


def _find_by_code(snapshot: RecordSnapshot, type_: type[SubjectT], code: str) -> SubjectT | None:
    state = snapshot.find_by_code(type_.AGGREGATE_TYPE, code.strip())
    return type_.of(state, snapshot) if state else None


def _find_by_id(snapshot: RecordSnapshot, type_: type[SubjectT], id: str) -> SubjectT | None:
    found = _find_node(snapshot, id)
    return found if isinstance(found, type_) else None


def _find_node(snapshot: RecordSnapshot, id: str) -> Node | None:
    """Return the object of an id, read in the state that the id names; otherwise in a snapshot."""
    try:
        state_id = parse_state_id(id)
    except ValueError as error:
        raise client_error(str(error), RefusalCode.INVALID) from None
    named, read = state_id.qualifier, snapshot.state_id("").qualifier
    if named and read and named != read:
        message = f"{id[:80]} is the id of another state ({named}) than the one that is read here ({read})"
        raise client_error(message, ReadErrorCode.BAD_POSITION)
    if state_id.position is not None:
        snapshot = find_snapshot(snapshot.session, Position(state_id.position), None).pinned
    return find_node(snapshot.as_of(state_id.day.toordinal()) if state_id.day else snapshot, state_id)
