"""The claims that a source made earlier than its latest, as rows: what a state as of a date is made of.

A row is valid at some positions, as every row, and on the days on which its claim is what the source had decided, or
what was to come next. So for a date at most two claims of a source at a path are read, however many it made.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple

import msgspec

from ogpgraph.domain.aggregate import Claim
from ogpgraph.domain.as_of import FIRST_DAY, AggregateAsOf, Timeline, by_source
from ogpgraph.domain.field import Tag
from ogpgraph.domain.values import day_of
from ogpgraph.readmodel.entry_query import entry_term
from ogpgraph.readmodel.states import MAX_CACHED_STATES, compress, decompress
from ogpgraph.storage.database import Row

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Claim)


class EarlierClaim(NamedTuple):
    """A claim at a path that matters from one day until before another."""

    path: str
    claim: Claim
    first_day: int
    end_day: int

    @property
    def term(self) -> Tag:
        """Return the term of the path."""
        return entry_term("path", self.path)


def earlier_claims(timeline: Timeline, paths: Iterable[str]) -> frozenset[EarlierClaim]:
    """Return the earlier claims at some paths, each with its days."""
    return frozenset(each for path in paths for each in _iter_path(timeline, path))


def _iter_path(timeline: Timeline, path: str) -> Iterator[EarlierClaim]:
    if path not in timeline.earlier:
        return
    latest = {claim.key: claim for claim in timeline.aggregate.claims.get(path, ())}
    for key, claims in groupby(timeline.earlier[path], key=by_source):
        known = list(claims)
        days = [FIRST_DAY, *(day_of(claim.before) for claim in (*known, latest[key]))]
        for number, claim in enumerate(known):
            yield EarlierClaim(path, claim, days[number], days[number + 2])


def encode_claim(claim: Claim) -> bytes:
    """Return a claim as a row holds it."""
    return compress(_encoder.encode(claim))


def hash_claim(claim: Claim) -> int:
    """Return the number by which the row of a claim is found."""
    return int.from_bytes(sha256(_encoder.encode(claim)).digest()[:8], signed=True)


def decode_earlier(rows: Iterable[Row]) -> dict[tuple[int, str], dict[str, tuple[Claim, ...]]]:
    """Return position and id → path → the claims in rows, by source and then by time."""
    found: dict[tuple[int, str], dict[str, list[Claim]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row["at"], row["id"]][row["path"]].append(_decoder.decode(decompress(row["claim"])))
    return {
        key: {path: tuple(sorted(claims, key=_order_of)) for path, claims in by_path.items()}
        for key, by_path in found.items()
    }


def _order_of(claim: Claim) -> tuple[object, ...]:
    return claim.key, claim.before, claim.revision


# States as of a day


class DatedStateCache:
    """States as of days, the most recently added ones. They never change, so none is ever stale."""

    def __init__(self) -> None:
        self._cached: OrderedDict[tuple[str, int, int], AggregateAsOf] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, stream: str, since: int, day: int) -> AggregateAsOf | None:
        """Return the state of a stream since a position as of a day, None if it is not cached."""
        with self._lock:
            return self._cached.get((stream, since, day))

    def add(self, stream: str, since: int, day: int, state: AggregateAsOf) -> None:
        """Add the state of a stream since a position as of a day."""
        with self._lock:
            self._cached[stream, since, day] = state
            while len(self._cached) > MAX_CACHED_STATES:
                self._cached.popitem(last=False)
