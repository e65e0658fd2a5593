"""Reads the table of streams from the tables of the read model, many rows at a time."""

from __future__ import annotations

from array import array
from collections import defaultdict
from itertools import pairwise
from operator import itemgetter
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ogpgraph.readmodel.streams import StreamTable
from ogpgraph.storage.database import Transaction

Numbers = NDArray[np.int32]
READ_KEYS: Final = 20_000
"""A statement reads the entries of the streams with so many keys: their numbers take a few megabytes."""
_SELECT_ENTRIES: Final = (
    "select group_concat(stream) as streams, group_concat(position) as positions from entry "
    "where stream > :after and stream <= :until and position <= :at"
)
_SELECT_STREAMS: Final = "select key, aggregate_type, id from stream where key <= :at order by key"
_SELECT_CODES: Final = "select stream, since, code from stream_code where since <= :at order by stream, since"
_STREAM: Final = itemgetter("key", "aggregate_type", "id")
_CODE: Final = itemgetter("stream", "since", "code")
_parse_numbers: Final = msgspec.json.Decoder(list[int]).decode


def parse_numbers(text: str) -> list[int]:
    """Return the numbers that `group_concat` gives as one text."""
    return _parse_numbers(f"[{text}]")


def read_streams(transaction: Transaction, position: int) -> StreamTable:
    """Return the streams at a position."""
    keys, positions = _read_entries(transaction, position)
    bounds = [*np.flatnonzero(np.diff(keys, prepend=0)).tolist(), len(keys)]
    codes = _read_codes(transaction, position)
    streams = map(_STREAM, transaction.fetch_all(_SELECT_STREAMS, at=position))
    entries, table = array("i", positions.tobytes()), StreamTable()
    numbers = [
        table.load_stream(aggregate_type, stream, entries[start:end], codes[key])
        for (key, aggregate_type, stream), (start, end) in zip(streams, pairwise(bounds), strict=True)
    ]
    of_entries = np.full(position + 1, -1, dtype=np.int32)
    of_entries[positions] = np.repeat(np.array(numbers, dtype=np.int32), np.diff(bounds))
    table.load_entries(of_entries[1:].tobytes())
    return table


def _read_entries(transaction: Transaction, position: int) -> tuple[Numbers, Numbers]:
    """Return the keys of the streams of all entries, in order, and the positions of the entries, in order of each."""
    keys, positions = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for after in range(0, position, READ_KEYS):
        bounds = {"after": after, "until": after + READ_KEYS, "at": position}
        (row,) = transaction.fetch_all(_SELECT_ENTRIES, **bounds)
        keys.append(np.array(parse_numbers(row["streams"] or ""), dtype=np.int32))
        positions.append(np.array(parse_numbers(row["positions"] or ""), dtype=np.int32))
    of_streams, at = np.concatenate(keys), np.concatenate(positions)
    order = np.lexsort((at, of_streams))
    return of_streams[order], at[order]


def _read_codes(transaction: Transaction, position: int) -> dict[int, list[tuple[int, str]]]:
    """Return the key of each stream → its codes, each after the position since which it holds."""
    codes: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for stream, since, code in map(_CODE, transaction.stream(_SELECT_CODES, at=position)):
        codes[stream].append((since, code))
    return codes
