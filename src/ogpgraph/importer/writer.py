"""Where an import records: in the log, or, to try it first, nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from ogpgraph.application.executor import CommandExecutor
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.correction import revert
from ogpgraph.domain.event import Event
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, UnitOfWork
from ogpgraph.domain.values import TextValue
from ogpgraph.readmodel.model import require_caught_up
from ogpgraph.storage.database import iter_chunks
from ogpgraph.system import System

T = TypeVar("T")
TitlesByCode = dict[str, set[str]]
"""The code of a commitment, or its key where it has none → its titles, by reference."""


class ImportWriter(Protocol):
    """What an import needs: to record, to read again what was stored, and to see what a plan holds."""

    def execute(self, context: CommandContext, commands: Callable[[UnitOfWork], T]) -> Receipt[T]:
        """Run commands in one session and keep what they say."""
        ...

    def stored_text(self, reference: str) -> str | None:
        """Return a wording as it came in."""
        ...

    def titles_of_plan(self, plan: str) -> TitlesByCode:
        """Return the titles of a plan's commitments."""
        ...

    def load(self, stream: str) -> Aggregate:
        """Return a subject as it stands."""
        ...

    def stored_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording as it came in."""
        ...

    def require_all_shown(self) -> None:
        """Raise Conflict where not all that is recorded can be seen, so that something known would be overlooked."""
        ...

    def load_commitments(self, members: Iterable[str]) -> Iterator[list[Aggregate]]:
        """Yield the commitments of members, by their streams, in portions that memory can hold; raises Conflict."""
        ...


class LogWriter:
    """Records for good."""

    def __init__(self, system: System) -> None:
        self._system = system

    def execute(self, context: CommandContext, commands: Callable[[UnitOfWork], T]) -> Receipt[T]:
        """Run commands in one session, and store what they say."""
        return self._system.execute(context, commands)

    def stored_text(self, reference: str) -> str | None:
        """Return a wording as it came in, None where it is not kept."""
        return self._system.unmasked_text(reference)

    def titles_of_plan(self, plan: str) -> TitlesByCode:
        """Return the titles of a plan's commitments."""
        with self._system.read_session() as reading:
            snapshot = reading.at_head()
            ids = snapshot.find_ids_by_tag("commitment", "actionPlan", [plan])
            return _titles_by_code(snapshot.find_many(ids).values())

    def load(self, stream: str) -> Aggregate:
        """Return a subject as it stands."""
        return self._system.executor.load(stream)

    def stored_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording as it came in, without those that are not kept."""
        return self._system.unmasked_texts(references)

    def require_all_shown(self) -> None:
        """Raise Conflict while the follower stands still."""
        with self._system.read_session() as reading:
            require_caught_up(reading.projection_failure())

    def load_commitments(self, members: Iterable[str]) -> Iterator[list[Aggregate]]:
        """Yield the commitments of members, by their streams, in portions that memory can hold; raises Conflict."""
        found: set[str] = set()
        for chunk in iter_chunks(sorted(members)):
            with self._system.read_session() as reading:
                require_caught_up(reading.projection_failure())
                found.update(reading.at_head().find_ids_by_tag("commitment", "member", chunk))
        for chunk in iter_chunks(sorted(found)):
            with self._system.read_session() as reading:
                yield list(reading.at_head().find_many(chunk).values())


class DryRunWriter:
    """Records nothing, and remembers what was said, so that each file finds what those before it would have left."""

    def __init__(self, system: System) -> None:
        self._log = LogWriter(system)
        self._executor: CommandExecutor = system.executor
        self._aggregates: dict[str, Aggregate] = {}
        self._events: dict[str, list[Event]] = {}
        self._texts: dict[str, str] = {}

    def execute(self, context: CommandContext, commands: Callable[[UnitOfWork], T]) -> Receipt[T]:
        """Run commands in one session, which is never saved."""
        uow = UnitOfWork(self, context, AGGREGATE_TYPES)
        answer = commands(uow)
        for event in uow.pending:
            self._aggregates[event.stream] = uow.aggregate(event.stream)
            self._events.setdefault(event.stream, []).append(event)
        self._texts |= {reference: text for reference, (_, text) in uow.referenced_texts().items()}
        return Receipt(answer, tuple(event.envelope.id for event in uow.pending))

    def stored_text(self, reference: str) -> str | None:
        """Return a wording as it came in, or would have come in."""
        return self._texts.get(reference) or self._log.stored_text(reference)

    def titles_of_plan(self, plan: str) -> TitlesByCode:
        """Return the titles of a plan's commitments, those that would be recorded included."""
        ours = (aggregate for aggregate in self._aggregates.values() if aggregate.type == "commitment")
        return self._log.titles_of_plan(plan) | _titles_by_code(
            each for each in ours if each.string("actionPlan") == plan
        )

    def load(self, stream: str) -> Aggregate:
        """Return a subject as it stands, what was rehearsed included."""
        return self._aggregates.get(stream) or self._executor.load(stream)

    def stored_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording as it came in, or would have come in."""
        wanted = set(references)
        ours = {reference: self._texts[reference] for reference in wanted & self._texts.keys()}
        return self._log.stored_texts(wanted - ours.keys()) | ours

    def require_all_shown(self) -> None:
        """Raise Conflict while the follower stands still."""
        self._log.require_all_shown()

    def load_commitments(self, members: Iterable[str]) -> Iterator[list[Aggregate]]:
        """Yield the commitments of members, those that would be recorded included."""
        wanted = set(members)
        for portion in self._log.load_commitments(wanted):
            yield [aggregate for aggregate in portion if aggregate.id not in self._aggregates]
        ours = [aggregate for aggregate in self._aggregates.values() if aggregate.type == "commitment"]
        yield [aggregate for aggregate in ours if aggregate.string("member") in wanted]

    def events(self, stream: str) -> list[Event]:
        """Return the events of a stream, what was rehearsed included."""
        return [*self._executor.events(stream), *self._events.get(stream, ())]

    def new_id(self) -> str:
        """Return a new id."""
        return self._executor.new_id()

    def create_reference(self, wording: str) -> tuple[str, bytes]:
        """Return a wording's reference and salt."""
        return self._executor.create_reference(wording)


def _titles_by_code(commitments: Iterable[Aggregate]) -> TitlesByCode:
    return {each.string("code") or each.string("key") or each.id: set(_title_references(each)) for each in commitments}


def _title_references(commitment: Aggregate) -> Iterator[str]:
    return (claim.value.text for _, claim in commitment.claims_under("title/") if isinstance(claim.value, TextValue))


def revert_import(system: System, correlation: str, act: CommandContext) -> int:
    """Take back all that was recorded under a correlation; returns by how many events, 0 where nothing is left of it.

    Raises NotFound where nothing was recorded under it, Conflict while the follower stands still.
    """
    with system.read_session() as reading:
        require_caught_up(reading.projection_failure())
        streams = sorted(reading.at_head().find_correlated_streams(correlation) or ())
    return len(system.execute(act, lambda uow: revert(uow, correlation, streams)).events)
