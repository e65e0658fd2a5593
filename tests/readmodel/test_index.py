from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ogpgraph.application import Act, Session
from ogpgraph.domain.event import Facts
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.readmodel.conditions import (
    All,
    Among,
    AnyOf,
    Between,
    ChangedSince,
    Condition,
    Has,
    Holding,
    Known,
    Matching,
    Not,
    Whose,
)
from ogpgraph.readmodel.index import BY_CODE, Index, Posting, bits_of, built, slots_of
from ogpgraph.readmodel.indexes import KEPT, Indexes
from ogpgraph.storage.database import Transaction
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES

ACT = Act(actor="someone", role="publisher", time=datetime(2026, 1, 1, tzinfo=UTC))
STATUSES = ["ACTIVE", "INACTIVE", "WITHDRAWN"]
AREAS = ["Open Data", "Gender", "Justice"]
SEEDS = range(4)


def _grow(system: System, rng: random.Random, steps: int = 30) -> None:
    """Let a log grow by random registrations and changes of members, and of commitments of theirs."""
    codes: list[str] = []
    members: list[str] = []

    def step(session: Session) -> None:
        if not members or rng.random() < 0.1:
            facts: Facts = {"region": rng.choice(["Europe", "Americas"]), "prefix": f"A{chr(65 + len(members))}"}
            members.append(session.register_member(f"AA{chr(65 + len(members))}", facts).id)
        elif not codes or rng.random() < 0.4:
            codes.append(f"FR{rng.randrange(10_000):04d}")
            if session.meaning_of("commitment", codes[-1]) is None:
                session.register_commitment(
                    codes[-1], {"member": rng.choice(members), "cycle": rng.randint(2012, 2016)}
                )
        else:
            _change(session, rng, rng.choice(codes))

    def ten_steps(session: Session) -> None:
        for _ in range(10):
            step(session)

    for _ in range(0, steps, 10):
        system.record(ACT, ten_steps)


def _change(session: Session, rng: random.Random, code: str) -> None:
    rating = Rating(RatingState.RATED, rng.choice([RatingValue.LIMITED, RatingValue.COMPLETE]))
    changes: list[Facts] = [
        {"status": rng.choice(STATUSES)},
        {"policyAreas": tuple(rng.sample(AREAS, rng.randint(0, 3)))},
        {"cycle": rng.randint(2012, 2016)},
        {"ratings/COMPLETION/RESULTS": rating},
        {"ratings/COMPLETION/MIDTERM": Rating(RatingState.PENDING)},
    ]
    session.revise_commitment(session.require("commitment", code).id, rng.choice(changes))


def _condition(rng: random.Random, depth: int = 3) -> Condition:
    leaves: list[Callable[[], Condition]] = [
        lambda: Has("status", tuple(rng.sample(STATUSES, rng.randint(0, 2)))),
        lambda: Has("policyArea", tuple(rng.sample(AREAS, rng.randint(1, 2)))),
        lambda: Known(rng.choice(["status", "rating:COMPLETION", "policyArea"])),
        lambda: Between("cycle", rng.choice([None, 2013]), rng.choice([2014, 2015])),
        lambda: Matching("rating:COMPLETION", lambda value: value == "COMPLETE", "complete"),
        lambda: ChangedSince(rng.randrange(40)),
        lambda: Whose("member", "member", Has("region", (rng.choice(["Europe", "Americas"]),))),
    ]
    if depth == 0 or rng.random() < 0.4:
        return rng.choice(leaves)()
    parts = tuple(_condition(rng, depth - 1) for _ in range(rng.randint(0, 3)))
    return rng.choice([All(parts), AnyOf(parts), Not(_condition(rng, depth - 1))])


class PlainSql:
    """The same questions asked of the rows, one tag at a time."""

    def __init__(self, transaction: Transaction, at: int) -> None:
        self._transaction = transaction
        self._at = at

    def everyone(self, kind: str) -> dict[str, int]:
        sql = "select id, since from version where kind = :kind and since <= :at and :at < until"
        return {row["id"]: row["since"] for row in self._transaction.rows(sql, kind=kind, at=self._at)}

    def values(self, kind: str, dimension: str) -> dict[str, set[str]]:
        sql = "select id, value from tag where kind = :kind and dimension = :dimension and since <= :at and :at < until"
        found: dict[str, set[str]] = {}
        for row in self._transaction.rows(sql, kind=kind, dimension=dimension, at=self._at):
            found.setdefault(row["id"], set()).add(row["value"])
        return found

    def fulfilling(self, kind: str, condition: Condition) -> set[str]:
        everyone = self.everyone(kind)
        match condition:
            case All(conditions):
                return set(everyone).intersection(*(self.fulfilling(kind, each) for each in conditions))
            case AnyOf(conditions):
                return set().union(*(self.fulfilling(kind, each) for each in conditions))
            case Not(inner):
                return set(everyone) - self.fulfilling(kind, inner)
            case ChangedSince(position):
                return {each for each, since in everyone.items() if since > position}
            case Whose(dimension, other, inner):
                return self._having(kind, dimension, lambda value: value in self.fulfilling(other, inner))
            case Has(dimension, values):
                return self._having(kind, dimension, lambda value: value in values)
            case Known(dimension):
                return self._having(kind, dimension, lambda _: True)
            case Between(dimension, least, most):
                return self._having(kind, dimension, lambda v: int(least or 0) <= int(v) <= int(most or 0))
            case Matching(dimension, holds, _):
                return self._having(kind, dimension, holds)
        raise AssertionError(condition)

    def _having(self, kind: str, dimension: str, holds: Callable[[str], bool]) -> set[str]:
        return {each for each, values in self.values(kind, dimension).items() if any(map(holds, values))}


