"""The text store: the texts that events refer to, each with the salt of its reference.

The salt is derived from the text and a secret key of the log. So equal texts have equal references, recognized without
a look-up and by every writer, while nobody without the key can test guesses of a short text against its reference.

A text that does not match its reference was changed after it was stored, or its salt was: it is never returned.

Personal data in a text is marked when the text is stored, and masked at equal length whenever it is read for a
response. Both happen here, so that no command and no reader can omit it.
"""

from __future__ import annotations

import hmac
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256

import msgspec

from ogpgraph.personal import Mark, find_personal_data, mask_personal_data
from ogpgraph.storage.byte_cache import ByteCache
from ogpgraph.storage.damage import DamagedRecord
from ogpgraph.storage.database import Database, Parameters, Row, Transaction, iter_chunks
from ogpgraph.storage.error_codes import StorageErrorCode

SALT_BYTES = 16
MAX_CACHED_BYTES = 64 * 2**20
MAX_ROWS_RETURNED = 16
"""Of more texts than these, which are stored at once, it is not asked which were new."""

_CREATE_TABLE = (
    "create table if not exists stored_text "
    "(reference text primary key, salt blob not null, content text not null, marks text not null)"
)
_INSERT = (
    "insert into stored_text (reference, salt, content, marks) values (:reference, :salt, :content, :marks) "
    "on conflict (reference) do nothing"
)
_SELECT_MARKED = "select reference, salt, content, marks from stored_text where reference in :references"
_SELECT_MANY = "select reference, salt, content from stored_text where reference in :references"
_SELECT_ALL = "select reference, salt, content, marks from stored_text"
_NO_MARKS = "[]"
_marks_encoder = msgspec.json.Encoder()
_marks_decoder = msgspec.json.Decoder(list[Mark])


class CorruptText(DamagedRecord):
    """A stored text does not match its reference, by which it is named; it is never returned."""

    code = StorageErrorCode.CORRUPT_TEXT

    def __init__(self, reference: str) -> None:
        super().__init__(f"the text {reference} does not match its reference")
        self.reference = reference

    def is_repaired(self, transaction: Transaction) -> bool:
        """Return whether the text matches its reference, or was removed."""
        return not any(map(_is_corrupt, transaction.fetch_all(_SELECT_MARKED, references=[self.reference])))


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
    """Reads texts for responses, verified and masked, and caches them."""

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        self.cache: ByteCache[str, str] = ByteCache(max_bytes, sys.getsizeof)
        self._lock = threading.Lock()
        self._redaction_version = -1

    def read_many(
        self, transaction: Transaction, references: Iterable[str], redaction_version: int
    ) -> dict[str, str | CorruptText]:
        """Return reference → masked text, without those that are not stored (any more).

        `redaction_version` is one whose removals the transaction sees: what an older one still has is not cached. In
        place of a text that does not match its reference is the error that names it. What is in the cache was verified
        when it was read.
        """
        requested = set(references)
        found: dict[str, str | CorruptText] = {**self.cache.get_many(requested)}
        missing = sorted(requested - found.keys())
        for chunk in iter_chunks(missing):
            rows = transaction.fetch_all(_SELECT_MARKED, references=chunk)
            found |= {row["reference"]: _mask_row(row) for row in rows}
        if missing:
            read = {reference: found.get(reference) for reference in missing}
            whole = {reference: text for reference, text in read.items() if isinstance(text, str)}
            with self._lock:
                if redaction_version >= self._redaction_version:  # one of them may have been removed since
                    self.cache.add(whole)
        return found

    def read_uncached(self, transaction: Transaction, references: Iterable[str]) -> dict[str, str | CorruptText]:
        """Return what `read_many` does of texts that are read once, and so are not to be in place of others."""
        requested = set(references)
        found: dict[str, str | CorruptText] = {**self.cache.get_many(requested)}
        for chunk in iter_chunks(sorted(requested - found.keys())):
            rows = transaction.fetch_all(_SELECT_MARKED, references=chunk)
            found |= {row["reference"]: _mask_row(row) for row in rows}
        return found

    def keep(self, rows: Iterable[Row]) -> None:
        """Cache texts that are being stored, as they will be read.

        It is called while the log is locked, so that none of them is removed before. If they are not stored after all,
        nothing refers to them.
        """
        masked = {row["reference"]: _mask_row(row) for row in rows}
        self.cache.add({reference: text for reference, text in masked.items() if isinstance(text, str)})

    def follow_redaction(self, version: int) -> None:
        """Empty the cache if the version of the log's redaction is a later one: no removed text is served from it."""
        if version > self._redaction_version:
            with self._lock:
                self._redaction_version = version
                self.cache.clear()


def read_unmasked(transaction: Transaction, reference: str) -> str | None:
    """Return a text with its personal data, None where it is not stored: for parsing it again, never for a response.

    Raises CorruptText.
    """
    return read_unmasked_many(transaction, [reference]).get(reference)


def read_unmasked_many(transaction: Transaction, references: Iterable[str]) -> dict[str, str]:
    """Return reference → text with its personal data, without those not stored: never for a response.

    Raises CorruptText.
    """
    found: dict[str, str] = {}
    for chunk in iter_chunks(sorted(set(references))):
        for row in transaction.fetch_all(_SELECT_MANY, references=chunk):
            if not _matches_reference(row):
                raise CorruptText(row["reference"])
            found[row["reference"]] = row["content"]
    return found


def find_corrupt_texts(transaction: Transaction) -> Iterator[CorruptText]:
    """Yield the errors of all stored texts that do not match their references."""
    return (CorruptText(row["reference"]) for row in transaction.stream(_SELECT_ALL) if _is_corrupt(row))


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


def insert_rows(transaction: Transaction, rows: Sequence[Parameters]) -> Sequence[Parameters]:
    """Store texts in the transaction of the events that refer to them; a stored text and its marks stay unchanged.

    Returns those that were not stored before; of many, as an import has them, none, because they are stored faster so.
    """
    if len(rows) > MAX_ROWS_RETURNED:
        transaction.execute_many(_INSERT, rows)
        return ()
    return [row for row in rows if transaction.fetch_value(f"{_INSERT} returning reference", **row)]


def create_text_table(database: Database) -> None:
    """Create the table unless it exists."""
    database.apply_ddl(_CREATE_TABLE)


def _mask_row(row: Row) -> str | CorruptText:
    if _matches_reference(row):
        if row["marks"] == _NO_MARKS:  # nearly always
            content: str = row["content"]
            return content
        with suppress(msgspec.MsgspecError, IndexError):  # marks have no hash, but damage may show in their form
            return mask_personal_data(row["content"], _marks_decoder.decode(row["marks"]))
    return CorruptText(row["reference"])


def _is_corrupt(row: Row) -> bool:
    return isinstance(_mask_row(row), CorruptText)


def _matches_reference(row: Row) -> bool:
    try:
        data: bytes = row["content"].encode(errors="surrogateescape")  # as SQLite's texts are decoded
        reference: str = row["reference"]
        return sha256(bytes(row["salt"]) + data).hexdigest() == reference
    except (AttributeError, TypeError, ValueError):  # the damaged value is of a form that was never stored
        return False
