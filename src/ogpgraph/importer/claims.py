"""What the IRM says in its prose of an indicator, found by the expressions of each language's labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ogpgraph.domain.vocabulary import OgpValue, RatingState, RatingValue, Stage
from ogpgraph.importer.folding import Folded, folded
from ogpgraph.importer.labels import Claim, Labels, labels_of
from ogpgraph.importer.reading import Facts, RatingSaid, Said, Span
from ogpgraph.importer.values import ogp_values_of

_DENIALS = frozenset((RatingValue.NO, RatingValue.NONE))
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
    plain = folded(text[start:end])
    facts: Facts = {}
    contradictions: list[Span] = []
    for compiled in _patterns(labels.language):
        for match in compiled.pattern.finditer(plain.text):
            if not _turned(plain, match, compiled.claim, labels):
                _say(
                    text, _span(plain, match, start), compiled.claim, facts, contradictions, labels, match, plain, start
                )
                break
    return facts, contradictions


def _span(plain: Folded, match: re.Match[str], start: int, group: int | str = 0) -> Span:
    begin, end = plain.span(match.start(group), match.end(group))
    return Span(start + begin, start + end)


def _turned(plain: Folded, match: re.Match[str], claim: Claim, labels: Labels) -> bool:
    """Tell whether the words before a claim deny it, or say only that it could be so."""
    if claim.value in _DENIALS:
        return False
    before = _SENTENCE.split(plain.text[max(0, match.start() - _BEFORE) : match.start()])[-1]
    negations, any_turn = _turning(labels.language)
    turning = any_turn if claim.value is RatingValue.YES else negations
    return bool(turning.search(before))


def _say(
    text: str,
    span: Span,
    claim: Claim,
    facts: Facts,
    contradictions: list[Span],
    labels: Labels,
    match: re.Match[str],
    plain: Folded,
    start: int,
) -> None:
    path = f"ratings/{claim.indicator}/{Stage.DESIGN}"
    said = Said(RatingSaid(RatingState.RATED, claim.value, text[span.start : span.end]), span)
    if "values" in match.re.groupindex and match["values"]:
        named = _span(plain, match, start, "values")
        values, _ = ogp_values_of(text[named.start : named.end], named.start, labels)
        if values:
            facts.update(
                {f"{path}/{OgpValue(value)}": one for value, one in values.items() if f"{path}/{value}" not in facts}
            )
            return
    earlier = facts.setdefault(path, said)
    if isinstance(earlier.value, RatingSaid) and earlier.value.value is not claim.value:
        contradictions.append(span)
