"""Facts in running text: ratings that the IRM states in its prose, and dates of milestones in the government's text.

Both are read with caution. A sentence is a rating only where no word negates it, and a date belongs to a milestone only
by the milestone's number or a very similar title.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from itertools import pairwise

from ogpgraph.domain.milestone import normalize_milestone_number
from ogpgraph.domain.values import ReportedRating
from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedValue
from ogpgraph.importer.pages.irm_summary import MILESTONE_LINE, NUMBERED_LINE
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.page_words import ProseRatingRule
from ogpgraph.importer.pages.text import FoldedText, Line, Span, fold, fold_with_positions, split_lines
from ogpgraph.importer.pages.values import (
    find_date_order,
    parse_ambiguous_date,
    parse_ogp_values,
    parse_partial_date,
    split_trailing_dates,
)

# Ratings

_NEGATIVE_VALUES = frozenset((RatingValue.NO, RatingValue.NONE))
_RELEVANCE_PATH = f"ratings/{Indicator.RELEVANCE}/{Stage.DESIGN}"
_CONTEXT = 80  # characters before a match in which a "not" of the same sentence negates it
_SENTENCE_END = re.compile(r"[.!?;]\s")


@dataclass(frozen=True, slots=True)
class _CompiledRule:
    rule: ProseRatingRule
    pattern: re.Pattern[str]


def find_prose_ratings(text: str, span: Span, labels: Labels) -> tuple[ExtractedFacts, list[Span]]:
    """Return the ratings stated in a span of the IRM's text, and the statements that contradict an earlier one."""
    prose = _Prose(text, span.start, fold_with_positions(span.of(text)), labels)
    facts: ExtractedFacts = {}
    contradictions: list[Span] = []
    # Rules are in the order of the file, negative values first: "not relevant" contains "relevant".
    for compiled in _compiled_rules(labels):
        match = prose.find_statement(compiled)
        for path, extracted in (prose.ratings(match, compiled.rule) if match else {}).items():
            if path not in facts and not _is_rated_by_ogp_value(path, facts):
                facts[path] = extracted
            elif path in facts and _rating_value(facts[path]) is not _rating_value(extracted):
                contradictions.append(extracted.span)
    return facts, contradictions


def _is_rated_by_ogp_value(path: str, facts: ExtractedFacts) -> bool:
    """Return whether a path rates relevance as a whole, after the prose rated it for single OGP values."""
    return path == _RELEVANCE_PATH and any(other.startswith(path + "/") for other in facts)


def _rating_value(extracted: ExtractedValue) -> RatingValue | None:
    return extracted.value.value if isinstance(extracted.value, ReportedRating) else None


@dataclass(frozen=True, slots=True)
class _Prose:
    """A folded section of the IRM's text; `start` is its position in the whole text."""

    text: str
    start: int
    folded: FoldedText
    labels: Labels

    def find_statement(self, compiled: _CompiledRule) -> re.Match[str] | None:
        """Return the first match of a rule that no word before it negates."""
        matches = compiled.pattern.finditer(self.folded.text)
        return next((match for match in matches if self._is_stated(match, compiled.rule.value)), None)

    def _is_stated(self, match: re.Match[str], value: RatingValue) -> bool:
        if value in _NEGATIVE_VALUES:
            return True
        before = self.folded.text[max(0, match.start() - _CONTEXT) : match.start()]
        sentence = _SENTENCE_END.split(before)[-1]
        negations, negations_and_hedges = _negation_patterns(self.labels)
        return not (negations_and_hedges if value is RatingValue.YES else negations).search(sentence)

    def ratings(self, match: re.Match[str], rule: ProseRatingRule) -> ExtractedFacts:
        """Return the rating of a match, or one for each OGP value that it names."""
        path = f"ratings/{rule.indicator}/{Stage.DESIGN}"
        if match.groupdict().get("values"):
            named = self._span(match, "values")
            values, _ = parse_ogp_values(named.of(self.text), named.start, self.labels)
            if values:
                return {f"{path}/{OgpValue(value)}": extracted for value, extracted in values.items()}
        span = self._span(match)
        rating = ReportedRating(RatingState.RATED, rule.value, span.of(self.text))
        return {path: ExtractedValue(rating, span)}

    def _span(self, match: re.Match[str], group: int | str = 0) -> Span:
        start, end = self.folded.span(match.start(group), match.end(group))
        return Span(self.start + start, self.start + end)


@cache
def _compiled_rules(labels: Labels) -> tuple[_CompiledRule, ...]:
    return tuple(
        _CompiledRule(rule, re.compile(rf"(?<!\w)(?:{pattern})(?!\w)"))
        for rule in labels.own.prose_ratings.rules
        for pattern in rule.patterns
    )


@cache
def _negation_patterns(labels: Labels) -> tuple[re.Pattern[str], re.Pattern[str]]:
    rules = labels.own.prose_ratings
    return _any_word(rules.negations), _any_word(rules.negations + rules.hedges)


def _any_word(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(fold_with_positions(word).text) for word in words)})(?!\w)")


# Milestones

_MIN_SIMILARITY = 0.75  # a machine translates the same sentence twice and chooses other verb forms
_LONGEST_LINE = 400
_MOST_COMPARED = 200  # titles and lines; each is compared with each
_SHORTEST_BROKEN_LINE = 50  # characters; a shorter line ends where its text does
_CELL_SEPARATOR = re.compile(r"\s*[|\t]\s*")


