"""Imports a file of the commitment database in batches of rows.

All rows are parsed before the first is recorded, because what the file does not show whole has to be known then. Each
batch is one unit of work. An import may be interrupted at any time: the next import of the same file resumes it. A file
that has been imported completely is only recorded as seen again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import TypeVar

from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.importer.observations.observation import ObservationOutcome
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.pages.values import DateOrder
from ogpgraph.importer.report import (
    CausedEvent,
    CycleTotal,
    Report,
    count_events,
    count_personal_data,
    create_cell_remark,
)
from ogpgraph.importer.spreadsheets.absences import AbsenceRecorder
from ogpgraph.importer.spreadsheets.codebook import AREA_PATHS, find_codebook
from ogpgraph.importer.spreadsheets.commitment_recorder import CommitmentRecorder, ImportContext
from ogpgraph.importer.spreadsheets.consistency_checks import (
    check_date_orders,
    check_members_and_plans,
    check_numeric_twins,
    check_stars,
    find_shifted_columns,
    is_askew,
)
from ogpgraph.importer.spreadsheets.file_observation import (
    SOURCE_CODE,
    SOURCE_LANGUAGE,
    FileHistory,
    observe_file,
    previous_codebook_version,
    record_or_resume,
    record_read_to_end,
    record_repeated,
)
from ogpgraph.importer.spreadsheets.identity import PlanKey, RowIdentity, RowSelection, select_rows
from ogpgraph.importer.spreadsheets.matching import load_known_commitments, match_rows
from ogpgraph.importer.spreadsheets.member_plan_recorder import MemberPlanRecorder
from ogpgraph.importer.spreadsheets.parsed_row import ParsedRow
from ogpgraph.importer.spreadsheets.row_parser import RowParser
from ogpgraph.importer.spreadsheets.sheet import Sheet, SheetRow, parse_sheet
from ogpgraph.importer.writer import ImportWriter
from ogpgraph.personal import mask_personal_data
from ogpgraph.storage.database import ProgressCallback, iter_chunks

T = TypeVar("T")
ParsedRows = list[tuple[RowIdentity, ParsedRow]]

BATCH_SIZE = 100
LEFT_OUT = frozenset(("row-too-short", "row-too-long", "row-askew", "code-malformed", "no-key"))
"""The kinds of remarks on rows that are not recorded although they may be about recorded commitments."""
# A quick test that every text with personal data passes: marking it is expensive, and few rows have any.
_PERSONAL_DATA_HINT = re.compile(r"@|\d[\d ()./-]{6,}\d")


@dataclass(frozen=True)
class FileOptions:
    """What the person who imports files knows of them.

    `date_order` is that of day and month in all dates, by default the one that the columns of the layout have. Of a
    file that `is_partial` it is no news that it lacks rows.
    """

    date_order: DateOrder | None = None
    is_partial: bool = False


DEFAULT_OPTIONS = FileOptions()


def import_spreadsheet(
    writer: ImportWriter,
    name: str,
    data: bytes,
    command_context: CommandContext,
    progress: ProgressCallback | None = None,
    options: FileOptions = DEFAULT_OPTIONS,
) -> Report:
    """Record what is new in a file; returns the report. `progress` counts the rows read, then those recorded.

    Raises UnreadableInput for an unknown layout, and Conflict if the projection has stopped, because rows could not be
    matched with commitments that were recorded since. In both cases nothing is recorded.
    """
    writer.require_all_shown()
    sheet = parse_sheet(data)
    run = _ImportRun(writer, command_context, sheet, data, options, progress)
    context = run.begin()
    if context is not None:
        run.record_rows(context)
    return run.report(name, run.selection if context else RowSelection())


@dataclass(frozen=True)
class _Beginning:
    """The result of the first unit of work: the observation and the streams of the file's members and plans."""

    outcome: ObservationOutcome
    members: dict[str, str]
    plans: dict[PlanKey, str]
    previous_codebook_version: str
    remarks: tuple[Remark, ...]


