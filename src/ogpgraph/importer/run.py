"""Imports files and URLs: each is read, checked and recorded in one transaction, whole or not at all.

An input that is refused does not stop the next one. A page may come from a file or be fetched; where it is fetched
from, and the validators by which its server determines whether it changed, are recorded with its source.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from urllib.parse import urlsplit

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Conflict, Refusal
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.source import content_hash, observations, source_id, validate_url
from ogpgraph.domain.unit_of_work import CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import TextValue
from ogpgraph.importer.fetch import FetchedPage, Fetcher, Validators
from ogpgraph.importer.file_formats import describe_excess, is_workbook, require_readable_format
from ogpgraph.importer.inputs import SPREADSHEET_SUFFIXES, STANDARD_INPUT, is_url
from ogpgraph.importer.observations.observation import SourceObservation, record_observation
from ogpgraph.importer.observations.page_reconciler import PageCapture, PageReconciler
from ogpgraph.importer.pages.extraction import PageReading, Remark, UnreadableInput
from ogpgraph.importer.pages.page import READER, read_page
from ogpgraph.importer.plausibility_checks import check_address, check_reissued_codes, check_translation
from ogpgraph.importer.report import CausedEvent, Report, count_events, count_personal_data, publishable_remarks
from ogpgraph.importer.spreadsheets.run import DEFAULT_OPTIONS, FileOptions, import_spreadsheet
from ogpgraph.importer.spreadsheets.sheet import is_sheet
from ogpgraph.importer.writer import DryRunWriter, ImportWriter, LogWriter
from ogpgraph.storage.database import ProgressCallback
from ogpgraph.system import System

# Up to the last "@" of a host that is none: an unescaped "/" in a password ends the part where a password may be.
_USER_INFORMATION = re.compile(r"(?i)^(\s*[a-z][a-z0-9+.-]*:/+)(?:[^\s/?#]*@|[^\s/?#@]*:(?!\d*(?:[/?#]|$)).*@)")
_PAGE_PATH = re.compile(r"(?:/(?P<language>[a-z]{2}))?/members/[^/]+/commitments/(?P<code>[A-Za-z]{2,4}\d{4})/?$")
_LANGUAGE_OF_SITE = "en"
"""The language of the pages whose path names none."""


def import_files(
    system: System,
    files: Iterable[Path | str],
    context: CommandContext,
    *,
    limit_bytes: int,
    dry_run: bool = False,
    fetcher: Fetcher | None = None,
    progress: ProgressCallback | None = None,
    options: FileOptions = DEFAULT_OPTIONS,
) -> Iterator[Report]:
    """Import files and URLs one after the other, and yield a report on each; a dry run records nothing.

    `progress` is called with rows done and rows in all while a spreadsheet is imported; `options` are those of
    spreadsheets.
    """
    writer: ImportWriter = DryRunWriter(system) if dry_run else LogWriter(system)
    for file in map(str, files):
        name = printable_name(file)
        try:
            if is_url(file):
                fetcher = fetcher or Fetcher(limit_bytes=limit_bytes)
                report = _import_url(writer, file, context, fetcher, limit_bytes=limit_bytes)
            else:
                data = _read_input(file, limit_bytes)
                report = _import_file(writer, file, data, context, limit_bytes, progress, options)
            yield replace(report, changes=writer.take_changes())
        except UnreadableInput as unreadable:
            yield Report(name, problem=unreadable.reason)
        except Refusal as refusal:
            yield Report(name, problem=refusal.message)
        except OSError as error:
            yield Report(name, problem=error.strerror or "cannot be read")


def import_page(system: System, name: str, data: bytes, context: CommandContext, *, limit_bytes: int) -> Report:
    """Import one page and return the report. Raises UnreadableInput and Refusal, and has then recorded nothing."""
    page = read_page(data, limit_bytes=limit_bytes)
    return _record_page(LogWriter(system), name, PageCapture(content_hash(data), context.time), page, context)


def printable_name(file: str) -> str:
    """Return the name of a file or URL as a report may show it: without a user's name and password."""
    return _USER_INFORMATION.sub(r"\1…@", file)


