"""Reading a row: every cell by the codebook's word for it, damage undone, what is not understood kept and told."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ogpgraph.domain.vocabulary import VALUES_OF, CoCreationValue, CommitmentStatus, Indicator, RatingState, RatingValue
from ogpgraph.importer.database.codebook import IDENTITY, Codebook, Column
from ogpgraph.importer.database.reading import RowReading, RowText
from ogpgraph.importer.database.repair import Order, Repaired, cleaned, date_of, number_of, numbers_of, short_cleaned
from ogpgraph.importer.database.sheet import Row
from ogpgraph.importer.folding import fold
from ogpgraph.importer.labels import Labels, labels_of
from ogpgraph.importer.lines import Line, lines_of
from ogpgraph.importer.reading import RatingSaid, Said, Span, Value
from ogpgraph.importer.values import institutions_of

_ENUMERATION = re.compile(r"^[a-g][.)]\s*")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+\w")
_CODE = re.compile(r"[A-Z]{2,4}\d{4}")
_PLAN = re.compile(r"\d{1,2}")
_YEAR = re.compile(r"20\d\d")
_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,15}")
_LONGEST_TEXT = 300
_LONGEST_WORD = 60
_SHOWN = 80
_SHORT = 30
_PLAIN = Column("text")
_IN_WORDS = frozenset(("ratings/VERIFIABLE/DESIGN",))  # columns that say Yes and No, not 1 and 0
_YES_OR_NO = {"1": RatingValue.YES, "0": RatingValue.NO}
STATES = {
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
    **{short: state.value for short, state in STATES.items()},
    "invitation-only": CoCreationValue.INVITATION_ONLY.value,
}
Meaning = Value | None
_STATUSES = {"1": CommitmentStatus.ACTIVE, "0": CommitmentStatus.INACTIVE}


def co_creation_value(cell: str) -> str | None:
    """Return what a cell says of how the public took part in a plan, None where no vocabulary knows it."""
    return _CO_CREATION.get(fold(cell)) if len(cell) <= _LONGEST_WORD else None


def state_of(cell: str) -> RatingState | None:
    """Return why a cell has no value, None where it has one; empty is none of these."""
    return STATES.get(fold(cell)) if len(cell) <= 20 else None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell with its column, in the row that is being read."""

    reading: RowReading
    name: str
    column: Column
    text: str

    @property
    def line(self) -> str:
        """Return the words on one line, cut where they are longer than a cell of a column should be."""
        return " ".join(self.text.split())[:_LONGEST_TEXT]

    def tell(self, found: Repaired, kind: str = "") -> str | None:
        """Return what was found in the cell, with a remark on what was undone or is not certain."""
        if found.done:
            self.reading.remark(self.name, f"{kind}repaired", found.done)
        if found.doubt:
            self.reading.remark(self.name, f"{kind}doubtful", found.doubt)
        return found.text

    def unrecognised(self) -> None:
        """Add the remark that nothing is known of such words in this column."""
        self.reading.remark(self.name, "unrecognised", self.line[:_SHOWN])


