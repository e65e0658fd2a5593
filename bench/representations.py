"""Compares two representations of past states, on the states of a database that `bench.growth` has filled.

    python -m bench.growth database --file growth.db
    python -m bench.representations growth.db [--rounds 15]

`rows`: one row for each claim, valid from a position to another; paths, sources and times are interned.
`deltas`: one row for each event with what it changed, and now and then a key frame with the whole state, both
compressed. `documents`: one row for each event with the whole state, as plain JSON.

Each is written into a SQLite file of its own, from which 100 commitments are loaded over a new connection, at the head
and at a past position, in turns.
"""

from __future__ import annotations

import argparse
import random
import re
import sqlite3
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Protocol

import msgspec

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import Value
from ogpgraph.system import open_system

Claims = dict[str, tuple[Claim, ...]]
Delta = dict[str, tuple[tuple[Claim, ...], tuple[Claim, ...]]]

FOREVER = 2**63 - 1
LOADED = 100
PAST_SHARE = 0.6
BATCH = 1_000
_REFERENCE = re.compile(rb"[0-9a-f]{16,64}")
_DICTIONARY_BYTES = 32_768
_encoder = msgspec.json.Encoder(order="deterministic")
_claims_decoder = msgspec.json.Decoder(Claims)
_delta_decoder = msgspec.json.Decoder(Delta)
_value_decoder = msgspec.json.Decoder(Value | None)


class Step(NamedTuple):
    """One event: its position, the state of its aggregate after it, and what it changed there."""

    position: int
    aggregate: Aggregate
    delta: Delta


