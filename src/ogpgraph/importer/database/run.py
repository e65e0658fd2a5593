"""Imports a file of OGP's commitment database: many rows a save, restartable at any, once for the same bytes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from ogpgraph.application import Act, Basis, Session
from ogpgraph.domain.event import Origin
from ogpgraph.domain.source import content_hash
from ogpgraph.importer.database.cells import RowReader
from ogpgraph.importer.database.checks import stars_that_differ, twins_that_disagree
from ogpgraph.importer.database.codebook import codebook_of
from ogpgraph.importer.database.governments import Governments, disagreements
from ogpgraph.importer.database.identity import Identity, PlanKey, Roll, roll_of
from ogpgraph.importer.database.known import commitments_of, former_reader, opened, whole_path
from ogpgraph.importer.database.matching import matched
from ogpgraph.importer.database.reading import RowReading
from ogpgraph.importer.database.recording import Recorder, State
from ogpgraph.importer.database.repair import Order, orders_in
from ogpgraph.importer.database.report import CellRemark, DatabaseReport, Total
from ogpgraph.importer.database.sheet import Sheet, read_sheet
from ogpgraph.importer.observing import News, Sight
from ogpgraph.importer.recording import Recording
from ogpgraph.importer.report import CAUSED, personal_in, recorded_in

READER = "database-1"
"""Raised whenever the same bytes would be read otherwise; the codebook's version stands behind it."""

ROWS_A_SAVE = 100
SOURCE = ("DATABASE_FILE", "commitments-database", "en")
Progress = Callable[[int, int], None]
Rows = list[tuple[Identity, RowReading]]
_MAYBE_PERSONAL = re.compile(r"@|\d[\d ()./-]{6,}\d")


@dataclass
class _Import:
    """An import on its way: the sheet with its rows identified, and what is to be reported so far."""

    recording: Recording
    act: Act
    sheet: Sheet
    sight: Sight
    remarks: list[CellRemark] = field(default_factory=list)
    recorded: Counter[CAUSED] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    facts: int = 0

    @cached_property
    def reader(self) -> RowReader:
        """Return what reads the rows."""
        return RowReader(self.sheet.codebook, _orders(self.sheet))

    @cached_property
    def roll(self) -> Roll:
        """Return the rows that are to be recorded; a sight that shows nothing new never asks."""
        return roll_of(self.sheet.rows(), self.reader)

    def save(self, commands: Callable[[Session], None]) -> None:
        """Run commands in one session, and count what it recorded."""

        def counted(session: Session) -> Counter[CAUSED]:
            commands(session)
            return recorded_in(session.pending)

        self.recorded.update(self.recording.record(self.act, counted).answer or Counter())


def bring_database(
    recording: Recording, name: str, data: bytes, act: Act, progress: Progress | None = None
) -> DatabaseReport:
    """Read one file and record what it says; returns the report.

    Raises UnreadableInput for an unknown layout and Conflict while not all that is recorded can be seen, having
    recorded nothing. Of rows that cannot be told whose they are nothing is recorded. `progress` is told rows done and
    rows in all after each save.
    """
    recording.require_all_shown()
    sheet = read_sheet(data)
    version = sheet.codebook.version
    sight = Sight(*SOURCE, act.time, content_hash(data), _manifest(sheet), f"{READER}/{version}")
    going = _Import(recording, act, sheet, sight)
    state = _begin(going)
    if state is not None:
        _record_all(going, state, progress)
    roll = going.roll if state is not None else Roll()
    return DatabaseReport(
        name,
        code=SOURCE[1],
        language=SOURCE[2],
        layout=version,
        facts=going.facts,
        recorded=going.recorded,
        remarks=tuple(sorted(going.remarks, key=lambda each: (each.line, each.kind, each.text))),
        personal=going.personal,
        rows=roll.rows,
        totals=tuple(Total(*key, rows, roll.kept[key]) for key, rows in sorted(roll.seen.items())),
    )


