"""The canonical dump of the read model: every row, in order, so that two can be compared byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import msgspec

from ogpgraph.storage.database import Transaction

_ROWS = {
    "entry": "select * from entry order by position",
    "version": "select * from version order by id, since",
    "tag": "select * from tag order by id, dimension, value, since",
    "follower": "select name, projection, log_position, position, frontier from follower order by name",
}


def dump(transaction: Transaction) -> Iterator[bytes]:
    """Yield one line of JSON for every row of the read model, in a fixed order."""
    for table, sql in _ROWS.items():
        for row in transaction.stream(sql):
            columns = row.keys()  # gone through by name, since going through one engine's row gives its values
            yield msgspec.json.encode([table, *(row[column] for column in columns)]) + b"\n"


def digest(transaction: Transaction) -> str:
    """Return the SHA-256, in hex, of the canonical dump."""
    total = sha256()
    for line in dump(transaction):
        total.update(line)
    return total.hexdigest()
