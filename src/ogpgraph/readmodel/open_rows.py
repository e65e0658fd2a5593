"""What the projector keeps of the aggregates it projects into: the last row of each, and what is derived from it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.readings import Readings
from ogpgraph.domain.timeline import Timeline
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.batch_rows import TermKeys
from ogpgraph.readmodel.dimension_tags import FOREVER
from ogpgraph.readmodel.earlier_claims import decode_earlier
from ogpgraph.readmodel.queries import select_earlier_claims
from ogpgraph.readmodel.states import (
    Chain,
    decode_chain,
    decompress,
    group_chains,
    restore_chain,
    restore_fold,
)
from ogpgraph.readmodel.tags import AggregateTags, DayCounter, code_of
from ogpgraph.storage.database import Row, Transaction, iter_chunks

MAX_OPEN_AGGREGATES = 2_000
"""Of more aggregates those are forgotten that were not in the last batch and not used for longest."""

_SELECT_CHAINS = (
    "select s.id, s.key, v.position, v.chain, v.delta, v.frame, v.fold from {0}stream s join {0}entry e "
    "on e.stream = s.key join {0}version v on v.position = e.position where s.id in :streams and e.position >= "
    "(select c.chain from {0}version c "
    "where c.position = (select max(l.position) from {0}entry l where l.stream = s.key))"
)

FindAggregate = Callable[[str, int], Aggregate | None]
"""Returns the aggregate of a stream at a revision, with all that the fold needs; None where it is not in memory."""


def find_no_aggregate(_stream: str, _revision: int) -> Aggregate | None:
    """Find none: for a projection of events that another process has recorded, or of old ones."""
    return None


@dataclass
class OpenRows:
    """The last row of an aggregate: its timeline, the key of its stream (0 without any row yet), code, and chain."""

    timeline: Timeline
    key: int = 0
    code: str = ""
    chain: Chain = Chain()  # noqa: RUF009 - it is immutable

    @cached_property
    def readings(self) -> Readings:
        """Return what its paths read, which is moved on with the timeline."""
        return Readings(self.timeline)

    @cached_property
    def tags(self) -> AggregateTags:
        """Return its tags, which are moved on with the timeline."""
        return AggregateTags(self.timeline.aggregate.type)

    @cached_property
    def days(self) -> DayCounter:
        """Return the counter of the days on which its state changes, which is moved on with the timeline."""
        return DayCounter(self.timeline)


class OpenRowsCache:
    """The open rows of aggregates, and the keys of terms, at one checkpoint; read once and carried over to the next.

    The projector updates the `OpenRows` it gets in place, and adds terms. `get` therefore distrusts the cache until
    `advance_to` names the checkpoint that it belongs to: after a failed transaction it belongs to none.
    """

    def __init__(self, prefix: str, find_aggregate: FindAggregate) -> None:
        self._prefix = prefix
        self._find_aggregate = find_aggregate
        self._cached: OrderedDict[str, OpenRows] = OrderedDict()
        self._checkpoint: object = None
        self._in_use = 0
        self.terms = TermKeys(prefix)

    def get(self, checkpoint: object, transaction: Transaction, revisions: Mapping[str, int]) -> dict[str, OpenRows]:
        """Return the open rows of some streams at a checkpoint, each given with the revision that follows."""
        if checkpoint != self._checkpoint:
            self._cached.clear()
            self.terms = TermKeys(self._prefix)
        self._checkpoint = None
        known = {
            stream: self._find_aggregate(stream, revision - 1)
            for stream, revision in revisions.items()
            if stream not in self._cached
        }
        self._cached.update(_read_open_rows(transaction, self._prefix, known))
        for stream in revisions:
            self._cached.move_to_end(stream)
        self._in_use = len(revisions)
        return {stream: self._cached[stream] for stream in revisions}

    def advance_to(self, checkpoint: object) -> None:
        """Accept the updated rows as those of another checkpoint."""
        self._checkpoint = checkpoint
        while len(self._cached) > max(MAX_OPEN_AGGREGATES, self._in_use):
            self._cached.popitem(last=False)


def _read_open_rows(
    transaction: Transaction, prefix: str, known: Mapping[str, Aggregate | None]
) -> dict[str, OpenRows]:
    """Return the open rows of some streams, of which the aggregates are given that are known."""
    open_rows = {stream: OpenRows(Timeline(Aggregate(stream))) for stream in known}
    for chunk in iter_chunks(list(known)):
        rows = transaction.fetch_all(_SELECT_CHAINS.format(prefix), streams=chunk)
        chains = group_chains(rows)
        aggregates = {stream: known[stream] or _restore_aggregate(stream, own) for stream, own in chains.items()}
        # Where no source has several statements at a path, it has no earlier claims.
        several = [stream for stream, aggregate in aggregates.items() if aggregate.sequences]
        earlier = _read_earlier_claims(transaction, prefix, several)
        for stream, own in chains.items():
            aggregate = aggregates[stream]
            timeline = Timeline(aggregate, earlier.get(stream, {}))
            open_rows[stream] = OpenRows(timeline, own[0]["key"], code_of(aggregate), restore_chain(own))
    return open_rows


def _restore_aggregate(stream: str, rows: Sequence[Row]) -> Aggregate:
    folds = (decompress(row["fold"]) for row in rows if row["fold"] is not None)
    return restore_fold(decode_chain(stream, rows), folds)


def _read_earlier_claims(
    transaction: Transaction, prefix: str, streams: list[str]
) -> dict[str, dict[str, tuple[Claim, ...]]]:
    if not streams:
        return {}
    statement = select_earlier_claims([(FOREVER - 1, stream) for stream in streams], None, prefix)
    rows = transaction.fetch_all(statement.sql, **statement.parameters)
    return {stream: claims for (_, stream), claims in decode_earlier(rows).items()}
