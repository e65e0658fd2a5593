"""The filter and order inputs of entries, and the queries of the read model that they stand for.

What a filter names is checked: a word that is no known value, a code of nothing, and a path that no field has are
errors. The live transports wait for what does not exist yet: they resolve leniently, and such a name matches nothing
until something has it. What can never exist is refused when a subscription begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from typing import Annotated, Any, Final

import strawberry
from graphql.pyutils import snake_to_camel

from ogpgraph.clock import to_microseconds
from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES, COMMITMENT
from ogpgraph.domain.errors import RefusalCode
from ogpgraph.domain.event import Cause
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.roles import IMPORTER, OPERATOR, RECORDED_ROLES
from ogpgraph.domain.state_id import parse_state_id
from ogpgraph.domain.values import period_interval
from ogpgraph.domain.vocabulary import POLICY_AREAS
from ogpgraph.graphql.enums import EntryKind
from ogpgraph.graphql.errors import FieldErrorCode, client_error, require_forward
from ogpgraph.graphql.known_values import match_codes, match_words
from ogpgraph.graphql.orders import ORDER_COST, OrderDirection
from ogpgraph.graphql.path_filter import match_paths
from ogpgraph.graphql.scalars import DateTime, PartialDate, Position, require_day
from ogpgraph.graphql.value_filters import TextFilter, enum_text
from ogpgraph.graphql.weights import LOOKUP_COST, weighs
from ogpgraph.readmodel.entry_query import BY_POSITION, Bounds, EntryQuery
from ogpgraph.readmodel.entry_query import EntryOrder as OrderOfEntries
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.readmodel.snapshot import Snapshot

MAX_VALUES: Final = 500
"""Up to so many values a list in a filter of entries has: each code is looked up."""
MAX_PATHS: Final = 100
"""Up to so many paths it has: each is a condition of the statement."""
_CONDITION: Final = weighs(50)
_VALUES: Final = weighs(50, item=1, max_items=MAX_VALUES)
_WORDS: Final = weighs(100, item=1, max_items=MAX_VALUES)
_CODES: Final = weighs(200, item=LOOKUP_COST, max_items=MAX_VALUES)
Conditions = tuple[tuple[str, tuple[str, ...]], ...]
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


@strawberry.input(
    description="A range of moments. It includes `from` and excludes `until`, so that ranges that follow each other "
    "have every moment once."
)
class TimeRange:
    from_: DateTime | None = strawberry.field(default=None, name="from", description="At this moment or later.")
    until: DateTime | None = strawberry.field(default=None, description="Before this moment.")

    def bounds(self) -> Bounds:
        """Return the bounds, in microseconds since 1970; raises GraphQLError for a range that ends before it begins."""
        bounds = _microseconds(self.from_), _microseconds(self.until)
        require_forward(*bounds, FieldErrorCode.BAD_TIME)
        return bounds


@strawberry.input(description="A range of positions. It includes both ends, as `at(position:)` does.")
class PositionRange:
    from_: Position | None = strawberry.field(default=None, name="from", description="This position or a later one.")
    until: Position | None = strawberry.field(default=None, description="This position or an earlier one.")

    def bounds(self) -> Bounds:
        """Return the bounds; raises GraphQLError for a range that ends before it begins."""
        require_forward(self.from_, self.until, ReadErrorCode.BAD_POSITION)
        return self.from_, self.until


@strawberry.input(
    description="A range of dates, each with all of its days (in UTC), so it includes both ends. When something became "
    "so is seldom known exactly: `Entry.effective` is an interval. It matches if it overlaps the range, that is, if it "
    "is possible that the change happened in the range; with `certain`, if it lies within the range. An interval "
    "without a beginning reaches back without end."
)
class EffectiveRange:
    from_: PartialDate | None = strawberry.field(
        default=None, name="from", description="In this period or later: not certainly before its first day."
    )
    until: PartialDate | None = strawberry.field(
        default=None, description="In this period or earlier: not certainly after its last day."
    )
    certain: bool | None = strawberry.field(
        default=None, description="Whether it has to be certain that the change happened in the range."
    )

    def bounds(self) -> Bounds:
        """Return the first and the last microsecond of the range, since 1970."""
        first = to_microseconds(_instants(self.from_)[0]) if self.from_ is not None else None
        last = to_microseconds(_instants(self.until)[1]) if self.until is not None else None
        require_forward(first, last, FieldErrorCode.BAD_TIME)
        return first, last


@strawberry.input(
    description="Conditions on the entries about one thing. All given conditions have to hold. A list accepts any of "
    f"its up to {MAX_VALUES} values ({MAX_PATHS} paths); an empty list matches nothing."
)
class HistoryFilter:
    kind: list[EntryKind] | None = strawberry.field(default=None, metadata=_CONDITION, description="The kind of event.")
    cause: list[Cause] | None = strawberry.field(default=None, metadata=_CONDITION, description="Why values changed.")
    path: list[str] | None = strawberry.field(
        default=None,
        metadata=weighs(300, item=10, max_items=MAX_PATHS),
        description="It changed something at or below this path: `changes` has a path that is equal to it or begins "
        "with it and a slash, so `ratings/COMPLETION` matches `ratings/COMPLETION/RESULTS/value`. What only the claim "
        "of one source changed is below `claims`, such as `claims/endsOn`.",
    )
    actor: TextFilter | None = strawberry.field(
        default=None,
        metadata=_WORDS,
        description="Who recorded it: the pseudonymous id of an account, `importer`, or `operator` for commands on "
        "accounts.",
    )
    role: list[str] | None = strawberry.field(
        default=None, metadata=_WORDS, description="The role in which the actor recorded it, such as `reviewer`."
    )
    recorded: TimeRange | None = strawberry.field(
        default=None, metadata=weighs(200), description="When it was recorded."
    )
    effective: EffectiveRange | None = strawberry.field(
        default=None, metadata=weighs(300), description="When what it states became so in the world."
    )
    position: PositionRange | None = strawberry.field(
        default=None, metadata=_CONDITION, description="Its position in the log."
    )
    source: list[strawberry.ID] | None = strawberry.field(
        default=None, metadata=_VALUES, description="The id of the source that its facts were read from."
    )
    correlation_id: list[strawberry.ID] | None = strawberry.field(
        default=None, metadata=_VALUES, description="The id of the import or request that recorded it."
    )

    def require_possible(self) -> None:
        """Raise GraphQLError for a path, an id, a date or a range that is none, whatever the record has or will have.

        Also for a list that is too long.
        """
        for field in fields(self):
            _require_short(field.name, getattr(self, field.name))
        if self.actor:
            _require_short("actor", [*(self.actor.in_ or ()), *(self.actor.not_in or ())])
        match_paths(self.path or ())
        _streams(self.source or ())
        for each in (self.recorded, self.effective, self.position):
            if each:
                each.bounds()

    def to_query(
        self, snapshot: Snapshot, order: OrderOfEntries = BY_POSITION, *, is_lenient: bool = False
    ) -> EntryQuery:
        """Return the query for the entries that match; codes are resolved at the snapshot.

        Raises:
            GraphQLError: UNKNOWN_VALUE for what the filter names and is not known, unless `is_lenient`; and for what
                is not possible.
        """
        HistoryFilter.require_possible(self)
        names = _Names(snapshot, is_lenient=is_lenient)
        accepted, excluded = _actor_conditions(self.actor, names)
        columns = (
            ("name", self.kind),
            ("cause", self.cause),
            *accepted,
            ("role", names.match_roles(self.role)),
            ("source", None if self.source is None else _streams(self.source)),
            ("correlation", self.correlation_id),
        )
        recorded, effective, position = self.recorded, self.effective, self.position
        return EntryQuery(
            columns=_accepted_texts(columns),
            excluded=excluded,
            positions=position.bounds() if position else (None, None),
            recorded=recorded.bounds() if recorded else (None, None),
            effective=effective.bounds() if effective else (None, None),
            is_within=bool(effective and effective.certain),
            paths=None if self.path is None else match_paths(self.path),
            order=order,
        )


@strawberry.input(
    description="Conditions on entries. All given conditions have to hold. A list accepts any of its up to "
    f"{MAX_VALUES} values ({MAX_PATHS} paths); an empty list matches nothing."
)
class EntryFilter(HistoryFilter):
    subject: list[strawberry.ID] | None = strawberry.field(
        default=None, metadata=_VALUES, description="The id of the thing that it is about."
    )
    member: list[str] | None = strawberry.field(
        default=None,
        metadata=_CODES,
        description="The member, by OGP's code (`FRA`) or prefix (`FR`), in any case. Matches entries about it, its "
        "action plans and its commitments.",
    )
    action_plan: list[strawberry.ID] | None = strawberry.field(
        default=None,
        metadata=_CODES,
        description="The action plan, by its code (`FRA-2018`), in any case, or its id. Matches entries about it and "
        "its commitments.",
    )
    commitment: list[str] | None = strawberry.field(
        default=None,
        metadata=_CODES,
        description="The commitment that it is about, by its current or a former code, in any case.",
    )
    policy_area: list[str] | None = strawberry.field(
        default=None,
        metadata=weighs(600, item=1, max_items=MAX_VALUES),
        description="A policy area that the commitment had at the time of the entry.",
    )

    def require_possible(self) -> None:
        """Raise GraphQLError also for a policy area that the vocabulary does not have."""
        super().require_possible()
        _streams(self.subject or ())
        _parse_streams(self.action_plan or ())  # or codes
        match_words("policyArea", self.policy_area or (), POLICY_AREAS, tuple)

    def to_query(
        self, snapshot: Snapshot, order: OrderOfEntries = BY_POSITION, *, is_lenient: bool = False
    ) -> EntryQuery:
        """Return the query for the entries that match, as `HistoryFilter` does."""
        query = super().to_query(snapshot, order, is_lenient=is_lenient)
        names = _Names(snapshot, is_lenient=is_lenient)
        subjects = (
            ("stream", None if self.subject is None else _streams(self.subject)),
            ("stream", names.resolve("commitment", COMMITMENT.name, self.commitment)),
        )
        tags = (
            ("member", names.resolve("member", MEMBER.name, self.member)),
            ("actionPlan", names.resolve("actionPlan", PLAN.name, self.action_plan)),
            ("policyArea", names.match_policy_areas(self.policy_area)),
        )
        return replace(query, columns=(*query.columns, *_accepted_texts(subjects)), tags=_accepted_texts(tags))


class _Names:
    """Finds what a filter names, at a snapshot."""

    def __init__(self, snapshot: Snapshot, *, is_lenient: bool) -> None:
        self._snapshot = snapshot
        self._is_lenient = is_lenient

    def match_roles(self, words: Sequence[str] | None) -> Sequence[str] | None:
        """Return the roles that words stand for."""
        return self._match_recorded("role", words, RECORDED_ROLES)

    def match_policy_areas(self, words: Sequence[str] | None) -> Sequence[str] | None:
        """Return the policy areas that words stand for."""
        recorded = self._snapshot.session.read_values("policyArea", COMMITMENT.name) if words else ()
        return self._match("policyArea", words, (*POLICY_AREAS, *recorded))

    def match_actors(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the actors that words stand for: those of entries, and accounts that have not recorded any yet."""
        others = (IMPORTER, OPERATOR, *self._snapshot.find_many(words))
        return tuple(self._match_recorded("actor", words, others) or ())

    def resolve(self, name: str, aggregate_type: str, codes: Sequence[str] | None) -> list[str] | None:
        """Return the ids of the aggregates that codes or ids name."""
        if codes is None:
            return None
        prefix = f"{aggregate_type}-"
        ids = [code for code in codes if code.startswith(prefix)]
        named = [code for code in codes if not code.startswith(prefix)]
        found = self._snapshot.find_ids_by_code(aggregate_type, named)
        if missing := [] if self._is_lenient else [code for code in named if code not in found]:
            # Others have it later than at the snapshot.
            match_codes(name, missing, (), partial(self._snapshot.session.read_values, "code", aggregate_type), "")
        return [*_streams(ids), *found.values()]

    def _match_recorded(self, column: str, words: Sequence[str] | None, others: Sequence[str]) -> Sequence[str] | None:
        """Return the values of a column of entries that words stand for, which may be others once there are entries."""
        recorded = self._snapshot.session.read_values(f"entry/{column}") if words else ()
        return self._match(column, words, (*recorded, *others) if recorded else ())

    def _match(self, name: str, words: Sequence[str] | None, known: Iterable[str]) -> Sequence[str] | None:
        if words is None:
            return None
        return match_words(name, words, (*known, *words) if self._is_lenient else known, tuple)


