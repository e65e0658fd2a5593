"""Reading a row: every cell by the codebook's word for it, damage undone, what is not understood kept and told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ogpgraph.domain.vocabulary import VALUES_OF, CoCreationValue, CommitmentStatus, Indicator, RatingState, RatingValue
from ogpgraph.importer.pages.extraction import (
    ExtractedFacts,
    ExtractedRating,
    ExtractedValue,
    Line,
    Remark,
    Span,
    Value,
    split_lines,
)
from ogpgraph.importer.pages.labels import Labels, load_labels
from ogpgraph.importer.pages.text_normalization import fold
from ogpgraph.importer.pages.values import parse_institutions
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.cell_repair import (
    DateOrder,
    RepairedCell,
    clean_cell,
    clean_short_cell,
    repair_date,
    repair_number,
    repair_numbers,
)
from ogpgraph.importer.spreadsheets.codebook import IDENTITY_PATHS, Codebook, CodebookColumn
from ogpgraph.importer.spreadsheets.sheet import SheetRow

_ENUMERATION = re.compile(r"^[a-g][.)]\s*")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+\w")
_CODE = re.compile(r"[A-Z]{2,4}\d{4}")
_PLAN = re.compile(r"\d{1,2}")
_YEAR = re.compile(r"20\d\d")
_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,15}")
_MAX_LINE_LENGTH = 300
_MAX_VALUE_LENGTH = 60
_MAX_REMARK_LENGTH = 80
_MAX_CACHED_LENGTH = 30
_UNTYPED_COLUMN = CodebookColumn("line")
_YES_NO_COLUMNS = frozenset(("ratings/VERIFIABLE/DESIGN",))  # columns that say Yes and No, not 1 and 0
_YES_OR_NO = {"1": RatingValue.YES, "0": RatingValue.NO}
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
_CO_CREATION = {
    **{value.value.lower().replace("_", " "): value.value for value in CoCreationValue},
    **{short: state.value for short, state in RATING_STATES.items()},
    "invitation-only": CoCreationValue.INVITATION_ONLY.value,
}
CellValue = Value | None
_STATUSES = {"1": CommitmentStatus.ACTIVE, "0": CommitmentStatus.INACTIVE}


def parse_co_creation_value(cell: str) -> str | None:
    """Return what a cell says of how the public took part in a plan, None where no vocabulary knows it."""
    return _CO_CREATION.get(fold(cell)) if len(cell) <= _MAX_VALUE_LENGTH else None


def parse_rating_state(cell: str) -> RatingState | None:
    """Return why a cell has no value, None where it has one; empty is none of these."""
    return RATING_STATES.get(fold(cell)) if len(cell) <= 20 else None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell with its column, in the row that is being read."""

    parsed: ParsedRow
    name: str
    column: CodebookColumn
    text: str

    @property
    def single_line(self) -> str:
        """Return the words on one line, cut where they are longer than a cell of a column should be."""
        return " ".join(self.text.split())[:_MAX_LINE_LENGTH]

    def report_repair(self, found: RepairedCell, kind: str = "") -> str | None:
        """Return what was found in the cell, with a remark on what was undone or is not certain."""
        if found.repair:
            self.parsed.add_remark(self.name, f"{kind}repaired", found.repair)
        if found.doubt:
            self.parsed.add_remark(self.name, f"{kind}doubtful", found.doubt)
        return found.text

    def report_unrecognised(self) -> None:
        """Add the remark that nothing is known of such words in this column."""
        self.parsed.add_remark(self.name, "unrecognised", self.single_line[:_MAX_REMARK_LENGTH])


