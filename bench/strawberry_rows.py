"""A usual read model for the server that `bench.queries` compares with: the present in SQLite, ready to be served.

It has a row for each member, plan and commitment, with the current values as JSON and their texts among them, a row for
each of their tags, and a row for each entry. It is written once, before anything is measured.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.readmodel.entry import TextReference, iter_fields
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.storage.database import iter_chunks
from ogpgraph.system import open_system

AGGREGATE_TYPES = ("member", "plan", "commitment")
_DEFINITIONS = """
create table aggregate (id text primary key, type text not null, code text not null, document text not null);
create index aggregate_code on aggregate (type, code);
create table tag (type text not null, dimension text not null, value text not null, id text not null,
    primary key (type, dimension, value, id)) without rowid;
create index tag_id on tag (id, dimension, value);
create table entry (position integer primary key, aggregate text not null, kind text not null,
    recorded_at text not null, actor text not null, changes text not null);
create index entry_aggregate on entry (aggregate, position);
"""

Row = tuple[object, ...]
Fields = dict[str, Any]


def build_rows(url: str, file: Path) -> None:
    """Write the rows of a database's present into a new SQLite file."""
    with open_system(url) as system, closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(_DEFINITIONS)
        with system.read_session() as session:
            positions = range(1, session.head + 1)
            for aggregate_type in AGGREGATE_TYPES:
                connection.executemany(
                    "insert into aggregate values (?, ?, ?, ?)", _aggregates(session, aggregate_type)
                )
                connection.executemany("insert into tag values (?, ?, ?, ?)", _tags(session, aggregate_type))
        for chunk in iter_chunks(positions):
            with system.read_session() as session:  # which keeps all that it has read
                connection.executemany("insert into entry values (?, ?, ?, ?, ?, ?)", _entries(session, chunk))
        connection.execute("analyze")


def _aggregates(session: ReadSession, aggregate_type: str) -> Iterator[Row]:
    for chunk in iter_chunks(session.at_head().index(aggregate_type).streams.ids):
        for each in session.at_head().find_many(chunk).values():
            fields = _current_fields(each)
            _inline_texts(session, [fields])
            yield each.id, aggregate_type, each.string("code"), msgspec.json.encode(fields)


def _current_fields(aggregate: Aggregate) -> Fields:
    claims = aggregate.current_claims.items()
    return dict(chain.from_iterable(iter_fields(path, claim.value) for path, claim in claims))


def _tags(session: ReadSession, aggregate_type: str) -> Iterator[Row]:
    index = session.at_head().index(aggregate_type)
    for dimension, postings in index.postings.items():
        for value, posting in postings.items():
            yield from ((aggregate_type, dimension, value, each) for each in index.iter_ids(posting.mask()))


def _entries(session: ReadSession, positions: Iterable[int]) -> Iterator[Row]:
    for position in positions:
        entry = session.at_head().find_entry(position)
        assert entry
        changes = [{"path": each.path, "before": each.before, "after": each.after} for each in entry.changes]
        _inline_texts(session, changes)
        yield position, entry.stream, entry.name, entry.recorded_at, entry.envelope.actor, msgspec.json.encode(changes)


def _inline_texts(session: ReadSession, objects: list[Fields]) -> None:
    """Replace all references to texts in some objects by the texts."""
    references = {
        (number, name): value
        for number, fields in enumerate(objects)
        for name, value in fields.items()
        if isinstance(value, TextReference)
    }
    texts = session.read_texts(chain.from_iterable(each.texts or [each.text or ""] for each in references.values()))
    for (number, name), value in references.items():
        objects[number][name] = [texts[each] for each in value.texts] if value.texts else texts.get(value.text or "")
