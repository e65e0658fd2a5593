"""Given what was recorded, when a command is called, then these events: sessions on a record in memory, no database."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from ogpgraph.domain.aggregate import Aggregate, evolve
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES, decode_event
from ogpgraph.domain.event import VERSION, Event, encode_payload
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.domain.values import TextValue, TranslationKind
from ogpgraph.storage.texts import TextReferencer
from tests.domain.events import day

TEXT_STORE = TextReferencer(b"k" * 32)
Command = Callable[[UnitOfWork], object]


def command_context(on: int = 0, **given: Any) -> CommandContext:
    """An act of a person on a day."""
    return CommandContext(
        **{"actor": "account-1", "role": "publisher", "time": day(on), "correlation": "request", **given}
    )


def text_value(text: str, made: TranslationKind = TranslationKind.ORIGINAL) -> TextValue:
    """A wording as an event holds it."""
    return TextValue(TEXT_STORE.create_reference(text)[0], made)


def on(command: Callable[..., object], code: str, *args: Any, kind: str = "commitment", **kwargs: Any) -> Command:
    """Return a command with its aggregate looked up by its code and with its further arguments filled in."""
    return lambda uow: command(uow, uow.require_by_code(kind, code), *args, **kwargs)


class InMemoryLog:
    """A record in memory that sessions read and write; events are stored as bytes and read back, as in a log."""

    def __init__(self) -> None:
        self._stored: list[Event] = []
        self._ids = count(1)
        self.texts: dict[str, tuple[bytes, str]] = {}

    def given(self, *commands: Command, on: int = 0, **acting: Any) -> InMemoryLog:
        """Record what commands say, each in a session of its own."""
        for command in commands:
            self.when(command, on=on, **acting)
        return self

    def when(self, command: Command, on: int = 0, **acting: Any) -> list[Event]:
        """Record what a command says; returns the events, of which then something is asserted."""
        uow = UnitOfWork(self, command_context(on, **acting), AGGREGATE_TYPES)
        command(uow)
        said = [decode_event(e.stream, e.revision, e.name, VERSION, encode_payload(e)) for e in uow.pending]
        self._stored += said
        self.texts |= uow.referenced_texts()
        return said

    # What a session needs of the register

    def load(self, stream: str) -> Aggregate:
        subject = Aggregate(stream)
        for event in self.events(stream):
            subject = evolve(subject, event)
        return subject

    def events(self, stream: str) -> list[Event]:
        return [event for event in self._stored if event.stream == stream]

    def new_id(self) -> str:
        return f"{next(self._ids):04}"

    def create_reference(self, wording: str) -> tuple[str, bytes]:
        return TEXT_STORE.create_reference(wording)

    # What then is so

    def subject(self, kind: str, code: str) -> Aggregate:
        return UnitOfWork(self, command_context(), AGGREGATE_TYPES).require_by_code(kind, code)

    @property
    def recorded(self) -> list[Event]:
        return list(self._stored)

    @property
    def size(self) -> int:
        return len(self._stored)


def names_and_facts(events: list[Event]) -> list[tuple[str, dict[str, Any]]]:
    """The names and facts of events."""
    return [(event.name, event.facts) for event in events]


def event_names(events: list[Event]) -> list[str]:
    return [event.name for event in events]
