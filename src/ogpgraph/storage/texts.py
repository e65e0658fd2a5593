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
from contextlib import suppress
from hashlib import sha256

import msgspec

from ogpgraph.personal import Mark, find_personal_data, mask_personal_data
from ogpgraph.storage.database import Database, DataRejected, Parameters, Row, TablesMissing, Transaction, iter_chunks

SALT_BYTES = 16
CACHE_SIZE = 50_000
MAX_CACHED_LENGTH = 4_000
_CREATE_TABLE = (
    "create table if not exists stored_text "
    "(reference text primary key, salt blob not null, content text not null, marks text)"
)
_FORMER_TABLE = "wording"
"""The first program's name of the table, and of its column `content`; `marks` was `personal`."""
_INSERT = (
    "insert into stored_text (reference, salt, content, marks) values (:reference, :salt, :content, :marks) "
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
                "select reference, content, marks from stored_text where reference in :references", references=chunk
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
    """Create the table unless it exists; one that an older program made is renamed."""
    if not database.has_table("stored_text") and database.has_table(_FORMER_TABLE):
        with suppress(TablesMissing):  # another process renamed it in between
            _rename_former_table(database)
    database.apply_ddl(_CREATE_TABLE)


def _rename_former_table(database: Database) -> None:
    try:
        database.query("select personal from wording limit 1")
        has_marks = True
    except DataRejected:  # the column is younger than the table
        has_marks = False
    with database.write() as transaction:
        transaction.lock_tables([_FORMER_TABLE])
        if has_marks:
            transaction.execute("alter table wording rename column personal to marks")
        else:
            database.execute_ddl(transaction, "alter table wording add column marks text")
        transaction.execute("alter table wording rename column wording to content")
        transaction.execute("alter table wording rename to stored_text")


def read_unmasked(transaction: Transaction, reference: str) -> str | None:
    """Return a wording as it came in, None where it is not kept: for those who read it again, never for the public."""
    found: str | None = transaction.fetch_value(
        "select content from stored_text where reference = :reference", reference=reference
    )
    return found


def read_unmasked_many(transaction: Transaction, references: Iterable[str]) -> dict[str, str]:
    """Return reference → wording as it came in, without those that are not kept: never for the public."""
    found: dict[str, str] = {}
    for chunk in iter_chunks(sorted(set(references))):
        sql = "select reference, content from stored_text where reference in :references"
        rows = transaction.fetch_all(sql, references=chunk)
        found |= {row["reference"]: row["content"] for row in rows}
    return found


def _mask_row(row: Row) -> str:
    """Return a wording masked by its marks; one stored without them is looked through now."""
    if row["marks"] is None:
        return mask_personal_data(row["content"])
    return mask_personal_data(row["content"], _marks_decoder.decode(row["marks"]))


def build_rows(texts: Mapping[str, tuple[bytes, str]]) -> list[Parameters]:
    """Return the rows of wordings (reference → salt, wording), their personal data marked."""
    return [
        {
            "reference": reference,
            "salt": salt,
            "content": text,
            "marks": _marks_encoder.encode(find_personal_data(text)).decode(),
        }
        for reference, (salt, text) in texts.items()
    ]


def insert_rows(transaction: Transaction, rows: Sequence[Parameters]) -> None:
    """Store wordings in the transaction of the events that speak of them; one that is kept already stays as it is."""
    if rows:
        transaction.execute_many(_INSERT, rows)
