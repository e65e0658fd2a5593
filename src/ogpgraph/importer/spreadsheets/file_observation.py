"""Observations of the commitment database: all its files are states of one source, each observed at a time.

Unlike a page, a file is recorded in many transactions. The event SourceReadCompletely marks the last one, so that an
import that was interrupted can be resumed with the observation it began with, and ends as if it had not been.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.code import all_codes
from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.source import content_hash, observations, source_id
from ogpgraph.domain.source_statements import has_one_statement, statement_histories
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Observation
from ogpgraph.importer.observations.observation import (
    ObservationHistory,
    ObservationOutcome,
    SourceObservation,
    first_observed_at,
    observation_history,
    outcome_at,
    record_observation,
)
from ogpgraph.importer.pages.values import DateOrder
from ogpgraph.importer.spreadsheets.codebook import Codebook, find_codebook
from ogpgraph.importer.spreadsheets.identity import RowSelection
from ogpgraph.importer.spreadsheets.parsed_row import ParsedRow
from ogpgraph.importer.spreadsheets.sheet import Sheet

LISTED = "listed"
"""The path at which a file states of a commitment that it does not list it any more."""
SOURCE_TYPE, SOURCE_CODE, SOURCE_LANGUAGE = "DATABASE_FILE", "commitments-database", "en"

READER_VERSION = "database-5"
"""Must change whenever the same bytes give other facts; the codebook's version is appended to it."""


_SILENT = re.compile(r"[^\n]*\nEmptied columns of: (.*)")
_WHOLE = "the whole database"
_ROW = re.compile(r"^row (\d+): (\S+) of (\S+), ([^\s;]+)(?:; unread: (.*))?$", re.MULTILINE)


def observe_file(
    data: bytes,
    sheet: Sheet,
    selection: RowSelection,
    parsed: Mapping[int, ParsedRow],
    observed_at: datetime,
    date_order: DateOrder | None,
    *,
    is_whole: bool,
) -> SourceObservation:
    """Return the observation of a file. Its canonical text is the layout, and of each row what it is about.

    It also says whether the file `is_whole`: whether what it lacks is missing.

    Each row has a text of its own; here stand the paths at which its cells could not be read, too.
    """
    columns = "\n".join(" ".join(cell.split()) for cell in sheet.header)
    version = sheet.codebook.version
    rows = "".join(
        f"row {number}: {each.code or selection.keys[number]} of {each.member.code}, {each.plan.name}"
        f"{_list_unread(parsed[number])}\n"
        for number, each in selection.identities.items()
    )
    extent = _WHOLE if is_whole else "a part of the database"
    silent = f"Emptied columns of: {' '.join(sorted(sheet.silent_paths))}\n" if sheet.silent_paths else ""
    layout = f"Layout of {version}, header in row {sheet.header_row}, {extent}\n{silent}{columns}\n{rows}"
    reader = _reader(sheet, date_order)
    return SourceObservation(SOURCE_TYPE, SOURCE_CODE, SOURCE_LANGUAGE, observed_at, content_hash(data), layout, reader)


def _list_unread(parsed: ParsedRow) -> str:
    return f"; unread: {' '.join(sorted(parsed.unread_paths))}" if parsed.unread_paths else ""


@dataclass(frozen=True)
class FileContents:
    """The layout of an observed file, and what its rows are about: `rows` maps codes and keys to the rows' numbers.

    `unread` has the paths at which rows say nothing, by their numbers, and `silent` those at which none does.
    """

    codebook: Codebook | None
    rows: Mapping[str, int]
    unread: Mapping[int, frozenset[str]]
    subjects: frozenset[str]
    is_whole: bool = False
    silent: frozenset[str] = frozenset()

    def covers(self, path: str) -> bool:
        """Return whether the layout has a column for a path of a commitment, and the column has values."""
        if path in self.silent:
            return False
        if self.codebook is None or path == LISTED:
            return True
        match path.partition("/")[0]:
            case "codes":
                return self.codebook.covers("code")
            case "key":  # only rows without a code have one
                return not self.codebook.covers("code")
        return self.codebook.covers(path)


