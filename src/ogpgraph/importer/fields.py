"""Finding the labels of the header zone in a line: with or without a colon, re-worded, or glued to what stands before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from ogpgraph.domain.vocabulary import Indicator
from ogpgraph.importer.folding import fold, folded, label_key
from ogpgraph.importer.labels import Labels, labels_of
from ogpgraph.importer.lines import Line

HEADINGS = frozenset(
    ["OVERVIEW", "AT_A_GLANCE", "INSTITUTIONS", "POLICY_AREAS", "IRM_REVIEW", "DESIGN", "IMPLEMENTATION", "DESCRIPTION", "INCEPTION_REPORT_SUMMARY"]
)
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


def pieces_of(line: Line, labels: Labels) -> Iterator[Line]:
    """Cut a line where compact crawls glued a heading or label to the value before it, or a heading to what follows."""
    plain = folded(line.text)
    cuts = {0}
    for match in _glued(labels.language).finditer(plain.text):
        start, end = plain.span(match.start(1), match.end(1))
        if not line.text[start].isupper():
            continue
        if _is_label(line.text, end, match["colon"], labels.header[label_key(match[1])]):
            cuts.add(start)
            if match["colon"] is None:
                cuts.add(_behind_tooltip(line.text, end))
    edges = [*sorted(cut for cut in cuts if cut < len(line.text)), len(line.text)]
    for begin, stop in zip(edges, edges[1:], strict=False):
        if piece := line.part(begin, stop):
            yield piece


def _is_label(text: str, end: int, colon: str | None, field: str) -> bool:
    if colon is not None:
        return True
    behind = text[end : _behind_tooltip(text, end)].strip(" i")
    rest = text[_behind_tooltip(text, end) :]
    return field in HEADINGS and not behind and (not rest.strip() or (rest[0].isupper() and not rest[0].isspace()))


def _behind_tooltip(text: str, end: int) -> int:
    return end + 2 if text[end : end + 2] == " i" and (len(text) == end + 2 or text[end + 2].isupper()) else end


@lru_cache(maxsize=8)
def _glued(language: str) -> re.Pattern[str]:
    labels = labels_of(language)
    words = sorted({fold(word) for file in labels.files for table in file.header.values() for word in table}, key=len)
    choices = "|".join(r"(?:\s*\(e?s\))?\s".join(map(re.escape, word.split())) for word in reversed(words))
    gloss = r"(?:\s*\(e?s\))?(?P<colon>(?:\s*\([^()]*\))?\s*:)?"
    return re.compile(rf"(?:^|(?<=[\w).,;:!?\"'%\]]))({choices}){gloss}")
