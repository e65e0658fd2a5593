"""The index: conditions, pages and orders against plain SQL, on random logs at random positions."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ogpgraph.domain.commitment import register_commitment, revise_commitment
from ogpgraph.domain.event import Facts
from ogpgraph.domain.member import register_member
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.readmodel.filters import (
    AllOf,
    AnyOf,
    ChangedSince,
    Condition,
    HasAnyValue,
    HasRelated,
    HasValue,
    IdIn,
    Not,
    RelatedTo,
    ValueBetween,
    ValueMatches,
)
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.index_cache import IndexKey, PastIndexes, PresentIndexes
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.readmodel.sort_keys import BY_CODE, Order, SortStep, encode_order
from ogpgraph.storage.database import Transaction
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES

pytestmark = BOTH_ENGINES

ACT = CommandContext(actor="someone", role="publisher", time=datetime(2026, 1, 1, tzinfo=UTC))
STATUSES = ["ACTIVE", "INACTIVE", "WITHDRAWN"]
AREAS = ["Open Data", "Gender", "Justice"]
SEEDS = range(4)


def _grow(system: System, rng: random.Random, steps: int = 30) -> None:
    """Record random registrations and changes of members and of their commitments."""
    codes: list[str] = []
    members: list[str] = []

    def step(uow: UnitOfWork) -> None:
        if not members or rng.random() < 0.1:
            facts: Facts = {"region": rng.choice(["Europe", "Americas"]), "prefix": f"A{chr(65 + len(members))}"}
            members.append(register_member(uow, f"AA{chr(65 + len(members))}", facts).id)
        elif not codes or rng.random() < 0.4:
            codes.append(f"FR{rng.randrange(10_000):04d}")
            if uow.resolve_code("commitment", codes[-1]) is None:
                register_commitment(uow, codes[-1], {"member": rng.choice(members), "cycle": rng.randint(2012, 2016)})
        else:
            _change(uow, rng, rng.choice(codes))

    def ten_steps(uow: UnitOfWork) -> None:
        for _ in range(10):
            step(uow)

    for _ in range(0, steps, 10):
        system.execute(ACT, ten_steps)


def _change(uow: UnitOfWork, rng: random.Random, code: str) -> None:
    rating = Rating(RatingState.RATED, rng.choice([RatingValue.LIMITED, RatingValue.COMPLETE]))
    changes: list[Facts] = [
        {"status": rng.choice(STATUSES)},
        {"policyAreas": tuple(rng.sample(AREAS, rng.randint(0, 3)))},
        {"cycle": rng.randint(2012, 2016)},
        {"ratings/COMPLETION/RESULTS": rating},
        {"ratings/COMPLETION/MIDTERM": Rating(RatingState.PENDING)},
    ]
    revise_commitment(uow, uow.require_by_code("commitment", code), rng.choice(changes))


def _condition(rng: random.Random, depth: int = 3) -> Condition:
    leaves: list[Callable[[], Condition]] = [
        lambda: HasValue("status", tuple(rng.sample(STATUSES, rng.randint(0, 2)))),
        lambda: HasValue("policyArea", tuple(rng.sample(AREAS, rng.randint(1, 2)))),
        lambda: HasAnyValue(rng.choice(["status", "rating:COMPLETION", "policyArea"])),
        lambda: ValueBetween("cycle", rng.choice([None, 2013]), rng.choice([2014, 2015])),
        lambda: ValueMatches("rating:COMPLETION", lambda value: value == "COMPLETE", "complete"),
        lambda: ChangedSince(rng.randrange(40)),
        lambda: RelatedTo("member", "member", HasValue("region", (rng.choice(["Europe", "Americas"]),))),
    ]
    if depth == 0 or rng.random() < 0.4:
        return rng.choice(leaves)()
    parts = tuple(_condition(rng, depth - 1) for _ in range(rng.randint(0, 3)))
    return rng.choice([AllOf(parts), AnyOf(parts), Not(_condition(rng, depth - 1))])


class PlainSql:
    """The same conditions evaluated by SQL, one tag at a time."""

    def __init__(self, transaction: Transaction, at: int) -> None:
        self._transaction = transaction
        self._at = at

    def all_ids(self, aggregate_type: str) -> dict[str, int]:
        sql = (
            "select s.id, max(e.position) as since from stream s join entry e on e.stream = s.key "
            "where s.aggregate_type = :aggregate_type and e.position <= :at group by s.id"
        )
        return {
            row["id"]: row["since"]
            for row in self._transaction.fetch_all(sql, aggregate_type=aggregate_type, at=self._at)
        }

    def values(self, aggregate_type: str, dimension: str) -> dict[str, set[str]]:
        sql = (
            "select s.id, m.value from tag t join stream s on s.key = t.stream join term m on m.key = t.term "
            "where s.aggregate_type = :aggregate_type and m.dimension = :dimension "
            "and t.since <= :at and :at < t.until and t.end_day = 2147483647"
        )
        found: dict[str, set[str]] = {}
        for row in self._transaction.fetch_all(sql, aggregate_type=aggregate_type, dimension=dimension, at=self._at):
            found.setdefault(row["id"], set()).add(row["value"])
        return found

    def matches(self, aggregate_type: str, condition: Condition) -> set[str]:
        universe = self.all_ids(aggregate_type)
        match condition:
            case AllOf(conditions):
                return set(universe).intersection(*(self.matches(aggregate_type, each) for each in conditions))
            case AnyOf(conditions):
                return set().union(*(self.matches(aggregate_type, each) for each in conditions))
            case Not(inner):
                return set(universe) - self.matches(aggregate_type, inner)
            case ChangedSince(position):
                return {each for each, since in universe.items() if since > position}
            case RelatedTo(dimension, other, inner):
                return self._with_value(aggregate_type, dimension, lambda value: value in self.matches(other, inner))
            case HasValue(dimension, values):
                return self._with_value(aggregate_type, dimension, lambda value: value in values)
            case HasAnyValue(dimension):
                return self._with_value(aggregate_type, dimension, lambda _: True)
            case ValueBetween(dimension, least, most):
                return self._with_value(
                    aggregate_type, dimension, lambda v: int(least or 0) <= int(v) <= int(most or 0)
                )
            case ValueMatches(dimension, holds, _):
                return self._with_value(aggregate_type, dimension, holds)
        raise AssertionError(condition)

    def _with_value(self, aggregate_type: str, dimension: str, holds: Callable[[str], bool]) -> set[str]:
        return {each for each, values in self.values(aggregate_type, dimension).items() if any(map(holds, values))}


def _load(session: ReadSession, aggregate_type: str = "commitment") -> Index:
    return PresentIndexes.load(session.transaction, session.head).of_type(aggregate_type)


@pytest.mark.parametrize("seed", SEEDS)
def test_index_answers_as_plain_sql_does(system: System, seed: int) -> None:
    rng = random.Random(seed)
    _grow(system, rng)
    with system.read_session() as session:
        present, past = PresentIndexes.load(session.transaction, session.head), PastIndexes()
        for _ in range(40):
            at = rng.randint(1, session.head)
            plain, condition = PlainSql(session.transaction, at), _condition(rng)

            def index_of(aggregate_type: str, at: int = at) -> Index:
                return past.get(present, session.transaction, aggregate_type, IndexKey(at))

            index = index_of("commitment")
            mask = condition.evaluate(index, index_of).fulfilled
            assert set(index.iter_ids(mask)) == plain.matches("commitment", condition), condition
            expected = {value for each, values in plain.values("commitment", "policyArea").items() for value in values}
            assert set(index.count_by_value("policyArea", index.universe)) == expected


ORDERS: list[Order] = [
    BY_CODE,
    (SortStep("cycle", descending=True),),
    (SortStep("status", nulls_first=True), SortStep("changed", descending=True)),
    (SortStep("endsOn"),),
]


@pytest.mark.parametrize("order", ORDERS, ids=encode_order)
def test_pages_of_any_size_add_up_to_the_order_in_both_directions(system: System, order: Order) -> None:
    _grow(system, random.Random(9), steps=60)
    with system.read_session() as session:
        index = _load(session)
        keys = list(index.sort_index(order).iter_keys())
        whole = [key[-1] for key in keys]
        assert keys == sorted(keys)
        assert len(whole) > 10
        for limit in (1, 3, 7, 100):
            assert _walk(index, order, limit, backward=False) == whole
            assert _walk(index, order, limit, backward=True) == whole[::-1]


def _walk(index: Index, order: Order, limit: int, *, backward: bool) -> list[str]:
    ids: list[str] = []
    edge = None
    while True:
        bounds = (None, edge) if backward else (edge, None)
        page = index.page(index.universe, order, limit, bounds, backward=backward)
        if not page:
            return ids
        ids += [each for _, each in page]
        edge = page[-1][0]


def test_few_and_many_matches_are_paged_alike(system: System) -> None:
    _grow(system, random.Random(3), steps=80)
    with system.read_session() as session:
        index = _load(session)
        all_rows = index.page(index.universe, BY_CODE, 1000, (None, None), backward=False)
        for key, each in all_rows:
            assert index.page(index.mask_of([each]), BY_CODE, 5, (None, None), backward=False) == [(key, each)]


def test_has_related_finds_what_the_matches_refer_to(system: System) -> None:
    _grow(system, random.Random(5), steps=60)
    with system.read_session() as session:
        snapshot = session.at_head()
        condition = HasRelated("commitment", "member", HasValue("status", ("ACTIVE",)))
        members = snapshot.index("member")
        active = snapshot.index("commitment").select("status", ("ACTIVE",))
        expected = {snapshot.find(each).string("member") for each in snapshot.index("commitment").iter_ids(active)}  # type: ignore[union-attr]
        assert set(members.iter_ids(condition.evaluate(members, snapshot.index).fulfilled)) == expected


def test_unknown_id_is_in_no_mask(system: System) -> None:
    _grow(system, random.Random(4))
    with system.read_session() as session:
        index = _load(session)
        mask = IdIn(frozenset({index.streams.ids[0], "commitment-unknown"})).evaluate(index, lambda _: index)
        assert list(index.iter_ids(mask.fulfilled)) == [index.streams.ids[0]]
