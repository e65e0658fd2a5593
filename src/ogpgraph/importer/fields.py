"""Finding the labels of the header zone in a line: with or without a colon, in any wording that is known or close."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from ogpgraph.domain.vocabulary import Indicator
from ogpgraph.importer.folding import label_key
from ogpgraph.importer.glue import HEADINGS
from ogpgraph.importer.labels import Labels

RATINGS = frozenset(indicator.value for indicator in Indicator)
_LONGEST_LABEL = 90
_COLONS = 3  # a label's gloss may hold a colon itself
_ALIKE = 0.88


@dataclass(frozen=True, slots=True)
class Match:
    """The field or heading a line names, where its value begins in the line, and whether the label was a guess."""

    field: str
    value_start: int
    guessed: bool = False


def label_in(text: str, labels: Labels) -> Match | None:
    """Return the label that a line begins with, None where it begins with none."""
    if len(text) <= _LONGEST_LABEL and (field := _whole(text, labels)):
        return Match(field, len(text))
    for colon in _colons(text):
        if field := labels.header.get(label_key(text[:colon])):
            return Match(field, colon + 1)
    return _bare(text, labels)


def guess_in(text: str, labels: Labels) -> Match | None:
    """Return the label of which a line's beginning, up to the colon, is a slight re-wording."""
    for colon in _colons(text):
        alike = get_close_matches(label_key(text[:colon]), labels.own_header, 1, _ALIKE)
        if alike and labels.header[alike[0]] not in HEADINGS:
            return Match(labels.header[alike[0]], colon + 1, guessed=True)
    return None


def _colons(text: str) -> list[int]:
    return [match.start() for match in re.finditer("[:：]", text[:_LONGEST_LABEL])][:_COLONS]


def _whole(text: str, labels: Labels) -> str | None:
    key = label_key(text)
    return labels.header.get(key) or labels.header.get(key.removesuffix(" i"))


def _bare(text: str, labels: Labels) -> Match | None:
    """Return the label of "Verifiable Yes": without colon it counts only before words that its field can have."""
    if len(text) > _LONGEST_LABEL:
        return None
    words = text.split()
    for count in range(len(words) - 1, 0, -1):
        head = " ".join(words[:count])
        field = labels.header.get(label_key(head))
        start = text.find(words[count], len(head) - 1)
        if field and is_value(field, text[start:], labels):
            return Match(field, start)
    return None


def is_value(field: str, text: str, labels: Labels) -> bool:
    """Tell whether a text is made of words that a rating's or the status's field can have."""
    if field == "STATUS":
        return labels.statuses.all_of(text) is not None
    if field not in RATINGS:
        return False
    if labels.ratings[Indicator(field)].all_of(text) is not None:
        return True
    return field == "RELEVANCE" and labels.ogp_values.all_of(text) is not None
