"""Checks rows for contradictions: ratings with their numeric twins, stars with OGP's rules, rows with each other.

The checks only add remarks to the report. What they find wrong is recorded as the file has it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.importer.observations.value_equivalence import normalize_spelling
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.pages.values import DateOrder
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.cell_repair import find_shown_order, repair_number
from ogpgraph.importer.spreadsheets.codebook import Codebook, StarRule
from ogpgraph.importer.spreadsheets.identity import PlanKey, RowIdentity
from ogpgraph.importer.spreadsheets.parsed_row import ParsedRow
from ogpgraph.importer.spreadsheets.row_parser import RowParser, parse_rating_state
from ogpgraph.importer.spreadsheets.sheet import Sheet, SheetRow

_COMPLETED = (RatingValue.SUBSTANTIAL, RatingValue.COMPLETE)
_SPECIFIC = (RatingValue.MEDIUM, RatingValue.HIGH)
_RELEVANCE = "ratings/RELEVANCE/DESIGN/"
# Relevance to technology and innovation alone does not earn a star.
_STAR_OGP_VALUES = ("ACCESS_TO_INFORMATION", "CIVIC_PARTICIPATION", "PUBLIC_ACCOUNTABILITY")
_NEVER = r"(?!)"
_MAX_REMARK_LENGTH = 60
_MIN_SHIFTED_CELLS = 2
_YEAR = re.compile(r"20\d\d(?:\.0)?")


def check_numeric_twins(codebook: Codebook, row: SheetRow, parsed: ParsedRow) -> Iterator[Remark]:
    """Yield a remark on each rating that differs from its numeric twin; the rating is recorded, not the number."""
    for name, column in codebook.columns.items():
        if not column.numeric_twin or column.numeric_twin not in row.cells:
            continue
        rating = parsed.rating_at(column.path)
        twin = repair_number(row.cells[column.numeric_twin].strip()).text or ""
        if rating is RatingState.UNRECOGNISED and not _is_other_number(row.cells[name], twin):
            continue  # has a remark of its own
        expected = column.twin_patterns.get(str(rating), _NEVER)
        twin_state = parse_rating_state(twin)
        is_same_state = twin_state is rating if twin_state else not twin and rating is None
        if not is_same_state and not re.fullmatch(expected, twin):
            cell = " ".join(row.cells.get(name, "").split())[:_MAX_REMARK_LENGTH]
            text = f"{cell or 'empty'}, but {column.numeric_twin} is {twin or 'empty'}"
            yield create_cell_remark(row.number, name, "twins-disagree", text)


def _is_other_number(cell: str, twin: str) -> bool:
    """Return whether a rating's cell has a number, and its numeric twin has another one."""
    number = repair_number(cell.strip()).text or ""
    return number.isdecimal() and twin.isdecimal() and twin != number


def find_shifted_columns(sheet: Sheet, parser: RowParser, row: SheetRow, parsed: ParsedRow) -> list[str]:
    """Return the columns whose cells are of no kind that such a column has, but of the kind of a column beside it."""
    if not (misfits := dict.fromkeys(parsed.misfit_columns)):
        return []
    names, places = sheet.columns_by_position, {name: place for place, name in sheet.columns_by_position.items()}
    beside = {
        name: [names[place] for place in (places[name] - 1, places[name] + 1) if place in names] for name in misfits
    }
    return [name for name in misfits if any(parser.has_kind_of(each, row.cells[name]) for each in beside[name])]


def is_askew(codebook: Codebook, row: SheetRow, shifted: list[str], contradictions: int) -> bool:
    """Return whether cells are missing in a row, by its shifted columns and its ratings that their numbers contradict.

    A single rating may be mistaken for its number; a year is in a column beside its own only where cells are missing.
    """
    about_year = (_YEAR.fullmatch(row.cells[name].strip()) or codebook.is_year(name) for name in shifted)
    return bool(shifted) and (any(about_year) or len(shifted) + contradictions >= _MIN_SHIFTED_CELLS)