def _begin(going: _Import) -> State | None:
    """Record the sight, the members and the plans; returns what the rows need, None where the sight is nothing new."""
    begun: list[tuple[News, dict[str, str], dict[PlanKey, str], str]] = []

    def commands(session: Session) -> None:
        begun.clear()
        if (news := opened(session, going.sight)) is None:
            return
        governments = Governments(session, news, going.sheet.codebook, going.roll.identities.values())
        members = governments.members()
        former = former_reader(session.subject(news.sight.source), news)
        begun.append((news, members, governments.plans(members), former))

    going.save(commands)
    if not begun:
        return None
    news, members, plans, former = begun[0]
    matches = matched(going.roll, commitments_of(going.recording, members))
    going.remarks += matches.remarks
    before = codebook_of(former.rpartition("/")[2])
    codes = frozenset(each.code for each in going.roll.identities.values() if each.code)
    return State(news, going.sheet.codebook, before, members, plans, matches.streams, going.roll.keys, codes)


def _record_all(going: _Import, state: State, progress: Progress | None) -> None:
    sheet, roll = going.sheet, going.roll
    going.remarks += [*sheet.remarks, *sheet.oddities(), *sheet.twice(), *roll.remarks]
    going.remarks += disagreements(roll.identities.values())
    done = 0
    for batch in _batches(_rows(going), ROWS_A_SAVE):
        _record_batch(going, state, batch)
        done += len(batch)
        if progress:
            progress(done, len(roll.identities))
    said = {whole_path(state.news): roll.rows}
    going.save(lambda session: _say_whole(session, state.source, said))


def _record_batch(going: _Import, state: State, batch: Rows) -> None:
    going.save(lambda session: Recorder(session, state, going.recording.stored_texts).record(batch))
    going.facts += sum(len(reading.facts) for _, reading in batch)
    going.remarks += [remark for _, reading in batch for remark in dict.fromkeys(reading.remarks)]


def _say_whole(session: Session, source: str, said: dict[str, int]) -> None:
    session.say(source, "SourceReadToEnd", {**said}, Basis(origin=Origin.HEADER))


def _rows(going: _Import) -> Iterator[tuple[Identity, RowReading]]:
    """Yield the rows to be recorded, read; what is odd in any row goes into the report."""
    book = going.sheet.codebook
    for row in going.sheet.rows():
        reading = going.reader.read(row)
        if row.number not in going.roll.identities:
            going.remarks += reading.remarks
        going.remarks += twins_that_disagree(book, row, reading)
        going.remarks += stars_that_differ(book, row, reading)
        if _MAYBE_PERSONAL.search(reading.text):
            going.personal.update(personal_in(reading.text))
        if (identity := going.roll.identities.get(row.number)) is not None:
            yield identity, reading


def _manifest(sheet: Sheet) -> str:
    """Return what stands for the file in the text store: its form and columns. Every row is kept with what it says."""
    columns = "\n".join(" ".join(cell.split()) for cell in sheet.header)
    return f"Layout of {sheet.codebook.version}, header in row {sheet.header_row}\n{columns}\n"


def _orders(sheet: Sheet) -> dict[str, Order | None]:
    """Return for each column of dates how it writes day and month, None where that differs from cell to cell."""
    dates = [name for name, column in sheet.codebook.columns.items() if column.reads == "date"]
    usual = sheet.codebook.date_order
    if usual == "both":
        return dict.fromkeys(dates)
    found: dict[str, set[Order]] = {name: set() for name in dates}
    for row in sheet.rows():
        for name in dates:
            found[name] |= orders_in([row.cells.get(name, "")])
    return {name: None if len(each) > 1 else next(iter(each), usual) for name, each in found.items()}


def _batches(rows: Iterator[tuple[Identity, RowReading]], size: int) -> Iterator[Rows]:
    while batch := list(islice(rows, size)):
        yield batch
