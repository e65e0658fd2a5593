"""The record: the rows that cannot be derived from others, as a stream in which every row is verified.

A backup is this stream in a file; a copy sends it from one database to another. The read model and the cached
aggregates are no part of it: they are computed again from the events.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from types import UnionType
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from ogpgraph.personal import Mark
from ogpgraph.storage.database import Database, DatabaseError, DataRejected, Row, TablesMissing, Transaction
from ogpgraph.storage.log_identity import OtherLogShape, require_supported_format
from ogpgraph.storage.logged_event import canonical_bytes
from ogpgraph.storage.merkle import Frontier, leaf_hash
from ogpgraph.storage.payload import compress_payload, decompress_payload

ColumnType = type | UnionType
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Any])
_marks_decoder = msgspec.json.Decoder(list[Mark])


class Table(NamedTuple):
    """A table of the record: its columns with their types, and those of them by which its rows are ordered."""

    name: str
    columns: dict[str, ColumnType]
    key: tuple[str, ...]


LOG = Table("log", {"id": str, "redaction_version": int, "text_key": bytes}, ("id",))
"""The log's identity, without the format: a row of another one is never read."""
PERSON = Table("person", {"account": str, "name": str | None, "email": str | None}, ("account",))
LOGIN = Table("login", {"issuer": str, "login_subject": str, "account": str}, ("issuer", "login_subject"))
TOKEN = Table(
    "token",
    {
        "prefix": str,
        "hash": str,
        "account": str,
        "label": str | None,
        "created_at": str,
        "expires_at": str,
        "revoked_at": str | None,
        "last_used_at": str | None,
    },
    ("prefix",),
)
STORED_TEXT = Table("stored_text", {"reference": str, "salt": bytes, "content": str, "marks": str}, ("reference",))
EVENT = Table(
    "event",
    {
        "position": int,
        "stream": str,
        "revision": int,
        "topic": str,
        "payload": str,  # the JSON itself, which the database holds compressed
        "recorded_at": str,
        "leaf": bytes,
        "save": int,
        "command": str | None,
    },
    ("position",),
)
TABLES = {table.name: table for table in (LOG, PERSON, LOGIN, TOKEN, STORED_TEXT, EVENT)}
"""The tables in the order of the stream. A test ensures that every other table can be derived."""


class DamagedRow(DatabaseError):
    """A row of the record is not what was stored."""

    def __init__(self, table: Table, key: str, problem: str) -> None:
        super().__init__(f"{table.name} {key}: {problem}")
        self.table = table
        self.key = key
        self.problem = problem


class RecordRow(NamedTuple):
    """A row of the record: column → value, in the order of the table's columns."""

    table: Table
    values: dict[str, Any]

    @property
    def key(self) -> str:
        """Return the key, for messages."""
        return describe_key(self.table, self.values)

    def encode(self) -> bytes:
        """Return the row as a line of JSON; raises DamagedRow for a text that is not Unicode."""
        try:
            return _encoder.encode([self.table.name, *self.values.values()]) + b"\n"
        except UnicodeEncodeError:
            raise DamagedRow(self.table, self.key, "a text is not UTF-8") from None

    def stored_values(self) -> list[object]:
        """Return the values as the database holds them; raises ValueError for a payload that is too long."""
        if self.table is EVENT:
            return list({**self.values, "payload": compress_payload(self.values["payload"].encode())}.values())
        return list(self.values.values())


def decode_line(line: bytes) -> RecordRow:
    """Return the row of a line that `RecordRow.encode` wrote; raises ValueError and DamagedRow."""
    name, *values = _decoder.decode(line)
    table = TABLES[name] if isinstance(name, str) and name in TABLES else None
    if table is None or len(values) != len(table.columns):
        raise ValueError("a line that is not a row of a table")
    decoded = [
        b64decode(value, validate=True) if kind is bytes else value
        for value, kind in zip(values, table.columns.values(), strict=True)
    ]
    return _require_types(table, dict(zip(table.columns, decoded, strict=True)))


def require_supported_log(database: Database) -> None:
    """Raise UnsupportedLogFormat where a database holds a log of another format, or tables without our columns."""
    require_supported_format(database)
    for table in TABLES.values():
        try:
            with suppress(TablesMissing):
                database.query(f"select {', '.join(table.columns)} from {table.name} limit 1")  # noqa: S608 - ours
        except DataRejected as error:
            raise OtherLogShape(database.name, table.name, str(error).splitlines()[0]) from error


def read_table(transaction: Transaction, table: Table) -> Iterator[Row]:
    """Yield the rows of a table in the order of its key."""
    sql = f"select {', '.join(table.columns)} from {table.name} order by {', '.join(table.key)}"  # noqa: S608 - ours
    return transaction.stream(sql)


def decode_row(table: Table, row: Row) -> RecordRow:
    """Return a row of the database as a row of the record; raises DamagedRow."""
    values = {column: row[column] for column in table.columns}
    if table is EVENT:
        try:
            values["payload"] = decompress_payload(bytes(values["payload"])).decode()
        except (TypeError, ValueError) as error:
            raise DamagedRow(table, describe_key(table, values), f"its payload cannot be read ({error})") from error
    return _require_types(table, values)