def parse_moment(text: str) -> datetime:
    """Return the moment of an ISO 8601 day or time, in UTC unless it states a time zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# Files


def _read_file(file: Path, limit_bytes: int) -> bytes:
    # Without blocking: to open a pipe is to wait for its writer. It is asked for what was opened, not for the name.
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(descriptor)
        if S_ISDIR(status.st_mode):
            raise UnreadableInput("this is a folder, not a page")
        if not S_ISREG(status.st_mode):
            raise UnreadableInput("this is a pipe or a device: save what it gives in a file, and import that")
        if status.st_size > limit_bytes:
            raise UnreadableInput(describe_excess(status.st_size, limit_bytes))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            # The file may grow: one byte too many is how it is refused as too large.
            return stream.read(limit_bytes + 1)
    finally:
        os.close(descriptor)


def _read_input(name: str, limit_bytes: int) -> bytes:
    return sys.stdin.buffer.read(limit_bytes + 1) if name == STANDARD_INPUT else _read_file(Path(name), limit_bytes)


def _import_file(
    writer: ImportWriter,
    name: str,
    data: bytes,
    context: CommandContext,
    limit_bytes: int,
    progress: ProgressCallback | None,
    options: FileOptions,
) -> Report:
    """Record a page or a spreadsheet, whichever the file contains. Raises UnreadableInput and Refusal."""
    if len(data) > limit_bytes:
        raise UnreadableInput(describe_excess(len(data), limit_bytes))
    require_readable_format(data)
    if is_workbook(data) or name.lower().endswith(SPREADSHEET_SUFFIXES):
        return import_spreadsheet(writer, name, data, context, progress, options)
    # A page first: most files are pages, and no spreadsheet has the title line and the labels of one.
    try:
        page = read_page(data, limit_bytes=limit_bytes)
    except UnreadableInput:
        if is_sheet(data):
            return import_spreadsheet(writer, name, data, context, progress, options)
        raise
    return _record_page(writer, name, PageCapture(content_hash(data), context.time), page, context)


# Pages


def _record_page(
    writer: ImportWriter,
    name: str,
    capture: PageCapture,
    page: PageReading,
    context: CommandContext,
    fetched: FetchedPage | None = None,
) -> Report:
    # The executor runs the commands again after a concurrent change, so each run starts with a new reconciler.
    def commands(uow: UnitOfWork) -> tuple[Counter[CausedEvent], tuple[Remark, ...]]:
        reconciler = PageReconciler(uow, capture, page, writer.stored_text, writer.titles_of_plan)
        reconciler.reconcile()
        _record_location(uow, reconciler.observation().source, fetched)
        doubts = (*reconciler.remarks, *_check_plausibility(writer, reconciler, uow, page, capture.url))
        return count_events(uow.pending), doubts

    recorded, doubts = writer.execute(context, commands).result or (Counter(), ())  # None only for a repeated request
    return Report(
        name,
        code=page.code,
        language=page.language,
        layout=page.layout,
        facts=sum(len(facts) for facts in page.facts.values()),
        recorded=recorded,
        remarks=publishable_remarks((*page.remarks, *doubts)),
        personal=count_personal_data(page.text, page.siblings.text if page.siblings else ""),
    )


def _check_plausibility(
    writer: ImportWriter, reconciler: PageReconciler, uow: UnitOfWork, page: PageReading, url: str | None
) -> Iterator[Remark]:
    yield from check_address(page, url)
    if stream := uow.resolve_code("commitment", page.code):
        yield from check_translation(page, uow.aggregate(stream), reconciler.lookup_text)
    yield from check_reissued_codes(uow, writer.titles_of_plan, reconciler.lookup_text)


# URLs


def _import_url(
    writer: ImportWriter, url: str, context: CommandContext, fetcher: Fetcher, *, limit_bytes: int
) -> Report:
    """Fetch one page and record it, or that it is unchanged. Raises UnreadableInput and Refusal."""
    stream = source_id_from_url(validate_url(url))
    source = writer.load(stream) if stream else None
    fetched = fetcher.fetch(url, _conditional_validators(writer, source, url) if source else None)
    if fetched.data is not None:
        page = read_page(fetched.data, limit_bytes=limit_bytes)
        capture = PageCapture(content_hash(fetched.data), context.time, fetched.url)
        return _record_page(writer, url, capture, page, context, fetched)
    assert source is not None  # a server answers "unchanged" only to validators, which come from a known source
    return _record_unchanged(writer, url, context, source)


def source_id_from_url(url: str) -> str | None:
    """Return the id of the source that the URL of a commitment's page means, None for any other URL."""
    found = _PAGE_PATH.search(urlsplit(url).path)
    return source_id("PAGE", found["code"].upper(), found["language"] or _LANGUAGE_OF_SITE) if found else None