class RowParser:
    """Reads the rows of one sheet; `orders` is how each of its columns of dates writes day and month."""

    def __init__(self, codebook: Codebook, orders: dict[str, DateOrder | None]) -> None:
        self._codebook = codebook
        self._orders = orders
        self._labels: Labels = load_labels("en")
        self._rating_values = {
            name: {fold(word): value for value, words in column.value_spellings.items() for word in words}
            for name, column in codebook.columns.items()
        }

    def parse(self, row: SheetRow) -> ParsedRow:
        """Return what a row says."""
        parsed, text = ParsedRow(row.number), RowTextBuilder()
        for name, column in self._codebook.columns.items():
            cell = _clean_and_report(parsed, name, row.cells.get(name, ""))
            if not cell:
                continue
            span = text.add(name, cell)
            for path in IDENTITY_PATHS.get(column.parse_as, ()):
                parsed.record_span(path, name, span)
            if column.path or column.parse_as == "title":
                self._parse_cell(Cell(parsed, name, column, cell), span)
        for name in self._codebook.optional:
            cell = _clean_and_report(parsed, name, row.cells.get(name, ""))
            if cell and parse_co_creation_value(cell) is None:
                Cell(parsed, name, _UNTYPED_COLUMN, cell).report_unrecognised()
        self._parse_policy_areas(parsed, row, text)
        parsed.text = text.build()
        return parsed

    def cell_text(self, row: SheetRow, cell_type: str) -> str:
        """Return the cell of the column that is read in a way that only one is, empty where the form has none."""
        name = self._codebook.column_by_type.get(cell_type)
        return clean_cell(row.cells.get(name, "")).text or "" if name else ""

    def co_creation_cells(self, row: SheetRow) -> tuple[tuple[str, str], ...]:
        """Return column and cell for what a row says, in known words, of how the public took part in its plan."""
        said = ((name, clean_cell(row.cells.get(name, "")).text or "") for name in self._codebook.optional)
        return tuple((name, cell) for name, cell in said if parse_co_creation_value(cell))

    def commitment_number(self, row: SheetRow) -> str | None:
        """Return a commitment's number as it was typed, None where there is none."""
        typed = repair_number(self.cell_text(row, "number")).text or ""
        return typed if _NUMBER.fullmatch(typed) and parse_rating_state(typed) is None else None

    def plan_number(self, row: SheetRow) -> int | None:
        """Return which of the member's plans the commitment is in."""
        typed = repair_number(self.cell_text(row, "plan number")).text or ""
        return int(typed) if _PLAN.fullmatch(typed) and int(typed) else None

    def year(self, row: SheetRow, cell_type: str) -> int | None:
        """Return the year in a cell that belongs to the plan."""
        typed = repair_number(self.cell_text(row, cell_type)).text or ""
        return int(typed) if _YEAR.fullmatch(typed) else None

    def _parse_cell(self, cell: Cell, span: Span) -> None:
        if _EMAIL.search(cell.text):
            cell.parsed.add_remark(cell.name, "e-mail", "an address, masked for the public")
        path = cell.column.path or "title/en"
        value = self._parse_value(cell)
        if value is None and cell.column.fallback:
            path, value = f"database/{cell.column.fallback}", cell.single_line
        if value is not None:
            cell.parsed.facts[path] = ExtractedValue(value, span)
            cell.parsed.record_span(path, cell.name, span)

    def _parse_value(self, cell: Cell) -> CellValue:
        match cell.column.parse_as:
            case "rating":
                return self._parse_rating(cell)
            case "date":
                return self._parse_date(cell)
            case "institutions":
                return self._parse_institutions(cell)
            case "numbers":
                return cell.report_repair(repair_numbers(cell.single_line))
            case "title" | "line":
                return cell.single_line if cell.column.parse_as == "line" else " ".join(cell.text.split())
            case _:
                return _parse_simple_value(cell)

    def _parse_institutions(self, cell: Cell) -> CellValue:
        if parse_rating_state(cell.text) in (RatingState.NO_DATA, RatingState.NOT_REVIEWED, RatingState.PENDING):
            return None
        lines = split_lines(cell.text)
        if not any(line.is_bullet for line in lines):
            lines = [Line(" ".join(cell.text.split()), 0, 1)]  # a line's end is but the end of a line
        return parse_institutions(lines, cell.text, self._labels)

    def _parse_date(self, cell: Cell) -> CellValue:
        found = repair_date(" ".join(cell.text.split()), self._orders.get(cell.name))
        if found.doubt and found.text and cell.column.fallback:
            cell.parsed.imprecise_paths.add(cell.column.path)
            cell.parsed.facts[f"database/{cell.column.fallback}"] = ExtractedValue(cell.single_line, Span(0, 0))
        return cell.report_repair(found, "date-")

    def _parse_rating(self, cell: Cell) -> CellValue:
        state = parse_rating_state(cell.text)
        if state is not None:
            return ExtractedRating(state, None, cell.text)
        value = self._find_rating_value(cell)
        if value is None:
            cell.report_unrecognised()
            return ExtractedRating(RatingState.UNRECOGNISED, None, cell.text)
        if cell.text == "1" and cell.column.path in _YES_NO_COLUMNS:
            cell.report_repair(RepairedCell(None, repair="1 stands for Yes"))
        return ExtractedRating(RatingState.RATED, value, cell.text)

    def _find_rating_value(self, cell: Cell) -> RatingValue | None:
        word = fold(_ENUMERATION.sub("", cell.text)) if len(cell.text) <= _MAX_VALUE_LENGTH else ""
        if own := self._rating_values[cell.name]:
            return own.get(word)
        _, about, *_ = cell.column.path.split("/")
        if about in Indicator.__members__:
            meaning = self._labels.ratings[Indicator(about)].meanings.get(word)
            if isinstance(meaning, RatingValue):
                return meaning
            if RatingValue.YES not in VALUES_OF[Indicator(about)]:
                return None
        return _YES_OR_NO.get(repair_number(word).text or "")

    # Policy areas

    def _parse_policy_areas(self, parsed: ParsedRow, row: SheetRow, text: RowTextBuilder) -> None:
        chosen: list[str] = []
        without: dict[RatingState, list[str]] = {}
        columns: dict[str, list[str]] = {}
        for name, area in self._codebook.areas.items():
            cell = _clean_and_report(parsed, name, row.cells.get(name, ""))
            said = _YES_OR_NO.get(cell) or _YES_OR_NO.get(repair_number(cell).text or "")
            state = parse_rating_state(cell) if said is None else None
            if said is RatingValue.YES:
                chosen.append(area)
            elif state is not None:
                without.setdefault(state, []).append(area)
            elif cell and said is None:
                Cell(parsed, name, _UNTYPED_COLUMN, cell).report_unrecognised()
            if said is RatingValue.YES or state is not None:
                path = "policyAreas" if state is None else f"policyAreasWithout/{state}"
                columns.setdefault(path, []).append(name)
                if state is RatingState.NOT_APPLICABLE:
                    parsed.add_remark(name, "area-not-applicable", "NA where the others say 0, 1 or ND")
        facts = {"policyAreas": chosen} | {f"policyAreasWithout/{state}": each for state, each in without.items()}
        for path, areas in facts.items():
            names = columns.get(path, [])
            spans = [text.add(name, row.cells[name].strip()) for name in names]
            span = Span(spans[0].start - len(names[0]) - 2, spans[-1].end) if spans else Span(0, 0)
            parsed.facts[path] = ExtractedValue(tuple(sorted(set(areas))), span)
            if names:
                parsed.record_span(path, ", ".join(names), span)


