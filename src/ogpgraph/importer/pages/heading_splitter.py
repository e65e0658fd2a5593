"""Undoing glue: compact crawls put a heading right behind the value before it, or a text right behind its heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from ogpgraph.importer.pages.extraction import Line
from ogpgraph.importer.pages.labels import Labels, load_labels
from ogpgraph.importer.pages.text_normalization import fold, fold_with_positions, normalize_label

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
# In an IRM summary these name a value on their line; every other label there is a heading with text below it.
SUMMARY_FIELDS = frozenset(
    ("START_DATE", "END_DATE", "START_AND_END", "LEAD_INSTITUTION", "SUPPORT_INSTITUTIONS", "MIDTERM", "END_OF_TERM")
)


def split_at_headings(line: Line, labels: Labels, table: str) -> Iterator[Line]:
    """Cut a line where a label of a table (`header`, `sections`, `stages`) is glued to what is before or behind it."""
    plain = fold_with_positions(line.text)
    cuts = {0}
    for match in _label_pattern(labels.language, table).finditer(plain.text):
        start, end = plain.span(match.start(1), match.end(1))
        is_field = match["colon"] is not None
        if line.text[start].isupper() and (is_field or _is_heading(line.text, end, match[1], labels, table)):
            cuts |= {start} if is_field else {start, _end_of_tooltip(line.text, end)}
    edges = [*sorted(cut for cut in cuts if cut < len(line.text)), len(line.text)]
    yield from (piece for piece in (line.slice(*edge) for edge in pairwise(edges)) if piece.text)


def _is_heading(text: str, end: int, label: str, labels: Labels, table: str) -> bool:
    """Tell whether a label without colon ends the line, or the next sentence begins right behind it."""
    if table == "header" and labels.header[normalize_label(label)] not in HEADINGS:
        return False
    if table == "sections" and labels.sections[normalize_label(label)] in SUMMARY_FIELDS:
        return False
    rest = text[_end_of_tooltip(text, end) :]
    return not rest.strip(" :") or rest[0].isupper()


def _end_of_tooltip(text: str, end: int) -> int:
    """Return where the heading ends, the "i" of its tooltip included."""
    return end + 2 if text[end : end + 2] == " i" and (len(text) == end + 2 or text[end + 2].isupper()) else end


@lru_cache(maxsize=32)
def _label_pattern(language: str, table: str) -> re.Pattern[str]:
    words = {
        fold(word).rstrip(" ?")
        for file in load_labels(language).files
        for group in getattr(file, table).values()
        for word in group
    }
    spaced = (r"(?:\s*\(e?s\))?\s".join(map(re.escape, word.split())) for word in sorted(words, key=len, reverse=True))
    colon = r"(?:\s*\(e?s\))?(?:\s?\?)?(?P<colon>(?:\s*\([^()]*\))?\s*:)?"
    return re.compile(rf"(?:^|(?<=[\w).,;:!?\"'%\]]))({'|'.join(spaced)}){colon}")
