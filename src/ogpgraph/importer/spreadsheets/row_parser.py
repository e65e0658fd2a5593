"""Parses rows into facts by path, each with its column and its span in the row's canonical text.

`RowParser` reads each cell as the codebook says and repairs what a spreadsheet program changed. A cell that it cannot
understand is preserved, as an UNRECOGNISED rating or under `database/`, and has a remark. Parsing never fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ogpgraph.domain.commitment_fields import NUMBER
from ogpgraph.domain.values import ReportedRating
from ogpgraph.domain.vocabulary import VALUES_OF, CoCreationValue, CommitmentStatus, Indicator, RatingState, RatingValue
from ogpgraph.importer.pages.extraction import ExtractedValue, Value
from ogpgraph.importer.pages.labels import Labels, shipped_labels
from ogpgraph.importer.pages.text import Line, Span, fold, split_lines
from ogpgraph.importer.pages.values import DateOrder, parse_institutions
from ogpgraph.importer.spreadsheets.cell_repair import (
    clean_cell,
    clean_short_cell,
    drop_fraction_of_zero,
    repair_date,
    repair_number,
    repair_numbers,
)
from ogpgraph.importer.spreadsheets.codebook import AREA_PATHS, IDENTITY_PATHS, Codebook, CodebookColumn
from ogpgraph.importer.spreadsheets.parsed_row import ParsedRow, RowTextBuilder
from ogpgraph.importer.spreadsheets.sheet import SheetRow

RATING_STATES = {
    "nd": RatingState.NO_DATA,
    "no data": RatingState.NO_DATA,
    "no irm data": RatingState.NO_DATA,
    "nr": RatingState.NOT_REVIEWED,
    "not reviewed": RatingState.NOT_REVIEWED,
    "na": RatingState.NOT_APPLICABLE,
    "n/a": RatingState.NOT_APPLICABLE,
    "not applicable": RatingState.NOT_APPLICABLE,
    "pending": RatingState.PENDING,
    "pending irm review": RatingState.PENDING,
}

_CO_CREATION_VALUES = {
    **{value.value.lower().replace("_", " "): value.value for value in CoCreationValue},
    **{spelling: state.value for spelling, state in RATING_STATES.items()},
    "invitation-only": CoCreationValue.INVITATION_ONLY.value,
}
_STATUSES = {RatingValue.YES: CommitmentStatus.ACTIVE, RatingValue.NO: CommitmentStatus.INACTIVE}
_YES_OR_NO = {"1": RatingValue.YES, "0": RatingValue.NO, "true": RatingValue.YES, "false": RatingValue.NO}
_YES_NO_PATHS = frozenset(("ratings/VERIFIABLE/DESIGN",))
"""The ratings whose cells are Yes and No; all other columns with two values have 1 and 0."""
_STATES_WITHOUT_INSTITUTIONS = (RatingState.NO_DATA, RatingState.NOT_REVIEWED, RatingState.PENDING)

_ENUMERATION = re.compile(r"^[a-g][.)]\s*")  # the layout of 2016 has "a. low" for "Low"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_TEXT = CodebookColumn(parse_as="text")
_NEVER_EMPTIED = frozenset(("plan number", "cycle", "number", "title"))
_KINDS = ("rating", "year", "cycle", "status")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+\w")
_CODE = re.compile(r"[A-Z]{2,4}\d{4}")
_PLAN_NUMBER = re.compile(r"\d{1,2}")
_YEAR = re.compile(r"20\d\d")
_MAX_LINE_LENGTH = 300
_MAX_VALUE_LENGTH = 60
_MAX_STATE_LENGTH = 20
_STATE_MARKS = re.compile("[./]")  # "N.D." and "n/d" are "ND"
_MAX_CACHED_LENGTH = 30  # codes and states; longer cells hardly ever repeat


def parse_rating_state(cell: str) -> RatingState | None:
    """Return the state for which a cell has no value; None for an empty cell and for one that may have a value."""
    return RATING_STATES.get(_STATE_MARKS.sub("", fold(cell))) if len(cell) <= _MAX_STATE_LENGTH else None


def parse_co_creation_value(cell: str) -> str | None:
    """Return a value or state of public participation in a plan, None if the vocabulary does not have it."""
    return _CO_CREATION_VALUES.get(fold(cell)) if len(cell) <= _MAX_VALUE_LENGTH else None


def has_pattern(column: CodebookColumn, cell: str) -> bool:
    """Return whether a cell has the pattern of its column."""
    return re.fullmatch(column.pattern, cell.strip()) is not None


class _Cell(NamedTuple):
    """A cell that is not empty, after cleaning, with its column and the row that it belongs to."""

    parsed: ParsedRow
    name: str
    column: CodebookColumn
    text: str

    @property
    def single_line(self) -> str:
        """Return the text on one line, truncated to the length of a value."""
        return " ".join(self.text.split())[:_MAX_LINE_LENGTH]

    def report_unrecognised(self) -> None:
        self.parsed.report_unrecognised(self.name, self.text)


class RowParser:
    """Parses the rows of a sheet; `date_order` is that of day and month in all dates, by default each column's own.

    At the `silent_paths` no row says anything.
    """

    def __init__(
        self, codebook: Codebook, date_order: DateOrder | None = None, silent_paths: frozenset[str] = frozenset()
    ) -> None:
        self._codebook = codebook
        self._date_order = date_order
        self._silent_paths = silent_paths
        self._labels: Labels = shipped_labels().get("en")
        self._rating_values = {
            name: {fold(spelling): value for value, found in column.value_spellings.items() for spelling in found}
            for name, column in codebook.columns.items()
        }
        self._ratings: dict[tuple[str, str], ReportedRating] = {}
        """What was read from a column and a cell's text: of a file's ratings, few differ."""

    def parse(self, row: SheetRow) -> ParsedRow:
        """Return the facts of a row, with remarks on the cells that were repaired or not understood."""
        parsed, text = ParsedRow(row.number), RowTextBuilder()
        for name, column in self._codebook.columns.items():
            cell = _clean_cell(parsed, name, row.cells.get(name, ""))
            if cell is None:
                parsed.unread_paths |= column.paths
            if not cell:
                parsed.unread_paths |= self._paths_of_lost_cell(row, column)
                continue
            span = text.add(name, cell)
            for path in IDENTITY_PATHS.get(column.parse_as, ()):
                parsed.record_span(path, name, span)
            if column.pattern and not (has_pattern(column, cell) or parse_rating_state(cell)):
                parsed.report_unrecognised(name, cell)
            if self._is_unread_identity(row, column, cell):
                parsed.report_unrecognised(name, cell)
                parsed.unread_paths |= column.paths
            if column.path or column.parse_as == "title":
                self._parse_cell(_Cell(parsed, name, column, cell), span)
        for name in self._codebook.optional:
            # Their values are recorded with the plan, by MemberPlanRecorder.
            cell = _clean_cell(parsed, name, row.cells.get(name, ""))
            if cell and parse_co_creation_value(cell) is None:
                parsed.report_unrecognised(name, cell)
        self._parse_policy_areas(parsed, row, text)
        parsed.text = text.build()
        return parsed

    def _paths_of_lost_cell(self, row: SheetRow, column: CodebookColumn) -> frozenset[str]:
        """Return the paths of a cell that is empty and cannot be: it identifies the row, or its numeric twin is not."""
        is_identity = column.parse_as in _NEVER_EMPTIED
        is_lost = is_identity or (column.numeric_twin and row.cells.get(column.numeric_twin, "").strip())
        return column.own_paths - self._silent_paths if is_lost else frozenset()

    def _is_unread_identity(self, row: SheetRow, column: CodebookColumn, cell: str) -> bool:
        """Return whether a cell should have the year or the number of a plan, and has neither that nor a state."""
        if parse_rating_state(cell):
            return False
        if column.parse_as == "cycle":
            return self.year(row, "cycle") is None
        return column.parse_as == "plan number" and self.plan_number(row) is None

    def has_kind_of(self, column: str, cell: str) -> bool:
        """Return whether a cell is of a kind that only some columns have, and a column is one of these."""
        if column in self._codebook.numeric_twins:
            return _NUMBER.fullmatch(cell.strip()) is not None
        known = self._codebook.columns.get(column, _TEXT)
        if known.pattern:
            return has_pattern(known, cell)
        typed = column in self._codebook.areas or known.parse_as in _KINDS
        return typed and not self.parse(SheetRow(0, {column: cell})).misfit_columns

    # Cells that identify the row, its member and its plan

    def cell_text(self, row: SheetRow, cell_type: str) -> str:
        """Return the cell of the only column of a type, empty where the layout has no such column."""
        name = self._codebook.column_by_type.get(cell_type)
        return clean_cell(row.cells.get(name, "")).text or "" if name else ""

    def find_unread(self, row: SheetRow, cell_types: Iterable[str]) -> str | None:
        """Return the first column of some types whose cell has another text than was meant, None if there is none."""
        names = filter(None, map(self._codebook.column_by_type.get, cell_types))
        return next((name for name in names if clean_cell(row.cells.get(name, "")).text is None), None)

    def co_creation_cells(self, row: SheetRow) -> tuple[tuple[str, str], ...]:
        """Return column and cell for each column on public participation in the plan whose value is known."""
        cells = ((name, clean_cell(row.cells.get(name, "")).text or "") for name in self._codebook.optional)
        return tuple((name, cell) for name, cell in cells if parse_co_creation_value(cell))

    def commitment_number(self, row: SheetRow) -> str | None:
        """Return the commitment's number in its plan, None where there is none."""
        number = repair_number(self.cell_text(row, "number")).text or ""
        return number if re.fullmatch(NUMBER, number) and parse_rating_state(number) is None else None

    def plan_number(self, row: SheetRow) -> int | None:
        """Return the number of the plan among the member's plans, None where there is none."""
        number = repair_number(self.cell_text(row, "plan number")).text or ""
        return int(number) if _PLAN_NUMBER.fullmatch(number) and int(number) else None

    def plan_id(self, row: SheetRow) -> str:
        """Return OGP's id of the plan, empty where there is none."""
        name, cell = self._codebook.column_by_type.get("plan id"), self.cell_text(row, "plan id")
        return cell if name and has_pattern(self._codebook.columns[name], cell) else ""

    def year(self, row: SheetRow, cell_type: str) -> int | None:
        """Return the year in the only column of a type, None where there is none."""
        cell = self.cell_text(row, cell_type)
        # A date has it where a spreadsheet made one of it.
        years = (repaired.text or "" for repaired in (repair_number(cell), repair_date(cell, "month first")))
        return next((int(year) for year in years if _YEAR.fullmatch(year)), None)

    # Values

    def _parse_cell(self, cell: _Cell, span: Span) -> None:
        if "@" in cell.text and _EMAIL.search(cell.text):
            cell.parsed.add_remark(cell.name, "e-mail", "contains an e-mail address, which is masked in every answer")
        path = cell.column.path or "title/en"
        value = self._parse_value(cell)
        values = {} if value is None else {path: value}
        # An empty list is one of several statements, such as "NA" and "None specified": the column keeps which.
        if value in (None, ()) and cell.column.fallback:
            values[f"database/{cell.column.fallback}"] = _spell_state(cell.single_line)
        for each, found in values.items():
            cell.parsed.facts[each] = ExtractedValue(found, span)
            cell.parsed.record_span(each, cell.name, span)

    def _parse_value(self, cell: _Cell) -> Value | None:
        match cell.column.parse_as:
            case "rating":
                return self._parse_rating(cell)
            case "date":
                return self._parse_date(cell)
            case "institutions":
                return self._parse_institutions(cell)
            case "numbers" | "line" if cell.column.fallback and parse_rating_state(cell.text):
                return None
            case "numbers":
                return cell.parsed.report_repair(cell.name, repair_numbers(cell.single_line))
            case "line":
                return drop_fraction_of_zero(cell.single_line)
            case "title":
                return " ".join(cell.text.split())
            case _:
                return _parse_simple_value(cell)

    def _parse_institutions(self, cell: _Cell) -> Value | None:
        if parse_rating_state(cell.text) in _STATES_WITHOUT_INSTITUTIONS:
            return None
        lines = split_lines(cell.text)
        if not any(line.is_bullet for line in lines):
            # Only bullets divide a cell into institutions; other line breaks are there to fit the column's width.
            lines = [Line(" ".join(cell.text.split()), 0, 1)]
        return parse_institutions(lines, cell.text, self._labels)

    def _parse_date(self, cell: _Cell) -> Value | None:
        date = repair_date(" ".join(cell.text.split()), self._date_order or cell.column.date_order)
        if date.doubt and date.text and cell.column.fallback:
            cell.parsed.imprecise_paths.add(cell.column.path)
            cell.parsed.facts[f"database/{cell.column.fallback}"] = ExtractedValue(cell.single_line, Span(0, 0))
        return cell.parsed.report_repair(cell.name, date, kind_prefix="date-")

    def _parse_rating(self, cell: _Cell) -> ReportedRating:
        key = cell.name, cell.text
        if (rating := self._ratings.get(key)) is None:
            rating = self._ratings[key] = self._read_rating(cell.column, cell.name, cell.text)
        if rating.state is RatingState.UNRECOGNISED:
            cell.report_unrecognised()
        elif rating.value and cell.text == "1" and cell.column.path in _YES_NO_PATHS:
            cell.parsed.add_remark(cell.name, "repaired", "1 was read as Yes")
        return rating

    def _read_rating(self, column: CodebookColumn, name: str, text: str) -> ReportedRating:
        state = parse_rating_state(text)
        if state is not None:
            return ReportedRating(state, None, text)
        value = self._find_rating_value(column, name, text)
        return ReportedRating(RatingState.RATED if value else RatingState.UNRECOGNISED, value, text)

    def _find_rating_value(self, column: CodebookColumn, name: str, text: str) -> RatingValue | None:
        plain = drop_fraction_of_zero(_ENUMERATION.sub("", text))
        spelling = fold(plain) if len(text) <= _MAX_VALUE_LENGTH else ""
        if spellings := self._rating_values[name]:
            return spellings.get(spelling)
        _, about, *_ = column.path.split("/")
        if about in Indicator.__members__:
            meaning = self._labels.ratings[Indicator(about)].meanings.get(spelling)
            if isinstance(meaning, RatingValue):
                return meaning
            if RatingValue.YES not in VALUES_OF[Indicator(about)]:
                return None
        return _YES_OR_NO.get(repair_number(spelling).text or "")

    # Policy areas

    def _parse_policy_areas(self, parsed: ParsedRow, row: SheetRow, text: RowTextBuilder) -> None:
        """Collect the columns with 1 as `policyAreas`, and those without a finding by their state."""
        areas_by_path: dict[str, list[str]] = {"policyAreas": []}
        columns_by_path: dict[str, list[str]] = {}
        for name, area in self._codebook.areas.items():
            path = self._policy_area_path(parsed, name, row.cells.get(name, ""))
            if path:
                areas_by_path.setdefault(path, []).append(area)
                columns_by_path.setdefault(path, []).append(name)
        for path, areas in areas_by_path.items():
            if path in parsed.unread_paths | self._silent_paths:
                continue
            columns = columns_by_path.get(path, [])
            spans = [text.add(name, row.cells[name].strip()) for name in columns]
            # One span over all lines, from the first column's name on.
            span = Span(spans[0].start - len(columns[0]) - 2, spans[-1].end) if spans else Span(0, 0)
            parsed.facts[path] = ExtractedValue(tuple(sorted(set(areas))), span)
            if columns:
                parsed.record_span(path, ", ".join(columns), span)

    def _policy_area_path(self, parsed: ParsedRow, column: str, raw: str) -> str:
        """Return the path that lists the area of a column, empty where the cell is 0, empty or not understood."""
        cell = _clean_cell(parsed, column, raw)
        if cell is None:
            parsed.unread_paths |= AREA_PATHS
            return ""
        is_chosen = _YES_OR_NO.get(fold(cell)) or _YES_OR_NO.get(repair_number(cell).text or "")
        if is_chosen is not None:
            return "policyAreas" if is_chosen is RatingValue.YES else ""
        state = parse_rating_state(cell)
        if state is None:
            if cell:
                parsed.report_unrecognised(column, cell)
                parsed.unread_paths |= AREA_PATHS
            return ""
        if state is RatingState.NOT_APPLICABLE:
            parsed.add_remark(column, "area-not-applicable", "NA, where other rows have 0, 1 or ND")
        return f"policyAreasUndetermined/{state}"