def _actor_conditions(
    where: TextFilter | None, names: _Names
) -> tuple[list[tuple[str, Iterable[object] | None]], Conditions]:
    """Return the values that a filter of actors accepts and those that it excludes; every entry has an actor."""
    if where is None:
        return [], ()
    equal = None if where.eq is None else [where.eq]
    accepted = [("actor", names.match_actors(words)) for words in (equal, where.in_) if words is not None]
    excluded = (("actor", names.match_actors(where.not_in)),) if where.not_in else ()
    if where.is_null or where.unknown:
        accepted.append(("actor", ()))
    return [*accepted], excluded


def _require_short(name: str, values: object) -> None:
    longest = MAX_PATHS if name == "path" else MAX_VALUES
    if isinstance(values, list) and len(values) > longest:
        message = f"`{snake_to_camel(name, upper=False)}` has {len(values)} values, but may have {longest}"
        raise client_error(message, RefusalCode.INVALID)


def _accepted_texts(conditions: Iterable[tuple[str, Iterable[object] | None]]) -> Conditions:
    return tuple(
        (name, tuple(dict.fromkeys(map(enum_text, values)))) for name, values in conditions if values is not None
    )


def _streams(ids: Iterable[str]) -> list[str]:
    """Return the things that ids of them, of states of them or of their parts belong to; raises GraphQLError."""
    streams = _parse_streams(ids)
    if unknown := [each for each in streams if aggregate_type_of(each) not in AGGREGATE_TYPES]:
        raise client_error(f"{unknown[0][:80]!r} is not an id", RefusalCode.INVALID)
    return streams


