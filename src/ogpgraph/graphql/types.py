"""The object types of members, action plans, commitments, codes and accounts, and the lists of them.

Each object holds the snapshot that it was read from, so everything reached from it is read at the same position. An
object type only names and formats what the snapshot has; rules (which claim is current, what is starred) are the
domain's. Fields with a single value are derived from their declarations in the domain (see `output_fields`); those that
combine, compute or relate values are written here. Resolvers have no docstrings: the `description` of a field is its
documentation, for clients and for us.

What all things share is in `subject`, the parts of plans and commitments are in `parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Annotated, Any, ClassVar, Final

import strawberry

from ogpgraph.domain import code as codes
from ogpgraph.domain.account import rights_of
from ogpgraph.domain.action_plan import PLAN, languages_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.commitment_fields import is_listed_only
from ogpgraph.domain.field import items_of
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.milestone import milestone_numbers
from ogpgraph.domain.overdue import find_overdue
from ogpgraph.domain.review import RatingAt, choose_rating, is_starred, ratings_of
from ogpgraph.domain.roles import Role
from ogpgraph.domain.state_id import StateId
from ogpgraph.domain.values import TextValue
from ogpgraph.domain.vocabulary import CoCreation, CoCreationValue, Indicator, RatingState, Stage
from ogpgraph.domain.vocabulary import Finding as FindingKind
from ogpgraph.graphql.changes import Interval
from ogpgraph.graphql.connections import After, Before, Connection, First, Last, build_connection, parse_page_request
from ogpgraph.graphql.dependence import OWN, keyed, links, lists
from ogpgraph.graphql.facets import (
    ACROSS_COST,
    DIMENSION_COST,
    FACET_COST,
    Dimension,
    Facet,
    TimelineClock,
    TimelineGranularity,
    TimelinePoint,
    TimelineRange,
    count_dimensions,
    count_facets,
    count_moments,
    count_timeline,
    find_counted_dimensions,
    find_version,
    select_lists,
)
from ogpgraph.graphql.filters import ActionPlanFilter, AggregateFilter, CommitmentFilter, list_condition
from ogpgraph.graphql.orders import ActionPlanOrder, CommitmentOrder, OrderSteps, build_order
from ogpgraph.graphql.output_fields import Language, derive_output_fields, describe_output, resolve_text
from ogpgraph.graphql.parts import (
    CoCreationFact,
    DatabaseColumn,
    Finding,
    Milestone,
    Narrative,
    Overdue,
    Rating,
    ReportYear,
    UndeterminedPolicyAreas,
)
from ogpgraph.graphql.scalars import DateTime, PartialDate
from ogpgraph.graphql.subject import Entry, Node, Part, Source, Subject, SubjectT, build_subject
from ogpgraph.graphql.weights import LIST, STATE_COST, computed, weighs
from ogpgraph.readmodel.filters import Condition
from ogpgraph.readmodel.queries import MATCH_ALL, AggregateQuery, Page, PageRequest
from ogpgraph.readmodel.read_caches import QueryKey
from ogpgraph.readmodel.snapshot import Snapshot

SPLIT_LEFT_OUT: Final = (
    "Commitments that were split are left out of the list, its counts and facets, unless `where`, or a filter in its "
    "`and` or `or`, names their status: `status: {in: [SPLIT]}`."
)

# Lists of a thing's things


def build_query(
    aggregate_type: str,
    where: AggregateFilter | None,
    order_by: Iterable[Any] | None,
    snapshot: Snapshot,
    parent: str | None = None,
) -> AggregateQuery:
    """Return the query for the list that the arguments of a field select; `parent` is the dimension of its owner.

    It is kept for whoever uses the same filter at the same position: requests with equal variables share theirs.
    """
    kept, order = snapshot.session.caches.queries, build_order(list(order_by or ()))
    version = snapshot.session.log_identity.redaction_version
    key = QueryKey(aggregate_type, parent, order, id(where), snapshot.position, snapshot.day, version)
    found = kept.get(key)
    if found is not None and found[0] is where:  # while it is kept, no other filter has its id
        return found[1]
    query = AggregateQuery(aggregate_type, _build_condition(aggregate_type, where, snapshot), order, parent)
    if query.is_portable:
        kept.add({key: (where, query)})
    return query


def _build_condition(aggregate_type: str, where: AggregateFilter | None, snapshot: Snapshot) -> Condition:
    if aggregate_type == "commitment":
        return list_condition(where if isinstance(where, CommitmentFilter) else None, snapshot)
    return where.condition(snapshot) if where else MATCH_ALL


def select_part(
    aggregate_type: str,
    parent: str,
    snapshot: Snapshot,
    where: AggregateFilter | None = None,
    order_by: Iterable[Any] | None = None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> tuple[AggregateQuery, PageRequest]:
    """Return the query and the page that the arguments of a list of a thing's things select.

    They are the same for all things of a list; `parent` is the dimension of their owner.
    """
    query = build_query(aggregate_type, where, order_by, snapshot, parent)
    return query, parse_page_request(snapshot.session, first, after, last, before, query.order)


# Members and action plans


@strawberry.type(
    description="A national or local government that participates in the Open Government Partnership (OGP)."
)
@derive_output_fields(MEMBER.fields)
class Member(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "member"

    @strawberry.field(
        metadata=OWN,
        description="The member's `name`; null if there is none in this language, or it was removed from the record.",
    )
    def title(self, language: Language = None) -> str | None:
        return resolve_text(self.snapshot, self.state, "name", language)

    @strawberry.field(
        metadata=LIST | lists(partial(select_part, "plan", "member")), description="The member's action plans."
    )
    def action_plans(
        self,
        where: ActionPlanFilter | None = None,
        order_by: OrderSteps[ActionPlanOrder] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ActionPlan] | None:
        query, page_request = select_part("plan", "member", self.snapshot, where, order_by, first, after, last, before)
        return aggregate_connection(ActionPlan, self.snapshot, query, self.state, page_request)

    @strawberry.field(
        metadata=LIST | lists(partial(select_part, "commitment", "member")),
        description=f"The commitments of all of the member's action plans. {SPLIT_LEFT_OUT}",
    )
    def commitments(
        self,
        where: CommitmentFilter | None = None,
        order_by: OrderSteps[CommitmentOrder] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection | None:
        query, page_request = select_part(
            "commitment", "member", self.snapshot, where, order_by, first, after, last, before
        )
        return commitment_connection(self.snapshot, query, self.state, page_request)


@strawberry.type(description="A plan of commitments that a member submits for a period, usually of two or four years.")
@derive_output_fields(PLAN.fields)
class ActionPlan(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "plan"

    @strawberry.field(metadata=OWN, description=describe_output(PLAN.find_field("number")))
    def number(self) -> str | None:
        return self._number()

    @strawberry.field(
        metadata=OWN,
        description="How the public took part in developing and implementing the plan, as the IRM assessed it. An "
        "aspect that was never published is absent.",
    )
    def co_creation(self) -> list[CoCreationFact]:
        published = ((kind, self._string(f"coCreation/{kind}")) for kind in CoCreation)
        return [
            CoCreationFact(kind=kind, value=CoCreationValue(value), owner=self) for kind, value in published if value
        ]

    @strawberry.field(
        metadata=links("member"), description="The member that submitted the plan; null if it is not known."
    )
    def member(self) -> Member | None:
        return self._related(Member, "member")

    @strawberry.field(
        metadata=LIST | lists(partial(select_part, "commitment", "actionPlan")),
        description=f"The plan's commitments. {SPLIT_LEFT_OUT}",
    )
    def commitments(
        self,
        where: CommitmentFilter | None = None,
        order_by: OrderSteps[CommitmentOrder] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection | None:
        query, page_request = select_part(
            "commitment", "actionPlan", self.snapshot, where, order_by, first, after, last, before
        )
        return commitment_connection(self.snapshot, query, self.state, page_request)


# Commitments


@strawberry.type  # not in the schema: only a part of Commitment
class IrmDatabaseFields(Subject):
    """The fields of a commitment that only OGP's commitment database has."""

    @strawberry.field(metadata=OWN, description="The years in which the IRM published its reports about it, by stage.")
    def report_years(self) -> list[ReportYear]:
        published = {stage: self.state.value(f"reportYears/{stage}") for stage in Stage}
        return [ReportYear.of(self, stage, value) for stage, value in published.items() if value is not None]

    @strawberry.field(
        metadata=OWN,
        description="What OGP's database states about it besides the IRM's indicators, ordered by kind. A finding that "
        "was never published is absent.",
    )
    def findings(
        self,
        kind: Annotated[
            list[FindingKind] | None,
            strawberry.argument(description="Only findings of these kinds; none if it is empty. Omitted or null: all."),
        ] = None,
    ) -> list[Finding]:
        found = (Finding.of(self, each) for each in FindingKind if kind is None or each in kind)
        return [each for each in found if each is not None]

    @strawberry.field(
        metadata=OWN,
        description="Whether the member's next action plan carries the commitment forward, as the IRM assessed it at "
        "the end of term; null if nothing was published. The commitment that continues it is in `successors`, if it is "
        "known.",
    )
    def carried_forward(self) -> Finding | None:
        return Finding.of(self, FindingKind.CARRIED_FORWARD)

    @strawberry.field(
        metadata=OWN,
        description="Policy areas for which OGP's database has neither yes nor no, by the reason. For an area that is "
        "neither here nor in `policyAreas`, the database has no, or it has no such area.",
    )
    def undetermined_policy_areas(self) -> list[UndeterminedPolicyAreas]:
        areas_by_state = {state: self.state.value(f"policyAreasUndetermined/{state}") for state in RatingState}
        return [
            UndeterminedPolicyAreas(state=state, areas=list(areas), owner=self)
            for state, areas in areas_by_state.items()
            if isinstance(areas, tuple)
        ]

    @strawberry.field(
        metadata=OWN,
        description="The columns of OGP's database that have no field of their own here, as published. START_DATE and "
        "END_DATE are among them if the cell is not a date or can be read in two ways.",
    )
    def database_columns(self) -> list[DatabaseColumn]:
        cells = ((path, self._cell(path)) for path, _ in self.state.claims_under("database/"))
        columns = ((path.partition("/")[2], cell) for path, cell in cells)
        return [DatabaseColumn(name=name, value=cell, owner=self) for name, cell in columns if cell is not None]

    @strawberry.field(metadata=OWN, description=describe_output(COMMITMENT.find_field("cluster")))
    def cluster(self) -> str | None:
        return self._cell("cluster")

    def _cell(self, path: str) -> str | None:
        """Return a cell of the database, which may be a text; None if there is none or it was removed."""
        value = self.state.value(path)
        if isinstance(value, TextValue):
            return self.snapshot.text(self.state, path, value.text)
        return value if isinstance(value, str) else None