def _clean_and_report(parsed: ParsedRow, name: str, cell: str) -> str:
    if not cell:
        return ""
    found = clean_short_cell(cell) if len(cell) <= _MAX_CACHED_LENGTH else clean_cell(cell)
    if found.repair or found.doubt:
        return Cell(parsed, name, _UNTYPED_COLUMN, cell).report_repair(found) or ""
    return found.text or ""


def _parse_simple_value(cell: Cell) -> CellValue:
    """Return what a cell says that is one word of a closed sort, or prose; None where it is none."""
    state = parse_rating_state(cell.text)
    match cell.column.parse_as:
        case "text":
            return cell.text if state is None else None
        case "year":
            typed = repair_number(cell.text).text or ""
            found: CellValue = int(typed) if _YEAR.fullmatch(typed) else state
        case "status":
            found = _STATUSES.get(repair_number(cell.text).text or "")
        case _:
            return tuple(sorted(set(_CODE.findall(cell.text.upper())))) or None
    if found is None and state is None:
        cell.report_unrecognised()
    return found


@dataclass
class ParsedRow:
    """All that one row says; `text` is its canonical text, `Column: cell` for each column that is read.

    `imprecise_paths` are the paths of dates that are known to the year only, though the cell says more.
    """

    row_number: int
    text: str = ""
    facts: ExtractedFacts = field(default_factory=dict)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    imprecise_paths: set[str] = field(default_factory=set)

    def record_span(self, path: str, column: str, span: Span) -> None:
        """Note where in the row the words stand that a path was read from."""
        self.spans[path], self.columns[path] = (span.start, span.end), column

    def add_remark(self, column: str, kind: str, text: str) -> None:
        """Add a remark on a cell."""
        self.remarks.append(create_cell_remark(self.row_number, column, kind, text))

    def rating_at(self, path: str) -> RatingState | RatingValue | None:
        """Return what a rating says: its value, or why it has none; None where nothing is said."""
        said = self.facts.get(path)
        if said is None or not isinstance(said.value, ExtractedRating):
            return None
        return said.value.value or said.value.state


class RowTextBuilder:
    """The canonical text of a row, grown cell by cell; each cell knows where in it its words stand."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0

    def add(self, column: str, cell: str) -> Span:
        """Add a cell and return where its words stand."""
        start = self._length + len(column) + 2
        part = f"{column}: {cell}\n"
        self._parts.append(part)
        self._length += len(part)
        return Span(start, start + len(cell))

    def build(self) -> str:
        """Return the text."""
        return "".join(self._parts)
