"""A process that projects a part of the streams for a rebuild: `python -m ogpgraph.readmodel.projection_worker`.

It gets the events of a batch by its standard input and answers with their rows on its standard output; it writes into
no table. It ends with its input, and so with the process that started it. What it cannot project ends it: the process
that started it projects that batch itself, and says what is wrong.
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from functools import partial
from typing import IO, Any, TypeVar

import msgspec
from msgspec import Struct

from ogpgraph.clock import system_clock
from ogpgraph.readmodel.batch_projection import BatchProjection, decode_row
from ogpgraph.readmodel.batch_rows import BatchRows
from ogpgraph.readmodel.open_rows import OpenRowsCache, find_no_aggregate
from ogpgraph.readmodel.projector import read_events
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database
from ogpgraph.storage.event_log import EventLog

T = TypeVar("T")
_LENGTH_BYTES = 8
_encoder = msgspec.msgpack.Encoder()


class Start(Struct, array_like=True):
    """The database whose log is projected, and the prefix of the tables."""

    url: str
    prefix: str


class Part(Struct, array_like=True):
    """The events of a batch that one worker projects: the position of each entry, and the row of the log."""

    events: list[tuple[int, dict[str, Any]]]


class PartProjector:
    """Projects the events of some streams, batch by batch; each batch has all events of these that follow.

    Only the rows of batches before the last one have to be in the tables: those of the last one are remembered.
    """

    def __init__(self, database: Database, prefix: str) -> None:
        self._database = database
        self._log = EventLog(database, system_clock)
        self._open_rows = OpenRowsCache(prefix, find_no_aggregate)
        self._batches = 0

    def project(self, part: Part) -> BatchRows:
        """Return the rows of the next batch; raises whatever keeps an event from being projected."""
        decoded = [(position, *decode_row(row)) for position, row in part.events]
        revisions: dict[str, int] = {}
        for _, logged, _ in decoded:
            revisions.setdefault(logged.stream, logged.revision)
        with self._database.read_log() as transaction:
            open_rows = self._open_rows.get(self._batches, transaction, revisions)
            batch = BatchProjection(open_rows, partial(read_events, self._log, transaction))
            for position, logged, event in decoded:
                batch.project_event(logged, event, position)
        self._batches += 1
        self._open_rows.advance_to(self._batches)
        return batch.rows.to_rows()


def send(stream: IO[bytes], message: Struct) -> None:
    """Write a message with its length."""
    data = _encoder.encode(message)
    stream.write(len(data).to_bytes(_LENGTH_BYTES))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes], kind: type[T]) -> T:
    """Read a message; raises EOFError where the other process has ended."""
    header = stream.read(_LENGTH_BYTES)
    data = stream.read(int.from_bytes(header))
    if not data or len(data) < int.from_bytes(header):
        raise EOFError
    return msgspec.msgpack.decode(data, type=kind)


def main() -> None:
    """Project batches until the input ends."""
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing that is logged may come between the messages
    gc.disable()  # a projection makes no cycles, but many objects, and looking at them takes time
    start = receive(incoming, Start)
    database = open_database(start.url)
    try:
        projector = PartProjector(database, start.prefix)
        with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
            while True:
                send(outgoing, projector.project(receive(incoming, Part)))
    finally:
        database.close()


if __name__ == "__main__":
    main()