@dataclass
class _ImportRun:
    """An import in progress, with the figures and remarks for its report."""

    writer: ImportWriter
    command_context: CommandContext
    sheet: Sheet
    data: bytes
    options: FileOptions
    progress: ProgressCallback | None = None
    remarks: list[Remark] = field(default_factory=list)
    recorded: Counter[CausedEvent] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    facts: int = 0
    parsed: dict[int, ParsedRow] = field(default_factory=dict)

    @cached_property
    def parser(self) -> RowParser:
        return RowParser(self.sheet.codebook, self.options.date_order, self.sheet.silent_paths)

    @cached_property
    def selection(self) -> RowSelection:
        """Return the rows to be recorded; parses and checks all rows."""
        return select_rows(self._parse_rows(), self.parser)

    @cached_property
    def files(self) -> FileHistory:
        """Return the contents of the files that were imported before."""
        return FileHistory(self.writer.stored_text)

    def begin(self) -> ImportContext | None:
        """Record the observation, the members and the plans; None if the file has been imported before."""
        beginning = self._save(self._record_beginning)
        if beginning is None:
            return None
        matches = match_rows(self.selection, load_known_commitments(self.writer, beginning.members))
        self.remarks += [*beginning.remarks, *matches.remarks, *self._find_emptied_columns(beginning.outcome)]
        return ImportContext(
            beginning.outcome,
            self.sheet.codebook,
            find_codebook(beginning.previous_codebook_version),
            beginning.members,
            beginning.plans,
            matches.streams,
            self.selection.keys,
            frozenset(
                identity.code or self.selection.keys[number] for number, identity in self.selection.identities.items()
            ),
            self.sheet.silent_paths,
            self.files,
        )

    def _find_emptied_columns(self, outcome: ObservationOutcome) -> Iterator[Remark]:
        """Yield a remark on each column that is empty and had values in the file before."""
        if not outcome.earlier:
            return
        before, sheet = self.files.contents(outcome.earlier[-1][1]), self.sheet
        columns = {name: column.own_paths for name, column in sheet.codebook.columns.items()}
        columns |= {", ".join(sorted(sheet.survey.empty_columns & sheet.codebook.areas.keys())): AREA_PATHS}
        for name, paths in columns.items():
            if paths and paths <= sheet.silent_paths and any(map(before.covers, paths)):
                text = "empty in all rows: the file says nothing there, and what earlier ones said stays"
                yield create_cell_remark(0, name, "column-emptied", text)

    def record_rows(self, context: ImportContext) -> None:
        """Record all selected rows, batch by batch, and then that the file was read to its end."""
        self.remarks += [*self.sheet.remarks, *self.layout_remarks, *self.sheet.duplicate_column_remarks()]
        self.remarks += check_date_orders(self.sheet, self.options.date_order)
        self.remarks += [*self.selection.remarks, *check_members_and_plans(self.selection.identities.values())]
        identities = self.selection.identities
        self.remarks += [
            remark for number, parsed in self.parsed.items() if number not in identities for remark in parsed.remarks
        ]
        rows, done = ((identity, self.parsed[number]) for number, identity in identities.items()), 0
        while batch := list(islice(rows, BATCH_SIZE)):
            self._record_batch(context, batch)
            done += len(batch)
            if self.progress:
                self.progress(done, len(identities))
        self._record_absences(context)
        self._save(lambda uow: record_read_to_end(uow, context.outcome, self.selection.row_count))

    @cached_property
    def layout_remarks(self) -> list[Remark]:
        return list(self.sheet.layout_remarks())

    @cached_property
    def is_whole(self) -> bool:
        """Return whether the file has all commitments: no row was left out that may be about a recorded one."""
        remarks = [*self.selection.remarks, *self.remarks, *self.layout_remarks]
        return not self.options.is_partial and all(remark.kind not in LEFT_OUT for remark in remarks)

    def _record_absences(self, context: ImportContext) -> None:
        """Record which commitments of earlier files the file does not list, and what later files do not list of it."""
        outcome, names = context.outcome, context.names_in_file
        known = {name for _, recorded in outcome.earlier for name in self.files.contents(recorded).rows} - names
        missing: list[str] = []
        for chunk in iter_chunks(sorted(known)) if self.is_whole else ():
            missing += self._save(partial(self._record_missing, outcome, chunk, names))
        for chunk in iter_chunks(sorted(names)) if outcome.later else ():
            self._save(partial(self._record_missing_later, outcome, chunk))
        if missing:
            self.remarks.append(create_cell_remark(0, "", "disappeared", _list_names(missing)))
        if known and not self.is_whole:
            text = "is not whole, so that it says nothing of commitments of earlier files that it lacks"
            self.remarks.append(create_cell_remark(0, "", "not-whole", text))

    def _record_missing(
        self, outcome: ObservationOutcome, known: Sequence[str], names: frozenset[str], uow: UnitOfWork
    ) -> list[str]:
        return AbsenceRecorder(uow, outcome, self.files).record_missing(known, names)

    def _record_missing_later(self, outcome: ObservationOutcome, names: Sequence[str], uow: UnitOfWork) -> None:
        AbsenceRecorder(uow, outcome, self.files).record_missing_later(names)

    def report(self, name: str, selection: RowSelection) -> Report:
        """Return the report of the import."""
        return Report(
            name,
            code=SOURCE_CODE,
            language=SOURCE_LANGUAGE,
            layout=self.sheet.codebook.version,
            facts=self.facts,
            recorded=self.recorded,
            remarks=tuple(sorted(self.remarks, key=lambda remark: (remark.line, remark.kind, remark.text))),
            personal=self.personal,
            rows=selection.row_count,
            ignored=self.sheet.ignored_columns,
            totals=tuple(
                CycleTotal(
                    member,
                    mask_personal_data(name),
                    mask_personal_data(cycle),
                    rows,
                    selection.selected_counts[member, name, cycle],
                )
                for (member, name, cycle), rows in sorted(selection.read_counts.items())
            ),
        )

    def _record_beginning(self, uow: UnitOfWork) -> _Beginning | None:
        if record_repeated(uow, self.data, self.sheet, self.command_context.time, self.options.date_order):
            return None
        observation = observe_file(
            self.data,
            self.sheet,
            self.selection,
            self.parsed,
            self.command_context.time,
            self.options.date_order,
            is_whole=self.is_whole,
        )
        outcome = record_or_resume(uow, observation)
        if outcome is None:
            return None
        identities = self.selection.identities.values()
        recorder = MemberPlanRecorder(uow, outcome, self.sheet.codebook, self.files, identities)
        members = recorder.record_members()
        previous = previous_codebook_version(uow.aggregate(outcome.observation.source), outcome)
        plans = recorder.record_plans(members)
        return _Beginning(outcome, members, plans, previous, tuple(recorder.remarks))

    def _record_batch(self, context: ImportContext, batch: ParsedRows) -> None:
        self._save(lambda uow: CommitmentRecorder(uow, context, self.writer.stored_texts).record(batch))
        self.facts += sum(len(parsed.facts) for _, parsed in batch)
        # Without repetitions: a conflict with another writer makes the recorder run, and add its remarks, again.
        self.remarks += [remark for _, parsed in batch for remark in dict.fromkeys(parsed.remarks)]

    def _save(self, commands: Callable[[UnitOfWork], T]) -> T:
        """Execute commands in one unit of work and count the events; returns the result of the commands."""
        receipt = self.writer.execute(self.command_context, lambda uow: (commands(uow), count_events(uow.pending)))
        assert receipt.result is not None  # only a request with an idempotency key is answered without a result
        result, recorded = receipt.result
        self.recorded.update(recorded)
        return result

    def _parse_rows(self) -> Iterator[SheetRow]:
        """Yield the rows that are whole, once each is parsed and checked; the others are reported and left out."""
        total = self.sheet.survey.row_count
        for done, row in enumerate(self.sheet.rows()):
            if self.progress and done % BATCH_SIZE == 0:
                self.progress(done, total)
            self.parsed[row.number] = parsed = self.parser.parse(row)
            contradictions = [*check_numeric_twins(self.sheet.codebook, row, parsed)]
            self.remarks += contradictions
            self.remarks += check_stars(self.sheet.codebook, row, parsed)
            if _PERSONAL_DATA_HINT.search(parsed.text):
                self.personal.update(count_personal_data(parsed.text))
            shifted = find_shifted_columns(self.sheet, self.parser, row, parsed)
            if not is_askew(self.sheet.codebook, row, shifted, len(contradictions)):
                yield row
            else:
                text = f"cells are those of the columns beside them ({', '.join(shifted)}); not recorded"
                self.remarks.append(create_cell_remark(row.number, "", "row-askew", text))


def _list_names(names: list[str]) -> str:
    """Return the names of commitments that a file does not list any more, as the report has them."""
    return f"{len(names):,} commitments of earlier files have no row: {', '.join(sorted(names))}"