def _spell_state(cell: str) -> str:
    """Return a cell with its code of a state as OGP writes it; `N/A` and words stay as they are."""
    return cell.upper() if fold(cell) in ("nd", "nr", "na") else cell


def _clean_cell(parsed: ParsedRow, column: str, cell: str) -> str | None:
    """Return the text of a cell, None where it has another than was meant."""
    if not cell:
        return ""
    cleaned = clean_short_cell(cell) if len(cell) <= _MAX_CACHED_LENGTH else clean_cell(cell)
    return parsed.report_repair(column, cleaned) if cleaned.repair or cleaned.doubt else cleaned.text


def _parse_simple_value(cell: _Cell) -> Value | None:
    """Return a text, year, status or list of codes; None where the cell has none."""
    state = parse_rating_state(cell.text)
    match cell.column.parse_as:
        case "text":
            return cell.text if state is None else None
        case "year":
            year = repair_number(cell.text).text or ""
            found: Value | None = int(year) if _YEAR.fullmatch(year) else state
        case "status":
            is_active = _YES_OR_NO.get(fold(repair_number(cell.text).text or ""))
            found = _STATUSES[is_active] if is_active else None
        case _:
            return tuple(sorted(set(_CODE.findall(cell.text.upper())))) or None
    if found is None and state is None:
        cell.report_unrecognised()
    return found