@BOTH_ENGINES
@pytest.mark.parametrize("seed", SEEDS)
def test_index_answers_as_plain_sql_does_at_random_positions_and_filters(system: System, seed: int) -> None:
    rng = random.Random(seed)
    _grow(system, rng)
    with system.reading() as reading:
        indexes = Indexes()
        for _ in range(40):
            at = rng.randint(1, reading.head)
            plain, condition = PlainSql(reading.transaction, at), _condition(rng)

            def index_of(kind: str, at: int = at) -> Index:
                return indexes.at(reading.transaction, kind, at)

            index = index_of("commitment")
            mask = condition.mask(index, index_of)
            assert set(index.members_of(mask)) == plain.fulfilling("commitment", condition), condition
            expected = {value for each, values in plain.values("commitment", "policyArea").items() for value in values}
            assert set(index.counts("policyArea", index.everyone)) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_index_brought_forward_equals_one_made_anew(system: System, seed: int) -> None:
    rng = random.Random(seed)
    _grow(system, rng)
    with system.reading() as reading:
        indexes = Indexes()
        for at in sorted(rng.sample(range(1, reading.head + 1), 12)):
            forward, anew = (
                indexes.at(reading.transaction, "commitment", at),
                built(reading.transaction, "commitment", at),
            )
            assert _plain(forward) == _plain(anew)


def _plain(index: Index) -> tuple[object, ...]:
    held = {
        (dimension, value, each)
        for dimension, values in index.postings.items()
        for value, posting in values.items()
        for each in index.members_of(posting.mask())
    }
    codes = {each: (index.codes[slot], index.since[slot]) for each, slot in index.slots.items()}
    return held, codes, set(index.members_of(index.everyone))


@pytest.mark.parametrize("order", [BY_CODE, (("cycle", True),), (("status", False), ("changed", True))])
def test_pages_of_any_size_join_to_the_whole_order_both_ways(
    system: System, order: tuple[tuple[str, bool], ...]
) -> None:
    _grow(system, random.Random(9), steps=60)
    with system.reading() as reading:
        index = built(reading.transaction, "commitment", reading.head)
        ranking = index.ranking(order)
        whole = [index.ids[slot] for slot in ranking.slots]
        assert ranking.keys == sorted(ranking.keys)
        assert len(whole) > 10
        for limit in (1, 3, 7, 100):
            assert _walk(index, order, limit, backward=False) == whole
            assert _walk(index, order, limit, backward=True) == whole[::-1]


def _walk(index: Index, order: tuple[tuple[str, bool], ...], limit: int, *, backward: bool) -> list[str]:
    ids: list[str] = []
    edge = None
    while True:
        bounds = (None, edge) if backward else (edge, None)
        page = index.page(index.everyone, order, limit, bounds, backward=backward)
        if not page:
            return ids
        ids += [each for _, each in page]
        edge = page[-1][0]


def test_few_and_many_are_paged_alike(system: System) -> None:
    _grow(system, random.Random(3), steps=80)
    with system.reading() as reading:
        index = built(reading.transaction, "commitment", reading.head)
        everyone = index.page(index.everyone, BY_CODE, 1000, (None, None), backward=False)
        for key, each in everyone:
            assert index.page(bits_of([index.slots[each]]), BY_CODE, 5, (None, None), backward=False) == [(key, each)]


def test_who_holds_something_is_found_from_what_is_held(system: System) -> None:
    _grow(system, random.Random(5), steps=60)
    with system.reading() as reading:
        snapshot = reading.now()
        condition = Holding("commitment", "member", Has("status", ("ACTIVE",)))
        members = snapshot.index("member")
        active = snapshot.index("commitment").having("status", ("ACTIVE",))
        expected = {snapshot.subject(each).text("member") for each in snapshot.index("commitment").members_of(active)}  # type: ignore[union-attr]
        assert set(members.members_of(condition.mask(members, snapshot.index))) == expected


def test_only_a_few_indexes_of_a_kind_are_kept(system: System) -> None:
    _grow(system, random.Random(2), steps=30)
    with system.reading() as reading:
        indexes = Indexes()
        for at in range(1, reading.head + 1):
            indexes.at(reading.transaction, "commitment", at)
        assert len(indexes._kept["commitment"]) == KEPT


def test_postings_lose_and_win_slots() -> None:
    posting = Posting().without_and_with([], [70, 200, 3]).without_and_with([3], [5])
    assert list(slots_of(posting.mask())) == [5, 70, 200]
    assert posting.without_and_with([5, 70, 200], []) == Posting()


def test_slots_of_many_and_of_few_are_the_same_slots() -> None:
    many = sorted(random.Random(1).sample(range(5_000), 1_000))
    assert list(slots_of(bits_of(many))) == many
    assert list(slots_of(bits_of(many[:20]))) == many[:20]


def test_among_knows_only_those_that_are_there(system: System) -> None:
    _grow(system, random.Random(4))
    with system.reading() as reading:
        index = built(reading.transaction, "commitment", reading.head)
        mask = Among(frozenset({index.ids[0], "commitment-unknown"})).mask(index, lambda _: index)
        assert list(index.members_of(mask)) == [index.ids[0]]