def _parse_streams(ids: Iterable[str]) -> list[str]:
    try:
        return [parse_state_id(each).stream for each in ids]
    except ValueError as error:
        raise client_error(str(error), RefusalCode.INVALID) from error


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else to_microseconds(moment)


def _instants(date: PartialDate) -> tuple[datetime, datetime]:
    """Return the first and the last instant of a partial date; raises GraphQLError (BAD_TIME) for none."""
    require_day(date, "effective")
    try:
        interval = period_interval(date, _END_OF_TIME)
    except ValueError as error:
        raise client_error(f"effective: there is no {date}", FieldErrorCode.BAD_TIME) from error
    assert interval.after is not None
    return interval.after + datetime.resolution, interval.before


# Orders


@strawberry.enum(description="What entries can be sorted by.")
class EntryOrderField(Enum):
    POSITION = strawberry.enum_value(
        "position", description="By the position, which is the order in which they were recorded."
    )
    EFFECTIVE = strawberry.enum_value(
        "effective_before",
        description="By the time by which what they state had become so (`effective.before`); ties by the position.",
    )


@strawberry.input(description="A field to sort entries by, and the direction. Every entry has a value of each field.")
class EntryOrder:
    field: EntryOrderField = strawberry.field(description="The field.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="The direction.")


EntryOrders = Annotated[
    list[EntryOrder] | None,
    strawberry.argument(
        metadata=weighs(item=ORDER_COST, max_items=len(EntryOrderField)),
        description="The fields to sort by, the first one first. Ties are broken by the position. Omitted or null: by "
        "the position.",
    ),
]


def build_entry_order(steps: Sequence[EntryOrder] | None) -> OrderOfEntries:
    """Return the order of some steps, the first of which sorts first; by position without any, and where they tie."""
    columns: dict[str, bool] = {}
    for step in steps or ():
        columns.setdefault(str(step.field.value), step.direction is OrderDirection.DESC)
    last: Any = next(reversed(columns.values()), False)
    columns.setdefault("position", last)
    order = tuple(columns.items())
    return order[: list(columns).index("position") + 1]
