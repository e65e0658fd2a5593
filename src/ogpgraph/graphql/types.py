"""The object types of the schema. They are in one module because most of them refer to each other.

Each object holds the snapshot that it was read from, so everything reached from it is read at the same position. An
object type only names and formats what the snapshot has; rules (which claim is current, what is starred) are the
domain's. Fields with a single value are derived from their declarations in the domain (see `output_fields`); those that
combine, compute or relate values are written here. Resolvers have no docstrings: the `description` of a field is its
documentation, for clients and for us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Self, TypeVar

import strawberry

from ogpgraph.clock import format_timestamp
from ogpgraph.domain import code as codes
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.account import rights_of
from ogpgraph.domain.action_plan import PLAN, languages_of
from ogpgraph.domain.aggregate import Aggregate, all_sources
from ogpgraph.domain.aggregate import Claim as StoredClaim
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.as_of import Unknown as StoredUnknown
from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.event import Evidence as StoredEvidence
from ogpgraph.domain.field import items_of
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.milestone import MILESTONE_FIELDS, milestone_numbers
from ogpgraph.domain.review import RatingAt, choose_rating, is_starred, later_without_data, ratings_of
from ogpgraph.domain.roles import Role
from ogpgraph.domain.source import last_observed_at, observations
from ogpgraph.domain.state_id import StateId
from ogpgraph.domain.values import Rating as StoredRating
from ogpgraph.domain.values import TextValue, TranslationKind
from ogpgraph.domain.vocabulary import (
    CoCreation,
    CoCreationValue,
    Indicator,
    OgpValue,
    RatingState,
    RatingValue,
    Stage,
)
from ogpgraph.domain.vocabulary import Finding as FindingKind
from ogpgraph.graphql.connections import (
    After,
    Before,
    Connection,
    First,
    Last,
    build_connection,
    parse_page_request,
)
from ogpgraph.graphql.entry_filters import EntryOrders, HistoryFilter, build_entry_order
from ogpgraph.graphql.enums import EntryKind, Status
from ogpgraph.graphql.facets import (
    Dimension,
    Facet,
    TimelineClock,
    TimelineGranularity,
    TimelinePoint,
    TimelineRange,
    count_facets,
    count_timeline,
)
from ogpgraph.graphql.filters import ActionPlanFilter, AggregateFilter, CommitmentFilter, list_condition
from ogpgraph.graphql.orders import ActionPlanOrder, CommitmentOrder, build_order
from ogpgraph.graphql.output_fields import (
    Language,
    choose_text,
    derive_output_fields,
    describe_output,
    resolve_text,
    resolve_texts,
)
from ogpgraph.graphql.scalars import DateTime, FieldValue, PartialDate, Position, parse_partial_date
from ogpgraph.graphql.volatile_fields import READS_HEAD
from ogpgraph.readmodel.entry import Entry as StoredEntry
from ogpgraph.readmodel.entry import (
    FieldChange,
    TextReference,
    change_text_refs,
    evidence_text_refs,
    iter_fields,
    reason_text_refs,
)
from ogpgraph.readmodel.queries import MATCH_ALL, AggregateQuery, Page, PageRequest
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.readmodel.tags import code_of

SubjectT = TypeVar("SubjectT", bound="Subject")
FindSource = Callable[[str], tuple[Snapshot, Aggregate | None]]
"""Returns a source by its id, None if there is none, and the snapshot that it is read in."""

# Texts. Stored values refer to texts by reference; a removed (redacted) text reads null.

_DIRECTION_CONTROLS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def claim_as_json(snapshot: Snapshot, state: Aggregate, path: str, claim: StoredClaim) -> Any:
    """Return the value of a claim as JSON, with texts in place of references; a rating is an object of its fields."""
    fields = [(name[len(path) + 1 :], value) for name, value in iter_fields(path, claim.value)]
    values = {name: field_as_json(snapshot, state, path, value) for name, value in fields}
    return values.get("", values)


def field_as_json(snapshot: Snapshot, state: Aggregate, path: str, value: Any) -> Any:
    """Return the value of a field as JSON, with texts in place of references."""
    if not isinstance(value, TextReference):
        return value
    if value.texts is not None:
        return [snapshot.text(state, path, reference) for reference in value.texts]
    return snapshot.text(state, path, value.text or "")


# The interfaces that the object types share


@strawberry.interface(
    description="An object that `node` finds by its id. Things and entries have fields of one type under one name; "
    "parts of things, such as ratings, have fields of their own: give them aliases where they differ, such as `value`."
)
class Node:
    @strawberry.field(
        description="An opaque id, unique in this log, under which clients can cache the object. It identifies a "
        "state: below `at`, in what an entry leads to, and in comparisons it names the position that is read, below "
        "`asOf` the day. Elsewhere it is the id of the present object and equal to `stableId`."
    )
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.identify()))

    @strawberry.field(
        description="The id of the thing itself, the same at every position. Mutations and filters that take an id "
        "take this one."
    )
    def stable_id(self) -> strawberry.ID:
        return strawberry.ID(str(self.identify().stable))

    def identify(self) -> StateId:
        """Return the identity of the state that the object shows."""
        raise NotImplementedError


@strawberry.interface(
    description="A thing with a history in the log: a member, action plan, commitment, source, code or account. Its "
    "fields describe it at the position that is read."
)
class Subject(Node):
    AGGREGATE_TYPE: ClassVar[str] = ""
    state: strawberry.Private[Aggregate]
    snapshot: strawberry.Private[Snapshot]

    def identify(self) -> StateId:
        """Return the identity of the state of the thing."""
        return self.snapshot.state_id(self.state.id)

    @strawberry.field(
        description="Its code: OGP's code of a commitment, member or action plan, or what takes its place. Null if it "
        "is not known, and for an account."
    )
    def code(self) -> str | None:
        return self._string("code")

    @strawberry.field(
        description="The number of a commitment in its action plan, as published (`14.1`), or of an action plan among "
        "those of its member. Null if it is not known, and for other things."
    )
    def number(self) -> str | None:
        return self._number()

    @strawberry.field(
        description="The title of a commitment or action plan, or the name of a member. Null if there is none in this "
        "language, or it was removed from the record, and for other things."
    )
    def title(self, language: Language = None) -> str | None:
        return resolve_text(self.snapshot, self.state, "title", language)

    @strawberry.field(
        description="The status of a commitment, action plan or member. Null if it is not known, and for other things."
    )
    def status(self) -> Status | None:
        status = self._string("status")
        return Status(status) if status else None

    @strawberry.field(
        description="The number of entries about it, up to the position that is read. Mutations take it as "
        "`expectedRevision`."
    )
    def revision(self) -> int:
        return self.state.revision

    @strawberry.field(
        description="The position since which it has been as it is read: that of the latest entry about it."
    )
    def since(self) -> Position:
        return Position(self.snapshot.since(self.state.id))

    @strawberry.field(description="The entries about it, up to the position that is read; the oldest first by default.")
    def history(
        self,
        where: HistoryFilter | None = None,
        order_by: EntryOrders = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Entry] | None:
        page_request = parse_page_request(self.snapshot.session, first, after, last, before)
        query = (where or HistoryFilter()).to_query(self.snapshot, build_entry_order(order_by))
        return entry_connection(
            self.snapshot,
            lambda: self.snapshot.page_history(self.state, page_request, query),
            lambda: self.snapshot.count_history(self.state, query),
        )

    @strawberry.field(
        description="The current values of its fields, each with the entry that stated it. The entry shows who set the "
        "value, when, why and on which evidence."
    )
    def blame(
        self,
        path: Annotated[
            str,
            strawberry.argument(
                description="The path of a field, such as `title/en`, or its beginning, such as `ratings`. Omitted: "
                "all fields."
            ),
        ] = "",
    ) -> list[Blame]:
        prefix = path.strip("/")
        return [
            Blame(path=each, claim=claim, owner=self)
            for each, claim in self.state.current_claims.items()
            # A path inside a value, such as the state of a rating, finds that value.
            if _is_at_or_below(each, prefix) or _is_at_or_below(prefix, each)
        ]

    @strawberry.field(
        description="What each source states about each field, current or not. Of several claims about a field one is "
        "current: (1) a claim of the thing's own pages, of OGP's database or of a person precedes one of a list on "
        "another page, and that one of a reference table; (2) then a claim in English, OGP's own language, precedes a "
        "translation; (3) then a later claim precedes an earlier one. A claim of the IRM's prose about a rating is "
        "never current."
    )
    def claims(
        self,
        path: Annotated[
            str,
            strawberry.argument(
                description="The path of a field, such as `title/en`, or its beginning, such as `ratings`. Omitted: "
                "all fields."
            ),
        ] = "",
    ) -> list[Claim]:
        prefix = path.strip("/")
        return [
            Claim(path=each, claim=claim, is_current=claim is self.state.current_claim(each), owner=self)
            for each in sorted(self.state.claims)
            if _is_at_or_below(each, prefix)
            for claim in self.state.claims[each]
            if claim.value is not None
        ]

    @strawberry.field(
        description="The pages, lists and files that its facts were read from, by type, code and language."
    )
    def sources(self) -> list[Source]:
        found = self.snapshot.find_all_related(self.state, all_sources)
        return [Source.of(source, self.snapshot) for source in sorted(found, key=code_of)]

    @strawberry.field(
        description="When a page or file about it was last observed, changed or not. Lists on other commitments' pages "
        "count only if there is no other source. Null if it was never read from a source."
    )
    def last_observed_at(self) -> DateTime | None:
        moment = self.snapshot.last_observed_at(self.state)
        return DateTime(moment) if moment else None

    @strawberry.field(
        description="Inside `asOf`, the fields whose value on that date is unknown, because it changed somewhere in an "
        "interval around the date: no source was observed in between. They read null; a field that is never null has "
        "the last value before or, without one, the first after. Empty elsewhere."
    )
    def unknown(
        self,
        path: Annotated[
            str,
            strawberry.argument(
                description="The path of a field, such as `title/en`, or its beginning, such as `ratings`. Omitted: "
                "all fields."
            ),
        ] = "",
    ) -> list[UnknownValue]:
        prefix = path.strip("/")
        return [
            UnknownValue(path=each, unknown=unknown, owner=self)
            for each, unknown in self.snapshot.unknown(self.state).items()
            if _is_at_or_below(each, prefix)
        ]

    @strawberry.field(
        description="All of its current texts in every language. Lists of texts, such as institutions, are not among "
        "them."
    )
    def localized_texts(self) -> list[LocalizedText]:
        return [
            LocalizedText(
                path=path,
                language=path.rpartition("/")[2],
                text=self.snapshot.text(self.state, path, claim.value.text),
                translation_kind=claim.value.translation_kind,
                owner=self,
            )
            for path, claim in self.state.current_claims.items()
            if isinstance(claim.value, TextValue) and "/" in path
        ]

    @classmethod
    def of(cls, state: Aggregate, snapshot: Snapshot) -> Self:
        """Return the object of an aggregate; raises LookupError if it is not of this type."""
        node = build_subject(state, snapshot)
        if isinstance(node, cls):
            return node
        raise LookupError(f"{state.id} is no {cls.__name__}")

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

    def _related(self, type_: type[SubjectT], path: str) -> SubjectT | None:
        found = self.snapshot.find_related(self.state, path)
        return type_.of(found, self.snapshot) if found else None


@strawberry.type  # not in the schema: only a part of the types below
class Part(Node):
    """A part of a thing that lists of it have, such as a rating. It is identified by the thing and a path."""

    owner: strawberry.Private[Subject]

    def identify(self) -> StateId:
        """Return the identity of the state of the part."""
        return self.owner.snapshot.state_id(self.owner.state.id, self.locate())

    def locate(self) -> str:
        """Return the path of the part: the name of a list, as in `iter_parts`, and what distinguishes its items."""
        raise NotImplementedError


def _is_at_or_below(path: str, prefix: str) -> bool:
    return not prefix or path == prefix or path.startswith(prefix + "/")


@strawberry.type(description="A text in one language.")
class LocalizedText(Part):
    path: str = strawberry.field(description="The field that the text is a value of, such as `title/en`.")
    language: str = strawberry.field(description="The language, as a lower-case code such as `en`.")
    text: str | None = strawberry.field(description="The text; null if it was removed from the record.")
    translation_kind: TranslationKind = strawberry.field(description="How the text came about in this language.")

    @strawberry.field(
        description="Whether the text contains invisible characters that control the direction of writing (Unicode "
        "bidirectional controls). They can make a text appear different from its content."
    )
    def has_direction_controls(self) -> bool:
        return bool(self.text) and not _DIRECTION_CONTROLS.isdisjoint(self.text or "")

    def locate(self) -> str:
        """Return the path of the text."""
        return f"localizedTexts/{self.path}"


SPLIT_LEFT_OUT: Final = (
    "Commitments that were split are left out of the list, its counts and facets, unless `where`, or a filter in its "
    "`and` or `or`, names their status: `status: {in: [SPLIT]}`."
)

# Members and action plans


@strawberry.type(
    description="A national or local government that participates in the Open Government Partnership (OGP)."
)
@derive_output_fields(MEMBER.fields)
class Member(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "member"

    @strawberry.field(
        description="The member's `name`; null if there is none in this language, or it was removed from the record."
    )
    def title(self, language: Language = None) -> str | None:
        return resolve_text(self.snapshot, self.state, "name", language)

    @strawberry.field(description="The member's action plans.")
    def action_plans(
        self,
        where: ActionPlanFilter | None = None,
        order_by: list[ActionPlanOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ActionPlan] | None:
        query = build_query("plan", where, order_by, self.snapshot, parent="member")
        page_request = parse_page_request(self.snapshot.session, first, after, last, before, query.order)
        return aggregate_connection(ActionPlan, self.snapshot, query, self.state, page_request)

    @strawberry.field(description=f"The commitments of all of the member's action plans. {SPLIT_LEFT_OUT}")
    def commitments(
        self,
        where: CommitmentFilter | None = None,
        order_by: list[CommitmentOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection | None:
        query = build_query("commitment", where, order_by, self.snapshot, parent="member")
        page_request = parse_page_request(self.snapshot.session, first, after, last, before, query.order)
        return commitment_connection(self.snapshot, query, self.state, page_request)


@strawberry.type(description="A plan of commitments that a member submits for a period, usually of two or four years.")
@derive_output_fields(PLAN.fields)
class ActionPlan(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "plan"

    @strawberry.field(description=describe_output(PLAN.find_field("number")))
    def number(self) -> str | None:
        return self._number()

    @strawberry.field(
        description="How the public took part in developing and implementing the plan, as the IRM assessed it. An "
        "aspect that was never published is absent."
    )
    def co_creation(self) -> list[CoCreationFact]:
        published = ((kind, self._string(f"coCreation/{kind}")) for kind in CoCreation)
        return [
            CoCreationFact(kind=kind, value=CoCreationValue(value), owner=self) for kind, value in published if value
        ]

    @strawberry.field(description="The member that submitted the plan; null if it is not known.")
    def member(self) -> Member | None:
        return self._related(Member, "member")

    @strawberry.field(description=f"The plan's commitments. {SPLIT_LEFT_OUT}")
    def commitments(
        self,
        where: CommitmentFilter | None = None,
        order_by: list[CommitmentOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection | None:
        query = build_query("commitment", where, order_by, self.snapshot, parent="actionPlan")
        page_request = parse_page_request(self.snapshot.session, first, after, last, before, query.order)
        return commitment_connection(self.snapshot, query, self.state, page_request)


@strawberry.type(description="An aspect of how the public took part in an action plan, with its value.")
class CoCreationFact(Part):
    kind: CoCreation = strawberry.field(description="The aspect.")
    value: CoCreationValue = strawberry.field(description="The value, or why there is none.")

    def locate(self) -> str:
        """Return the path of the aspect."""
        return f"coCreation/{CoCreation(self.kind)}"


# Commitments


@strawberry.type  # not in the schema: only a part of Commitment
class IrmDatabaseFields(Subject):
    """The fields of a commitment that only OGP's commitment database has."""

    @strawberry.field(description="The years in which the IRM published its reports about it, by stage.")
    def report_years(self) -> list[ReportYear]:
        published = {stage: self.state.value(f"reportYears/{stage}") for stage in Stage}
        return [ReportYear.of(self, stage, value) for stage, value in published.items() if value is not None]

    @strawberry.field(
        description="What OGP's database states about it besides the IRM's indicators, ordered by kind. A finding that "
        "was never published is absent."
    )
    def findings(
        self,
        kind: Annotated[
            list[FindingKind] | None,
            strawberry.argument(description="Only findings of these kinds. Omitted or null: all."),
        ] = None,
    ) -> list[Finding]:
        found = (Finding.of(self, each) for each in FindingKind if not kind or each in kind)
        return [each for each in found if each is not None]

    @strawberry.field(
        description="Whether the member's next action plan carries the commitment forward, as the IRM assessed it at "
        "the end of term; null if nothing was published. The commitment that continues it is in `successors`, if it is "
        "known."
    )
    def carried_forward(self) -> Finding | None:
        return Finding.of(self, FindingKind.CARRIED_FORWARD)

    @strawberry.field(
        description="Policy areas for which OGP's database has neither yes nor no, by the reason. For an area that is "
        "neither here nor in `policyAreas`, the database has no, or it has no such area."
    )
    def undetermined_policy_areas(self) -> list[UndeterminedPolicyAreas]:
        areas_by_state = {state: self.state.value(f"policyAreasUndetermined/{state}") for state in RatingState}
        return [
            UndeterminedPolicyAreas(state=state, areas=list(areas), owner=self)
            for state, areas in areas_by_state.items()
            if isinstance(areas, tuple)
        ]

    @strawberry.field(
        description="The columns of OGP's database that have no field of their own here, as published. START_DATE and "
        "END_DATE are among them if the cell is not a date or can be read in two ways."
    )
    def database_columns(self) -> list[DatabaseColumn]:
        cells = ((path, self._cell(path)) for path, _ in self.state.claims_under("database/"))
        columns = ((path.partition("/")[2], cell) for path, cell in cells)
        return [DatabaseColumn(name=name, value=cell, owner=self) for name, cell in columns if cell is not None]

    @strawberry.field(description=describe_output(COMMITMENT.find_field("cluster")))
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
@derive_output_fields(COMMITMENT.fields, omit=("policyAreasUnrecognised",))  # these are among `policyAreas`
class Commitment(IrmDatabaseFields):
    AGGREGATE_TYPE: ClassVar[str] = "commitment"

    @strawberry.field(
        description="The current code of the commitment, such as `FR0043`. A commitment that is known only from files "
        "without codes has its `key` here. Null if it is known by neither."
    )
    def code(self) -> str | None:
        return self._code()

    @strawberry.field(
        description="The codes that it had before, and those of the commitments that were merged into it, sorted. "
        "`commitment(code:)` finds it by any of them."
    )
    def former_codes(self) -> list[str]:
        return list(codes.former_codes(self.state))

    @strawberry.field(description="The languages of its title and description, as lower-case codes.")
    def languages(self) -> list[str]:
        return sorted(languages_of(self.state))

    @strawberry.field(
        description="Whether it is known only from the lists of commitments on other commitments' pages. Then little "
        "more than its title, cycle and first policy area is known."
    )
    def listed_only(self) -> bool:
        return commitments.is_listed_only(self.state)

    @strawberry.field(description="The action plan that it belongs to; null if it is not known.")
    def action_plan(self) -> ActionPlan | None:
        return self._related(ActionPlan, "actionPlan")

    @strawberry.field(description="The member whose commitment it is; null if it is not known.")
    def member(self) -> Member | None:
        return self._related(Member, "member")

    @strawberry.field(
        description="Its policy areas: first those of OGP's taxonomy, spelled as there, then areas that the taxonomy "
        "does not contain, as published."
    )
    def policy_areas(self) -> list[str]:
        return [*self._strings("policyAreas"), *self._texts("policyAreasUnrecognised", None)]

    @strawberry.field(description="Its milestones, in the order of their numbers.")
    def milestones(self) -> list[Milestone]:
        return [Milestone(number=number, owner=self) for number in milestone_numbers(self.state)]

    @strawberry.field(
        description="The IRM's ratings, ordered by indicator, stage and OGP value. An indicator about which nothing "
        "was published is absent."
    )
    def ratings(
        self,
        indicator: Annotated[
            list[Indicator] | None, strawberry.argument(description="Only these indicators. Omitted or null: all.")
        ] = None,
        stage: Annotated[
            list[Stage] | None, strawberry.argument(description="Only these stages. Omitted or null: all.")
        ] = None,
    ) -> list[Rating]:
        return [
            Rating.of(self, each)
            for each in ratings_of(self.state)
            if (not indicator or each.indicator in indicator) and (not stage or each.stage in stage)
        ]

    @strawberry.field(
        description="The IRM's rating of one indicator. Without a `stage`: of the latest stage that has a value; if "
        "none has one, of the latest. `laterWithoutData` tells what the stages after it say. It is the rating of the "
        "whole commitment, or one that refers to a single OGP value if there are only such. Null if nothing was "
        "published, and inside `asOf` if what a stage says is `unknown` and makes a difference."
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
        description="Whether the IRM awarded it a star at any stage. It is false also while that is pending; "
        "`rating(indicator: STARRED)` distinguishes the two."
    )
    def starred(self) -> bool:
        return is_starred(self.state)

    @strawberry.field(
        description="The sections of the IRM's text about it, each in one language. A section that has no text in the "
        "given `language` is absent."
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
        description="The commitment that it turned out to be identical with and was merged into; null if there is none."
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
        description="The commitment that it was split from, which keeps the ratings, milestones and narratives of the "
        "time before; null if there is none."
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


@strawberry.type(description="A verifiable step of a commitment.")
@derive_output_fields(MILESTONE_FIELDS, "milestones/{number}/")
class Milestone(Part):
    number: str = strawberry.field(description="Its number, as published, such as `14.1`.")

    def locate(self) -> str:
        """Return the path of the milestone."""
        return f"milestones/{self.number}"

    @strawberry.field(description="The progress reports on it, oldest first.")
    def updates(self) -> list[MilestoneUpdate]:
        state, snapshot = self.owner.state, self.owner.snapshot
        return [
            MilestoneUpdate(
                reported_at=DateTime(datetime.fromisoformat(path.split("/")[3])),
                language=path.split("/")[4],
                text=snapshot.text(state, path, claim.value.text),
                path=path,
                owner=self.owner,
            )
            for path, claim in state.claims_under(f"milestones/{self.number}/updates/")
            if isinstance(claim.value, TextValue)
        ]


@strawberry.type(description="A progress report on a milestone.")
class MilestoneUpdate(Part):
    reported_at: DateTime = strawberry.field(description="When it was reported.")
    language: str = strawberry.field(description="The language of the report, as a lower-case code.")
    text: str | None = strawberry.field(description="The report; null if it was removed from the record.")
    path: strawberry.Private[str]

    def locate(self) -> str:
        """Return the path of the report."""
        return self.path


@strawberry.type(description="A section of the IRM's text about a commitment, in one language.")
class Narrative(Part):
    stage: Stage = strawberry.field(description="The stage of the assessment that the text is about.")
    section: str = strawberry.field(
        description="The section, by its heading: TITLE, CONTEXT_AND_OBJECTIVES, NEXT_STEPS, FOOTNOTES and others."
    )
    language: str = strawberry.field(description="The language of the text, as a lower-case code.")
    text: str | None = strawberry.field(description="The text; null if it was removed from the record.")

    @classmethod
    def of(cls, owner: Subject, prefix: str, language: str | None) -> Narrative | None:
        """Return the section at a path in a language, or None if there is no text in it."""
        chosen = choose_text(owner.state, prefix, language)
        if chosen is None or not isinstance(value := chosen[1].value, TextValue):
            return None
        _, stage, section = prefix.split("/")
        text = owner.snapshot.text(owner.state, chosen[0], value.text)
        language = chosen[0].rpartition("/")[2]
        return cls(stage=Stage(stage), section=section, language=language, text=text, owner=owner)

    def locate(self) -> str:
        """Return the path of the text."""
        return f"narratives/{Stage(self.stage)}/{self.section}/{self.language}"


# What the IRM found about a commitment


@strawberry.type(description="The IRM's rating of one indicator at one stage: a value, or why there is none.")
class Rating(Part):
    indicator: Indicator = strawberry.field(description="The indicator that is rated.")
    stage: Stage = strawberry.field(description="The stage at which it is rated.")
    ogp_value: OgpValue | None = strawberry.field(
        description="The OGP value to which the rating refers; null for a rating of the whole commitment."
    )
    state: RatingState = strawberry.field(description="Whether there is a value and, if not, why.")
    value: RatingValue | None = strawberry.field(description="The value; null unless the state is RATED.")
    stated_in: Origin = strawberry.field(description="Where the rating was stated.")
    claim: strawberry.Private[StoredClaim]
    rating: strawberry.Private[RatingAt]

    @classmethod
    def of(cls, owner: Subject, rating: RatingAt) -> Rating:
        """Return the object of a rating of a commitment; raises LookupError if the commitment does not have it."""
        claim = owner.state.current_claim(rating.path)
        if claim is None:
            raise LookupError(f"{owner.state.id} has no {rating.path}")
        return cls(
            indicator=rating.indicator,
            stage=rating.stage,
            ogp_value=rating.ogp_value,
            state=rating.rating.state,
            value=rating.rating.value,
            stated_in=claim.origin,
            claim=claim,
            rating=rating,
            owner=owner,
        )

    def locate(self) -> str:
        """Return the path of the rating."""
        return self.rating.path

    @strawberry.field(
        description="Why the stages after this one have no value of the same indicator, in the order of the stages: "
        "`[PENDING]`, for example, if the value was found at midterm, and a review of the end of term is awaited. "
        "Empty if nothing was published about later stages, or they have values."
    )
    def later_without_data(self) -> list[RatingState]:
        return list(later_without_data(self.rating, ratings_of(self.owner.state, self.rating.indicator)))

    @strawberry.field(description="The rating as published, such as `Substantial`; null if a person stated it without.")
    def stated_as(self) -> str | None:
        return _referenced_text(self.owner, self.rating.path, self.rating.rating.stated_as)

    @strawberry.field(description="The title of the IRM report that states the rating; null if it is not certain.")
    def irm_report(self) -> str | None:
        return _referenced_text(self.owner, self.rating.path, self.rating.rating.irm_report)

    @strawberry.field(description="The entry that stated the rating.")
    def entry(self) -> Entry:
        return _entry_of_claim(self.owner, self.claim)


@strawberry.type(
    description="A statement of OGP's commitment database about a commitment, besides the IRM's indicators: a value, "
    "or why there is none."
)
class Finding(Part):
    kind: FindingKind = strawberry.field(description="What is stated.")
    state: RatingState = strawberry.field(description="Whether there is a value and, if not, why.")
    value: RatingValue | None = strawberry.field(description="The value; null unless the state is RATED.")
    stated_in: Origin = strawberry.field(description="Where the finding was stated.")
    path: strawberry.Private[str]
    claim: strawberry.Private[StoredClaim]
    stored: strawberry.Private[StoredRating]

    @classmethod
    def of(cls, owner: Subject, kind: FindingKind) -> Finding | None:
        """Return the finding of a kind about a commitment, or None if there is none."""
        path = f"findings/{kind.value}"
        claim = owner.state.current_claim(path)
        if claim is None or not isinstance(stored := claim.value, StoredRating):
            return None
        return cls(
            kind=kind,
            state=stored.state,
            value=stored.value,
            stated_in=claim.origin,
            path=path,
            claim=claim,
            stored=stored,
            owner=owner,
        )

    def locate(self) -> str:
        """Return the path of the finding."""
        return self.path

    @strawberry.field(description="The cell of the database as published; null if it is not recorded.")
    def stated_as(self) -> str | None:
        return _referenced_text(self.owner, self.path, self.stored.stated_as)

    @strawberry.field(description="The entry that stated the finding.")
    def entry(self) -> Entry:
        return _entry_of_claim(self.owner, self.claim)


def _referenced_text(owner: Subject, path: str, reference: str | None) -> str | None:
    return owner.snapshot.text(owner.state, path, reference) if reference else None


def _entry_of_claim(owner: Subject, claim: StoredClaim) -> Entry:
    entry = owner.snapshot.find_entry_of_revision(owner.state, claim.revision)
    if entry is None:
        raise LookupError(f"{owner.state.id} has no entry of revision {claim.revision}")
    return Entry.of(entry, owner.snapshot)


@strawberry.type(description="The year in which the IRM published its report of a stage, or why there is none.")
class ReportYear(Part):
    stage: Stage = strawberry.field(description="The stage that the report is about.")
    year: int | None = strawberry.field(description="The year of publication; null unless the state is RATED.")
    state: RatingState = strawberry.field(description="RATED if there is a year; otherwise why there is none.")

    @classmethod
    def of(cls, owner: Subject, stage: Stage, stored: object) -> ReportYear:
        """Return the report year of a stored value: a number, or the name of a state."""
        if isinstance(stored, int):
            return cls(stage=stage, year=stored, state=RatingState.RATED, owner=owner)
        return cls(stage=stage, year=None, state=RatingState(str(stored)), owner=owner)

    def locate(self) -> str:
        """Return the path of the report."""
        return f"reportYears/{Stage(self.stage)}"


@strawberry.type(description="Policy areas for which OGP's database has neither yes nor no.")
class UndeterminedPolicyAreas(Part):
    state: RatingState = strawberry.field(
        description="Why: NO_DATA, for example, if plans of that time were not classified by these areas."
    )
    areas: list[str] = strawberry.field(description="The policy areas, spelled as in OGP's taxonomy.")

    def locate(self) -> str:
        """Return the path of the policy areas of this state."""
        return f"policyAreasUndetermined/{RatingState(self.state)}"


@strawberry.type(description="A column of OGP's database that has no field of its own here, with its cell.")
class DatabaseColumn(Part):
    name: str = strawberry.field(description="The name of the column, such as BINDING_CONSTRAINT or START_DATE.")
    value: str = strawberry.field(description="The cell as published.")

    def locate(self) -> str:
        """Return the path of the cell."""
        return f"database/{self.name}"


# Sources, codes and accounts


@strawberry.type(description="A published page, list or file that facts are read from.")
class Source(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "source"

    @strawberry.field(
        description="The type of source: `PAGE` (a commitment's page), `COMMITMENT_LIST` (the list of all of a "
        "member's commitments, which OGP prints on the page of each of them), `DATABASE_FILE` (a file of OGP's "
        "commitment database) or `DOCUMENT`. Null if it is not known."
    )
    def type(self) -> str | None:
        return self._string("type")

    @strawberry.field(
        description="The code of the commitment (of a page) or of the member (of a list), or the name of the file. "
        "Null if it is not known."
    )
    def code(self) -> str | None:
        return self._string("code")

    @strawberry.field(
        description="The language in which it is published, as a lower-case code; null if it is not known."
    )
    def language(self) -> str | None:
        return self._string("language")

    @strawberry.field(description="The URL at which it is published; null if it is not known.")
    def url(self) -> str | None:
        value = self.state.value("url")
        return self.snapshot.text(self.state, "url", value.text) if isinstance(value, TextValue) else None

    @strawberry.field(
        description="The observations that found new content or were read by a newer version of the importer, oldest "
        "first. Observations of unchanged content only change `lastObservedAt`."
    )
    def observations(self) -> list[Observation]:
        return [
            Observation(
                observed_at=DateTime(time),
                content_hash=observation.content_hash,
                importer_version=observation.reader,
                owner=self,
            )
            for time, observation in observations(self.state)
        ]

    @strawberry.field(description="When it was last observed, changed or not; null if it never was.")
    def last_observed_at(self) -> DateTime | None:
        moment = last_observed_at(self.state)
        return DateTime(moment) if moment else None


@strawberry.type(description="An observation of a source: its content at a moment.")
class Observation(Part):
    observed_at: DateTime = strawberry.field(description="When the source was observed.")
    content_hash: str = strawberry.field(
        description="The SHA-256 hash of the observed bytes: `sha256:` and 64 hexadecimal digits."
    )
    importer_version: str = strawberry.field(description="The version of the importer that read the content.")

    def locate(self) -> str:
        """Return the path of the observation."""
        return f"observations/{format_timestamp(self.observed_at)}"


@strawberry.type(description="The reservation of a code. It ensures that a code identifies one thing only.")
class Code(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "code"

    @strawberry.field(description="The code, in upper case. Never null.")
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

    @strawberry.field(description="The roles that it may act in; empty for an account that may only read.")
    def roles(self) -> list[Role]:
        return list(rights_of(self.state).roles)

    @strawberry.field(description="The codes of the members for which it may act as a REPORTER.")
    def reporter_of(self) -> list[str]:
        return list(rights_of(self.state).reporter_of)


# The log: entries, claims and evidence


@strawberry.type(
    description="An entry of the log: an event with the fields that it changed, its actor, time, reason and evidence. "
    "Entries are never changed or deleted."
)
class Entry(Node):
    entry: strawberry.Private[StoredEntry]
    snapshot: strawberry.Private[Snapshot]

    @classmethod
    def of(cls, entry: StoredEntry, snapshot: Snapshot) -> Entry:
        """Return the object of an entry."""
        return cls(entry=entry, snapshot=snapshot)

    def identify(self) -> StateId:
        """Return the identity of the entry, which is the same at every position: entries do not change."""
        return StateId(self.entry.event_id)

    @strawberry.field(description="The number of the entry in the log: 1, 2, 3 and so on, without gaps.")
    def position(self) -> Position:
        return Position(self.entry.position)

    @strawberry.field(description="The kind of event.")
    def kind(self) -> EntryKind:
        return EntryKind[self.entry.name]

    @strawberry.field(
        description="When the entry was recorded, by the server's clock. It strictly increases with the position; "
        "`at(time:)` refers to it."
    )
    def recorded_at(self) -> DateTime:
        return DateTime(datetime.fromisoformat(self.entry.recorded_at))

    @strawberry.field(description="When the statement was made or the source was observed.")
    def stated_at(self) -> DateTime:
        return DateTime(self.entry.envelope.time)

    @strawberry.field(description="The date from which the statement is true in the world; null if it is not known.")
    def effective_on(self) -> PartialDate | None:
        return parse_partial_date(self.entry.envelope.effective_on)

    @strawberry.field(
        description="The interval in which the change happened, between two observations of the source; null for a "
        "statement that was not read from a source."
    )
    def changed_between(self) -> Interval | None:
        between = self.entry.envelope.changed_between
        return Interval.of(between.after, between.before) if between else None

    @strawberry.field(
        description="When what the entry states became so, as far as is known: the whole period of `effectiveOn`; or "
        "between two observations of the source; or, for a statement of a person without a date, no later than it was "
        "made. `asOf` refers to it, as `at` does to `recordedAt`."
    )
    def effective(self) -> Interval:
        interval = self.entry.effective
        return Interval.of(interval.after, interval.before)

    @strawberry.field(description="Who recorded the entry: the pseudonymous id of an account, or `importer`.")
    def actor(self) -> str:
        return self.entry.envelope.actor

    @strawberry.field(description="The role in which the actor recorded the entry, such as `reviewer`.")
    def role(self) -> str:
        return self.entry.envelope.role

    @strawberry.field(
        description="The reason that the actor gave; null if there is none or it was removed from the record."
    )
    def reason(self) -> str | None:
        reference = self.entry.envelope.reason
        return self.snapshot.entry_text(reference, reason_text_refs) if reference else None

    @strawberry.field(description="Why the values differ from those that were recorded before.")
    def cause(self) -> Cause:
        return self.entry.envelope.cause

    @strawberry.field(description="Where the facts were stated.")
    def stated_in(self) -> Origin:
        return self.entry.envelope.origin

    @strawberry.field(
        description="Whether the entry results from an observation that is older than one recorded before. Such an "
        "entry adds to the history and changes no current value."
    )
    def is_late(self) -> bool:
        return self.entry.name.endswith("SeenEarlier")

    @strawberry.field(
        description="The thing that the entry is about, as it was right after this entry. Everything below is read at "
        "the position of this entry too."
    )
    def subject(self) -> Subject:
        then, state = self.snapshot.as_of_entry(self.entry, lambda entry: entry.stream)
        if state is None:
            raise LookupError(f"entry {self.entry.position} has no subject")
        return build_subject(state, then)

    @strawberry.field(
        metadata=READS_HEAD,
        description="The thing that the entry is about, as it is at present, whatever position is read: clients that "
        "follow the log merge it into what they show.",
    )
    def current(self) -> Subject:
        head, state = self.snapshot.find_present(self.entry)
        if state is None:
            raise LookupError(f"entry {self.entry.position} has no subject")
        return build_subject(state, head)

    @strawberry.field(description="The revision of the subject that the entry created, counted from 1.")
    def revision(self) -> int:
        return self.entry.revision

    @strawberry.field(description="The fields that the entry changed.")
    def changes(self) -> list[Change]:
        return [Change.of(change, self._find_text) for change in self.entry.changes]

    @strawberry.field(
        description="The source that the facts were read from, as it was right after this entry; null if they were not "
        "read from a source."
    )
    def source(self) -> Source | None:
        then, state = self.snapshot.as_of_entry(self.entry, lambda entry: entry.envelope.source)
        return Source.of(state, then) if state else None

    @strawberry.field(
        description="The passages of sources that support the entry, one for each fact; empty if no source is cited. "
        "Their sources are as they were right after this entry."
    )
    def evidence(self) -> list[Evidence]:
        return self.list_evidence(lambda source: self.snapshot.find_cited_source(self.entry, source))

    def list_evidence(self, find_source: FindSource) -> list[Evidence]:
        """Return the passages, whose sources a function finds."""
        return [
            Evidence(
                path=path,
                content_hash=item.content_hash,
                start=start,
                end=end,
                evidence=item,
                snapshot=self.snapshot,
                find_source=find_source,
            )
            for item in self.entry.envelope.evidence
            for path, (start, end) in sorted(item.spans.items())
        ]

    @strawberry.field(description="An id that all entries recorded by one import or one request share.")
    def correlation_id(self) -> strawberry.ID:
        return strawberry.ID(self.entry.envelope.correlation)

    @strawberry.field(description="The entry that caused this one; null if there is none.")
    def caused_by(self) -> Entry | None:
        return self._entry_of_event(self.entry.envelope.causation)

    @strawberry.field(
        description="The entry that this one corrects or reverts, the newest of several; null if there is none."
    )
    def corrects(self) -> Entry | None:
        found = self.snapshot.find_amended_entry(self.entry)
        return Entry.of(found, self.snapshot) if found else None

    @strawberry.field(
        description="The hash of the entry as a leaf of the log's Merkle tree (RFC 6962): 64 hexadecimal digits."
    )
    def leaf_hash(self) -> str:
        return self.entry.leaf

    @strawberry.field(
        description="The root of the log's Merkle tree (RFC 6962) at the position of the entry: 64 hexadecimal digits. "
        "It commits to every entry up to this one; `at(position:, root:)` reads the record only in this history."
    )
    def root_hash(self) -> str:
        return self.entry.root

    @strawberry.field(
        description="Where the entry is in the log and in which history of it, to continue after it: a subscription "
        "by its `cursor`, the feed by `after`, a list of entries by `after`. It is opaque."
    )
    def cursor(self) -> str:
        return str(self.entry.bookmark)

    def _entry_of_event(self, event_id: str | None) -> Entry | None:
        found = self.snapshot.find_entry_by_event(event_id) if event_id else None
        return Entry.of(found, self.snapshot) if found else None

    def _find_text(self, reference: str) -> str | None:
        return self.snapshot.entry_text(reference, change_text_refs)


@strawberry.type(description="A field that an entry changed, or in which two states differ.")
class Change:
    path: str = strawberry.field(
        description="The path of the field, such as `title/en` or `ratings/COMPLETION/RESULTS/state`. A path that "
        "begins with `claims/` is about the claim of one source; the current value has not changed."
    )
    before: FieldValue | None = strawberry.field(description="The value before; null if there was none.")
    after: FieldValue | None = strawberry.field(description="The value after; null if there is none any more.")

    @classmethod
    def of(cls, change: FieldChange, find_text: Callable[[str], str | None]) -> Change:
        """Return a change with its texts in place of their references."""
        return cls(
            path=change.path,
            before=_build_changed_value(change.before, find_text),
            after=_build_changed_value(change.after, find_text),
        )


def _build_changed_value(stored: Any, find_text: Callable[[str], str | None]) -> FieldValue | None:
    if not isinstance(stored, TextReference):
        return FieldValue(stored) if stored is not None else None
    if stored.texts is not None:
        return FieldValue([find_text(reference) for reference in stored.texts])
    return FieldValue(find_text(stored.text or ""))


@strawberry.type(
    description="The interval in which a change happened: after one observation of a source and no later than another."
)
class Interval:
    after: DateTime | None = strawberry.field(
        description="The last observation of the value before; null if there was no earlier observation."
    )
    before: DateTime = strawberry.field(description="The first observation of the new value, or when it was stated.")

    @classmethod
    def of(cls, after: datetime | None, before: datetime) -> Interval:
        """Return the interval between two moments."""
        return cls(after=DateTime(after) if after else None, before=DateTime(before))


@strawberry.type(description="A field whose value on the date that is read is unknown, and what it may have been.")
class UnknownValue(Part):
    path: str = strawberry.field(description="The path of the field, such as `ratings/COMPLETION/END_OF_TERM`.")
    unknown: strawberry.Private[StoredUnknown]

    def locate(self) -> str:
        """Return the path of the value."""
        return f"unknown/{self.path}"

    @strawberry.field(description="Until when the value before was certain; null if nothing was observed before.")
    def after(self) -> DateTime | None:
        return DateTime(self.unknown.after) if self.unknown.after else None

    @strawberry.field(description="From when on the value after is certain.")
    def before(self) -> DateTime:
        return DateTime(self.unknown.before)

    @strawberry.field(
        description="The values that it may have had, by time; null stands for no value. A rating is an object of its "
        "fields."
    )
    def candidates(self) -> list[FieldValue | None]:
        return [self._as_json(claim) for claim in self.unknown.claims]

    def _as_json(self, claim: StoredClaim | None) -> FieldValue | None:
        return FieldValue(claim_as_json(self.owner.snapshot, self.owner.state, self.path, claim)) if claim else None


@strawberry.type(description="A passage of a source that supports a fact.")
class Evidence:
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
    find_source: strawberry.Private[FindSource]

    @strawberry.field(
        description="For a file of rows: the number of the row, counted from 1 as in a spreadsheet. `start` and `end` "
        "then refer to the text of this row, in which each cell is `Column: cell`. Null for other sources."
    )
    def row(self) -> int | None:
        return self.evidence.row

    @strawberry.field(
        description="For a file of rows: the column, named as in OGP's codebook; several are separated by commas. Null "
        "for other sources."
    )
    def column(self) -> str | None:
        return self.evidence.columns.get(self.path)

    @strawberry.field(
        description="The source that contains the passage; null if it is not in the record at that position."
    )
    def source(self) -> Source | None:
        snapshot, state = self.find_source(self.evidence.source)
        return Source.of(state, snapshot) if state else None

    @strawberry.field(description="The passage itself; null if the text of the source was removed from the record.")
    def quote(self) -> str | None:
        text = self.snapshot.entry_text(self.evidence.text, evidence_text_refs) if self.evidence.text else None
        return text[self.start : self.end] if text is not None else None


@strawberry.type(description="The current value of a field, with the entry that stated it.")
class Blame(Part):
    path: str = strawberry.field(description="The path of the field, such as `title/en`.")
    claim: strawberry.Private[StoredClaim]

    def locate(self) -> str:
        """Return the path of the value."""
        return f"blame/{self.path}"

    @strawberry.field(
        description="The value; null if it was a text that was removed from the record. A rating is an object of its "
        "fields."
    )
    def value(self) -> FieldValue | None:
        return FieldValue(claim_as_json(self.owner.snapshot, self.owner.state, self.path, self.claim))

    @strawberry.field(description="The entry that stated the value.")
    def entry(self) -> Entry:
        return _entry_of_claim(self.owner, self.claim)

    @strawberry.field(description="The passages of sources that support this value; empty if no source is cited.")
    def evidence(self) -> list[Evidence]:
        snapshot = self.owner.snapshot
        found = self.entry().list_evidence(lambda source: (snapshot, snapshot.find_source(source)))
        return [each for each in found if each.path == self.path]

    @strawberry.field(
        description="The interval in which the field got this value, as narrow as all recorded observations make it."
    )
    def changed_between(self) -> Interval:
        return Interval.of(self.claim.after, self.claim.before)


@strawberry.type(description="What one source, or a person, states about one field.")
class Claim(Blame):
    is_current: bool = strawberry.field(description="Whether this claim is the current value of the field.")

    def locate(self) -> str:
        """Return the path of the claim, of which each origin and source has at most one about a field."""
        return "/".join(filter(None, ("claims", self.path, *self.claim.key)))

    @strawberry.field(description="Where the claim was stated.")
    def stated_in(self) -> Origin:
        return self.claim.origin

    @strawberry.field(description="The language of the source, as a lower-case code; null if it is not known.")
    def language(self) -> str | None:
        return self.claim.language

    @strawberry.field(description="The source of the claim; null for a statement of a person.")
    def source(self) -> Source | None:
        snapshot = self.owner.snapshot
        state = snapshot.find_source(self.claim.source) if self.claim.source else None
        return Source.of(state, snapshot) if state else None


# Building objects and connections

SUBJECT_TYPES: Final[dict[str, type[Subject]]] = {
    each.AGGREGATE_TYPE: each for each in (Member, ActionPlan, Commitment, Source, Code, Account)
}


def build_subject(state: Aggregate, snapshot: Snapshot) -> Subject:
    """Return the object of an aggregate; raises LookupError if the schema has no type for it."""
    object_type = SUBJECT_TYPES.get(state.type)
    if object_type is None:
        raise LookupError(f"the schema has no type for {state.id}")
    return object_type(state=state, snapshot=snapshot)


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


def iter_parts(owner: Subject, name: str) -> Iterable[Part]:
    """Return the parts of a thing whose paths begin with a segment; none if there is no such list."""
    owner_type, list_parts = _PART_LISTS.get(name, (Subject, _no_parts))
    return list_parts(owner) if isinstance(owner, owner_type) else ()


def build_query(
    aggregate_type: str,
    where: AggregateFilter | None,
    order_by: Iterable[Any] | None,
    snapshot: Snapshot,
    parent: str | None = None,
) -> AggregateQuery:
    """Return the query for the list that the arguments of a field select; `parent` is the dimension of its owner."""
    if aggregate_type == "commitment":
        condition = list_condition(where if isinstance(where, CommitmentFilter) else None, snapshot)
    else:
        condition = where.condition(snapshot) if where else MATCH_ALL
    return AggregateQuery(aggregate_type, condition, build_order(list(order_by or ())), parent)


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
    )


def _page_aggregates(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, page_request: PageRequest
) -> Page[Aggregate]:
    return snapshot.page_for_parent(parent, query, page_request) if parent else snapshot.page(query, page_request)


def entry_connection(
    snapshot: Snapshot, fetch_page: Callable[[], Page[StoredEntry]], count: Callable[[], int]
) -> Connection[Entry]:
    """Return the connection over a list of entries."""
    return build_connection(snapshot, fetch_page, lambda entry: Entry.of(entry, snapshot), count)


@strawberry.type(description="A page of a list of commitments, the length of the whole list, and counts of it.")
class CommitmentConnection(Connection[Commitment]):
    query: strawberry.Private[AggregateQuery]
    parent: strawberry.Private[Aggregate | None]

    @strawberry.field(description="The whole list, counted by the values of one or more dimensions.")
    def facets(
        self,
        dimensions: Annotated[list[Dimension], strawberry.argument(description="The dimensions to count by.")],
        across: Annotated[
            Dimension | None,
            strawberry.argument(description="Another dimension, by which the commitments of each value are counted."),
        ] = None,
        ignore_own_filter: Annotated[
            bool,
            strawberry.argument(
                description="Count by each dimension as if `where` had no condition on it, so that its other "
                "values are counted too. Conditions inside `or` and `not` remain."
            ),
        ] = False,
    ) -> list[Facet] | None:
        owned = self.snapshot.select(AggregateQuery("commitment", parent=self.query.parent), self.parent)
        return count_facets(self.snapshot, self.query, owned, dimensions, across, ignore_own_filter=ignore_own_filter)

    @strawberry.field(
        description="The whole list at past moments, counted by the values of one dimension: at the end of each "
        "period and at the end of the range. The filter is evaluated at each of these moments, except that a `title` "
        "is looked up among the titles at the position, and on the date, that is read."
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


def commitment_connection(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, page_request: PageRequest
) -> CommitmentConnection:
    """Return the connection over a list of commitments, or over the part of it that belongs to a parent."""
    return CommitmentConnection(
        fetch_page=cache(lambda: _page_aggregates(snapshot, query, parent, page_request)),
        build_node=lambda state: Commitment.of(state, snapshot),
        count=lambda: snapshot.count(query, parent),
        snapshot=snapshot,
        query=query,
        parent=parent,
    )