def read_roadmap(text: str, span: Span, titles: dict[str, Line], labels: Labels) -> ExtractedFacts:
    """Return the facts of milestones in a span of the government's text.

    `titles` are those that the IRM quotes, by number. Only where it quotes none are titles read from the text.
    """
    facts: ExtractedFacts = {}
    lines = [line for line in split_lines(text, span.start, span.end) if len(line.text) <= _LONGEST_LINE]
    # By number first, which is certain; by title only what is left.
    rest = [line for line in lines if not _read_numbered_line(text, line, facts, titles, labels)]
    undated = {number: title for number, title in titles.items() if f"milestones/{number}/startsOn" not in facts}
    _match_by_title([*rest, *_join_broken_lines(text, rest, labels)], undated, facts, labels)
    return facts


def _join_broken_lines(text: str, lines: list[Line], labels: Labels) -> Iterator[Line]:
    """Yield each line joined to the long line before it: a date at its end may belong to both."""
    for before, line in pairwise(lines):
        is_continued = line.number == before.number + 1 and len(before.text) >= _SHORTEST_BROKEN_LINE
        if is_continued and not split_trailing_dates(before, labels):
            yield Line(text[before.start : line.end], before.start, before.number)


def _read_numbered_line(text: str, line: Line, facts: ExtractedFacts, titles: dict[str, Line], labels: Labels) -> bool:
    """Read a line such as "21.1. Build the archive 2019"; return whether it is one."""
    is_row = _CELL_SEPARATOR.search(line.text) is not None
    found = MILESTONE_LINE.match(line.text) or (NUMBERED_LINE.match(line.text) if is_row else None)
    if found is None:
        return False
    number = normalize_milestone_number(found["number"])
    # Without the IRM's numbers a capital letter tells a milestone from "2.5 million people".
    if number not in titles if titles else not found["title"][0].isupper():
        return False
    title = line.slice(found.start("title"))
    if separator := _CELL_SEPARATOR.search(title.text):
        _read_cell_dates(text, number, title, facts, labels)
        title = title.slice(0, separator.start())
    elif dated := split_trailing_dates(title, labels):
        title = dated[0]
        _add_dates(number, dated[1], dated[2], facts)
    if not titles:
        path = f"milestones/{number}/title/{labels.language}"
        facts.setdefault(path, ExtractedValue(title.text, title.span))
    return True


def _read_cell_dates(text: str, number: str, row: Line, facts: ExtractedFacts, labels: Labels) -> None:
    """Read the last two cells of a table's row, the beginning and the end of the milestone, if both are dates.

    Whether the day or the month comes first is what the other dates of the page show.
    """
    separators = _CELL_SEPARATOR.finditer(row.text)
    edges = [0, *(edge for separator in separators for edge in separator.span()), len(row.text)]
    cells = [row.slice(*edge) for edge in zip(edges[::2], edges[1::2], strict=True)]
    order = find_date_order(text)
    dates = [
        (cell, date)
        for cell in cells[1:][-2:]
        if (date := parse_partial_date(cell.text, labels) or parse_ambiguous_date(cell.text, order))
    ]
    if len(dates) != 2:
        return
    for (cell, date), path in zip(dates, ("startsOn", "endsOn"), strict=True):
        facts.setdefault(f"milestones/{number}/{path}", ExtractedValue(date, cell.span))


def _add_dates(number: str, date_line: Line, dates: tuple[str, str], facts: ExtractedFacts) -> None:
    facts.setdefault(f"milestones/{number}/startsOn", ExtractedValue(dates[0], date_line.span))
    facts.setdefault(f"milestones/{number}/endsOn", ExtractedValue(dates[1], date_line.span))


def _match_by_title(lines: list[Line], titles: dict[str, Line], facts: ExtractedFacts, labels: Labels) -> None:
    """Add to each milestone the dates of the line most similar to its title; a line serves one milestone."""
    folded_titles = {fold(title.text) for title in titles.values()}
    dated = [
        split
        for line in lines
        if fold(line.text) not in folded_titles and (split := split_trailing_dates(line, labels))
    ]
    candidates = [
        (similarity, -place, number)
        for place, (name, _, _) in enumerate(dated[:_MOST_COMPARED])
        for number, title in list(titles.items())[:_MOST_COMPARED]
        if (similarity := _similarity(fold(name.text), fold(title.text))) >= _MIN_SIMILARITY
    ]
    # The best pair first; of two as good, the line that comes first.
    used: set[int] = set()
    for _, place, number in sorted(candidates, reverse=True):
        if place not in used and f"milestones/{number}/startsOn" not in facts:
            used.add(place)
            _, date_line, dates = dated[-place]
            _add_dates(number, date_line, dates, facts)


def _similarity(one: str, other: str) -> float:
    """Return how similar two texts are, 0 where it is less than the minimum; the quick upper bounds come first."""
    matcher = SequenceMatcher(None, one, other, autojunk=False)  # autojunk drops frequent letters of long titles
    if matcher.real_quick_ratio() < _MIN_SIMILARITY or matcher.quick_ratio() < _MIN_SIMILARITY:
        return 0.0
    return matcher.ratio()
