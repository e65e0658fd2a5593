"""Projects runs of events into one set of tables, as far as it can: it stops before a save that it cannot follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog

from ogpgraph.domain.event import Event
from ogpgraph.domain.subject import Subject, evolve
from ogpgraph.merkle import Frontier
from ogpgraph.readmodel.projection import PROJECTION, changes_between, tag_changes
from ogpgraph.readmodel.rows import Batch, Standing, Standings
from ogpgraph.readmodel.stop import Poisonous, Stop, StopCode, failed, followed, refused
from ogpgraph.readmodel.tables import NAME
from ogpgraph.storage.database import Database, Row, Taken, Transaction, Unacceptable
from ogpgraph.storage.log import EventLog, LoggedEvent

BATCH = 500

_TAKE = (
    "update {}follower set position = position where name = :name "
    "returning projection, build, log_position, position, frontier"
)
_ADVANCE = (
    "update {}follower set log_position = :log_position, position = :position, frontier = :frontier where name = :name"
)
_TO_TEXT = msgspec.json.Encoder()

log = structlog.stdlib.get_logger(__name__)
Save = list[tuple[LoggedEvent, Event]]


class NoFollower(LookupError):
    """The set of tables is not there, or has no follower's row."""

    def __init__(self) -> None:
        super().__init__("the read model has no tables: run `ogpgraph migrate`")


class Place(NamedTuple):
    """How far a set of tables has come: in the recorder's positions, and in entries with the tree over them."""

    projection: int
    build: int
    log_position: int
    frontier: Frontier

    @property
    def position(self) -> int:
        """Return the number of entries."""
        return self.frontier.size


class Step(NamedTuple):
    """What one transaction did: where it came, where the log's head was, and what it stopped before."""

    place: Place
    head: int
    saves: int
    stop: Stop | None

    @property
    def is_last(self) -> bool:
        """Tell whether there is nothing more to do for now."""
        return self.stop is not None or self.place.log_position >= self.head