@strawberry.type(
    description="A commitment of an action plan: what a government promised, how far it was implemented, and how the "
    "Independent Reporting Mechanism (IRM) assessed it."
)
@derive_output_fields(COMMITMENT.fields, omit=("policyAreasUnrecognised", "listed"))  # see `policyAreas`, `absentSince`
class Commitment(IrmDatabaseFields):
    AGGREGATE_TYPE: ClassVar[str] = "commitment"

    @strawberry.field(
        metadata=OWN,
        description="The current code of the commitment, such as `FR0043`. A commitment that is known only from files "
        "without codes has its `key` here. Null if it is known by neither.",
    )
    def code(self) -> str | None:
        return self._code()

    @strawberry.field(
        metadata=OWN,
        description="The codes that it had before, and those of the commitments that were merged into it, sorted. "
        "`commitment(code:)` finds it by any of them.",
    )
    def former_codes(self) -> list[str]:
        return list(codes.former_codes(self.state))

    @strawberry.field(metadata=OWN, description="The languages of its title and description, as lower-case codes.")
    def languages(self) -> list[str]:
        return sorted(languages_of(self.state))

    @strawberry.field(
        metadata=OWN,
        description="Whether it is known only from the lists of commitments on other commitments' pages. Then little "
        "more than its title, cycle and first policy area is known.",
    )
    def listed_only(self) -> bool:
        # What the record has of it as a whole, at any date: the filter of this name goes by the same.
        return is_listed_only(self.snapshot.undated.get_loaded(self.state.id) or self.state)

    @strawberry.field(
        metadata=OWN,
        description="Since when OGP's database lists it no longer: after the last whole file that has it and no later "
        "than the first that has not. It keeps the values that it had. Null while it is listed, and if it never was.",
    )
    def absent_since(self) -> Interval | None:
        claim = self.state.current_claims.get("listed")
        return Interval.of(claim.after, claim.before) if claim and claim.value is False else None

    @strawberry.field(
        metadata=links("actionPlan"), description="The action plan that it belongs to; null if it is not known."
    )
    def action_plan(self) -> ActionPlan | None:
        return self._related(ActionPlan, "actionPlan")

    @strawberry.field(
        metadata=links("member"), description="The member whose commitment it is; null if it is not known."
    )
    def member(self) -> Member | None:
        return self._related(Member, "member")

    @strawberry.field(
        metadata=OWN,
        description="Its policy areas: first those of OGP's taxonomy, spelled as there, then areas that the taxonomy "
        "does not contain, as published.",
    )
    def policy_areas(self) -> list[str]:
        return [*self._strings("policyAreas"), *self._texts("policyAreasUnrecognised", None)]

    @strawberry.field(
        description="Why it is overdue; null if it is not. Due dates are compared with the date of `asOf`, otherwise "
        "with the day on which the entry at the position that is read was recorded: never with the clock, so that the "
        "answer at a position does not change."
    )
    def overdue(self) -> Overdue | None:
        today = self.snapshot.today
        found = find_overdue(self.state, today) if today else None
        if found is None:
            return None
        milestones = [Milestone(number=number, owner=self) for number in found.milestones]
        return Overdue(basis=found.basis, due_on=PartialDate(found.due), milestones=milestones)

    @strawberry.field(metadata=computed(length=6) | OWN, description="Its milestones, in the order of their numbers.")
    def milestones(self) -> list[Milestone]:
        return [Milestone(number=number, owner=self) for number in milestone_numbers(self.state)]

    @strawberry.field(
        metadata=OWN,
        description="The IRM's ratings, ordered by indicator, stage and OGP value. An indicator about which nothing "
        "was published is absent.",
    )
    def ratings(
        self,
        indicator: Annotated[
            list[Indicator] | None,
            strawberry.argument(description="Only these indicators; none if it is empty. Omitted or null: all."),
        ] = None,
        stage: Annotated[
            list[Stage] | None,
            strawberry.argument(description="Only these stages; none if it is empty. Omitted or null: all."),
        ] = None,
    ) -> list[Rating]:
        return [
            Rating.of(self, each)
            for each in ratings_of(self.state)
            if (indicator is None or each.indicator in indicator) and (stage is None or each.stage in stage)
        ]

    @strawberry.field(
        metadata=OWN,
        description="The IRM's rating of one indicator. Without a `stage`: of the latest stage that has a value; if "
        "none has one, of the latest. `laterWithoutData` tells what the stages after it say. It is the rating of the "
        "whole commitment, or one that refers to a single OGP value if there are only such. Null if nothing was "
        "published, and inside `asOf` if what a stage says is `unknown` and makes a difference.",
    )
    def rating(
        self,
        indicator: Annotated[Indicator, strawberry.argument(description="The indicator.")],
        stage: Annotated[
            Stage | None,
            strawberry.argument(description="The stage. Omitted or null: the latest stage that has a value."),
        ] = None,
    ) -> Rating | None:
        chosen = self._choose_rating(self.state, indicator, stage)
        possible = (self._choose_rating(state, indicator, stage) for state in self.snapshot.possible_states(self.state))
        if chosen is None or any(each is None or each.finding != chosen.finding for each in possible):
            return None
        return Rating.of(self, chosen)

    def _choose_rating(self, state: Aggregate, indicator: Indicator, stage: Stage | None) -> RatingAt | None:
        ratings = ratings_of(state, Indicator(indicator))
        return choose_rating(each for each in ratings if stage is None or each.stage == stage)

    @strawberry.field(
        metadata=OWN,
        description="Whether the IRM awarded it a star at any stage. It is false also while that is pending; "
        "`rating(indicator: STARRED)` distinguishes the two. Inside `asOf`, where that is unknown, it is as it was "
        "known last.",
    )
    def starred(self) -> bool:
        return is_starred(self.snapshot.last_decided(self.state))

    @strawberry.field(
        metadata=OWN,
        description="The sections of the IRM's text about it, each in one language. A section that has no text in the "
        "given `language` is absent.",
    )
    def narratives(self, language: Language = None) -> list[Narrative]:
        sections = dict.fromkeys(path.rpartition("/")[0] for path, _ in self.state.claims_under("narratives/"))
        return [narrative for section in sections if (narrative := Narrative.of(self, section, language))]

    @strawberry.field(description="The commitments of earlier action plans that it carries forward, by code.")
    def predecessors(self) -> list[Commitment]:
        return self._linked("predecessors")

    @strawberry.field(description="The commitments of later action plans that carry it forward, by code.")
    def successors(self) -> list[Commitment]:
        return self._linked("successors")

    @strawberry.field(
        metadata=links("mergedInto"),
        description="The commitment that it turned out to be identical with and was merged into; null if there is "
        "none.",
    )
    def merged_into(self) -> Commitment | None:
        return self._related(Commitment, "mergedInto")

    @strawberry.field(
        description="The commitments that turned out to be identical with it and were merged into it, by code. Lists "
        "do not have them; their `history` is their own."
    )
    def merged_from(self) -> list[Commitment]:
        return self._linked("mergedFrom")

    @strawberry.field(
        metadata=links("splitFrom"),
        description="The commitment that it was split from, which keeps the ratings, milestones and narratives of the "
        "time before; null if there is none.",
    )
    def split_from(self) -> Commitment | None:
        return self._related(Commitment, "splitFrom")

    @strawberry.field(description="The commitments that it was split into, by code.")
    def split_into(self) -> list[Commitment]:
        return self._linked("splitInto")

    def _linked(self, name: str) -> list[Commitment]:
        found = self.snapshot.find_all_related(self.state, lambda state: items_of(state, name))
        return sorted((Commitment.of(each, self.snapshot) for each in found), key=Commitment._code)

    def _code(self) -> str:
        return self._string("code") or self._string("key") or ""