class FileHistory:
    """The contents of the files that a source was observed as; each is read once."""

    def __init__(self, load_text: Callable[[str], str | None]) -> None:
        self._load_text = load_text
        self._contents: dict[str, FileContents] = {}

    def contents(self, recorded: Observation) -> FileContents:
        """Return the contents of an observed file."""
        if recorded.text not in self._contents:
            text = self._load_text(recorded.text) or ""
            rows = _ROW.findall(text)
            self._contents[recorded.text] = FileContents(
                find_codebook(recorded.reader.rpartition("/")[2]),
                {subject: int(number) for number, subject, *_ in rows},
                {int(number): frozenset(unread.split()) for number, *_, unread in rows if unread},
                frozenset(subject for row in rows for subject in row[2:4]),
                text.partition("\n")[0].endswith(_WHOLE),
                frozenset(silent[1].split() if (silent := _SILENT.match(text)) else ()),
            )
        return self._contents[recorded.text]

    def row_number(self, names: Collection[str], recorded: Observation) -> int | None:
        """Return the number of a file's row about a commitment, given by its codes and keys."""
        rows = self.contents(recorded).rows
        return next((rows[name] for name in names if name in rows), None)

    def is_listed(self, names: Collection[str], recorded: Observation) -> bool | None:
        """Return whether a file lists a commitment, given by its codes and keys; None if it does not say."""
        if self.row_number(names, recorded) is not None:
            return True
        return False if self.contents(recorded).is_whole else None

    def says_of_row(self, names: Collection[str], path: str, _time: datetime, recorded: Observation) -> bool:
        """Return whether a file says anything at a path of a commitment, given by its codes and keys."""
        if path == LISTED:
            return self.is_listed(names, recorded) is not None
        number, contents = self.row_number(names, recorded), self.contents(recorded)
        return number is not None and contents.covers(path) and path not in contents.unread.get(number, ())


def row_names(uow: UnitOfWork, commitment: Aggregate, source: str) -> frozenset[str]:
    """Return the codes of a commitment, and all keys under which files have had it."""
    names, key = set(all_codes(commitment)), (Origin.DATABASE, source)
    if "key" not in commitment.claims:
        return frozenset(names)
    if has_one_statement(commitment, "key", key):
        return frozenset(names | set(filter(None, [commitment.string("key")])))
    read = partial(uow.read_events, commitment.id)
    return frozenset(names | {str(each.value) for each in statement_histories(commitment, key, ["key"], read)["key"]})


def record_or_resume(uow: UnitOfWork, observation: SourceObservation) -> ObservationOutcome | None:
    """Record an observation, or return that of an interrupted import of the same file; None if nothing is new."""
    source = uow.aggregate(observation.source)
    for time, recorded in observations(source):
        # Another reader gives other facts for the same bytes, so it starts an observation of its own.
        is_same_file = (recorded.content_hash, recorded.reader) == (observation.content_hash, observation.reader)
        if is_same_file and source.value(_read_to_end_path(time)) is None:
            history = observation_history(uow, observation.source, time)
            return _resume(replace(observation, observed_at=time), history, recorded)
    return record_observation(uow, observation)


def record_repeated(uow: UnitOfWork, data: bytes, sheet: Sheet, time: datetime, date_order: DateOrder | None) -> bool:
    """Record that the newest file of the database was observed again, if it was; returns whether it was.

    Nothing in it has to be read for that. Where an import was reverted, it has to be.
    """
    source = uow.aggregate(source_id(SOURCE_TYPE, SOURCE_CODE, SOURCE_LANGUAGE))
    known = observations(source)
    if not known or source.withdrawn or source.amended:
        return False
    last_time, last = known[-1]
    reader, digest = _reader(sheet, date_order), content_hash(data)
    is_same = (last.content_hash, last.reader) == (digest, reader) and source.value(_read_to_end_path(last_time))
    if not is_same or time < last_time:
        return False
    observation = SourceObservation(SOURCE_TYPE, SOURCE_CODE, SOURCE_LANGUAGE, time, digest, "", reader)
    return record_observation(uow, observation) is None


def _reader(sheet: Sheet, date_order: DateOrder | None) -> str:
    return f"{READER_VERSION}{f' {date_order}' if date_order else ''}/{sheet.codebook.version}"


def record_read_to_end(uow: UnitOfWork, outcome: ObservationOutcome, row_count: int) -> None:
    """Record that all rows of an observed file have been recorded."""
    observation = outcome.observation
    facts = {_read_to_end_path(observation.observed_at): row_count}
    uow.append(observation.source, "SourceReadCompletely", {**facts}, Provenance(origin=Origin.HEADER))


def previous_codebook_version(source: Aggregate, outcome: ObservationOutcome) -> str:
    """Return the codebook's version of the last observation before an observation, empty if it is the first."""
    readers = [seen.reader for time, seen in observations(source) if time < outcome.observation.observed_at]
    return readers[-1].rpartition("/")[2] if readers else ""


def _resume(observation: SourceObservation, history: ObservationHistory, recorded: Observation) -> ObservationOutcome:
    """Return what `record_observation` returned when the import of the recorded observation began."""
    earlier = [each for each in history if each[0] < observation.observed_at]
    cause, moment = Cause.SOURCE_CHANGED if len(history) > 1 else Cause.REPORTED, observation.observed_at
    if earlier and earlier[-1][1].content_hash == recorded.content_hash:
        cause, moment = Cause.EXTRACTION, first_observed_at(earlier)
    return outcome_at(observation, history, cause, moment, recorded.text)


def _read_to_end_path(time: datetime) -> str:
    return f"rowsRead/{format_timestamp(time)}"
