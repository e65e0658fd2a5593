"""What the IRM says in its prose of an indicator, found by the expressions of each language's labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedRating, ExtractedValue, Span
from ogpgraph.importer.pages.labels import Labels, ProseRatingRule, load_labels
from ogpgraph.importer.pages.text_normalization import FoldedText, fold_with_positions
from ogpgraph.importer.pages.values import parse_ogp_values

_DENIALS = frozenset((RatingValue.NO, RatingValue.NONE))
_RELEVANCE = f"ratings/{Indicator.RELEVANCE}/{Stage.DESIGN}"
_BEFORE = 80  # characters of the sentence before a claim in which a "not" turns it round
_SENTENCE = re.compile(r"[.!?;]\s")


@dataclass(frozen=True, slots=True)
class _CompiledRule:
    rule: ProseRatingRule
    pattern: re.Pattern[str]


@cache
def _patterns(language: str) -> tuple[_CompiledRule, ...]:
    rules = load_labels(language).own.prose_ratings.rules
    return tuple(_CompiledRule(rule, re.compile(rf"(?<!\w)(?:{one})(?!\w)")) for rule in rules for one in rule.patterns)


@cache
def _negation_patterns(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    rules = load_labels(language).own.prose_ratings
    return _match_any(rules.negations), _match_any(rules.negations + rules.hedges)


def _match_any(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(fold_with_positions(word).text) for word in words)})(?!\w)")


def find_prose_ratings(text: str, start: int, end: int, labels: Labels) -> tuple[ExtractedFacts, list[Span]]:
    """Return the ratings claimed in text[start:end], all of design, and where a claim contradicts an earlier one."""
    prose = _Prose(text, start, fold_with_positions(text[start:end]), labels)
    facts: ExtractedFacts = {}
    contradictions: list[Span] = []
    for compiled in _patterns(labels.language):
        match = next(
            (each for each in compiled.pattern.finditer(prose.plain.text) if prose.holds(each, compiled)), None
        )
        for path, extracted in (prose.ratings(match, compiled.rule) if match else {}).items():
            if path not in facts and not _names_ogp_values(path, facts):
                facts[path] = extracted
            elif path in facts and _value(facts[path]) is not _value(extracted):
                contradictions.append(extracted.span)
    return facts, contradictions


def _names_ogp_values(path: str, facts: ExtractedFacts) -> bool:
    """Tell whether the prose already named the OGP values that a claim of relevance is about."""
    return path == _RELEVANCE and any(other.startswith(path + "/") for other in facts)


def _value(extracted: ExtractedValue) -> RatingValue | None:
    return extracted.value.value if isinstance(extracted.value, ExtractedRating) else None


@dataclass(frozen=True, slots=True)
class _Prose:
    """A section of the IRM's text, folded."""

    text: str
    start: int
    plain: FoldedText
    labels: Labels

    def span(self, match: re.Match[str], group: int | str = 0) -> Span:
        begin, end = self.plain.span(match.start(group), match.end(group))
        return Span(self.start + begin, self.start + end)

    def holds(self, match: re.Match[str], compiled: _CompiledRule) -> bool:
        """Tell whether no word before a claim in its sentence denies it, or says only that it could be so."""
        value = compiled.rule.value
        if value in _DENIALS:
            return True
        before = _SENTENCE.split(self.plain.text[max(0, match.start() - _BEFORE) : match.start()])[-1]
        negations, negations_and_hedges = _negation_patterns(self.labels.language)
        return not (negations_and_hedges if value is RatingValue.YES else negations).search(before)

    def ratings(self, match: re.Match[str], rule: ProseRatingRule) -> ExtractedFacts:
        """Return the rating that a claim makes, or one for each OGP value that it names."""
        path = f"ratings/{rule.indicator}/{Stage.DESIGN}"
        if match.groupdict().get("values"):
            named = self.span(match, "values")
            values, _ = parse_ogp_values(self.text[named.start : named.end], named.start, self.labels)
            if values:
                return {f"{path}/{OgpValue(value)}": extracted for value, extracted in values.items()}
        span = self.span(match)
        return {
            path: ExtractedValue(ExtractedRating(RatingState.RATED, rule.value, self.text[span.start : span.end]), span)
        }