class RowReader:
    """Reads the rows of one sheet; `orders` is how each of its columns of dates writes day and month."""

    def __init__(self, codebook: Codebook, orders: dict[str, Order | None]) -> None:
        self._book = codebook
        self._orders = orders
        self._labels: Labels = labels_of("en")
        self._words = {
            name: {fold(word): value for value, words in column.words.items() for word in words}
            for name, column in codebook.columns.items()
        }

    def read(self, row: Row) -> RowReading:
        """Return what a row says."""
        reading, text = RowReading(row.number), RowText()
        for name, column in self._book.columns.items():
            cell = _clean(reading, name, row.cells.get(name, ""))
            if not cell:
                continue
            span = text.add(name, cell)
            for path in IDENTITY.get(column.reads, ()):
                reading.place(path, name, span)
            if column.path or column.reads == "title":
                self._read(Cell(reading, name, column, cell), span)
        for name in self._book.optional:
            cell = _clean(reading, name, row.cells.get(name, ""))
            if cell and co_creation_value(cell) is None:
                Cell(reading, name, _PLAIN, cell).unrecognised()
        self._areas(reading, row, text)
        reading.text = text.whole()
        return reading

    def cell(self, row: Row, reads: str) -> str:
        """Return the cell of the column that is read in a way that only one is, empty where the form has none."""
        name = self._book.by_reading.get(reads)
        return cleaned(row.cells.get(name, "")).text or "" if name else ""

    def co_creation(self, row: Row) -> tuple[tuple[str, str], ...]:
        """Return column and cell for what a row says, in known words, of how the public took part in its plan."""
        said = ((name, cleaned(row.cells.get(name, "")).text or "") for name in self._book.optional)
        return tuple((name, cell) for name, cell in said if co_creation_value(cell))

    def number(self, row: Row) -> str | None:
        """Return a commitment's number as it was typed, None where there is none."""
        typed = number_of(self.cell(row, "number")).text or ""
        return typed if _NUMBER.fullmatch(typed) and state_of(typed) is None else None

    def plan_number(self, row: Row) -> int | None:
        """Return which of the member's plans the commitment is in."""
        typed = number_of(self.cell(row, "plan number")).text or ""
        return int(typed) if _PLAN.fullmatch(typed) and int(typed) else None

    def year(self, row: Row, reads: str) -> int | None:
        """Return the year in a cell that belongs to the plan."""
        typed = number_of(self.cell(row, reads)).text or ""
        return int(typed) if _YEAR.fullmatch(typed) else None

    def _read(self, cell: Cell, span: Span) -> None:
        if _EMAIL.search(cell.text):
            cell.reading.remark(cell.name, "e-mail", "an address, masked for the public")
        path = cell.column.path or "title/en"
        value = self._meaning(cell)
        if value is None and cell.column.rest:
            path, value = f"database/{cell.column.rest}", cell.line
        if value is not None:
            cell.reading.facts[path] = Said(value, span)
            cell.reading.place(path, cell.name, span)

    def _meaning(self, cell: Cell) -> Meaning:
        match cell.column.reads:
            case "rating":
                return self._rating(cell)
            case "date":
                return self._date(cell)
            case "institutions":
                return self._institutions(cell)
            case "numbers":
                return cell.tell(numbers_of(cell.line))
            case "title" | "text":
                return cell.line if cell.column.reads == "text" else " ".join(cell.text.split())
            case _:
                return _simple(cell)

    def _institutions(self, cell: Cell) -> Meaning:
        if state_of(cell.text) in (RatingState.NO_DATA, RatingState.NOT_REVIEWED, RatingState.PENDING):
            return None
        lines = lines_of(cell.text)
        if not any(line.is_bullet for line in lines):
            lines = [Line(" ".join(cell.text.split()), 0, 1)]  # a line's end is but the end of a line
        return institutions_of(lines, cell.text, self._labels)

    def _date(self, cell: Cell) -> Meaning:
        found = date_of(" ".join(cell.text.split()), self._orders.get(cell.name))
        if found.doubt and found.text and cell.column.rest:
            cell.reading.doubtful.add(cell.column.path)
            cell.reading.facts[f"database/{cell.column.rest}"] = Said(cell.line, Span(0, 0))
        return cell.tell(found, "date-")

    def _rating(self, cell: Cell) -> Meaning:
        state = state_of(cell.text)
        if state is not None:
            return RatingSaid(state, None, cell.text)
        value = self._value_of(cell)
        if value is None:
            cell.unrecognised()
            return RatingSaid(RatingState.UNRECOGNISED, None, cell.text)
        if cell.text == "1" and cell.column.path in _IN_WORDS:
            cell.tell(Repaired(None, done="1 stands for Yes"))
        return RatingSaid(RatingState.RATED, value, cell.text)

    def _value_of(self, cell: Cell) -> RatingValue | None:
        word = fold(_ENUMERATION.sub("", cell.text)) if len(cell.text) <= _LONGEST_WORD else ""
        if own := self._words[cell.name]:
            return own.get(word)
        _, about, *_ = cell.column.path.split("/")
        if about in Indicator.__members__:
            meaning = self._labels.ratings[Indicator(about)].meanings.get(word)
            if isinstance(meaning, RatingValue):
                return meaning
            if RatingValue.YES not in VALUES_OF[Indicator(about)]:
                return None
        return _YES_OR_NO.get(number_of(word).text or "")

    # Policy areas

    def _areas(self, reading: RowReading, row: Row, text: RowText) -> None:
        chosen: list[str] = []
        without: dict[RatingState, list[str]] = {}
        columns: dict[str, list[str]] = {}
        for name, area in self._book.areas.items():
            cell = _clean(reading, name, row.cells.get(name, ""))
            said = _YES_OR_NO.get(cell) or _YES_OR_NO.get(number_of(cell).text or "")
            state = state_of(cell) if said is None else None
            if said is RatingValue.YES:
                chosen.append(area)
            elif state is not None:
                without.setdefault(state, []).append(area)
            elif cell and said is None:
                Cell(reading, name, _PLAIN, cell).unrecognised()
            if said is RatingValue.YES or state is not None:
                path = "policyAreas" if state is None else f"policyAreasWithout/{state}"
                columns.setdefault(path, []).append(name)
                if state is RatingState.NOT_APPLICABLE:
                    reading.remark(name, "area-not-applicable", "NA where the others say 0, 1 or ND")
        facts = {"policyAreas": chosen} | {f"policyAreasWithout/{state}": each for state, each in without.items()}
        for path, areas in facts.items():
            names = columns.get(path, [])
            spans = [text.add(name, row.cells[name].strip()) for name in names]
            span = Span(spans[0].start - len(names[0]) - 2, spans[-1].end) if spans else Span(0, 0)
            reading.facts[path] = Said(tuple(sorted(set(areas))), span)
            if names:
                reading.place(path, ", ".join(names), span)


def _clean(reading: RowReading, name: str, cell: str) -> str:
    if not cell:
        return ""
    found = short_cleaned(cell) if len(cell) <= _SHORT else cleaned(cell)
    if found.done or found.doubt:
        return Cell(reading, name, _PLAIN, cell).tell(found) or ""
    return found.text or ""


def _simple(cell: Cell) -> Meaning:
    """Return what a cell says that is one word of a closed sort, or prose; None where it is none."""
    state = state_of(cell.text)
    match cell.column.reads:
        case "wording":
            return cell.text if state is None else None
        case "year":
            typed = number_of(cell.text).text or ""
            found: Meaning = int(typed) if _YEAR.fullmatch(typed) else state
        case "status":
            found = _STATUSES.get(number_of(cell.text).text or "")
        case _:
            return tuple(sorted(set(_CODE.findall(cell.text.upper())))) or None
    if found is None and state is None:
        cell.unrecognised()
    return found
