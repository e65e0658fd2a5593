"""Reading the values of fields: ratings, OGP values, policy areas, institutions and names of reports."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue
from ogpgraph.importer.pages.extraction import ExtractedRating, ExtractedValue, Line, Span
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text_normalization import fold, normalize_policy_area

_LONGEST_INSTITUTION = 150
_SENTENCE_END = re.compile(r"[a-z)]{3}[.!?] +[A-ZÀ-Ý]")
_AREA_SEPARATOR = re.compile(r"[,;|•·]")
_YEAR = re.compile(r"(?:19|20)\d\d")


def parse_rating(indicator: Indicator, words: str, labels: Labels) -> ExtractedRating:
    """Return what a rating's field says; doubled words ("Major Major") count once, differing ones are no value."""
    found = labels.ratings[indicator].match_all(words)
    meanings = {each.meaning for each in found or ()}
    if len(meanings) != 1:
        return ExtractedRating(RatingState.UNRECOGNISED, None, words)
    (meaning,) = meanings
    if isinstance(meaning, RatingState):
        return ExtractedRating(meaning, None, words)
    return ExtractedRating(RatingState.RATED, meaning, words)


def parse_ogp_values(words: str, at: int, labels: Labels) -> tuple[dict[OgpValue, ExtractedValue], str]:
    """Return the rating of each OGP value named in the words, which begin at `at`, and what is left of the words."""
    found, rest = labels.ogp_values.find(words)
    ratings: dict[OgpValue, ExtractedValue] = {}
    for each in found:
        extracted = ExtractedRating(RatingState.RATED, RatingValue.YES, words[each.start : each.end])
        ratings.setdefault(each.meaning, ExtractedValue(extracted, Span(at + each.start, at + each.end)))
    return ratings, rest


def parse_open_government_rating(line: Line, labels: Labels) -> tuple[OgpValue | None, ExtractedValue] | None:
    """Return what "Marginal", or "Access to information: Marginal", says on whether government opened."""
    head, colon, _ = line.text.partition(":")
    words = line.slice(len(head) + 1) if colon else line
    rating = parse_rating(Indicator.DID_IT_OPEN_GOVERNMENT, words.text, labels)
    values, rest = parse_ogp_values(head, line.start, labels) if colon else ({}, "")
    if rating.state is RatingState.UNRECOGNISED or rest or len(values) > 1:
        return None
    return next(iter(values), None), ExtractedValue(rating, words.span)


def parse_policy_areas(words: str, labels: Labels) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the policy areas in a list, in its order, and the words that name none that is known."""
    known: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for part in filter(None, (part.strip() for part in _split_policy_areas(words, labels))):
        areas = _find_policy_areas(part, labels)
        known.update(dict.fromkeys(areas))
        if not areas:
            unknown[part] = None
    return tuple(known), tuple(unknown)


def _split_policy_areas(words: str, labels: Labels) -> Iterator[str]:
    """Yield the parts of a list; lines part it, too, unless one area was broken over two."""
    for part in _AREA_SEPARATOR.split(words):
        yield from [part] if normalize_policy_area(part) in labels.policy_areas.meanings else part.split("\n")


def _find_policy_areas(part: str, labels: Labels) -> list[str]:
    key = normalize_policy_area(part)
    if key in labels.policy_areas.meanings:
        return [labels.policy_areas.meanings[key]]
    found = labels.policy_areas.match_all(key)  # "Open Data Public Participation": the separator is missing
    return [each.meaning for each in found or ()]


def parse_institutions(values: list[Line], raw: str, labels: Labels) -> tuple[str, ...]:
    """Return institutions; a comma may be part of a name, so only bullets, line ends and safe semicolons split."""
    if labels.is_listed(raw, "nobody"):
        return ()
    if len(values) > 1:
        items = [line.strip_bullet().text for line in values]
    else:
        whole = values[0].strip_bullet().text
        parts = [part.strip() for part in whole.split(";")]
        items = parts if _is_list(parts) else [whole]
    return tuple(dict.fromkeys(item for item in items if item and not labels.is_listed(item, "nobody")))


def _is_list(items: list[str]) -> bool:
    return all(items) and all(len(item) <= _LONGEST_INSTITUTION and not _SENTENCE_END.search(item) for item in items)


def parse_report_names(words: str, labels: Labels) -> tuple[str, ...]:
    """Return the names of IRM reports; a comma within a name ("Kaduna State, Nigeria Design Report") does not split."""
    names: list[str] = []
    open_name = ""
    for part in (part.strip() for part in words.split(",")):
        named = bool(labels.report_noun.search(fold(part)))
        if not named and names and not open_name and not _YEAR.search(names[-1]):
            names[-1] += f", {part}"  # "Informe de Buenos Aires, Argentina 2018-2020": the noun stands first
        elif not named:
            open_name = f"{open_name}, {part}" if open_name else part
        else:
            names.append(f"{open_name}, {part}" if open_name else part)
            open_name = ""
    return tuple(dict.fromkeys((*names, *_trailing_name(open_name))))


def _trailing_name(open_name: str) -> Iterator[str]:
    if open_name:
        yield open_name
