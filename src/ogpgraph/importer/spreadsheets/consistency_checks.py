"""Checks of a row against itself: words against their numeric twins, stars against OGP's published rule."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.importer.observations.value_equivalence import normalize_spelling
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.cell_repair import repair_number
from ogpgraph.importer.spreadsheets.codebook import Codebook, StarRule
from ogpgraph.importer.spreadsheets.identity import PlanKey, RowIdentity
from ogpgraph.importer.spreadsheets.row_parser import ParsedRow, parse_rating_state
from ogpgraph.importer.spreadsheets.sheet import SheetRow

_COMPLETED = (RatingValue.SUBSTANTIAL, RatingValue.COMPLETE)
_SPECIFIC = (RatingValue.MEDIUM, RatingValue.HIGH)
_RELEVANCE = "ratings/RELEVANCE/DESIGN/"
_VALUES = ("ACCESS_TO_INFORMATION", "CIVIC_PARTICIPATION", "PUBLIC_ACCOUNTABILITY")


def check_numeric_twins(codebook: Codebook, row: SheetRow, parsed: ParsedRow) -> Iterator[Remark]:
    """Yield a remark for every column whose numeric twin says something else; the words are what is recorded."""
    for name, column in codebook.columns.items():
        if not column.numeric_twin or column.numeric_twin not in row.cells:
            continue
        said = parsed.rating_at(column.path)
        twin = repair_number(row.cells[column.numeric_twin].strip()).text or ""
        state = parse_rating_state(twin)
        expected = column.twin_patterns.get(str(said), r"(?!)")
        agrees = re.fullmatch(expected, twin) or (state is not None and state is said) or (not twin and said is None)
        if not agrees and said is not RatingState.UNRECOGNISED:
            words = " ".join(row.cells.get(name, "").split())[:60]
            yield create_cell_remark(
                row.number,
                name,
                "twins-disagree",
                f"{words or 'empty'}, but {column.numeric_twin} says {twin or 'nothing'}",
            )


def check_stars(codebook: Codebook, row: SheetRow, parsed: ParsedRow) -> Iterator[Remark]:
    """Yield a remark for every star that OGP's published rule would not have given, or would have."""
    for rule in codebook.stars:
        starred = parsed.rating_at(codebook.columns[rule.column].path)
        if starred not in (RatingValue.YES, RatingValue.NO):
            continue
        due = _expected_star(codebook, rule, parsed)
        if due is not None and due is not (starred is RatingValue.YES):
            yield create_cell_remark(
                row.number, rule.column, "star-differs", f"says {starred}, the rule {'YES' if due else 'NO'}"
            )


def _expected_star(codebook: Codebook, rule: StarRule, parsed: ParsedRow) -> bool | None:
    """Tell whether the rule gives the star; None where a rating that it rests on is not given."""
    impact = parsed.rating_at("ratings/POTENTIAL_IMPACT/DESIGN")
    completion = parsed.rating_at(codebook.columns[rule.completion].path)
    relevant = [parsed.rating_at(_RELEVANCE + value) for value in _VALUES]
    if not isinstance(impact, RatingValue) or not isinstance(completion, RatingValue):
        return None
    reached = RatingValue.YES in relevant and impact in rule.impact and completion in _COMPLETED
    return reached and (not rule.specificity or _is_specific(parsed))


def _is_specific(parsed: ParsedRow) -> bool:
    """Where specificity was no longer rated, being verifiable stands for it."""
    specificity = parsed.rating_at("ratings/SPECIFICITY/DESIGN")
    if isinstance(specificity, RatingValue):
        return specificity in _SPECIFIC
    return parsed.rating_at("ratings/VERIFIABLE/DESIGN") is RatingValue.YES


def check_members_and_plans(identities: Iterable[RowIdentity]) -> Iterator[Remark]:
    """Yield a remark for every row that says of its member or plan what most of their rows do not."""
    rows = list(identities)
    names: dict[str, Counter[str]] = defaultdict(Counter)
    plans: dict[PlanKey, Counter[str]] = defaultdict(Counter)
    for row in rows:
        names[row.member.code][row.member.name] += 1
        plans[row.plan][_plan_words(row)] += 1
    for row in rows:
        usual = names[row.member.code].most_common(1)[0][0]
        if normalize_spelling(row.member.name) != normalize_spelling(usual):
            yield create_cell_remark(row.row_number, "", "member-differs", f"{row.member.name}, elsewhere {usual}")
        said, usual = _plan_words(row), plans[row.plan].most_common(1)[0][0]
        if said != usual:
            yield create_cell_remark(row.row_number, "", "plan-differs", f"{row.plan.name}: {said}, elsewhere {usual}")


def _plan_words(row: RowIdentity) -> str:
    published, end, duration = row.plan_cells
    words = (("submitted", row.cycle), ("ends", end), ("years", duration), ("id", published))
    return ", ".join(f"{name} {said}" for name, said in words if said) or "nothing"
