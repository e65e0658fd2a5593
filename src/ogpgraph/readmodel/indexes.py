"""The indexes of a process: one of the present for each kind, kept current, and a few of past positions."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict

from ogpgraph.readmodel.index import Index, advanced, built
from ogpgraph.storage.database import Transaction

KEPT = 6


class Indexes:
    """Gives the index of a kind at a position."""

    def __init__(self) -> None:
        self._kept: dict[str, OrderedDict[int, Index]] = defaultdict(OrderedDict)
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def at(self, transaction: Transaction, kind: str, position: int) -> Index:
        """Return the index of a kind at a position, from memory, from an earlier one, or from the rows."""
        with self._locks[kind]:
            kept = self._kept[kind]
            if position not in kept:
                kept[position] = self._made(transaction, kind, position)
            kept.move_to_end(position)
            while len(kept) > KEPT:
                kept.popitem(last=False)
            return kept[position]

    def _made(self, transaction: Transaction, kind: str, position: int) -> Index:
        earlier = max((at for at in self._kept[kind] if at < position), default=None)
        if earlier is None:
            return built(transaction, kind, position)
        return advanced(transaction, self._kept[kind][earlier], position)
