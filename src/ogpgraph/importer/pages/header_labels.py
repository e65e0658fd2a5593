"""Finding the labels of the header zone in a line: with or without a colon, in any wording that is known or close."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from ogpgraph.domain.vocabulary import Indicator
from ogpgraph.importer.pages.heading_splitter import HEADINGS
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text_normalization import normalize_label

RATING_FIELDS = frozenset(indicator.value for indicator in Indicator)
_LONGEST_LABEL = 90
_COLONS = 3  # a label's gloss may hold a colon itself
_MIN_SIMILARITY = 0.88


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """The field or heading a line names, where its value begins in the line, and whether the label was a guess."""

    field: str
    value_start: int
    guessed: bool = False


def match_label(text: str, labels: Labels) -> LabelMatch | None:
    """Return the label that a line begins with, None where it begins with none."""
    if len(text) <= _LONGEST_LABEL and (field := _match_whole_line(text, labels)):
        return LabelMatch(field, len(text))
    for colon in _colon_positions(text):
        if field := labels.header.get(normalize_label(text[:colon])):
            return LabelMatch(field, colon + 1)
    return _match_without_colon(text, labels)


def guess_label(text: str, labels: Labels) -> LabelMatch | None:
    """Return the label of which a line's beginning, up to the colon, is a slight re-wording."""
    for colon in _colon_positions(text):
        alike = get_close_matches(normalize_label(text[:colon]), labels.own_header, 1, _MIN_SIMILARITY)
        if alike and labels.header[alike[0]] not in HEADINGS:
            return LabelMatch(labels.header[alike[0]], colon + 1, guessed=True)
    return None


def _colon_positions(text: str) -> list[int]:
    return [match.start() for match in re.finditer("[:：]", text[:_LONGEST_LABEL])][:_COLONS]


def _match_whole_line(text: str, labels: Labels) -> str | None:
    key = normalize_label(text)
    return labels.header.get(key) or labels.header.get(key.removesuffix(" i"))


def _match_without_colon(text: str, labels: Labels) -> LabelMatch | None:
    """Return the label of "Verifiable Yes": without colon it counts only before words that its field can have."""
    if len(text) > _LONGEST_LABEL:
        return None
    words = text.split()
    for count in range(len(words) - 1, 0, -1):
        head = " ".join(words[:count])
        field = labels.header.get(normalize_label(head))
        start = text.find(words[count], len(head) - 1)
        if field and is_field_value(field, text[start:], labels):
            return LabelMatch(field, start)
    return None


def is_field_value(field: str, text: str, labels: Labels) -> bool:
    """Tell whether a text is made of words that a rating's or the status's field can have."""
    if field == "STATUS":
        return labels.statuses.match_all(text) is not None
    if field not in RATING_FIELDS:
        return False
    if labels.ratings[Indicator(field)].match_all(text) is not None:
        return True
    return field == "RELEVANCE" and labels.ogp_values.match_all(text) is not None
