"""Given what was recorded, when a command is called, then these events: sessions on a record in memory, no database."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from ogpgraph.application import Act, Session
from ogpgraph.domain.event import VERSION, Event, encode
from ogpgraph.domain.nouns import read
from ogpgraph.domain.subject import Subject, evolve
from ogpgraph.domain.text import Made, Wording
from ogpgraph.storage.texts import TextKeeper
from tests.domain.events import day

KEEPER = TextKeeper(b"k" * 32)
Command = Callable[[Session], object]


def act(on: int = 0, **given: Any) -> Act:
    """An act of a person on a day."""
    return Act(**{"actor": "account-1", "role": "publisher", "time": day(on), "correlation": "request", **given})


def words(text: str, made: Made = Made.ORIGINAL) -> Wording:
    """A wording as an event holds it."""
    return Wording(KEEPER.salted(text)[0], made)


class Story:
    """A record in memory that sessions read and write; events are stored as bytes and read back, as in a log."""

    def __init__(self) -> None:
        self._stored: list[Event] = []
        self._ids = count(1)
        self.texts: dict[str, tuple[bytes, str]] = {}

    def given(self, *commands: Command, on: int = 0, **acting: Any) -> Story:
        """Record what commands say, each in a session of its own."""
        for command in commands:
            self.when(command, on=on, **acting)
        return self

    def when(self, command: Command, on: int = 0, **acting: Any) -> list[Event]:
        """Record what a command says; returns the events, of which then something is asserted."""
        session = Session(self, act(on, **acting))
        command(session)
        said = [read(e.stream, e.revision, e.name, VERSION, encode(e)) for e in session.pending]
        self._stored += said
        self.texts |= session.spoken_texts()
        return said

    # What a session needs of the register

    def load(self, stream: str) -> Subject:
        subject = Subject(stream)
        for event in self.events(stream):
            subject = evolve(subject, event)
        return subject

    def events(self, stream: str) -> list[Event]:
        return [event for event in self._stored if event.stream == stream]

    def new_id(self) -> str:
        return f"{next(self._ids):04}"

    def salted(self, wording: str) -> tuple[str, bytes]:
        return KEEPER.salted(wording)

    # What then is so

    def subject(self, kind: str, code: str) -> Subject:
        return Session(self, act()).require(kind, code)

    @property
    def recorded(self) -> list[Event]:
        return list(self._stored)

    @property
    def size(self) -> int:
        return len(self._stored)


def told(events: list[Event]) -> list[tuple[str, dict[str, Any]]]:
    """The names and facts of events."""
    return [(event.name, event.facts) for event in events]


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]