def is_same_url(one: str, other: str) -> bool:
    """Return whether two URLs differ only in scheme, `www.`, final slash and case."""
    return _normalize_url(one) == _normalize_url(other)


def _normalize_url(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.netloc.casefold().removeprefix("www."), parts.path.rstrip("/").casefold(), parts.query


def _conditional_validators(writer: ImportWriter, source: Aggregate, url: str) -> Validators | None:
    """Return the validators of a source's latest bytes; None where the page must be sent even if it is unchanged.

    That is so where the bytes came from another URL or a file, or another version of the reader read them.
    """
    known, location = observations(source), source.value("url")
    if not known or known[-1][1].reader != READER or not isinstance(location, TextValue):
        return None
    if not is_same_url(writer.stored_text(location.text) or "", url):
        return None
    validators = Validators(source.string("etag"), source.string("lastModified"))
    return validators if validators.etag or validators.last_modified else None


def _record_location(uow: UnitOfWork, source: str, fetched: FetchedPage | None) -> None:
    """Record the URL and the validators of a fetched page; new bytes from a file invalidate earlier validators."""
    aggregate = uow.aggregate(source)
    if fetched:
        validators = fetched.validators
        url = uow.text_value(fetched.url)
        facts: Facts = {"url": url, "etag": validators.etag, "lastModified": validators.last_modified}
    elif any(event.stream == source for event in uow.pending):
        facts = {"etag": None, "lastModified": None}
    else:
        return
    changed = {path: value for path, value in facts.items() if aggregate.value(path) != value}
    uow.append(source, "SourceLocated", changed, Provenance(origin=Origin.HEADER))


def _record_unchanged(writer: ImportWriter, url: str, context: CommandContext, source: Aggregate) -> Report:
    _, latest = observations(source)[-1]

    def commands(uow: UnitOfWork) -> Counter[CausedEvent]:
        _observe_again(uow, source.id, latest.content_hash)
        return count_events(uow.pending)

    recorded = writer.execute(context, commands).result or Counter()
    return Report(url, code=source.string("code") or "", language=source.string("language") or "", recorded=recorded)


def _observe_again(uow: UnitOfWork, source: str, content_hash: str) -> None:
    """Record that the latest bytes of a source were observed again; raises Conflict where others were since."""
    aggregate = uow.aggregate(source)
    _, latest = observations(aggregate)[-1]
    if latest.content_hash != content_hash:
        raise Conflict("another import observed the page in the meantime: please try again")
    source_type, code, language = (aggregate.string(path) or "" for path in ("type", "code", "language"))
    observation = SourceObservation(
        source_type, code, language, uow.context.time, latest.content_hash, "", latest.reader
    )
    record_observation(uow, observation)
