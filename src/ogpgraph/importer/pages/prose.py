"""Ratings that the IRM states in its prose, read with caution: a sentence is one only where no word negates it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ogpgraph.domain.values import ReportedRating
from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedValue
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.page_words import ProseRatingRule
from ogpgraph.importer.pages.text import FoldedText, Span, fold_with_positions
from ogpgraph.importer.pages.values import parse_ogp_values

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
