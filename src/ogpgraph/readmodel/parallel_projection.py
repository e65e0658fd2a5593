"""The projection of a long log in several processes, each of which projects the events of its own streams.

What an event adds to the rows depends on the position of its entry and on the earlier events of its stream, and on
nothing else. So processes project disjoint parts of the streams (`projection_worker`), and this one reads the log,
numbers the entries, grows the tree over them and writes the rows, as if it had projected them. While it writes those of
one batch, the next one is projected.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from subprocess import DEVNULL, PIPE
from typing import NamedTuple, Self
from zlib import crc32

from msgspec import Struct

from ogpgraph.readmodel.batch_rows import BatchRows
from ogpgraph.readmodel.projection_worker import Part, Start, receive, send
from ogpgraph.readmodel.projector import REBUILD_BATCH_SIZE, Checkpoint, ProjectionStep, Projector
from ogpgraph.storage.database import Database, DatabaseError, Row
from ogpgraph.storage.event_log import EventLog

_COMMAND = (sys.executable, "-m", "ogpgraph.readmodel.projection_worker")
MAX_WORKERS = 4
"""With more of them, the process that writes their rows is what they wait for."""


class ProjectionWorkers:
    """Processes that project the parts of a batch; they end with the context."""

    def __init__(self, url: str, prefix: str, number: int) -> None:
        self._start = Start(url, prefix)
        self.number = number
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for _ in range(self.number):
            # What fails in it fails again here, where it is reported without quoting a payload.
            process = subprocess.Popen(_COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)  # noqa: S603 - our own module
            self._processes.append(process)
            self._send(process, self._start)
        return self

    def __exit__(self, *_exception: object) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.communicate()  # it closes the pipes, too

    def submit(self, saves: Sequence[Sequence[Row]], position: int) -> None:
        """Have the saves that follow a position projected; the rows of the batch before have been collected."""
        parts: list[Part] = [Part([]) for _ in self._processes]
        for number, row in enumerate((row for save in saves for row in save), start=position + 1):
            parts[crc32(row["stream"].encode()) % len(parts)].events.append((number, dict(row)))
        for process, part in zip(self._processes, parts, strict=True):
            self._send(process, part)

    def collect(self) -> list[BatchRows]:
        """Return the rows of the submitted batch; raises EOFError where a process could not project its part."""
        return [receive(process.stdout, BatchRows) for process in self._processes if process.stdout]

    def _send(self, process: subprocess.Popen[bytes], message: Struct) -> None:
        assert process.stdin
        send(process.stdin, message)


class _Batch(NamedTuple):
    """Saves that are being projected, and the log's head when they were read."""

    saves: list[list[Row]]
    head: int


class OtherCheckpoint(DatabaseError):
    """The tables are not at the checkpoint that the rows follow: another rebuild has made others."""


class ParallelProjection:
    """Projects what follows a checkpoint into the tables of a projector, with workers that have projected nothing."""

    def __init__(self, database: Database, log: EventLog, projector: Projector, workers: ProjectionWorkers) -> None:
        self._database = database
        self._log = log
        self._projector = projector
        self._workers = workers

    def iter_steps(self, checkpoint: Checkpoint) -> Iterator[ProjectionStep]:
        """Project batch by batch, up to the head; yields what each transaction has done.

        Where it raises an error, all batches before are projected, and none of the one at which it stopped.
        """
        batch = self._submit(checkpoint.log_position, checkpoint.position)
        while batch.saves:
            parts = self._workers.collect()
            last = batch.saves[-1][-1]["position"]
            following = self._submit(last, checkpoint.position + sum(map(len, batch.saves)))
            before, checkpoint = checkpoint, self._write(checkpoint, batch.saves, parts)
            yield ProjectionStep(checkpoint, batch.head, before=before)
            batch = following

    def _submit(self, log_position: int, position: int) -> _Batch:
        with self._database.read_log() as transaction:
            limit = REBUILD_BATCH_SIZE * self._workers.number
            batch = _Batch(
                self._log.read_saves_after(transaction, log_position, limit), self._log.read_head(transaction)
            )
        if batch.saves:
            self._workers.submit(batch.saves, position)
        return batch

    def _write(self, checkpoint: Checkpoint, saves: Sequence[Sequence[Row]], parts: Sequence[BatchRows]) -> Checkpoint:
        leaves = (bytes(row["leaf"]) for save in saves for row in save)
        with self._database.write(durable=False) as transaction:
            if self._projector.lock_checkpoint(transaction) != checkpoint:
                raise OtherCheckpoint("another rebuild has started")
            return self._projector.write(transaction, checkpoint, parts, saves[-1][-1]["position"], leaves)


def count_workers() -> int:
    """Return how many processes project at once: one for each processor, up to MAX_WORKERS."""
    return min(os.cpu_count() or 1, MAX_WORKERS)
