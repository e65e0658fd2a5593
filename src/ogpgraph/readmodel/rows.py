"""The rows that a run of events makes, gathered so that each table is written once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ogpgraph.domain.subject import Subject, kind_of
from ogpgraph.readmodel.projection import Tag, code_of, decode_document, encode_document
from ogpgraph.storage.database import Transaction, chunks

FOREVER = 2**63 - 1
KEPT_SUBJECTS = 2_000

_ENTRY = [
    "position",
    "log_position",
    "event_id",
    "stream",
    "revision",
    "name",
    "recorded_at",
    "actor",
    "cause",
    "source",
    "correlation",
    "envelope",
    "changes",
    "leaf",
    "root",
]
_VERSION = ["kind", "id", "since", "until", "revision", "code", "document"]
_TAG = ["kind", "id", "dimension", "value", "since", "until"]
_UNTIL = {table: columns.index("until") for table, columns in (("version", _VERSION), ("tag", _TAG))}

_CLOSE_VERSION = "update {}version set until = :until where id = :id and since = :since"
_CLOSE_TAG = (
    "update {}tag set until = :until where id = :id and dimension = :dimension and value = :value and since = :since"
)
_STANDING_VERSION = "select id, since, revision, document from {}version where id in :streams and until = " + str(
    FOREVER
)
_STANDING_TAG = "select id, dimension, value, since from {}tag where id in :streams and until = " + str(FOREVER)


@dataclass
class Standing:
    """A subject's open rows: the state, since when it holds, and since when each of its tags does."""

    subject: Subject
    since: int = 0
    tags: dict[Tag, int] = field(default_factory=dict)


class Standings:
    """The subjects as they stand at one place of the log; keeps those it knows from one batch to the next."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._kept: OrderedDict[str, Standing] = OrderedDict()
        self._place: object = None

    def at(self, place: object, transaction: Transaction, streams: Iterable[str]) -> dict[str, Standing]:
        """Return how some subjects stand at a place; what is kept of another place is forgotten first."""
        if place != self._place:
            self._kept.clear()
        self._place = None
        wanted = set(streams)
        missing = sorted(wanted - self._kept.keys())
        self._kept.update(_read(transaction, self._prefix, missing))
        return {stream: self._kept[stream] for stream in wanted}

    def moved_to(self, place: object) -> None:
        """Tell that what was given out now stands as it does at another place."""
        self._place = place
        while len(self._kept) > KEPT_SUBJECTS:
            self._kept.popitem(last=False)


def _read(transaction: Transaction, prefix: str, streams: list[str]) -> dict[str, Standing]:
    standing = {stream: Standing(Subject(stream)) for stream in streams}
    for chunk in chunks(streams):
        for row in transaction.rows(_STANDING_VERSION.format(prefix), streams=chunk):
            subject = decode_document(row["id"], row["revision"], row["document"])
            standing[row["id"]] = Standing(subject, row["since"])
        for row in transaction.rows(_STANDING_TAG.format(prefix), streams=chunk):
            standing[row["id"]].tags[row["dimension"], row["value"]] = row["since"]
    return standing


@dataclass
class Batch:
    """The rows of a run of events."""

    entries: list[tuple[Any, ...]] = field(default_factory=list)
    versions: dict[tuple[str, int], list[Any]] = field(default_factory=dict)
    tags: dict[tuple[str, Tag, int], list[Any]] = field(default_factory=dict)
    closed_versions: list[dict[str, Any]] = field(default_factory=list)
    closed_tags: list[dict[str, Any]] = field(default_factory=list)

    def open_version(self, subject: Subject, position: int) -> None:
        """Add the row of a state that holds from a position on."""
        self.versions[subject.id, position] = [
            subject.kind,
            subject.id,
            position,
            FOREVER,
            subject.revision,
            code_of(subject),
            encode_document(subject),
        ]

    def close_version(self, stream: str, since: int, until: int) -> None:
        """End a row, here if this batch made it, in the table otherwise."""
        if (row := self.versions.get((stream, since))) is not None:
            row[_UNTIL["version"]] = until
        elif since:
            self.closed_versions.append({"id": stream, "since": since, "until": until})

    def open_tag(self, stream: str, tag: Tag, position: int) -> None:
        """Add the row of a tag that holds from a position on."""
        self.tags[stream, tag, position] = [kind_of(stream), stream, *tag, position, FOREVER]

    def close_tag(self, stream: str, tag: Tag, since: int, until: int) -> None:
        """End a tag, here if this batch made it, in the table otherwise."""
        if (row := self.tags.get((stream, tag, since))) is not None:
            row[_UNTIL["tag"]] = until
        else:
            dimension, value = tag
            self.closed_tags.append(
                {"id": stream, "dimension": dimension, "value": value, "since": since, "until": until}
            )

    def write(self, transaction: Transaction, prefix: str) -> None:
        """Write all rows into a set of tables."""
        transaction.execute_many(_CLOSE_VERSION.format(prefix), self.closed_versions)
        transaction.execute_many(_CLOSE_TAG.format(prefix), self.closed_tags)
        transaction.insert(f"{prefix}version", _VERSION, list(self.versions.values()))
        transaction.insert(f"{prefix}tag", _TAG, list(self.tags.values()))
        transaction.insert(f"{prefix}entry", _ENTRY, self.entries)