class Projector:
    """Brings one set of tables, named by its prefix, forward."""

    def __init__(self, database: Database, log: EventLog, prefix: str) -> None:
        self._database = database
        self._log = log
        self._prefix = prefix
        self._standings = Standings(prefix)
        self._limit = BATCH

    def step(self) -> Step:
        """Project about one batch in a transaction of its own, or find out what cannot be projected.

        Where the database refuses the rows of a batch, smaller ones are tried: the save at fault is found, and all
        before it is projected.
        """
        place, saves = Place(PROJECTION, 0, 0, Frontier()), list[list[Row]]()
        while True:
            try:
                with self._database.write(durable=False) as transaction:
                    place = self.take(transaction)
                    saves = self._log.saves_after(transaction, place.log_position, self._limit)
                    step = self.advance(transaction, place, saves)
            except (Taken, Unacceptable) as error:
                if not saves:
                    raise
                if len(saves) == 1:
                    log.exception("the rows of a save are refused")
                    return Step(place, saves[0][-1]["position"], 0, refused(saves[0][0], error))
                self._limit = max(1, len(saves) // 2)
            else:
                self._limit = min(BATCH, self._limit * 2)
                return step

    def take(self, transaction: Transaction) -> Place:
        """Return where the set of tables stands; nobody else moves it before the transaction ends."""
        row = transaction.row(_TAKE.format(self._prefix), name=NAME)
        if row is None:
            raise NoFollower
        frontier = Frontier.from_bytes(row["position"], bytes.fromhex(row["frontier"]))
        return Place(row["projection"], row["build"], row["log_position"], frontier)

    def advance(self, transaction: Transaction, place: Place, saves: Sequence[list[Row]]) -> Step:
        """Project saves in a transaction that took the place; the step's `head` is how far the log reached."""
        head = saves[-1][-1]["position"] if saves else place.log_position
        if sum(map(len, saves)) >= self._limit:
            head = self._log.head(transaction)
        if place.projection != PROJECTION:
            told = f"the read model is of projection {place.projection}, and this program makes {PROJECTION}"
            return Step(place, head, 0, Stop(StopCode.OTHER_PROJECTION, told, place.log_position))
        readable, stop = _readable(saves)
        after, number, worse = self._project(transaction, place, readable)
        return Step(after, head, number, worse or stop)

    def _project(self, transaction: Transaction, place: Place, saves: list[Save]) -> tuple[Place, int, Stop | None]:
        if not saves:
            return place, 0, None
        streams = {logged.stream for save in saves for logged, _ in save}
        run = _Run(place.frontier, self._standings.at((place.build, place.position), transaction, streams))
        if stop := run.project(saves):
            # What stood was changed on the way to the failure: once more, without the save that failed.
            after, number, _ = self._project(transaction, place, saves[: run.done])
            return after, number, stop
        after = place._replace(log_position=saves[-1][-1][0].id, frontier=run.frontier)
        self._write(transaction, run.batch, after)
        self._standings.moved_to((after.build, after.position))
        return after, len(saves), None

    def _write(self, transaction: Transaction, batch: Batch, after: Place) -> None:
        batch.write(transaction, self._prefix)
        transaction.execute(
            _ADVANCE.format(self._prefix),
            name=NAME,
            log_position=after.log_position,
            position=after.position,
            frontier=after.frontier.to_bytes().hex(),
        )


def _readable(saves: Sequence[list[Row]]) -> tuple[list[Save], Stop | None]:
    readable: list[Save] = []
    for save in saves:
        try:
            readable.append([followed(row) for row in save])
        except Poisonous as poison:
            return readable, poison.stop
    return readable, None


class _Run:
    """One run over some saves: the rows they make, and the tree that they grow."""

    def __init__(self, frontier: Frontier, standing: dict[str, Standing]) -> None:
        self.frontier = frontier
        self.batch = Batch()
        self.done = 0
        self._standing = standing

    def project(self, saves: list[Save]) -> Stop | None:
        """Project saves; where one fails, `done` tells how many did not, and the run is spoilt."""
        for save in saves:
            for logged, event in save:
                try:
                    self._project_one(logged, event)
                except Exception as error:
                    log.exception("projecting an event failed", log_position=logged.id, stream=logged.stream)
                    return failed(logged, error)
            self.done += 1
        return None

    def _project_one(self, logged: LoggedEvent, event: Event) -> None:
        standing = self._standing[logged.stream]
        before = standing.subject
        if event.revision != before.revision + 1:
            raise ValueError(f"revision {event.revision} follows revision {before.revision}")
        after = evolve(before, event)
        self.frontier = self.frontier.append(logged.leaf)
        position = self.frontier.size
        self.batch.entries.append(_entry(logged, event, before, after, self.frontier))
        self.batch.close_version(after.id, standing.since, position)
        self.batch.open_version(after, position)
        _retag(self.batch, standing, after, event.facts, position)
        standing.subject, standing.since = after, position


def _retag(batch: Batch, standing: Standing, after: Subject, facts: Iterable[str], position: int) -> None:
    ended, begun = tag_changes(standing.subject, after, facts)
    for tag in ended:
        batch.close_tag(after.id, tag, standing.tags.pop(tag), position)
    for tag in begun:
        batch.open_tag(after.id, tag, position)
        standing.tags[tag] = position


def _entry(logged: LoggedEvent, event: Event, before: Subject, after: Subject, frontier: Frontier) -> tuple[Any, ...]:
    """Return the row of an entry, in the order of its columns."""
    envelope = event.envelope
    return (
        frontier.size,
        logged.id,
        envelope.id,
        event.stream,
        event.revision,
        event.name,
        logged.recorded_at,
        envelope.actor,
        envelope.cause,
        envelope.source,
        envelope.correlation,
        _TO_TEXT.encode(envelope).decode(),
        _TO_TEXT.encode(changes_between(before, after, event)).decode(),
        logged.leaf.hex(),
        frontier.root().hex(),
    )
