"""What the IRM says in its prose of an indicator, found by the expressions of each language's labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.importer.folding import Folded, folded
from ogpgraph.importer.labels import Claim, Labels, labels_of
from ogpgraph.importer.reading import Facts, RatingSaid, Said, Span
from ogpgraph.importer.values import ogp_values_of

_DENIALS = frozenset((RatingValue.NO, RatingValue.NONE))
_RELEVANCE = f"ratings/{Indicator.RELEVANCE}/{Stage.DESIGN}"
_BEFORE = 80  # characters of the sentence before a claim in which a "not" turns it round
_SENTENCE = re.compile(r"[.!?;]\s")


@dataclass(frozen=True, slots=True)
class _Compiled:
    claim: Claim
    pattern: re.Pattern[str]


@cache
def _patterns(language: str) -> tuple[_Compiled, ...]:
    found = labels_of(language).own.claims.found
    return tuple(_Compiled(claim, re.compile(rf"(?<!\w)(?:{one})(?!\w)")) for claim in found for one in claim.patterns)


@cache
def _turning(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    claims = labels_of(language).own.claims
    return _any(claims.negations), _any(claims.negations + claims.hedges)


def _any(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(folded(word).text) for word in words)})(?!\w)")


def claims_in(text: str, start: int, end: int, labels: Labels) -> tuple[Facts, list[Span]]:
    """Return the ratings claimed in text[start:end], all of design, and where a claim contradicts an earlier one."""
    prose = _Prose(text, start, folded(text[start:end]), labels)
    facts: Facts = {}
    contradictions: list[Span] = []
    for compiled in _patterns(labels.language):
        match = next(
            (each for each in compiled.pattern.finditer(prose.plain.text) if prose.holds(each, compiled)), None
        )
        for path, said in (prose.ratings(match, compiled.claim) if match else {}).items():
            if path not in facts and not _detailed(path, facts):
                facts[path] = said
            elif path in facts and _value(facts[path]) is not _value(said):
                contradictions.append(said.span)
    return facts, contradictions


def _detailed(path: str, facts: Facts) -> bool:
    """Tell whether the prose already named the OGP values that a claim of relevance is about."""
    return path == _RELEVANCE and any(other.startswith(path + "/") for other in facts)


def _value(said: Said) -> RatingValue | None:
    return said.value.value if isinstance(said.value, RatingSaid) else None


@dataclass(frozen=True, slots=True)
class _Prose:
    """A section of the IRM's text, folded."""

    text: str
    start: int
    plain: Folded
    labels: Labels

    def span(self, match: re.Match[str], group: int | str = 0) -> Span:
        begin, end = self.plain.span(match.start(group), match.end(group))
        return Span(self.start + begin, self.start + end)

    def holds(self, match: re.Match[str], compiled: _Compiled) -> bool:
        """Tell whether no word before a claim in its sentence denies it, or says only that it could be so."""
        value = compiled.claim.value
        if value in _DENIALS:
            return True
        before = _SENTENCE.split(self.plain.text[max(0, match.start() - _BEFORE) : match.start()])[-1]
        negations, negations_and_hedges = _turning(self.labels.language)
        return not (negations_and_hedges if value is RatingValue.YES else negations).search(before)

    def ratings(self, match: re.Match[str], claim: Claim) -> Facts:
        """Return the rating that a claim makes, or one for each OGP value that it names."""
        path = f"ratings/{claim.indicator}/{Stage.DESIGN}"
        if match.groupdict().get("values"):
            named = self.span(match, "values")
            values, _ = ogp_values_of(self.text[named.start : named.end], named.start, self.labels)
            if values:
                return {f"{path}/{OgpValue(value)}": said for value, said in values.items()}
        span = self.span(match)
        return {path: Said(RatingSaid(RatingState.RATED, claim.value, self.text[span.start : span.end]), span)}