# Codes and accounts


@strawberry.type(description="The reservation of a code. It ensures that a code identifies one thing only.")
class Code(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "code"

    @strawberry.field(metadata=OWN, description="The code, in upper case. Never null.")
    def code(self) -> str | None:
        return self.state.id.split("-", 2)[2]

    @strawberry.field(description="The thing that the code identifies; null while it identifies none.")
    def identifies(self) -> Subject | None:
        return self._related(Subject, "aggregate")


@strawberry.type(
    description="An account that may record entries. The record has its pseudonymous id and its rights, but no name "
    "or address."
)
class Account(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "account"

    @strawberry.field(
        metadata=OWN, description="The roles that it may act in; empty for an account that may only read."
    )
    def roles(self) -> list[Role]:
        return list(rights_of(self.state).roles)

    @strawberry.field(metadata=OWN, description="The codes of the members for which it may act as a REPORTER.")
    def reporter_of(self) -> list[str]:
        return list(rights_of(self.state).reporter_of)


# Lists


@strawberry.type(description="A page of a list of commitments, the length of the whole list, and counts of it.")
class CommitmentConnection(Connection[Commitment]):
    query: strawberry.Private[AggregateQuery]
    parent: strawberry.Private[Aggregate | None]

    @strawberry.field(
        metadata=computed(FACET_COST, length=count_dimensions)
        | keyed(lambda self, **of: self.find_facet_key(**of), lambda _, **of: find_counted_dimensions(**of)),
        description="The whole list, counted by the values of one or more dimensions.",
    )
    def facets(
        self,
        dimensions: Annotated[
            list[Dimension],
            strawberry.argument(
                metadata=weighs(item=DIMENSION_COST), description="The dimensions to count by, each once."
            ),
        ],
        across: Annotated[
            Dimension | None,
            strawberry.argument(
                metadata=weighs(ACROSS_COST),
                description="Another dimension, by which the commitments of each value are counted.",
            ),
        ] = None,
        ignore_own_filter: Annotated[
            bool,
            strawberry.argument(
                description="Count by each dimension as if `where` had no condition on it, so that its other "
                "values are counted too. Conditions inside `or` and `not` remain."
            ),
        ] = False,
    ) -> list[Facet] | None:
        masks = self._select_lists(dimensions, ignore_own_filter=ignore_own_filter)
        return count_facets(self.snapshot, masks, dimensions, across)

    def find_facet_key(
        self, dimensions: list[Dimension], across: Dimension | None = None, ignore_own_filter: bool = False
    ) -> Hashable:
        """Return what the facets depend on, besides their arguments; None for no key."""
        if self.snapshot.date is not None:
            return None
        masks = self._select_lists(dimensions, ignore_own_filter=ignore_own_filter)
        return *masks, *(find_version(self.snapshot, each) for each in (*dimensions, across) if each)

    def _select_lists(self, dimensions: list[Dimension], *, ignore_own_filter: bool) -> list[int]:
        """Return the bitsets of the list as each of some dimensions counts it."""
        owned = self.snapshot.select(AggregateQuery("commitment", parent=self.query.parent), self.parent)
        return list(select_lists(self.snapshot, self.query, owned, dimensions, ignore_own_filter=ignore_own_filter))

    @strawberry.field(
        metadata=computed(item=STATE_COST, length=count_moments),
        description="The whole list at past moments, counted by the values of one dimension: at the end of each "
        "period and at the end of the range. The filter is evaluated at each of these moments, except that a `title` "
        "is looked up among the titles at the position, and on the date, that is read.",
    )
    def timeline(
        self,
        dimension: Annotated[Dimension, strawberry.argument(description="The dimension to count by.")],
        every: Annotated[
            TimelineGranularity, strawberry.argument(description="The length of the periods.")
        ] = TimelineGranularity.YEAR,
        clock: Annotated[
            TimelineClock, strawberry.argument(description="Which of the two times the moments refer to.")
        ] = TimelineClock.RECORDED,
        from_: Annotated[
            DateTime | None,
            strawberry.argument(
                name="from",
                description="A moment in the first period. Omitted or null: when the first entry was recorded; by the "
                "clock EFFECTIVE, when the first action plan began.",
            ),
        ] = None,
        until: Annotated[
            DateTime | None,
            strawberry.argument(
                description="The last moment. Omitted or null: when the entry at the position that is read was "
                "recorded."
            ),
        ] = None,
    ) -> list[TimelinePoint] | None:
        period = TimelineRange(from_, until, every, clock)
        return count_timeline(self.snapshot, self.query, self.parent, dimension, period)


def aggregate_connection(
    node_type: type[SubjectT],
    snapshot: Snapshot,
    query: AggregateQuery,
    parent: Aggregate | None,
    page_request: PageRequest,
) -> Connection[SubjectT]:
    """Return the connection over a list of aggregates, or over the part of it that belongs to a parent."""
    return build_connection(
        snapshot,
        lambda: _page_aggregates(snapshot, query, parent, page_request),
        lambda state: node_type.of(state, snapshot),
        lambda: snapshot.count(query, parent),
        lambda: _find_versions(snapshot, query, parent, page_request),
        lambda: query.dimensions,
    )


def commitment_connection(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, page_request: PageRequest
) -> CommitmentConnection:
    """Return the connection over a list of commitments, or over the part of it that belongs to a parent."""
    return CommitmentConnection(
        fetch_page=cache(lambda: _page_aggregates(snapshot, query, parent, page_request)),
        build_node=lambda state: Commitment.of(state, snapshot),
        count=lambda: snapshot.count(query, parent),
        find_versions=lambda: _find_versions(snapshot, query, parent, page_request),
        find_dimensions=lambda: query.dimensions,
        snapshot=snapshot,
        query=query,
        parent=parent,
    )


def _page_aggregates(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, page_request: PageRequest
) -> Page[Aggregate]:
    return snapshot.page_for_parent(parent, query, page_request) if parent else snapshot.page(query, page_request)


def _find_versions(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, page_request: PageRequest
) -> Sequence[int] | None:
    if snapshot.date is not None:
        return None
    return snapshot.page_versions(query, page_request, parent.id if parent else None)


# Objects by their ids


def find_node(snapshot: Snapshot, state_id: StateId) -> Node | None:
    """Return what an id stands for in a snapshot, None if that has no such thing or part."""
    state = snapshot.find(state_id.stream)
    if state is None:
        is_entry_id = state_id == StateId(state_id.stream)
        entry = snapshot.find_entry_by_event(state_id.stream) if is_entry_id else None
        return Entry.of(entry, snapshot) if entry else None
    subject = build_subject(state, snapshot)
    if not state_id.path:
        return subject
    parts = iter_parts(subject, state_id.path.partition("/")[0])
    return next((each for each in parts if each.locate() == state_id.path), None)


def iter_parts(owner: Subject, name: str) -> Iterable[Part]:
    """Return the parts of a thing whose paths begin with a segment; none if there is no such list."""
    owner_type, list_parts = _PART_LISTS.get(name, (Subject, _no_parts))
    return list_parts(owner) if isinstance(owner, owner_type) else ()


def _milestones_and_updates(commitment: Commitment) -> Iterable[Part]:
    for milestone in commitment.milestones():
        yield milestone
        yield from milestone.updates()


def _narratives_in_all_languages(commitment: Commitment) -> Iterable[Part]:
    paths = (path for path, _ in commitment.state.claims_under("narratives/"))
    for language in sorted({path.rpartition("/")[2] for path in paths}):
        yield from commitment.narratives(language)


def _no_parts(_owner: Subject) -> Iterable[Part]:
    return ()


_PART_LISTS: Final[Mapping[str, tuple[type[Subject], Callable[[Any], Iterable[Part]]]]] = {
    "blame": (Subject, Subject.blame),
    "claims": (Subject, Subject.claims),
    "localizedTexts": (Subject, Subject.localized_texts),
    "unknown": (Subject, Subject.unknown),
    "coCreation": (ActionPlan, ActionPlan.co_creation),
    "observations": (Source, Source.observations),
    "milestones": (Commitment, _milestones_and_updates),
    "narratives": (Commitment, _narratives_in_all_languages),
    "ratings": (Commitment, Commitment.ratings),
    "findings": (Commitment, Commitment.findings),
    "reportYears": (Commitment, Commitment.report_years),
    "policyAreasUndetermined": (Commitment, Commitment.undetermined_policy_areas),
    "database": (Commitment, Commitment.database_columns),
}
"""First segment of the path of parts → the type that has them, and their list."""
