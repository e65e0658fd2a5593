"""The two destinations of an import: the log, or, for a dry run, memory.

Both give an import the same view of the record: what is recorded, and what the import itself has recorded before. A dry
run therefore reports exactly what an import would.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from ogpgraph.application.executor import CommandExecutor
from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.correction import CorrelatedEvents, revert
from ogpgraph.domain.errors import NotFound
from ogpgraph.domain.event import Event
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, UnitOfWork
from ogpgraph.domain.values import TextValue
from ogpgraph.importer.planned_changes import PlannedChange, find_changes
from ogpgraph.readmodel.session import require_caught_up
from ogpgraph.storage.database import iter_chunks
from ogpgraph.system import System

T = TypeVar("T")
TitlesByCode = dict[str, set[str]]
"""The code of a commitment (its key where it has none) → the references of its titles."""


class ImportWriter(Protocol):
    """The record as an import writes and reads it."""

    def execute(self, context: CommandContext, commands: Callable[[UnitOfWork], T]) -> Receipt[T]:
        """Run commands in one unit of work and save its events."""
        ...

    def load(self, stream: str) -> Aggregate:
        """Return an aggregate, at revision 0 where there is none."""
        ...

    def stored_text(self, reference: str) -> str | None:
        """Return a text, unmasked, None where it is not stored."""
        ...

    def stored_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → text, unmasked, without those that are not stored."""
        ...

    def titles_of_plan(self, plan: str) -> TitlesByCode:
        """Return the titles of a plan's commitments."""
        ...

    def load_commitments(self, members: Iterable[str]) -> Iterator[list[Aggregate]]:
        """Yield the commitments of members (streams) in batches that fit into memory. Raises Conflict, as below."""
        ...

    def require_all_shown(self) -> None:
        """Raise Conflict while the projection is stopped: commitments that it does not show would be overlooked."""
        ...

    def take_changes(self) -> tuple[PlannedChange, ...]:
        """Return the changes that a dry run would have made since the last call; none where they are recorded."""
        ...


class LogWriter:
    """Records in the log."""

    def __init__(self, system: System) -> None:
        self._system = system

    def execute(self, context: CommandContext, commands: Callable[[UnitOfWork], T]) -> Receipt[T]:
        """Run commands in one unit of work and save its events."""
        return self._system.execute(context, commands)

    def load(self, stream: str) -> Aggregate:
        """Return an aggregate, at revision 0 where there is none."""
        return self._system.executor.load(stream)

    def stored_text(self, reference: str) -> str | None:
        """Return a text, unmasked, None where it is not stored."""
        return self._system.unmasked_text(reference)

    def stored_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → text, unmasked, without those that are not stored."""
        return self._system.unmasked_texts(references)

    def titles_of_plan(self, plan: str) -> TitlesByCode:
        """Return the titles of a plan's commitments."""
        with self._system.read_session() as session:
            snapshot = session.at_head()
            ids = snapshot.find_ids_by_tag("commitment", "actionPlan", [plan])
            return _titles_by_code(snapshot.find_many(ids).values())

    def load_commitments(self, members: Iterable[str]) -> Iterator[list[Aggregate]]:
        """Yield the commitments of members (streams) in batches that fit into memory. Raises Conflict."""
        # Ids first, then aggregates in batches: a file names most members, whose commitments together are too many to
        # hold. Each batch is read in a session of its own, so that no session is open for the whole import.
        ids: set[str] = set()
        for chunk in iter_chunks(sorted(members)):
            with self._system.read_session() as session:
                require_caught_up(session.projection_failure())
                ids.update(session.at_head().find_ids_by_tag("commitment", "member", chunk))
        for chunk in iter_chunks(sorted(ids)):
            with self._system.read_session() as session:
                yield list(session.at_head().find_many(chunk).values())

    def require_all_shown(self) -> None:
        """Raise Conflict while the projection is stopped."""
        with self._system.read_session() as session:
            require_caught_up(session.projection_failure())

    def take_changes(self) -> tuple[PlannedChange, ...]:
        """Return nothing: what was recorded can be read in the log."""
        return ()