def read_record(transaction: Transaction) -> Iterator[RecordRow]:
    """Yield all rows of the record; raises DamagedRow."""
    for table in TABLES.values():
        for row in read_table(transaction, table):
            yield decode_row(table, row)


def count_rows(transaction: Transaction) -> int:
    """Return the number of rows of the record."""
    return sum(transaction.fetch_value(f"select count(*) from {name}") for name in TABLES)  # noqa: S608 - ours


def describe_key(table: Table, values: Row) -> str:
    """Return the key of a row, for messages."""
    # A damaged key may hold bytes that are not UTF-8, which no terminal can print.
    return " ".join(str(values[column]).encode(errors="replace").decode() for column in table.key)


def _require_types(table: Table, values: dict[str, Any]) -> RecordRow:
    for column, kind in table.columns.items():
        if not isinstance(values[column], kind) or isinstance(values[column], bool):
            raise DamagedRow(table, describe_key(table, values), f"{column} has a value of another type")
    return RecordRow(table, values)


# Verification


class Summary(Struct, frozen=True):
    """What a stream of rows contained; two databases of equal summaries hold the same record, but for the identity.

    `counts` and `digests` (SHA-256 of the lines) are by table; `root` is that of the tree over all events.
    """

    counts: dict[str, int]
    digests: dict[str, str]
    head: int
    root: str

    def find_difference(self, other: Summary) -> str | None:
        """Return the table in which another record differs, None where it is the same."""
        for name in self.digests:
            if (self.counts[name], self.digests[name]) != (other.counts.get(name), other.digests.get(name)):
                return name
        return None


class RecordVerifier:
    """Verifies the rows of a stream, one after the other, and summarizes them."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(TABLES, 0)
        self._digests = {name: sha256() for name in TABLES if name != LOG.name}
        self._revisions: dict[str, int] = {}
        self._last: dict[str, Any] = {}
        self.frontier = Frontier()

    def add(self, row: RecordRow) -> bytes:
        """Return the line of the next row; raises DamagedRow."""
        line = row.encode()
        if (problem := next(self.find_problems(row), None)) is not None:
            raise DamagedRow(row.table, row.key, problem)
        self._counts[row.table.name] += 1
        if row.table is not LOG:
            self._digests[row.table.name].update(line)
        return line

    def find_problems(self, row: RecordRow) -> Iterator[str]:
        """Yield what is wrong with the next row, by itself and after the rows before."""
        if row.table is STORED_TEXT:
            yield from find_text_problems(row.values)
        if row.table is EVENT:
            yield from self._find_event_problems(row.values)

    def pass_over(self, event: Row) -> None:
        """Take note of an event that cannot be read, so that those after it are not blamed for it."""
        with suppress(DamagedRow):
            self._last = _require_types(EVENT, {**{name: event[name] for name in EVENT.columns}, "payload": ""}).values
            self._revisions[event["stream"]] = self._revisions.get(event["stream"], 0) + 1

    def summarize(self) -> Summary:
        """Return the summary of the rows so far."""
        digests = {name: digest.hexdigest() for name, digest in self._digests.items()}
        return Summary(dict(self._counts), digests, self._last.get("position", 0), self.frontier.root().hex())

    def _find_event_problems(self, event: dict[str, Any]) -> Iterator[str]:
        before, self._last = self._last, event
        self.frontier = self.frontier.append(event["leaf"])
        is_whole = compute_leaf(event) == event["leaf"]
        if not is_whole:
            yield "it does not match its leaf hash"
            self._last = {**event, "recorded_at": before.get("recorded_at", "")}
        expected = self._revisions.get(event["stream"], 0) + 1
        self._revisions[event["stream"]] = event["revision"] if is_whole else expected
        if event["revision"] != expected:
            yield f"it is revision {event['revision']} of {event['stream']} in place of revision {expected}"
        is_same_save = event["save"] == before.get("save")
        if not is_same_save and event["save"] != before.get("save", 0) + 1:
            yield f"it is of save {event['save']}, after one of save {before.get('save', 0)}"
        if event["recorded_at"] <= before.get("recorded_at", ""):
            yield "it was not recorded after the event before"
        if is_same_save and before["command"] is not None:
            yield "its save continues after the event with the save's command"


def compute_leaf(event: dict[str, Any]) -> bytes | None:
    """Return the leaf hash that an event should have, None where its name has no form that was ever stored."""
    name, _, version = event["topic"].rpartition(".")
    try:
        data = canonical_bytes(
            event["stream"], event["revision"], name, int(version), event["recorded_at"], event["payload"].encode()
        )
    except ValueError:  # the version is no number, or a text is not Unicode
        return None
    return leaf_hash(data)


def find_text_problems(text: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a text."""
    if sha256(text["salt"] + text["content"].encode(errors="replace")).hexdigest() != text["reference"]:
        yield "the text does not match its reference"
    try:
        _marks_decoder.decode(text["marks"].encode(errors="replace"))
    except msgspec.MsgspecError:
        yield "its marks of personal data cannot be read"
