"""The text store: the wordings that events speak of by reference, each with its salt, in one cached, batched door.

The salt is made of the wording and a secret key of the log, so the same wording has the same
reference wherever it is said (saying it again is recognised without a look-up, and two writers
agree), while nobody without the key can guess a short wording from its reference.
"""

from __future__ import annotations

import hmac
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from hashlib import sha256

from ogpgraph.storage.database import Transaction, chunks

SALT_BYTES = 16
CACHED_WORDINGS = 50_000
LONGEST_CACHED = 4_000
CREATE_TABLE = (
    "create table if not exists wording (reference text primary key, salt blob not null, wording text not null)"
)
_INSERT = "insert into wording (reference, salt, wording) values (:reference, :salt, :wording) on conflict (reference) do nothing"


class TextKeeper:
    """Makes references: what a command uses to name a wording before it is stored."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def salted(self, wording: str) -> tuple[str, bytes]:
        """Return the reference of a wording and the salt that it is made with."""
        data = wording.encode()
        salt = hmac.digest(self._key, data, sha256)[:SALT_BYTES]
        return sha256(salt + data).hexdigest(), salt


class Texts:
    """Reads wordings by reference; keeps the short ones it has read."""

    def __init__(self) -> None:
        self._cache: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def many(self, transaction: Transaction, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording, without those that are not (or no longer) kept; one statement for 500."""
        wanted = set(references)
        with self._lock:
            found = {reference: self._cache[reference] for reference in wanted if reference in self._cache}
        missing = sorted(wanted - found.keys())
        for chunk in chunks(missing):
            rows = transaction.rows(
                "select reference, wording from wording where reference in :references", references=chunk
            )
            found |= {row["reference"]: row["wording"] for row in rows}
        self._keep({reference: found[reference] for reference in missing if reference in found})
        return found

    def _keep(self, read: Mapping[str, str]) -> None:
        with self._lock:
            self._cache.update((key, text) for key, text in read.items() if len(text) <= LONGEST_CACHED)
            while len(self._cache) > CACHED_WORDINGS:
                self._cache.popitem(last=False)

    def forget(self) -> None:
        """Drop everything kept: after a redaction nothing may be served from memory."""
        with self._lock:
            self._cache.clear()


def insert_texts(transaction: Transaction, texts: Mapping[str, tuple[bytes, str]]) -> None:
    """Store wordings (reference → salt, wording) in the transaction of the events that speak of them."""
    rows = [{"reference": reference, "salt": salt, "wording": text} for reference, (salt, text) in texts.items()]
    if rows:
        transaction.execute_many(_INSERT, rows)
