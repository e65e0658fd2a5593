"""Imports a file of OGP's commitment database: many rows a save, restartable at any, once for the same bytes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice

from ogpgraph.application import CommandContext, Provenance, UnitOfWork
from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.source import content_hash, observations
from ogpgraph.domain.values import Interval
from ogpgraph.importer.observations.observation import (
    ObservationHistory,
    ObservationOutcome,
    SourceObservation,
    record_observation,
)
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.report import CausedEvent, CycleTotal, Report, count_events, count_personal_data
from ogpgraph.importer.spreadsheets.cell_repair import DateOrder, detect_date_orders
from ogpgraph.importer.spreadsheets.codebook import find_codebook
from ogpgraph.importer.spreadsheets.commitment_recorder import CommitmentRecorder, ImportContext
from ogpgraph.importer.spreadsheets.consistency_checks import check_members_and_plans, check_numeric_twins, check_stars
from ogpgraph.importer.spreadsheets.identity import PlanKey, RowIdentity, RowSelection, select_rows
from ogpgraph.importer.spreadsheets.matching import load_known_commitments, match_rows
from ogpgraph.importer.spreadsheets.member_plan_recorder import MemberPlanRecorder
from ogpgraph.importer.spreadsheets.row_parser import ParsedRow, RowParser
from ogpgraph.importer.spreadsheets.sheet import Sheet, parse_sheet
from ogpgraph.importer.writer import ImportWriter

READER_VERSION = "database-1"
"""Raised whenever the same bytes would be read otherwise; the codebook's version stands behind it."""

BATCH_SIZE = 100
SOURCE = ("DATABASE_FILE", "commitments-database", "en")
ProgressCallback = Callable[[int, int], None]
ParsedRows = list[tuple[RowIdentity, ParsedRow]]
_PERSONAL_DATA_HINT = re.compile(r"@|\d[\d ()./-]{6,}\d")


@dataclass
class _ImportRun:
    """An import on its way: the sheet with its rows identified, and what is to be reported so far."""

    writer: ImportWriter
    act: CommandContext
    sheet: Sheet
    observation: SourceObservation
    remarks: list[Remark] = field(default_factory=list)
    recorded: Counter[CausedEvent] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    facts: int = 0

    @cached_property
    def parser(self) -> RowParser:
        """Return what reads the rows."""
        return RowParser(self.sheet.codebook, _detect_date_orders(self.sheet))

    @cached_property
    def selection(self) -> RowSelection:
        """Return the rows that are to be recorded; a sight that shows nothing new never asks."""
        return select_rows(self.sheet.rows(), self.parser)

    def save(self, commands: Callable[[UnitOfWork], None]) -> None:
        """Run commands in one session, and count what it recorded."""

        def counted(uow: UnitOfWork) -> Counter[CausedEvent]:
            commands(uow)
            return count_events(uow.pending)

        self.recorded.update(self.writer.execute(self.act, counted).result or Counter())


def import_spreadsheet(
    writer: ImportWriter, name: str, data: bytes, act: CommandContext, progress: ProgressCallback | None = None
) -> Report:
    """Read one file and record what it says; returns the report.

    Raises UnreadableInput for an unknown layout and Conflict while not all that is recorded can be seen, having
    recorded nothing. Of rows that cannot be told whose they are nothing is recorded. `progress` is told rows done and
    rows in all after each save.
    """
    writer.require_all_shown()
    sheet = parse_sheet(data)
    version = sheet.codebook.version
    observation = SourceObservation(
        *SOURCE, act.time, content_hash(data), _manifest(sheet), f"{READER_VERSION}/{version}"
    )
    run = _ImportRun(writer, act, sheet, observation)
    context = _start_import(run)
    if context is not None:
        _record_all(run, context, progress)
    selection = run.selection if context is not None else RowSelection()
    return Report(
        name,
        code=SOURCE[1],
        language=SOURCE[2],
        layout=version,
        facts=run.facts,
        recorded=run.recorded,
        remarks=tuple(sorted(run.remarks, key=lambda each: (each.line, each.kind, each.text))),
        personal=run.personal,
        rows=selection.row_count,
        totals=tuple(
            CycleTotal(*key, rows, selection.selected_counts[key])
            for key, rows in sorted(selection.read_counts.items())
        ),
    )


def _start_import(run: _ImportRun) -> ImportContext | None:
    """Record the sight, the members and the plans; returns what the rows need, None where the sight is nothing new."""
    begun: list[tuple[ObservationOutcome, dict[str, str], dict[PlanKey, str], str]] = []

    def commands(uow: UnitOfWork) -> None:
        begun.clear()
        if (outcome := resume_or_observe(uow, run.observation)) is None:
            return
        recorder = MemberPlanRecorder(uow, outcome, run.sheet.codebook, run.selection.identities.values())
        members = recorder.record_members()
        former = previous_reader(uow.aggregate(outcome.observation.source), outcome)
        begun.append((outcome, members, recorder.record_plans(members), former))

    run.save(commands)
    if not begun:
        return None
    outcome, members, plans, former = begun[0]
    matches = match_rows(run.selection, load_known_commitments(run.writer, members))
    run.remarks += matches.remarks
    before = find_codebook(former.rpartition("/")[2])
    codes = frozenset(each.code for each in run.selection.identities.values() if each.code)
    return ImportContext(
        outcome, run.sheet.codebook, before, members, plans, matches.streams, run.selection.keys, codes
    )


