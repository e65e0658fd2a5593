"""Imports pages: each file is read, checked and recorded as one save, and one that fails does not stop the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ogpgraph.application import Act, Session
from ogpgraph.domain.errors import Refusal
from ogpgraph.domain.source import content_hash, observations
from ogpgraph.domain.values import Observation
from ogpgraph.importer.observing import previous_text
from ogpgraph.importer.page import read_page
from ogpgraph.importer.reading import Remark, UnreadableInput
from ogpgraph.importer.reconcile import Found, Reconciler
from ogpgraph.system import System


@dataclass(frozen=True)
class Report:
    """What became of one file: the page it holds, the events it made by name, or the reason why it could not be read."""

    file: str
    code: str = ""
    language: str = ""
    layout: str = ""
    facts: int = 0
    events: Counter[str] = field(default_factory=Counter)
    remarks: tuple[Remark, ...] = ()
    problem: str = ""

    @property
    def outcome(self) -> str:
        """Return in a few words what the import of the file did."""
        if self.problem:
            return "refused"
        changed = [name for name in self.events if name != "SourceSeenAgain"]
        return "recorded" if changed else "seen again"


def import_files(system: System, files: Iterable[Path], act: Act, *, limit_bytes: int) -> Iterator[Report]:
    """Import files one after the other, yielding a report of each."""
    for file in files:
        try:
            yield import_page(system, str(file), _bytes_of(file, limit_bytes), act, limit_bytes=limit_bytes)
        except UnreadableInput as unreadable:
            yield Report(str(file), problem=unreadable.reason)
        except Refusal as refusal:
            yield Report(str(file), problem=refusal.message)
        except OSError as error:
            yield Report(str(file), problem=error.strerror or "cannot be read")


def import_page(system: System, name: str, data: bytes, act: Act, *, limit_bytes: int) -> Report:
    """Import one page; returns the report. Raises UnreadableInput and Refusal, having recorded nothing."""
    page = read_page(data, limit_bytes=limit_bytes)
    found = Found(content_hash(data), act.time)

    def stored_text(reference: str) -> str | None:
        with system.reading() as reading:
            return reading.wordings([reference]).get(reference)

    def commands(session: Session) -> Counter[str]:
        reconciler = Reconciler(session, found, page, stored_text)
        former = previous_text(session, reconciler.sight())
        if former and (text := stored_text(former.text)):
            # Bytes and reader both changed: let today's reader read the former bytes first; what differs is its doing.
            again = Found(former.content_hash, _observed_at(session, reconciler, former))
            Reconciler(session, again, read_page(text.encode(), limit_bytes=limit_bytes), stored_text).run()
        reconciler.run()
        return Counter(event.name for event in session.pending)

    receipt = system.record(act, commands)
    facts = sum(len(said) for said in page.facts.values())
    return Report(name, page.code, page.language, page.layout, facts, receipt.answer or Counter(), page.remarks)


def _observed_at(session: Session, reconciler: Reconciler, former: Observation) -> datetime:
    source = session.subject(reconciler.sight().source)
    return max(time for time, seen in observations(source) if seen == former)


def _bytes_of(file: Path, limit_bytes: int) -> bytes:
    if file.is_dir():
        raise UnreadableInput("this is a folder, not a page")
    if (size := file.stat().st_size) > limit_bytes:
        raise UnreadableInput(f"{size:,} bytes are more than the limit of {limit_bytes:,}")
    return file.read_bytes()


def moment_of(text: str) -> datetime:
    """Return the moment of an ISO 8601 day or time; a day begins in UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
