"""The history on the axis of valid time, as the events state it, without anything that depends on the order of imports.

It is computed from all events of a log at once, without the fold, and names aggregates by their codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ogpgraph.domain.event import Event, Origin
from ogpgraph.domain.source import observations
from ogpgraph.domain.statement import statement_interval
from ogpgraph.domain.values import Value
from ogpgraph.system import System
from tests.domain.oracle import amended_facts, is_live

_STREAM = re.compile(r"\b(?:member|plan|commitment)-[0-9a-f]{32}\b")
_TEXT = re.compile(r"\b[0-9a-f]{64}\b")
_AT_RECORDING = frozenset({"PERSON", "REFERENCE"})


class Run(NamedTuple):
    """A value that a source stated, and since when: the quote is where the source stated it first."""

    value: str
    after: str
    before: str
    language: str | None
    quote: str | None
    content_hash: str | None


Statements = dict[str, list[Run]]
"""Path, origin and source → the source's successive values there, oldest first."""


class RecordHistory(NamedTuple):
    """What a record says, by the names of its aggregates."""

    present: dict[str, dict[str, str]]
    statements: dict[str, Statements]


def history_of(system: System, *, with_quotes_of_rows: bool = True) -> RecordHistory:
    """Return the present and the statements of all members, plans, commitments and sources.

    Of a row of a file that says again what an earlier one said, the spelling is not stored; its quotes are left out on
    request.
    """
    return _HistoryReader(system, with_quotes_of_rows=with_quotes_of_rows).read()


def assert_same_history(found: RecordHistory, expected: RecordHistory) -> None:
    """Compare two histories, and name the paths at which they differ."""
    _assert_same(found.present, expected.present)
    _assert_same(found.statements, expected.statements)


def _assert_same(found: Mapping[str, Mapping[str, Any]], expected: Mapping[str, Mapping[str, Any]]) -> None:
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        paths = {path for path in {*wanted, *found[name]} if wanted.get(path) != found[name].get(path)}
        assert {path: found[name].get(path) for path in paths} == {path: wanted.get(path) for path in paths}, name


class _HistoryReader:
    def __init__(self, system: System, *, with_quotes_of_rows: bool) -> None:
        self._has_quotes_of_rows = with_quotes_of_rows
        self._system = system
        self._executor = system.executor
        self._names: dict[str, str] = {}

    def read(self) -> RecordHistory:
        streams = [each for kind in ("member", "plan", "commitment", "source") for each in self._streams(kind)]
        for stream in streams:
            aggregate = self._executor.load(stream)
            code = aggregate.string("code") or aggregate.string("key") or stream
            language = aggregate.string("language") if aggregate.type == "source" else None
            self._names[stream] = " ".join(filter(None, (aggregate.type, aggregate.string("type"), code, language)))
        present = {
            self._names[stream]: {
                self._readable(path): self._readable(str(claim.value))
                for path, claim in self._executor.load(stream).current_claims.items()
            }
            for stream in streams
            if not stream.startswith("source-")
        }
        statements = {self._names[stream]: self._statements(stream) for stream in streams}
        return RecordHistory(present, statements)

    def _streams(self, kind: str) -> list[str]:
        return [each for each in self._executor.list_streams(kind) if self._executor.load(each).revision]

    def _statements(self, stream: str) -> Statements:
        if stream.startswith("source-"):
            return self._observations(stream)
        events = self._executor.events(stream)
        found: dict[tuple[str, str, str], list[tuple[Event, Value | None]]] = {}
        for event in events:
            if is_live(event, events):
                for path, value in amended_facts(event, events).items():
                    key = path, str(event.envelope.origin), event.envelope.source or ""
                    found.setdefault(key, []).append((event, value))
        return {
            f"{self._readable(path)} | {origin} | {self._names.get(source, source)}": list(
                self._runs(
                    path, sorted(stated, key=lambda each: (statement_interval(each[0]).before, each[0].revision))
                )
            )
            for (path, origin, source), stated in sorted(found.items())
        }

    def _observations(self, stream: str) -> Statements:
        """Return the observations of changed bytes: whether those of unchanged ones are listed depends on the order."""
        found: list[Run] = []
        for time, recorded in observations(self._executor.load(stream)):
            if not found or found[-1].content_hash != recorded.content_hash:
                found.append(Run(recorded.reader, "", str(time), None, None, recorded.content_hash))
        return {"observations": found}

    def _runs(self, path: str, stated: list[tuple[Event, Value | None]]) -> Iterator[Run]:
        """Yield one run for each change of the value; of several readings of one observation the last one counts."""
        last_of = {statement_interval(event).before: (event, value) for event, value in stated}
        previous: tuple[Event, Value | None] | None = None
        last = None
        for moment, (event, value) in last_of.items():
            is_repeated = previous is not None and previous[1] == value and event.envelope.origin is not Origin.PERSON
            # A source that is seen to state nothing yet only dates more exactly since when it states something.
            if not is_repeated and (previous or value is not None):
                after = statement_interval(event).after
                after = max(filter(None, (after, last)), default=None)
                yield self._run(path, event, value, after, moment)
                previous = event, value
            last = moment

    def _run(self, path: str, event: Event, value: Value | None, after: object, before: object) -> Run:
        # A person states something when it is recorded, and our tables have no time.
        moments = ("", "") if event.envelope.origin in _AT_RECORDING else (str(after or ""), str(before))
        quote = content_hash = None
        for evidence in event.envelope.evidence:
            content_hash = evidence.content_hash
            is_quoted = event.envelope.origin is not Origin.DATABASE or self._has_quotes_of_rows
            if is_quoted and path in evidence.spans and evidence.text:
                start, end = evidence.spans[path]
                quote = (self._system.unmasked_text(evidence.text) or "")[start:end]
        return Run(self._readable(str(value)), *moments, event.envelope.language, quote, content_hash)

    def _readable(self, text: str) -> str:
        text = _STREAM.sub(lambda found: f"<{self._names.get(found[0], found[0])}>", text)
        return _TEXT.sub(lambda found: repr(self._system.unmasked_text(found[0])), text)
