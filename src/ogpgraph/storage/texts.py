"""The text store: the wordings that events speak of by reference, each with its salt, in one cached, batched door.

The salt is made of the wording and a secret key of the log, so the same wording has the same
reference wherever it is said (saying it again is recognised without a look-up, and two writers
agree), while nobody without the key can guess a short wording from its reference.

Personal data in a wording is marked when it is stored and masked whenever it is read for the
public, at equal length: both happen here, so that no command and no reader can forget it.
"""

from __future__ import annotations

import hmac
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

import msgspec

from ogpgraph.personal import Mark, marks_in, masked
from ogpgraph.storage.database import Database, Parameters, Row, Transaction, chunks

SALT_BYTES = 16
CACHED_WORDINGS = 50_000
LONGEST_CACHED = 4_000
CREATE_TABLE = (
    "create table if not exists wording "
    "(reference text primary key, salt blob not null, wording text not null, personal text)"
)
_ADD_PERSONAL = "alter table wording add column personal text"
# Where the table has no such column, the name means the outer one: so either engine can tell, and neither complains.
_KEEPS_MARKS = """
select coalesce(
  (select personal from (select 1 as one) o left join wording w on w.reference = '' where w.reference is null), 'kept'
)
from (select 'absent' as personal) d"""
_INSERT = (
    "insert into wording (reference, salt, wording, personal) values (:reference, :salt, :wording, :personal) "
    "on conflict (reference) do nothing"
)
_marks_encoder = msgspec.json.Encoder()
_marks_decoder = msgspec.json.Decoder(list[Mark])


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
        """Return reference → wording with its personal data masked, without those that are not (or no longer) kept.

        It takes one statement for 500.
        """
        wanted = set(references)
        with self._lock:
            found = {reference: self._cache[reference] for reference in wanted if reference in self._cache}
        missing = sorted(wanted - found.keys())
        for chunk in chunks(missing):
            rows = transaction.rows(
                "select reference, wording, personal from wording where reference in :references", references=chunk
            )
            found |= {row["reference"]: _for_the_public(row) for row in rows}
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


def create_table(database: Database) -> None:
    """Make the table unless it is there, and give one that was made before marks were kept a place for them."""
    database.create(CREATE_TABLE)
    with database.read() as transaction:
        if _keeps_marks(transaction):
            return
    with database.write() as transaction:
        transaction.seize(["wording"])
        if not _keeps_marks(transaction):
            database.define(transaction, _ADD_PERSONAL)


def _keeps_marks(transaction: Transaction) -> bool:
    return bool(transaction.value(_KEEPS_MARKS) == "kept")


def unmasked(transaction: Transaction, reference: str) -> str | None:
    """Return a wording as it came in, None where it is not kept: for those who read it again, never for the public."""
    found: str | None = transaction.value(
        "select wording from wording where reference = :reference", reference=reference
    )
    return found


def unmasked_many(transaction: Transaction, references: Iterable[str]) -> dict[str, str]:
    """Return reference → wording as it came in, without those that are not kept: never for the public."""
    found: dict[str, str] = {}
    for chunk in chunks(sorted(set(references))):
        sql = "select reference, wording from wording where reference in :references"
        rows = transaction.rows(sql, references=chunk)
        found |= {row["reference"]: row["wording"] for row in rows}
    return found


def _for_the_public(row: Row) -> str:
    """Return a wording masked by its marks; one stored without them is looked through now."""
    if row["personal"] is None:
        return masked(row["wording"])
    return masked(row["wording"], _marks_decoder.decode(row["personal"]))


def marked(texts: Mapping[str, tuple[bytes, str]]) -> list[Parameters]:
    """Return the rows of wordings (reference → salt, wording), their personal data marked."""
    return [
        {
            "reference": reference,
            "salt": salt,
            "wording": text,
            "personal": _marks_encoder.encode(marks_in(text)).decode(),
        }
        for reference, (salt, text) in texts.items()
    ]


def insert_rows(transaction: Transaction, rows: Sequence[Parameters]) -> None:
    """Store wordings in the transaction of the events that speak of them; one that is kept already stays as it is."""
    if rows:
        transaction.execute_many(_INSERT, rows)
