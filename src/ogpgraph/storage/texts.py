"""The text store: the texts that events refer to, each with the salt of its reference.

The salt is derived from the text and a secret key of the log. So equal texts have equal references, recognized without
a look-up and by every writer, while nobody without the key can test guesses of a short text against its reference.

Personal data in a text is marked when the text is stored, and masked at equal length whenever it is read for a
response. Both happen here, so that no command and no reader can omit it.
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

_CREATE_TABLE = (
    "create table if not exists stored_text "
    "(reference text primary key, salt blob not null, content text not null, marks text not null)"
)
_INSERT = (
    "insert into stored_text (reference, salt, content, marks) values (:reference, :salt, :content, :marks) "
    "on conflict (reference) do nothing"
)
_SELECT_MARKED = "select reference, content, marks from stored_text where reference in :references"
_SELECT_MANY = "select reference, content from stored_text where reference in :references"
_SELECT_ONE = "select content from stored_text where reference = :reference"
_marks_encoder = msgspec.json.Encoder()
_marks_decoder = msgspec.json.Decoder(list[Mark])


class TextReferencer:
    """Creates the references of texts, with which events are made before their texts are stored."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def create_reference(self, text: str) -> tuple[str, bytes]:
        """Return a text's reference and the salt that the reference is made with."""
        data = text.encode()
        salt = hmac.digest(self._key, data, sha256)[:SALT_BYTES]
        return sha256(salt + data).hexdigest(), salt


class TextReader:
    """Reads texts for responses, masked; caches those that are not long."""

    def __init__(self) -> None:
        self._cache: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def read_many(self, transaction: Transaction, references: Iterable[str]) -> dict[str, str]:
        """Return reference → masked text, without those that are not stored (any more)."""
        requested = set(references)
        with self._lock:
            found = {reference: self._cache[reference] for reference in requested if reference in self._cache}
        missing = sorted(requested - found.keys())
        for chunk in iter_chunks(missing):
            rows = transaction.fetch_all(_SELECT_MARKED, references=chunk)
            found |= {row["reference"]: _mask_row(row) for row in rows}
        self._add_to_cache({reference: found[reference] for reference in missing if reference in found})
        return found

    def clear_cache(self) -> None:
        """Empty the cache: after a redaction, no removed text may be served from it."""
        with self._lock:
            self._cache.clear()

    def _add_to_cache(self, texts: Mapping[str, str]) -> None:
        with self._lock:
            self._cache.update((key, text) for key, text in texts.items() if len(text) <= MAX_CACHED_LENGTH)
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)


def read_unmasked(transaction: Transaction, reference: str) -> str | None:
    """Return a text with its personal data, None where it is not stored: for parsing it again, never for a response."""
    found: str | None = transaction.fetch_value(_SELECT_ONE, reference=reference)
    return found


def read_unmasked_many(transaction: Transaction, references: Iterable[str]) -> dict[str, str]:
    """Return reference → text with its personal data, without those not stored: never for a response."""
    found: dict[str, str] = {}
    for chunk in iter_chunks(sorted(set(references))):
        found |= {row["reference"]: row["content"] for row in transaction.fetch_all(_SELECT_MANY, references=chunk)}
    return found


def build_rows(texts: Mapping[str, tuple[bytes, str]]) -> list[Parameters]:
    """Return the rows of texts (reference → salt, text), their personal data marked."""
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
    """Store texts in the transaction of the events that refer to them; a stored text and its marks stay unchanged."""
    if rows:
        transaction.execute_many(_INSERT, rows)


def create_text_table(database: Database) -> None:
    """Create the table unless it exists."""
    database.apply_ddl(_CREATE_TABLE)


def _mask_row(row: Row) -> str:
    return mask_personal_data(row["content"], _marks_decoder.decode(row["marks"]))
