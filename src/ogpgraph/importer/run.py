"""Imports pages: each file is read, checked and recorded as one save, and one that fails does not stop the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from ogpgraph.application import Act, Session
from ogpgraph.domain.errors import Refusal
from ogpgraph.domain.source import content_hash, observations
from ogpgraph.domain.subject import Subject
from ogpgraph.importer.address import note_address, see_again, source_at, validators_of
from ogpgraph.importer.database.run import Progress, bring_database
from ogpgraph.importer.database.sheet import is_sheet
from ogpgraph.importer.doubts import doubts_of_address, doubts_of_code, doubts_of_translation
from ogpgraph.importer.fetch import Fetched, Fetcher, is_url
from ogpgraph.importer.page import READER, read_page
from ogpgraph.importer.reading import PageReading, Remark, UnreadableInput
from ogpgraph.importer.reconcile import Found, Reconciler
from ogpgraph.importer.recording import InTheLog, Recording, Rehearsal
from ogpgraph.importer.report import CAUSED, Report, personal_in, recorded_in, remarks_of
from ogpgraph.system import System

__all__ = ["Report", "import_files", "import_page", "moment_of"]


def import_files(
    system: System,
    files: Iterable[Path | str],
    act: Act,
    *,
    limit_bytes: int,
    dry_run: bool = False,
    fetcher: Fetcher | None = None,
    progress: Progress | None = None,
) -> Iterator[Report]:
    """Import files and addresses one after the other, yielding a report of each; a dry run records nothing."""
    recording: Recording = Rehearsal(system) if dry_run else InTheLog(system)
    fetcher = fetcher or Fetcher(limit_bytes=limit_bytes)
    for file in map(str, files):
        try:
            if is_url(file):
                yield bring_address(recording, file, act, fetcher, limit_bytes=limit_bytes)
            else:
                data = _bytes_of(Path(file), limit_bytes)
                yield bring_file(recording, file, data, act, limit_bytes=limit_bytes, progress=progress)
        except UnreadableInput as unreadable:
            yield Report(file, problem=unreadable.reason)
        except Refusal as refusal:
            yield Report(file, problem=refusal.message)
        except OSError as error:
            yield Report(file, problem=error.strerror or "cannot be read")


def bring_file(
    recording: Recording, name: str, data: bytes, act: Act, *, limit_bytes: int, progress: Progress | None = None
) -> Report:
    """Record what a file says, a page or OGP's database; returns the report. Raises UnreadableInput and Refusal."""
    if len(data) <= limit_bytes and (name.lower().endswith((".csv", ".tsv")) or is_sheet(data)):
        return bring_database(recording, name, data, act, progress)
    return bring_page(recording, name, data, act, limit_bytes=limit_bytes)


def bring_address(recording: Recording, url: str, act: Act, fetcher: Fetcher, *, limit_bytes: int) -> Report:
    """Fetch one page and record what it says; raises UnreadableInput and Refusal."""
    stream = source_at(url)
    source = recording.load(stream) if stream else None
    fetched = fetcher.fetch(url, validators_of(source, url, READER) if source else None)
    if fetched.data is not None:
        return bring_page(recording, url, fetched.data, act, limit_bytes=limit_bytes, fetched=fetched)
    assert source is not None  # only what is known can be unchanged
    return _unchanged(recording, url, act, source)


def _unchanged(recording: Recording, url: str, act: Act, source: Subject) -> Report:
    _, latest = observations(source)[-1]

    def commands(session: Session) -> Counter[CAUSED]:
        see_again(session, source.id, latest.content_hash)
        return recorded_in(session.pending)

    recorded = recording.record(act, commands).answer or Counter()
    return Report(url, code=source.text("code") or "", language=source.text("language") or "", recorded=recorded)


def import_page(system: System, name: str, data: bytes, act: Act, *, limit_bytes: int) -> Report:
    """Import one page; returns the report. Raises UnreadableInput and Refusal, having recorded nothing."""
    return bring_page(InTheLog(system), name, data, act, limit_bytes=limit_bytes)


def bring_page(
    recording: Recording, name: str, data: bytes, act: Act, *, limit_bytes: int, fetched: Fetched | None = None
) -> Report:
    """Read one page and record what it says; returns the report. Raises UnreadableInput and Refusal."""
    page = read_page(data, limit_bytes=limit_bytes)
    url = fetched.url if fetched else None
    found = Found(content_hash(data), act.time, url)

    def commands(session: Session) -> tuple[Counter[CAUSED], tuple[Remark, ...]]:
        reconciler = Reconciler(session, found, page, recording.stored_text)
        reconciler.run()
        note_address(session, reconciler.sight().source, fetched)
        return recorded_in(session.pending), tuple(_doubts(recording, session, page, url))

    recorded, doubts = recording.record(act, commands).answer or (Counter(), ())
    return Report(
        name,
        code=page.code,
        language=page.language,
        layout=page.layout,
        facts=sum(len(said) for said in page.facts.values()),
        recorded=recorded,
        remarks=remarks_of((*page.remarks, *doubts)),
        personal=personal_in(page.text, page.siblings.text if page.siblings else ""),
    )


def _doubts(recording: Recording, session: Session, page: PageReading, url: str | None) -> Iterator[Remark]:
    def words_of(reference: str) -> str | None:
        known = session.texts.get(reference)
        return known[1] if known else recording.stored_text(reference)

    yield from doubts_of_address(page, url)
    if stream := session.meaning_of("commitment", page.code):
        yield from doubts_of_translation(page, session.subject(stream), words_of)
    yield from doubts_of_code(session, recording.titles_in, words_of)


def _bytes_of(file: Path, limit_bytes: int) -> bytes:
    if file.is_dir():
        raise UnreadableInput("this is a folder, not a page")
    if (size := file.stat().st_size) > limit_bytes:
        raise UnreadableInput(f"{size:,} bytes are more than the limit of {limit_bytes:,}")
    with file.open("rb") as opened:
        return opened.read(limit_bytes + 1)  # a device tells no size: one byte too many is refused as too large


def moment_of(text: str) -> datetime:
    """Return the moment of an ISO 8601 day or time; a day begins in UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
