"""The claims that a source made earlier than its latest, as rows: what a state as of a date is made of.

A row is valid at some positions, as every row, and on the days on which its claim is what the source had decided, or
what was to come next. So for a date at most two claims of a source at a path are read, however many it made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple

import msgspec

from ogpgraph.domain.aggregate import Claim
from ogpgraph.domain.as_of import AggregateAsOf
from ogpgraph.domain.field import Tag
from ogpgraph.domain.timeline import FIRST_DAY, Timeline, by_source
from ogpgraph.domain.values import day_of
from ogpgraph.readmodel.entry_query import entry_term
from ogpgraph.readmodel.states import compress, decompress, size_of_state
from ogpgraph.storage.byte_cache import ByteCache
from ogpgraph.storage.database import Row

MAX_DATED_BYTES = 64 * 2**20
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


class DatedStateCache(ByteCache[tuple[str, int, int], AggregateAsOf]):
    """States as of days by id, the position since which the state is so, and the day; those used most recently."""

    def __init__(self, max_bytes: int = MAX_DATED_BYTES) -> None:
        super().__init__(max_bytes, lambda as_of: size_of_state(as_of.aggregate))
