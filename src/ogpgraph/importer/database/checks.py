"""Checks of a row against itself: words against their numeric twins, stars against OGP's published rule."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.importer.database.cells import state_of
from ogpgraph.importer.database.codebook import Codebook, StarRule
from ogpgraph.importer.database.reading import RowReading
from ogpgraph.importer.database.repair import number_of
from ogpgraph.importer.database.report import CellRemark, remark_on
from ogpgraph.importer.database.sheet import Row

_CARRIED_OUT = (RatingValue.SUBSTANTIAL, RatingValue.COMPLETE)
_PRECISE = (RatingValue.MEDIUM, RatingValue.HIGH)
_RELEVANCE = "ratings/RELEVANCE/DESIGN/"
_VALUES = ("ACCESS_TO_INFORMATION", "CIVIC_PARTICIPATION", "PUBLIC_ACCOUNTABILITY")


def twins_that_disagree(book: Codebook, row: Row, reading: RowReading) -> Iterator[CellRemark]:
    """Yield a remark for every column whose numeric twin says something else; the words are what is recorded."""
    for name, column in book.columns.items():
        if not column.twin or column.twin not in row.cells:
            continue
        said = reading.value(column.path)
        twin = number_of(row.cells[column.twin].strip()).text or ""
        state = state_of(twin)
        expected = column.codes.get(str(said), r"(?!)")
        agrees = re.fullmatch(expected, twin) or (state is not None and state is said) or (not twin and said is None)
        if not agrees and said is not RatingState.UNRECOGNISED:
            words = " ".join(row.cells.get(name, "").split())[:60]
            yield remark_on(
                row.number, name, "twins-disagree", f"{words or 'empty'}, but {column.twin} says {twin or 'nothing'}"
            )


def stars_that_differ(book: Codebook, row: Row, reading: RowReading) -> Iterator[CellRemark]:
    """Yield a remark for every star that OGP's published rule would not have given, or would have."""
    for rule in book.stars:
        starred = reading.value(book.columns[rule.column].path)
        if starred not in (RatingValue.YES, RatingValue.NO):
            continue
        due = _is_due(book, rule, reading)
        if due is not None and due is not (starred is RatingValue.YES):
            yield remark_on(
                row.number, rule.column, "star-differs", f"says {starred}, the rule {'YES' if due else 'NO'}"
            )


def _is_due(book: Codebook, rule: StarRule, reading: RowReading) -> bool | None:
    """Tell whether the rule gives the star; None where a rating that it rests on is not given."""
    impact = reading.value("ratings/POTENTIAL_IMPACT/DESIGN")
    completion = reading.value(book.columns[rule.completion].path)
    relevant = [reading.value(_RELEVANCE + value) for value in _VALUES]
    if not isinstance(impact, RatingValue) or not isinstance(completion, RatingValue):
        return None
    reached = RatingValue.YES in relevant and impact in rule.impact and completion in _CARRIED_OUT
    return reached and (not rule.specificity or _is_precise(reading))


def _is_precise(reading: RowReading) -> bool:
    """Where specificity was no longer rated, being verifiable stands for it."""
    specificity = reading.value("ratings/SPECIFICITY/DESIGN")
    if isinstance(specificity, RatingValue):
        return specificity in _PRECISE
    return reading.value("ratings/VERIFIABLE/DESIGN") is RatingValue.YES
