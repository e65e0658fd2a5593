"""Imports pages: each file is read, checked and recorded as one save, and one that fails does not stop the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Refusal
from ogpgraph.domain.source import content_hash, observations
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.importer.fetch import FetchedPage, Fetcher, is_url
from ogpgraph.importer.observations.page_reconciler import PageCapture, PageReconciler
from ogpgraph.importer.observations.source_location import (
    conditional_validators,
    record_location,
    record_unchanged,
    source_id_from_url,
)
from ogpgraph.importer.pages.extraction import PageReading, Remark, UnreadableInput
from ogpgraph.importer.pages.page import READER, read_page
from ogpgraph.importer.plausibility_checks import check_address, check_reissued_codes, check_translation
from ogpgraph.importer.report import CausedEvent, Report, count_events, count_personal_data, publishable_remarks
from ogpgraph.importer.spreadsheets.run import ProgressCallback, import_spreadsheet
from ogpgraph.importer.spreadsheets.sheet import is_sheet
from ogpgraph.importer.writer import DryRunWriter, ImportWriter, LogWriter
from ogpgraph.system import System

__all__ = ["Report", "import_files", "import_page", "parse_moment"]


def import_files(
    system: System,
    files: Iterable[Path | str],
    act: CommandContext,
    *,
    limit_bytes: int,
    dry_run: bool = False,
    fetcher: Fetcher | None = None,
    progress: ProgressCallback | None = None,
) -> Iterator[Report]:
    """Import files and addresses one after the other, yielding a report of each; a dry run records nothing."""
    writer: ImportWriter = DryRunWriter(system) if dry_run else LogWriter(system)
    fetcher = fetcher or Fetcher(limit_bytes=limit_bytes)
    for file in map(str, files):
        try:
            if is_url(file):
                yield import_url(writer, file, act, fetcher, limit_bytes=limit_bytes)
            else:
                data = _read_file(Path(file), limit_bytes)
                yield import_file(writer, file, data, act, limit_bytes=limit_bytes, progress=progress)
        except UnreadableInput as unreadable:
            yield Report(file, problem=unreadable.reason)
        except Refusal as refusal:
            yield Report(file, problem=refusal.message)
        except OSError as error:
            yield Report(file, problem=error.strerror or "cannot be read")


def import_file(
    writer: ImportWriter,
    name: str,
    data: bytes,
    act: CommandContext,
    *,
    limit_bytes: int,
    progress: ProgressCallback | None = None,
) -> Report:
    """Record what a file says, a page or OGP's database; returns the report. Raises UnreadableInput and Refusal."""
    if len(data) <= limit_bytes and (name.lower().endswith((".csv", ".tsv")) or is_sheet(data)):
        return import_spreadsheet(writer, name, data, act, progress)
    return record_page(writer, name, data, act, limit_bytes=limit_bytes)


def import_url(writer: ImportWriter, url: str, act: CommandContext, fetcher: Fetcher, *, limit_bytes: int) -> Report:
    """Fetch one page and record what it says; raises UnreadableInput and Refusal."""
    stream = source_id_from_url(url)
    source = writer.load(stream) if stream else None
    fetched = fetcher.fetch(url, conditional_validators(source, url, READER) if source else None)
    if fetched.data is not None:
        return record_page(writer, url, fetched.data, act, limit_bytes=limit_bytes, fetched=fetched)
    assert source is not None  # only what is known can be unchanged
    return _record_unchanged(writer, url, act, source)


def _record_unchanged(writer: ImportWriter, url: str, act: CommandContext, source: Aggregate) -> Report:
    _, latest = observations(source)[-1]

    def commands(uow: UnitOfWork) -> Counter[CausedEvent]:
        record_unchanged(uow, source.id, latest.content_hash)
        return count_events(uow.pending)

    recorded = writer.execute(act, commands).result or Counter()
    return Report(url, code=source.string("code") or "", language=source.string("language") or "", recorded=recorded)


def import_page(system: System, name: str, data: bytes, act: CommandContext, *, limit_bytes: int) -> Report:
    """Import one page; returns the report. Raises UnreadableInput and Refusal, having recorded nothing."""
    return record_page(LogWriter(system), name, data, act, limit_bytes=limit_bytes)


def record_page(
    writer: ImportWriter,
    name: str,
    data: bytes,
    act: CommandContext,
    *,
    limit_bytes: int,
    fetched: FetchedPage | None = None,
) -> Report:
    """Read one page and record what it says; returns the report. Raises UnreadableInput and Refusal."""
    page = read_page(data, limit_bytes=limit_bytes)
    url = fetched.url if fetched else None
    capture = PageCapture(content_hash(data), act.time, url)

    def commands(uow: UnitOfWork) -> tuple[Counter[CausedEvent], tuple[Remark, ...]]:
        reconciler = PageReconciler(uow, capture, page, writer.stored_text)
        reconciler.reconcile()
        record_location(uow, reconciler.observation().source, fetched)
        return count_events(uow.pending), tuple(_plausibility_remarks(writer, uow, page, url))

    recorded, doubtful = writer.execute(act, commands).result or (Counter(), ())
    return Report(
        name,
        code=page.code,
        language=page.language,
        layout=page.layout,
        facts=sum(len(said) for said in page.facts.values()),
        recorded=recorded,
        remarks=publishable_remarks((*page.remarks, *doubtful)),
        personal=count_personal_data(page.text, page.siblings.text if page.siblings else ""),
    )


def _plausibility_remarks(
    writer: ImportWriter, uow: UnitOfWork, page: PageReading, url: str | None
) -> Iterator[Remark]:
    def lookup_text(reference: str) -> str | None:
        known = uow.texts.get(reference)
        return known[1] if known else writer.stored_text(reference)

    yield from check_address(page, url)
    if stream := uow.resolve_code("commitment", page.code):
        yield from check_translation(page, uow.aggregate(stream), lookup_text)
    yield from check_reissued_codes(uow, writer.titles_of_plan, lookup_text)


def _read_file(file: Path, limit_bytes: int) -> bytes:
    if file.is_dir():
        raise UnreadableInput("this is a folder, not a page")
    if (size := file.stat().st_size) > limit_bytes:
        raise UnreadableInput(f"{size:,} bytes are more than the limit of {limit_bytes:,}")
    with file.open("rb") as opened:
        return opened.read(limit_bytes + 1)  # a device tells no size: one byte too many is refused as too large


def parse_moment(text: str) -> datetime:
    """Return the moment of an ISO 8601 day or time; a day begins in UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
