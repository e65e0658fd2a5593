"""Random values of arguments: those that a record knows, those that it does not, nulls, and wrong ones."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_leaf_type,
    is_required_input_field,
)

Pools = Mapping[str, list[Any]]
"""The values that a record knows, by what they are."""

FALLBACKS: Final[dict[str, tuple[Any, ...]]] = {
    "Int": (0, 1, 2, 3, 5, 8, 12, 2015, 2018),
    "Boolean": (True, False),
    "Position": (1, 3, 5, 9, 12, 40),
    "DateTime": ("2016-05-01T00:00:00Z", "2021-04-02T00:00:00+02:00", "2026-01-01T12:00:30Z"),
    "PartialDate": ("2015", "2016-05", "2016-S1", "2017-03-01", "2018", "2018-S2", "2019-Q3", "2021-04-02"),
    "String": ("en", "es", "title", "Europe", "nobody", 'é\u2028"\\\n', ""),
    "ID": ("nobody", "000001", "FR0001"),
}
"""Values of scalars for which the record knows none."""
WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "Int": (-1, 101, 2**31, 2**53 + 1, "1", 1.5, True),
    "Boolean": ("true", 1),
    "Position": (0, -1, 10**6, 10**15, "x", 0.5),
    "DateTime": ("2099-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "yesterday", 5),
    "PartialDate": ("2019/..", "2019-02-30", "19", 2019, ""),
    "String": (5, ["x"], {}, "a\0b"),
    "ID": ("", "a:b:c:d", 1.5, "000001@99999", "x@2019-02-30"),
}
"""Values of scalars that are wrong, or wrong where they are used."""
POOL_OF: Final = {
    "member.code": "member codes",
    "actionPlan.code": "plan codes",
    "actionPlan.id": "plan ids",
    "commitment.code": "commitment codes",
    "source.id": "source ids",
    "node.id": "ids",
    "entry.position": "positions",
    "at.position": "positions",
    "at.time": "recorded times",
    "at.root": "roots",
    "members.after": "member cursors",
    "members.before": "member cursors",
    "actionPlans.after": "plan cursors",
    "actionPlans.before": "plan cursors",
    "commitments.after": "commitment cursors",
    "commitments.before": "commitment cursors",
    "compare.after": "commitment cursors",
    "compare.before": "commitment cursors",
    "entries.after": "entry cursors",
    "entries.before": "entry cursors",
    "history.after": "entry cursors",
    "history.before": "entry cursors",
    "language": "languages",
    "path": "paths",
    "compare.from": "positions",
    "compare.to": "positions",
    "changedSince": "positions",
    "MemberFilter.code": "member codes",
    "MemberFilter.region": "regions",
    "MemberFilter.type": "types",
    "ActionPlanFilter.code": "plan codes",
    "ActionPlanFilter.cycle": "cycles",
    "CommitmentFilter.code": "commitment codes",
    "CommitmentFilter.cycle": "cycles",
    "CommitmentFilter.language": "languages",
    "CommitmentFilter.policyArea": "policy areas",
    "CommitmentFilter.title": "words",
    "lastObserved": "times",
    "timeline": "times",
    "recorded": "times",
    "PositionRange": "positions",
    "EffectiveRange": "dates",
    "PartialDate": "dates",
    "EntryFilter.actionPlan": "plan ids",
    "EntryFilter.commitment": "commitment codes",
    "EntryFilter.member": "member codes",
    "EntryFilter.policyArea": "policy areas",
    "EntryFilter.subject": "ids",
    "actor": "actors",
    "role": "roles",
    "source": "source ids",
    "commitment": "commitment codes",
    "commitments": "commitment codes",
    "into": "commitment codes",
    "predecessors": "commitment codes",
    "successors": "commitment codes",
    "actionPlan": "plan codes",
    "member": "member codes",
    "members": "member codes",
    "account": "account id",
    "entry": "entry id",
    "number": "milestone numbers",
    "policyAreas": "policy areas",
    "correlationId": "correlations",
}
"""What an argument, or a field of an input type, is: by its owner and name, its name, or its owner."""


class RandomValues:
    """Chooses values of input types, the same for the same random numbers.

    A `careful` choice takes values that the record knows, or that it may know; others are wrong here and there. `asked`
    counts how often each field of an input type (`MemberFilter.code`) was given.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.pools: Pools = {}
        self._kinds_of_ids: list[str] = []
        self.is_careful = True
        self.asked: Counter[str] = Counter()

    def learn(self, data: Any) -> None:
        """Choose from now on from the values in the response to `HARVEST`."""
        self.pools = collect_pools(data)
        self._kinds_of_ids = [each for each in self.pools if each.endswith(" id")]

    def choose(self, type_: Any, *names: str) -> Any:
        """Return a value as JSON for what `names` say: the owner and the name of each enclosing argument or field."""
        return self._choose(type_, names, 2)

    def known(self, pool: str) -> list[Any]:
        """Return the values of a pool."""
        return self.pools.get(pool) or []

    def _choose(self, type_: Any, names: tuple[str, ...], depth: int) -> Any:
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        elif self._chance.random() < 0.04:
            return None
        if not self.is_careful and self._chance.random() < 0.03:
            return self._chance.choice((None, 5, "x", [], {}, [None], {"x": None}))
        if isinstance(type_, GraphQLList):
            number = self._chance.choice((0, 1, 1, 1, 2, 3))
            number = min(number, 1) if self.is_careful and "orderBy" in names else number  # two may contradict
            return [self._choose(type_.of_type, names, depth) for _ in range(number)]
        if isinstance(type_, GraphQLEnumType):
            return self._chance.choice(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return self._choose_fields(type_, names, depth)
        return self._choose_scalar(type_.name, names)

    def _choose_scalar(self, type_name: str, names: tuple[str, ...]) -> Any:
        if not self.is_careful and self._chance.random() < 0.2:
            return self._chance.choice(WRONG.get(type_name, ("x", 5)))
        pool = next((POOL_OF[name] for name in (*names[::-1], type_name) if name in POOL_OF), "")
        is_known = self.pools.get(pool) and type_name != "Boolean"
        if is_known and (self.is_careful or self._chance.random() < 0.9):
            value = self._choose_known(pool)
            if isinstance(value, int) == (type_name in ("Int", "Position")):
                return value
        if names and names[-1] in ("first", "last"):
            return self._chance.choice((0, 1, 2, 2, 3, 5, 100))
        return self._chance.choice(FALLBACKS.get(type_name, FALLBACKS["String"]))

    def _choose_known(self, pool: str) -> Any:
        """Return a value that the record knows: of ids one of any kind, which rarely names a state."""
        known = self.pools[pool]
        if pool == "ids":
            known = self.pools[self._chance.choice(self._kinds_of_ids)]
        value = self._chance.choice(known)
        names_state = pool.endswith("ids") and {"~", "@"} & set(value)
        return value if not names_state or self._chance.random() < 0.1 else self._choose_known(pool)

    def _choose_fields(self, type_: GraphQLInputObjectType, names: tuple[str, ...], depth: int) -> dict[str, Any]:
        required = {name: each for name, each in type_.fields.items() if is_required_input_field(each)}
        others: list[tuple[str, GraphQLInputField]] = [
            (name, each)
            for name, each in type_.fields.items()
            if name not in required and (depth > 0 or is_leaf_type(get_named_type(each.type)))
        ]
        weights = [(1 + self.asked[f"{type_.name}.{name}"]) ** -1.5 for name, _ in others]
        chosen = self._chance.choices(others, weights, k=self._chance.choice((0, 1, 1, 1, 2, 3))) if others else []
        self.asked.update(
            {f"{type_.name}.{name}" for name, _ in chosen} | {f"{type_.name}.{name}" for name in required}
        )
        return {
            name: self._choose(each.type, (*names, type_.name, name, f"{type_.name}.{name}"), depth - 1)
            for name, each in [*required.items(), *chosen]
        }


def write_literal(type_: Any, value: Any) -> str:
    """Return a JSON value as a literal of a document; a value of another type as what it looks like."""
    if isinstance(type_, GraphQLNonNull):
        return write_literal(type_.of_type, value)
    if isinstance(value, list):
        return f"[{', '.join(write_literal(getattr(type_, 'of_type', type_), each) for each in value)}]"
    if isinstance(value, dict):
        known = getattr(type_, "fields", {})
        fields = (
            f"{name}: {write_literal(known[name].type if name in known else None, each)}"
            for name, each in value.items()
        )
        return f"{{{', '.join(fields)}}}"
    return str(value) if isinstance(type_, GraphQLEnumType) and value is not None else json.dumps(value)


HARVEST: Final = """
query Harvest($at: Position!, $date: PartialDate!) {
  members(first: 100) { ...M }
  actionPlans(first: 100) { ...P }
  commitments(first: 100) { ...C }
  entries(last: 100) { edges { cursor node { id stableId position rootHash recordedAt actor role correlationId
    effectiveOn source { id } subject { id stableId } } } }
  at(position: $at) { members(first: 3) { ...M } commitments(first: 10) { ...C } entries(last: 5) { nodes { id } } }
  asOf(date: $date) { actionPlans(first: 3) { ...P } commitments(first: 10) { ...C } }
}
fragment M on MemberConnection { edges { cursor node { id stableId code prefix region type } } }
fragment P on ActionPlanConnection { edges { cursor node { id stableId code cycle startsOn endsOn } } }
fragment C on CommitmentConnection { edges { cursor node { id stableId code formerCodes key policyAreas languages title
  startsOn endsOn lastObservedAt milestones { id number } ratings { id } narratives { id }
  localizedTexts { id language } claims { id path } blame { id } sources { id stableId observations { id } } } } }
"""
"""A query of what the record knows."""
_POOLS_OF_LEAVES: Final = {
    "members": {"cursor": "member cursors", "code": "member codes", "prefix": "member codes"},
    "actionPlans": {"cursor": "plan cursors", "code": "plan codes", "id": "plan ids", "stableId": "plan ids"},
    "commitments": {"cursor": "commitment cursors", "title": "words"}
    | dict.fromkeys(("code", "formerCodes", "key"), "commitment codes"),
    "entries": {"cursor": "entry cursors", "recordedAt": "recorded times"},
    "milestones": {"number": "milestone numbers"},
    "sources": {"id": "source ids", "stableId": "source ids"},
    "source": {"id": "source ids"},
    "": {
        "region": "regions",
        "type": "types",
        "cycle": "cycles",
        "policyAreas": "policy areas",
        "languages": "languages",
        "language": "languages",
        "path": "paths",
        "position": "positions",
        "rootHash": "roots",
        "recordedAt": "times",
        "lastObservedAt": "times",
        "actor": "actors",
        "role": "roles",
        "correlationId": "correlations",
    }
    | dict.fromkeys(("id", "stableId"), "ids")
    | dict.fromkeys(("startsOn", "endsOn", "effectiveOn"), "dates"),
}
"""Which pools a value of the response to `HARVEST` belongs to: by the nearest enclosing field, and by its own."""


def collect_pools(data: Any) -> dict[str, list[Any]]:
    """Return the values in the response to `HARVEST`, by what they are, each once."""
    pools: dict[str, dict[Any, None]] = {}
    for owner, name, value in _iter_leaves(data, "", ""):
        found = [pool for each in (owner, "") if (pool := _POOLS_OF_LEAVES.get(each, {}).get(name))]
        found += [_pool_of_id(value)] if name in ("id", "stableId") else []
        for pool in found:
            pools.setdefault(pool, {})[value] = None
    return {pool: list(values) for pool, values in pools.items()}


def _iter_leaves(value: Any, owner: str, name: str) -> Iterator[tuple[str, str, Any]]:
    match value:
        case dict():
            inner = name if name in _POOLS_OF_LEAVES else owner
            for key, each in value.items():
                yield from _iter_leaves(each, inner, key)
        case list():
            for each in value:
                yield from _iter_leaves(each, owner, name)
        case None:
            return
        case _:
            yield owner, name, value


def _pool_of_id(id_: str) -> str:
    """Return the pool of the ids that are alike: `commitment id`, or `claims id` for those of its claims."""
    stream, *parts = id_.split("/")
    kind = parts[0] if parts else re.split("[-~@]", stream)[0]
    return f"{'entry' if kind.isdigit() else kind} id"