class DryRunWriter:
    """Records nothing, and keeps events in memory so that each file finds those of the files before it.

    It is also the repository of its units of work.
    """

    def __init__(self, system: System) -> None:
        self._log = LogWriter(system)
        self._executor: CommandExecutor = system.executor
        self._aggregates: dict[str, Aggregate] = {}
        self._events: dict[str, list[Event]] = {}
        self._texts: dict[str, str] = {}
        self._changes: list[PlannedChange] = []

    def execute(self, context: CommandContext, commands: Callable[[UnitOfWork], T]) -> Receipt[T]:
        """Run commands in one unit of work and keep its events in memory."""
        uow = UnitOfWork(self, context, AGGREGATE_TYPES)
        result = commands(uow)
        before = {event.stream: self.load(event.stream) for event in uow.pending}
        for event in uow.pending:
            self._aggregates[event.stream] = uow.aggregate(event.stream)
            self._events.setdefault(event.stream, []).append(event)
        self._texts |= {reference: text for reference, (_, text) in uow.referenced_texts().items()}
        for stream, former in before.items():
            self._changes += find_changes(former, self._aggregates[stream], self.stored_texts)
        return Receipt(result, tuple(event.envelope.id for event in uow.pending))

    def load(self, stream: str) -> Aggregate:
        """Return an aggregate with the dry run's events, at revision 0 where there is none."""
        return self._aggregates.get(stream) or self._executor.load(stream)

    def stored_text(self, reference: str) -> str | None:
        """Return a text of the record or the dry run, unmasked, None where there is none."""
        return self._texts.get(reference) or self._log.stored_text(reference)

    def stored_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → text of the record or the dry run, unmasked, without those that are missing."""
        requested = set(references)
        own = {reference: self._texts[reference] for reference in requested & self._texts.keys()}
        return self._log.stored_texts(requested - own.keys()) | own

    def titles_of_plan(self, plan: str) -> TitlesByCode:
        """Return the titles of a plan's commitments, those of the dry run included."""
        own = [commitment for commitment in self._commitments() if commitment.string("actionPlan") == plan]
        return self._log.titles_of_plan(plan) | _titles_by_code(own)

    def load_commitments(self, members: Iterable[str]) -> Iterator[list[Aggregate]]:
        """Yield the commitments of members (streams) with the events of the dry run. Raises Conflict."""
        requested = set(members)
        # Commitments that the dry run has changed are yielded in their changed state only.
        for batch in self._log.load_commitments(requested):
            yield [commitment for commitment in batch if commitment.id not in self._aggregates]
        yield [commitment for commitment in self._commitments() if commitment.string("member") in requested]

    def require_all_shown(self) -> None:
        """Raise Conflict while the projection is stopped."""
        self._log.require_all_shown()

    def take_changes(self) -> tuple[PlannedChange, ...]:
        """Return the changes that would have been made since the last call."""
        changes, self._changes = tuple(self._changes), []
        return changes

    def _commitments(self) -> list[Aggregate]:
        return [aggregate for aggregate in self._aggregates.values() if aggregate.type == "commitment"]

    def read_events(self, stream: str, revisions: Collection[int]) -> Mapping[int, Event]:
        """Return events of a stream by their revision, those of the dry run included."""
        own = {event.revision: event for event in self._events.get(stream, ()) if event.revision in revisions}
        return own | dict(self._executor.read_events(stream, [each for each in revisions if each not in own]))

    def new_id(self) -> str:
        """Return a new id."""
        return self._executor.new_id()

    def list_streams(self, aggregate_type: str) -> Sequence[str]:
        """Return the streams of all aggregates of a type, those of the dry run included."""
        own = (stream for stream in self._aggregates if aggregate_type_of(stream) == aggregate_type)
        return sorted({*self._executor.list_streams(aggregate_type), *own})

    def create_reference(self, text: str) -> tuple[str, bytes]:
        """Return a text's reference and its salt."""
        return self._executor.create_reference(text)


def _titles_by_code(commitments: Iterable[Aggregate]) -> TitlesByCode:
    return {each.string("code") or each.string("key") or each.id: set(_title_references(each)) for each in commitments}


def _title_references(commitment: Aggregate) -> Iterator[str]:
    return (claim.value.text for _, claim in commitment.claims_under("title/") if isinstance(claim.value, TextValue))


def revert_import(system: System, correlation: str, context: CommandContext) -> int:
    """Withdraw everything recorded with a correlation, and return the number of events appended for that.

    It is 0 where everything was withdrawn before. Raises NotFound where nothing was recorded with the correlation, and
    Conflict while the projection is stopped.
    """
    with system.read_session() as session:
        require_caught_up(session.projection_failure())
        found = session.at_head().find_correlated_events(correlation)
    if not found:
        raise NotFound(f"nothing was recorded under {correlation}", "correlationId")
    return len(system.execute(context, lambda uow: revert(uow, CorrelatedEvents(correlation, found))).events)
