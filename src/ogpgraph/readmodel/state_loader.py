"""Loads states of aggregates, each from the nearest one in memory: what only few entries changed is not decoded again.

The present states are in memory, as far as they fit. That of a past position is made from the next one that is known,
by undoing what the entries in between changed, or from one before it, by applying that. It shares with it all that did
not change. Only where none is near is it decoded from the rows of its chain.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.delta import Delta, apply_claims, undo_claims
from ogpgraph.readmodel import queries
from ogpgraph.readmodel.queries import SqlStatement
from ogpgraph.readmodel.states import StateCache, decode_delta, decompress
from ogpgraph.readmodel.streams import StreamTable
from ogpgraph.storage.database import Row, iter_chunks

MAX_STEPS: Final = 24
"""A state that is so many entries away is about as expensive to change as decoding the whole chain is."""
Version = tuple[str, int]
"""The id of a stream, and the position of one of its entries, since which its state is as it is."""


class Route(NamedTuple):
    """How the state of a version is made: from another one, and by the entries in between, which are in order."""

    version: Version
    known: Version
    positions: Sequence[int]

    @property
    def is_backward(self) -> bool:
        """Whether the changes of the entries are undone."""
        return self.known[1] > self.version[1]


class StateLoader:
    """Loads states of the versions that a table of streams has, into a cache."""

    def __init__(self, cache: StateCache, streams: StreamTable, fetch: Callable[[SqlStatement], list[Row]]) -> None:
        self._cache = cache
        self._streams = streams
        self._fetch = fetch

    def load(self, versions: Iterable[Version]) -> Iterator[tuple[Version, Aggregate]]:
        """Yield the versions with their states, as each is found or made; without those that the tables lack."""
        requested = list(versions)
        known = self._cache.get_many(requested)
        yield from known.items()
        missing = [version for version in requested if version not in known]
        routes = self._plan(missing, known)
        deltas = self._read_deltas({position for route in routes for position in route.positions})
        for route in routes:
            if (source := known.get(route.known)) and deltas.keys() >= set(route.positions):
                state = _change(source, [deltas[position] for position in route.positions], route)
                known[route.version] = state
                self._cache.add({route.version: state})
                yield route.version, state
        yield from self._decode([version for version in missing if version not in known])

    def _plan(self, missing: Iterable[Version], known: dict[Version, Aggregate]) -> list[Route]:
        """Return how the states are made of which one is near, in the order in which they have to be made.

        What they are made from is added to those known.
        """
        planned: set[Version] = set()
        routes: list[Route] = []
        for version in sorted(missing, reverse=True):
            route = self._find_route(version, known, planned)
            if route is not None:
                planned.add(version)
                routes.append(route)
        return routes

    def _find_route(self, version: Version, known: dict[Version, Aggregate], planned: set[Version]) -> Route | None:
        stream, since = version
        positions = self._streams.all_positions(stream)
        place = bisect_left(positions, since)
        for distance in range(1, MAX_STEPS + 1):
            for other in (place + distance, place - distance):
                if not 0 <= other < len(positions):
                    continue
                near = stream, positions[other]
                if near not in planned and near not in known:
                    if (state := self._cache.peek(near)) is None:
                        continue
                    known[near] = state
                between = positions[min(place, other) + 1 : max(place, other) + 1]
                return Route(version, near, between)
        return None

    def _read_deltas(self, positions: Iterable[int]) -> Mapping[int, Delta]:
        found: dict[int, Delta] = {}
        for chunk in iter_chunks(sorted(positions)):
            rows = self._fetch(queries.select_deltas(chunk))
            found |= {row["position"]: decode_delta(decompress(row["delta"])) for row in rows}
        return found

    def _decode(self, versions: Sequence[Version]) -> Iterator[tuple[Version, Aggregate]]:
        for chunk in iter_chunks([(since, stream) for stream, since in versions]):
            rows = self._fetch(queries.select_chains(chunk))
            for since, row, state in self._cache.decode(rows, chunk):
                if row["position"] == since:
                    yield (state.id, since), state


def _change(state: Aggregate, deltas: Sequence[Delta], route: Route) -> Aggregate:
    return undo_claims(state, deltas) if route.is_backward else apply_claims(state, deltas)
