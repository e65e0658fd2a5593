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

from ogpgraph.personal import Mark, find_personal_data, mask_personal_data
from ogpgraph.storage.database import Database, Parameters, Row, Transaction, iter_chunks

SALT_BYTES = 16
CACHE_SIZE = 50_000
MAX_CACHED_LENGTH = 4_000
CREATE_TABLE = (
    "create table if not exists wording "
    "(reference text primary key, salt blob not null, wording text not null, personal text)"
)
_ADD_MARKS_COLUMN = "alter table wording add column personal text"
# Where the table has no such column, the name means the outer one: so either engine can tell, and neither complains.
_HAS_MARKS_COLUMN = """
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


class TextReferencer:
    """Makes references: what a command uses to name a wording before it is stored."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def create_reference(self, text: str) -> tuple[str, bytes]:
        """Return the reference of a wording and the salt that it is made with."""
        data = text.encode()
        salt = hmac.digest(self._key, data, sha256)[:SALT_BYTES]
        return sha256(salt + data).hexdigest(), salt


class TextReader:
    """Reads wordings by reference; keeps the short ones it has read."""

    def __init__(self) -> None:
        self._cache: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def read_many(self, transaction: Transaction, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording with its personal data masked, without those that are not (or no longer) kept.

        It takes one statement for 500.
        """
        wanted = set(references)
        with self._lock:
            found = {reference: self._cache[reference] for reference in wanted if reference in self._cache}
        missing = sorted(wanted - found.keys())
        for chunk in iter_chunks(missing):
            rows = transaction.fetch_all(
                "select reference, wording, personal from wording where reference in :references", references=chunk
            )
            found |= {row["reference"]: _mask_row(row) for row in rows}
        self._add_to_cache({reference: found[reference] for reference in missing if reference in found})
        return found

    def _add_to_cache(self, read: Mapping[str, str]) -> None:
        with self._lock:
            self._cache.update((key, text) for key, text in read.items() if len(text) <= MAX_CACHED_LENGTH)
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)

    def clear_cache(self) -> None:
        """Drop everything kept: after a redaction nothing may be served from memory."""
        with self._lock:
            self._cache.clear()


def create_text_table(database: Database) -> None:
    """Make the table unless it is there, and give one that was made before marks were kept a place for them."""
    database.apply_ddl(CREATE_TABLE)
    with database.read() as transaction:
        if _has_marks_column(transaction):
            return
    with database.write() as transaction:
        transaction.lock_tables(["wording"])
        if not _has_marks_column(transaction):
            database.execute_ddl(transaction, _ADD_MARKS_COLUMN)


def _has_marks_column(transaction: Transaction) -> bool:
    return bool(transaction.fetch_value(_HAS_MARKS_COLUMN) == "kept")


def read_unmasked(transaction: Transaction, reference: str) -> str | None:
    """Return a wording as it came in, None where it is not kept: for those who read it again, never for the public."""
    found: str | None = transaction.fetch_value(
        "select wording from wording where reference = :reference", reference=reference
    )
    return found


def read_unmasked_many(transaction: Transaction, references: Iterable[str]) -> dict[str, str]:
    """Return reference → wording as it came in, without those that are not kept: never for the public."""
    found: dict[str, str] = {}
    for chunk in iter_chunks(sorted(set(references))):
        sql = "select reference, wording from wording where reference in :references"
        rows = transaction.fetch_all(sql, references=chunk)
        found |= {row["reference"]: row["wording"] for row in rows}
    return found


def _mask_row(row: Row) -> str:
    """Return a wording masked by its marks; one stored without them is looked through now."""
    if row["personal"] is None:
        return mask_personal_data(row["wording"])
    return mask_personal_data(row["wording"], _marks_decoder.decode(row["personal"]))


def build_rows(texts: Mapping[str, tuple[bytes, str]]) -> list[Parameters]:
    """Return the rows of wordings (reference → salt, wording), their personal data marked."""
    return [
        {
            "reference": reference,
            "salt": salt,
            "wording": text,
            "personal": _marks_encoder.encode(find_personal_data(text)).decode(),
        }
        for reference, (salt, text) in texts.items()
    ]


def insert_rows(transaction: Transaction, rows: Sequence[Parameters]) -> None:
    """Store wordings in the transaction of the events that speak of them; one that is kept already stays as it is."""
    if rows:
        transaction.execute_many(_INSERT, rows)