def check_stars(codebook: Codebook, row: SheetRow, parsed: ParsedRow) -> Iterator[Remark]:
    """Yield a remark on each star that differs from OGP's published rule."""
    for rule in codebook.stars:
        star = parsed.rating_at(codebook.columns[rule.column].path)
        if star not in (RatingValue.YES, RatingValue.NO):
            continue
        expected = _expected_star(codebook, rule, parsed)
        if expected not in (None, star):
            yield create_cell_remark(
                row.number, rule.column, "star-differs", f"{star}, but by OGP's rule it is {expected}"
            )


def _expected_star(codebook: Codebook, rule: StarRule, parsed: ParsedRow) -> RatingValue | None:
    """Return YES or NO by the rule, None where a rating that it needs is missing."""
    impact = parsed.rating_at("ratings/POTENTIAL_IMPACT/DESIGN")
    completion = parsed.rating_at(codebook.columns[rule.completion].path)
    relevance = [parsed.rating_at(_RELEVANCE + value) for value in _STAR_OGP_VALUES]
    if not isinstance(impact, RatingValue) or not isinstance(completion, RatingValue):
        return None
    is_earned = (
        RatingValue.YES in relevance
        and impact in rule.impact
        and completion in _COMPLETED
        and (not rule.specificity or _is_specific(parsed))
    )
    return RatingValue.YES if is_earned else RatingValue.NO


def _is_specific(parsed: ParsedRow) -> bool:
    """Return whether the commitment is specific; later reviews rate it as verifiable instead."""
    specificity = parsed.rating_at("ratings/SPECIFICITY/DESIGN")
    if isinstance(specificity, RatingValue):
        return specificity in _SPECIFIC
    return parsed.rating_at("ratings/VERIFIABLE/DESIGN") is RatingValue.YES


def check_date_orders(sheet: Sheet, date_order: DateOrder | None) -> Iterator[Remark]:
    """Yield a remark on each column in which all dates that show an order of day and month have another than is read.

    `date_order` is that of the whole file, None for those of the columns.
    """
    columns = sheet.codebook.columns.items()
    orders = {name: date_order or column.date_order for name, column in columns if column.parse_as == "date"}
    read = {name: order for name, order in orders.items() if order}
    shown = Counter(
        (name, order) for row in sheet.rows() for name in read if (order := find_shown_order(row.cells.get(name, "")))
    )
    for (name, order), count in shown.items():
        if order != read[name] and not shown[name, read[name]]:
            option = f"--dates {order.replace(' ', '-')}"
            text = f"{count} dates are {order} and none {read[name]}, as the others are read; if all are, pass {option}"
            yield create_cell_remark(0, name, "date-order", text)


def check_members_and_plans(identities: Iterable[RowIdentity]) -> Iterator[Remark]:
    """Yield a remark on each row whose cells about its member or plan differ from those of most of their rows."""
    rows = list(identities)
    names: dict[str, Counter[str]] = defaultdict(Counter)
    plans: dict[PlanKey, Counter[str]] = defaultdict(Counter)
    for row in rows:
        names[row.member.code][row.member.name] += 1
        plans[row.plan][_describe_plan(row)] += 1
    for row in rows:
        usual_name = names[row.member.code].most_common(1)[0][0]
        if normalize_spelling(row.member.name) != normalize_spelling(usual_name):
            text = f"{row.member.name}, but {usual_name} in most rows"
            yield create_cell_remark(row.row_number, "", "member-differs", text)
        plan, usual_plan = _describe_plan(row), plans[row.plan].most_common(1)[0][0]
        if plan != usual_plan:
            text = f"{row.plan.name}: {plan}, but {usual_plan} in most rows"
            yield create_cell_remark(row.row_number, "", "plan-differs", text)


def _describe_plan(row: RowIdentity) -> str:
    published_id, end, duration = row.plan_cells
    cells = (("submitted", row.cycle), ("ends", end), ("years", duration), ("id", published_id))
    return ", ".join(f"{name} {cell}" for name, cell in cells if cell) or "no details"
