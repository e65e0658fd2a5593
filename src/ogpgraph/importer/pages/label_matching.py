"""How labels are found in the lines of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from typing import Literal

from ogpgraph.domain.vocabulary import Indicator
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text import Line, fold, fold_with_positions

RATING_FIELDS = frozenset(indicator.value for indicator in Indicator)
HEADINGS = frozenset(
    (
        "OVERVIEW",
        "AT_A_GLANCE",
        "INSTITUTIONS",
        "POLICY_AREAS",
        "IRM_REVIEW",
        "DESIGN",
        "IMPLEMENTATION",
        "DESCRIPTION",
        "INCEPTION_REPORT_SUMMARY",
    )
)
"""Labels of the header that have no value on their line."""
SUMMARY_FIELDS = frozenset(
    ("START_DATE", "END_DATE", "START_AND_END", "LEAD_INSTITUTION", "SUPPORT_INSTITUTIONS", "MIDTERM", "END_OF_TERM")
)
"""Labels of an IRM summary that have their value on their line; all others are headings with text below them."""
_LONGEST_LABEL = 90  # with its gloss; longer lines are prose, which is not searched for labels
_COLONS = 3  # a gloss in a label may contain a colon itself
_MIN_SIMILARITY = 0.88  # one short word more or less in a label of usual length

TableName = Literal["header", "sections", "stages"]


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """The field or heading that a line begins with, where its value begins, and whether the label is only similar."""

    field: str
    value_start: int
    guessed: bool = False


def match_label(text: str, labels: Labels) -> LabelMatch | None:
    """Return the label of the header that a line begins with, None where it begins with none."""
    # The whole line first, because a label may contain a colon; without a colon last, because that is least certain.
    if len(text) <= _LONGEST_LABEL and (field := _match_whole_line(text, labels)):
        return LabelMatch(field, len(text))
    for colon in _colon_positions(text):
        if field := labels.header.get(labels.normalize(text[:colon])):
            return LabelMatch(field, colon + 1)
    return _match_without_colon(text, labels)


def guess_label(text: str, labels: Labels) -> LabelMatch | None:
    """Return the label to which the beginning of a line, up to a colon, is similar."""
    for colon in _colon_positions(text):
        similar = get_close_matches(labels.normalize(text[:colon]), labels.own_header, 1, _MIN_SIMILARITY)
        # A wrong heading would do more harm than a wrong field: it would end the value before it.
        if similar and labels.header[similar[0]] not in HEADINGS:
            return LabelMatch(labels.header[similar[0]], colon + 1, guessed=True)
    return None


def _colon_positions(text: str) -> list[int]:
    return [match.start() for match in re.finditer("[:：]", text[:_LONGEST_LABEL])][:_COLONS]


def _match_whole_line(text: str, labels: Labels) -> str | None:
    label = labels.normalize(text)
    return labels.header.get(label) or labels.header.get(label.removesuffix(" i"))  # "i" is the mark of a tooltip


def _match_without_colon(text: str, labels: Labels) -> LabelMatch | None:
    """Return the label of a line such as "Verifiable Yes": it counts only before words that its field can have."""
    if len(text) > _LONGEST_LABEL:
        return None
    words = text.split()
    for count in range(len(words) - 1, 0, -1):  # the longest label first
        head = " ".join(words[:count])
        field = labels.header.get(labels.normalize(head))
        start = text.find(words[count], len(head) - 1)
        if field and is_field_value(field, text[start:], labels):
            return LabelMatch(field, start)
    return None


def is_field_value(field: str, text: str, labels: Labels) -> bool:
    """Return whether a text consists of words that the field of a rating, or of the status, can have."""
    if field == "STATUS":
        return labels.statuses.match_all(text) is not None
    if field not in RATING_FIELDS:
        return False
    if labels.ratings[Indicator(field)].match_all(text) is not None or labels.is_pending(text):
        return True
    return field == "RELEVANCE" and labels.ogp_values.match_all(text) is not None


def split_at_labels(line: Line, labels: Labels, table: TableName) -> Iterator[Line]:
    """Split a line where a label is joined to the text before or behind it, as compact crawls have it."""
    folded = fold_with_positions(line.text)
    cuts = {0}
    for match in _label_pattern(labels, table).finditer(folded.text):
        start, end = folded.span(match.start(1), match.end(1))
        has_value = match["colon"] is not None
        # A label in lower case is a word of the prose.
        if line.text[start].isupper() and (has_value or _is_heading(line.text, end, match[1], labels, table)):
            cuts |= {start} if has_value else {start, _end_of_tooltip(line.text, end)}
    edges = [*sorted(cut for cut in cuts if cut < len(line.text)), len(line.text)]
    yield from (piece for piece in (line.slice(*edge) for edge in pairwise(edges)) if piece.text)


def _is_heading(text: str, end: int, label: str, labels: Labels, table: TableName) -> bool:
    """Return whether a label without a colon ends the line, or the next sentence begins right behind it."""
    if table == "header" and labels.header[labels.normalize(label)] not in HEADINGS:
        return False
    if table == "sections" and labels.sections[labels.normalize(label)] in SUMMARY_FIELDS:
        return False
    rest = text[_end_of_tooltip(text, end) :]
    return not rest.strip(" :") or rest[0].isupper()


def _end_of_tooltip(text: str, end: int) -> int:
    """Return where a heading ends together with the "i" of its tooltip."""
    return end + 2 if text[end : end + 2] == " i" and (len(text) == end + 2 or text[end + 2].isupper()) else end


@cache
def _label_pattern(labels: Labels, table: TableName) -> re.Pattern[str]:
    words = {
        fold(word).rstrip(" ?") for file in labels.files for group in getattr(file, table).values() for word in group
    }
    plural = f"(?:{labels.plural_ending.pattern})?"
    # The longest first: an alternation takes the first of its parts that matches, not the longest.
    spaced = (rf"{plural}\s".join(map(re.escape, word.split())) for word in sorted(words, key=len, reverse=True))
    colon = rf"{plural}(?:\s?\?)?(?P<colon>(?:\s*\([^()]*\))?\s*:)?"
    return re.compile(rf"(?:^|(?<=[\w).,;:!?\"'%\]]))({'|'.join(spaced)}){colon}")