def _record_all(run: _ImportRun, context: ImportContext, progress: ProgressCallback | None) -> None:
    sheet, selection = run.sheet, run.selection
    run.remarks += [*sheet.remarks, *sheet.layout_remarks(), *sheet.duplicate_column_remarks(), *selection.remarks]
    run.remarks += check_members_and_plans(selection.identities.values())
    done = 0
    for batch in _batches(_parse_rows(run), BATCH_SIZE):
        _record_batch(run, context, batch)
        done += len(batch)
        if progress:
            progress(done, len(selection.identities))
    said = {read_to_end_path(context.outcome): selection.row_count}
    run.save(lambda uow: _append_read_to_end(uow, context.source, said))


def _record_batch(run: _ImportRun, context: ImportContext, batch: ParsedRows) -> None:
    run.save(lambda uow: CommitmentRecorder(uow, context, run.writer.stored_texts).record(batch))
    run.facts += sum(len(parsed.facts) for _, parsed in batch)
    run.remarks += [remark for _, parsed in batch for remark in dict.fromkeys(parsed.remarks)]


def _append_read_to_end(uow: UnitOfWork, source: str, said: dict[str, int]) -> None:
    uow.append(source, "SourceReadToEnd", {**said}, Provenance(origin=Origin.HEADER))


def _parse_rows(run: _ImportRun) -> Iterator[tuple[RowIdentity, ParsedRow]]:
    """Yield the rows to be recorded, read; what is odd in any row goes into the report."""
    book = run.sheet.codebook
    for row in run.sheet.rows():
        parsed = run.parser.parse(row)
        if row.number not in run.selection.identities:
            run.remarks += parsed.remarks
        run.remarks += check_numeric_twins(book, row, parsed)
        run.remarks += check_stars(book, row, parsed)
        if _PERSONAL_DATA_HINT.search(parsed.text):
            run.personal.update(count_personal_data(parsed.text))
        if (identity := run.selection.identities.get(row.number)) is not None:
            yield identity, parsed


def _manifest(sheet: Sheet) -> str:
    """Return what stands for the file in the text store: its form and columns. Every row is kept with what it says."""
    columns = "\n".join(" ".join(cell.split()) for cell in sheet.header)
    return f"Layout of {sheet.codebook.version}, header in row {sheet.header_row}\n{columns}\n"


def _detect_date_orders(sheet: Sheet) -> dict[str, DateOrder | None]:
    """Return for each column of dates how it writes day and month, None where that differs from cell to cell."""
    dates = [name for name, column in sheet.codebook.columns.items() if column.parse_as == "date"]
    usual = sheet.codebook.date_order
    if usual == "both":
        return dict.fromkeys(dates)
    found: dict[str, set[DateOrder]] = {name: set() for name in dates}
    for row in sheet.rows():
        for name in dates:
            found[name] |= detect_date_orders([row.cells.get(name, "")])
    return {name: None if len(each) > 1 else next(iter(each), usual) for name, each in found.items()}


def _batches(rows: Iterator[tuple[RowIdentity, ParsedRow]], size: int) -> Iterator[ParsedRows]:
    while batch := list(islice(rows, size)):
        yield batch


# How far the file was read before


def resume_or_observe(uow: UnitOfWork, observation: SourceObservation) -> ObservationOutcome | None:
    """Record a sight of the file; where an import of these bytes stopped half-way, go on with what it began with."""
    source = uow.aggregate(observation.source)
    known = observations(source)
    for place, (time, seen) in enumerate(known):
        if _is_same_file(observation, seen.content_hash, seen.reader) and not _is_read_to_end(source, time):
            return _resume_observation(observation, known, place)
    return record_observation(uow, observation)


def _resume_observation(observation: SourceObservation, known: ObservationHistory, place: int) -> ObservationOutcome:
    time, seen = known[place]
    former = known[place - 1] if place else None
    cause, interval = Cause.REPORTED, Interval(before=time)
    if former and former[1].content_hash == seen.content_hash:
        cause, interval = Cause.EXTRACTION, Interval(before=former[0])
    elif former:
        cause, interval = Cause.SOURCE_CHANGED, Interval(before=time, after=former[0])
    again = SourceObservation(
        observation.type,
        observation.code,
        observation.language,
        time,
        observation.content_hash,
        observation.text,
        observation.reader,
        observation.url,
    )
    return ObservationOutcome(again, cause, interval, seen.text, late=place < len(known) - 1)


def read_to_end_path(outcome: ObservationOutcome) -> str:
    """Return the path that says how many rows the file had at a sight, once all are in the record."""
    return f"readToEnd/{format_timestamp(outcome.observation.observed_at)}"


def previous_reader(source: Aggregate, outcome: ObservationOutcome) -> str:
    """Return what read the state of the file before a sight, empty where there is none."""
    before = [seen.reader for time, seen in observations(source) if time < outcome.observation.observed_at]
    return before[-1] if before else ""


def _is_same_file(observation: SourceObservation, content_hash: str, reader: str) -> bool:
    return (observation.content_hash, observation.reader) == (content_hash, reader)


def _is_read_to_end(source: Aggregate, time: datetime) -> bool:
    return source.value(f"readToEnd/{format_timestamp(time)}") is not None
