"""A log in memory for tests in the form given events, when a command is executed, then events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Any

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES, decode_event
from ogpgraph.domain.commitment import register_commitment, revise_commitment
from ogpgraph.domain.correction import CorrelatedEvents
from ogpgraph.domain.event import VERSION, Event, Facts, encode_payload
from ogpgraph.domain.fold import replay
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import TextValue, TranslationKind
from ogpgraph.storage.texts import TextReferencer
from tests.domain.events import day

TEXT_STORE = TextReferencer(b"k" * 32)
Command = Callable[[UnitOfWork], object]


def command_context(on: int = 0, **given: Any) -> CommandContext:
    """Return the context of a person's command on a day."""
    return CommandContext(
        **{"actor": "account-1", "role": "publisher", "time": day(on), "correlation": "request", **given}
    )


def text_value(text: str, made: TranslationKind = TranslationKind.ORIGINAL) -> TextValue:
    """Return a text as the value of a fact."""
    return TextValue(TEXT_STORE.create_reference(text)[0], made)


def on(command: Callable[..., object], code: str, *args: Any, kind: str = "commitment", **kwargs: Any) -> Command:
    """Return a command with its aggregate looked up by its code and with its further arguments filled in."""
    return lambda uow: command(uow, uow.require_by_code(kind, code), *args, **kwargs)


def register(code: str = "FR0001", provenance: Provenance = REPORTED_BY_PERSON, **texts: str) -> Command:
    """Return the command that registers a commitment with some texts, or with a title."""

    def command(uow: UnitOfWork) -> object:
        facts: Facts = {f"{path}/en": uow.text_value(text) for path, text in texts.items()}
        return register_commitment(uow, code, facts or {"title/en": uow.text_value("Open the budget")}, provenance)

    return command


def revise(facts: dict[str, Any], code: str = "FR0001", provenance: Provenance = REPORTED_BY_PERSON) -> Command:
    """Return the command that revises a commitment."""
    return on(revise_commitment, code, facts, provenance)


class InMemoryLog:
    """A repository in memory; events are encoded and decoded as by the event log."""

    def __init__(self) -> None:
        self._stored: list[Event] = []
        self._ids = count(1)
        self.texts: dict[str, tuple[bytes, str]] = {}

    def given(self, *commands: Command, on: int = 0, **context: Any) -> InMemoryLog:
        """Execute commands, each in a unit of work of its own."""
        for command in commands:
            self.when(command, on=on, **context)
        return self

    def when(self, command: Command, on: int = 0, **context: Any) -> list[Event]:
        """Execute a command and return its events."""
        uow = UnitOfWork(self, command_context(on, **context), AGGREGATE_TYPES)
        command(uow)
        events = [decode_event(e.stream, e.revision, e.name, VERSION, encode_payload(e)) for e in uow.pending]
        self._stored += events
        self.texts |= uow.referenced_texts()
        return events

    # The repository of a unit of work

    def load(self, stream: str) -> Aggregate:
        return replay(stream, self.events(stream))

    def events(self, stream: str) -> list[Event]:
        return [event for event in self._stored if event.stream == stream]

    def read_events(self, stream: str, revisions: Collection[int]) -> Mapping[int, Event]:
        return {event.revision: event for event in self.events(stream) if event.revision in revisions}

    def list_streams(self, aggregate_type: str) -> Sequence[str]:
        return [
            event.stream
            for event in self._stored
            if event.revision == 1 and event.stream.startswith(f"{aggregate_type}-")
        ]

    def new_id(self) -> str:
        return f"{next(self._ids):04}"

    def create_reference(self, wording: str) -> tuple[str, bytes]:
        return TEXT_STORE.create_reference(wording)

    # The state of the log

    def find(self, kind: str, code: str) -> Aggregate:
        return UnitOfWork(self, command_context(), AGGREGATE_TYPES).require_by_code(kind, code)

    @property
    def recorded(self) -> list[Event]:
        return list(self._stored)

    def correlated(self, correlation: str) -> CorrelatedEvents:
        """Return the events of a correlation."""
        found: dict[str, tuple[int, ...]] = {}
        for event in self._stored:
            if event.envelope.correlation == correlation:
                found[event.stream] = (*found.get(event.stream, ()), event.revision)
        return CorrelatedEvents(correlation, found)

    @property
    def size(self) -> int:
        return len(self._stored)


def names_and_facts(events: list[Event]) -> list[tuple[str, dict[str, Any]]]:
    """Return the names and facts of events."""
    return [(event.name, event.facts) for event in events]


def event_names(events: list[Event]) -> list[str]:
    return [event.name for event in events]