class Representation(Protocol):
    """One representation: writes steps, and loads aggregates as they were at a position."""

    name: str

    def write(self, connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
        """Write all steps into an empty database."""
        ...

    def load(self, connection: sqlite3.Connection, streams: Sequence[str], position: int) -> dict[str, Claims]:
        """Return the claims of aggregates at a position."""
        ...


# The states of a filled database


def read_steps(url: str) -> list[Step]:
    """Return all events of a log with the states they led to, oldest first; states share what did not change."""
    states: dict[str, Claims] = {}
    steps = []
    for position, aggregate in _read_states(url):
        before = states.get(aggregate.id, {})
        after = {path: _unchanged(before.get(path), claims) for path, claims in aggregate.claims.items()}
        changed = [path for path in before.keys() | after.keys() if before.get(path) is not after.get(path)]
        delta = {path: (before.get(path, ()), after.get(path, ())) for path in sorted(changed)}
        steps.append(Step(position, Aggregate(aggregate.id, aggregate.revision, after), delta))
        states[aggregate.id] = after
    return steps


def _unchanged(before: tuple[Claim, ...] | None, after: tuple[Claim, ...]) -> tuple[Claim, ...]:
    return before if before == after and before is not None else after


def _read_states(url: str) -> Iterator[tuple[int, Aggregate]]:
    with open_system(url) as system:  # entries are numbered in the order of the log
        positions = enumerate([event.stream for event in system.log.select_notifications(None, FOREVER)], 1)
    # Each batch is read by a system of its own, because a system keeps what it has read.
    while batch := list(islice(positions, BATCH)):
        with open_system(url) as system, system.read_session() as session:
            for position, stream in batch:
                aggregate = session.at(position).find(stream)
                if aggregate is not None:
                    yield position, aggregate


# Documents, as they were


class Documents:
    """One row for each event with the whole state."""

    name = "documents"

    def write(self, connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
        connection.execute(
            "create table version (id text, since integer, until integer, document text, primary key (id, since))"
        )
        rows, last = [], dict[str, list[Any]]()
        for step in steps:
            if step.aggregate.id in last:
                last[step.aggregate.id][2] = step.position
            row = [step.aggregate.id, step.position, FOREVER, _encoder.encode(step.aggregate.claims).decode()]
            rows.append(row)
            last[step.aggregate.id] = row
        connection.executemany("insert into version values (?, ?, ?, ?)", rows)

    def load(self, connection: sqlite3.Connection, streams: Sequence[str], position: int) -> dict[str, Claims]:
        sql = f"select id, document from version where id in ({_marks(streams)}) and since <= ? and until > ?"
        rows = connection.execute(sql, (*streams, position, position))
        return {stream: _claims_decoder.decode(document) for stream, document in rows}


# (a) One row for each claim


class ClaimRows:
    """One row for each claim, valid from a position to another; the key finds those that are valid longest first."""

    name = "rows"

    def write(self, connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
        connection.executescript(
            """
            create table word (number integer primary key, word text unique);
            create table claim (stream integer, until integer, path integer, source integer, since integer,
              origin integer, language integer, after integer, before integer, revision integer, value text,
              primary key (stream, until, path, origin, source)) without rowid;
            """
        )
        self._words: dict[str, int] = {}
        open_rows: dict[tuple[Any, ...], list[Any]] = {}
        rows = []
        for step in steps:
            for path, (before, after) in step.delta.items():
                for claim in set(before) - set(after):
                    open_rows[step.aggregate.id, path, claim.key][1] = step.position
                for claim in set(after) - set(before):
                    row = self._row(step, path, claim)
                    rows.append(row)
                    open_rows[step.aggregate.id, path, claim.key] = row
        connection.executemany(f"insert into claim values ({_marks(rows[0])})", rows)
        connection.executemany("insert into word values (?, ?)", [(n, word) for word, n in self._words.items()])

    def _row(self, step: Step, path: str, claim: Claim) -> list[Any]:
        return [
            self._intern(step.aggregate.id),
            FOREVER,
            self._intern(path),
            self._intern(claim.source or ""),
            step.position,
            self._intern(claim.origin),
            self._intern(claim.language or ""),
            self._intern(claim.after.isoformat() if claim.after else ""),
            self._intern(claim.before.isoformat()),
            claim.revision,
            _encoder.encode(claim.value).decode(),
        ]

    def _intern(self, word: str) -> int:
        return self._words.setdefault(word, len(self._words) + 1)

    def load(self, connection: sqlite3.Connection, streams: Sequence[str], position: int) -> dict[str, Claims]:
        numbers = {self._words[stream]: stream for stream in streams}
        sql = (
            "select stream, path, origin, source, language, after, before, revision, value from claim "
            f"where stream in ({_marks(streams)}) and until > ? and since <= ? order by stream, path, origin, source"
        )
        rows = connection.execute(sql, (*numbers, position, position)).fetchall()
        used = {number for row in rows for number in row[1:7]}
        words = dict(connection.execute(f"select number, word from word where number in ({_marks(used)})", (*used,)))
        times = {number: datetime.fromisoformat(words[number]) for number in {row[6] for row in rows}}
        times |= {number: datetime.fromisoformat(words[number]) for number in {row[5] for row in rows} if words[number]}
        values = {value: _value_decoder.decode(value) for value in {row[8] for row in rows}}
        found: dict[str, dict[str, list[Claim]]] = {stream: defaultdict(list) for stream in streams}
        for stream, path, origin, source, language, after, before, revision, value in rows:
            claim = Claim(
                values[value],
                Origin(words[origin]),
                words[source] or None,
                words[language] or None,
                times.get(after),
                times[before],
                revision,
            )
            found[numbers[stream]][words[path]].append(claim)
        return {
            stream: {path: tuple(sorted(claims, key=lambda claim: claim.key)) for path, claims in by_path.items()}
            for stream, by_path in found.items()
        }


# (b) Deltas and key frames


class Deltas:
    """One row for each event with what it changed, and a key frame where the deltas since the last are longer."""

    name = "deltas"

    def __init__(self, dictionary: bytes) -> None:
        self._dictionary = dictionary

    def write(self, connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
        connection.executescript(
            """
            create table stream (number integer primary key, id text unique);
            create table version (position integer primary key, stream integer, delta blob, frame blob);
            create index version_stream on version (stream);
            create index version_frame on version (stream) where frame is not null;
            """
        )
        self._streams: dict[str, int] = {}
        since_frame: dict[str, int] = {}
        rows = []
        for step in steps:
            stream = step.aggregate.id
            delta, frame = self._compress(step.delta), None
            if stream in since_frame:  # the delta of the first event is a key frame itself
                since_frame[stream] += len(delta)
                whole = self._compress(step.aggregate.claims)
                if since_frame[stream] > len(whole):
                    frame, since_frame[stream] = whole, 0
            else:
                since_frame[stream] = 0
            number = self._streams.setdefault(stream, len(self._streams) + 1)
            rows.append((number, step.position, delta, frame))
        connection.executemany("insert into version (stream, position, delta, frame) values (?, ?, ?, ?)", rows)
        connection.executemany("insert into stream values (?, ?)", [(n, each) for each, n in self._streams.items()])

    def load(self, connection: sqlite3.Connection, streams: Sequence[str], position: int) -> dict[str, Claims]:
        numbers = {self._streams[stream]: stream for stream in streams}
        sql = (
            "select v.stream, v.frame, v.delta from (select number, coalesce((select max(f.position) from version f "
            "where f.stream = s.number and f.position <= ? and f.frame is not null), 0) as first from stream s "
            f"where s.number in ({_marks(streams)})) k join version v on v.stream = k.number "
            "and v.position >= k.first and v.position <= ? order by v.stream, v.position"
        )
        found: dict[str, Claims] = {stream: {} for stream in streams}
        for number, frame, delta in connection.execute(sql, (position, *numbers, position)):
            stream = numbers[number]
            if frame is not None:
                found[stream] = _claims_decoder.decode(self._decompress(frame))
                continue
            for path, (_, after) in _delta_decoder.decode(self._decompress(delta)).items():
                if after:
                    found[stream][path] = after
                else:
                    found[stream].pop(path, None)
        return found

    def _compress(self, value: object) -> bytes:
        compressor = zlib.compressobj(6, zdict=self._dictionary)
        return compressor.compress(_encoder.encode(value)) + compressor.flush()

    def _decompress(self, data: bytes) -> bytes:
        return zlib.decompressobj(zdict=self._dictionary).decompress(data)


def build_dictionary(steps: Sequence[Step]) -> bytes:
    """Return what the JSON of states has in common, without references to texts, which differ everywhere."""
    largest = sorted(random.Random(0).sample(steps, min(200, len(steps))), key=lambda step: len(step.aggregate.claims))
    documents = [_REFERENCE.sub(b"", _encoder.encode(step.aggregate.claims)) for step in largest]
    return b"".join(documents)[-_DICTIONARY_BYTES:]


def _marks(values: Any) -> str:
    return ", ".join("?" * len(values))


# The comparison


def compare(steps: Sequence[Step], representations: Sequence[Representation], folder: Path, rounds: int) -> None:
    """Write all steps in each representation, check that they give the same states, and print bytes and times."""
    for each in representations:
        with closing(sqlite3.connect(folder / each.name)) as connection, connection:
            each.write(connection, steps)
    head = steps[-1].position
    times: dict[tuple[str, int], list[float]] = defaultdict(list)
    positions = (head, round(head * PAST_SHARE))
    for number in range(rounds):
        for position in positions:
            streams = _choose_streams(steps, position, random.Random(number))
            loaded = []
            for each in representations[:: 1 if number % 2 else -1]:
                began = time.perf_counter()
                with closing(sqlite3.connect(folder / each.name)) as connection:
                    loaded.append(each.load(connection, streams, position))
                times[each.name, position].append(time.perf_counter() - began)
            if any(other != loaded[0] for other in loaded):
                raise ValueError(f"the representations differ at {position}")
    print(f"{len(steps):,} events; {LOADED} commitments, median of {rounds}, at {positions[0]:,} and {positions[1]:,}")
    for each in representations:
        size = (folder / each.name).stat().st_size
        at_head, at_past = (median(times[each.name, position]) * 1000 for position in positions)
        print(
            f"{each.name:10}{size:>13,} bytes, {size / len(steps):>8,.0f} an event{at_head:>9.1f} ms{at_past:>9.1f} ms"
        )


def _choose_streams(steps: Sequence[Step], position: int, source: random.Random) -> list[str]:
    there = {step.aggregate.id for step in steps if step.position <= position and step.aggregate.type == "commitment"}
    return source.sample(sorted(there), min(LOADED, len(there)))


def main() -> None:
    """Compare on the database that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    steps = read_steps(f"sqlite:///{arguments.file}")
    dictionary = build_dictionary(steps)
    with tempfile.TemporaryDirectory() as folder:
        compare(steps, (Documents(), ClaimRows(), Deltas(dictionary)), Path(folder), arguments.rounds)


if __name__ == "__main__":
    main()
