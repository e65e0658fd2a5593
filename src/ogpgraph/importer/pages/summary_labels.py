"""The labels and headings within the lines of an IRM summary."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ogpgraph.importer.pages.label_matching import SUMMARY_FIELDS
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text import Line, fold

_LONGEST_LABEL = 120
_MOST_LABEL_WORDS = 6
_MOST_LABELS_BEFORE_TEXT = 3
_MOST_HEADING_WORDS = 9
_ENDS_OF_TEXT = (".", ",", ";", "!", "…", ")", "]")
_NOT_IN_KEY = re.compile(r"[^A-Z0-9]+")
_LONGEST_KEY = 60


def split_label(line: Line, labels: Labels) -> tuple[str, Line] | None:
    """Return the section or field that a line begins with, and the text behind the label."""
    if len(line.text) <= _LONGEST_LABEL and (key := labels.sections.get(labels.normalize(line.text))):
        return key, line.slice(len(line.text))
    for mark in _label_marks(line.text)[:_MOST_LABELS_BEFORE_TEXT]:
        if mark <= _LONGEST_LABEL and (key := labels.sections.get(labels.normalize(line.text[:mark]))):
            return key, line.slice(mark + 1)
    return None


def split_fields(line: Line, labels: Labels) -> list[tuple[str, Line]]:
    """Return all fields of a line: "Start date: Not specified   End date: June 2015" has two."""
    found: list[tuple[str, int, int]] = []
    begin = 0
    for mark in _label_marks(line.text):
        if label := _find_label_before(line.text, begin, mark, labels):
            found.append((*label, mark + 1))
            begin = mark + 1
    ends = [*(start for _, start, _ in found[1:]), *([len(line.text)] if found else [])]
    return [(key, line.slice(value_start, end)) for (key, _, value_start), end in zip(found, ends, strict=True)]


def _label_marks(text: str) -> list[int]:
    return [mark.start() for mark in re.finditer("[:：?]", text)]


def _find_label_before(text: str, begin: int, mark: int, labels: Labels) -> tuple[str, int] | None:
    """Return the field whose label ends at a mark, and where the label begins."""
    window = max(begin, mark - _LONGEST_LABEL)
    word_starts = [window + word.start() for word in re.finditer(r"\S+", text[window:mark])]
    for start in word_starts[-_MOST_LABEL_WORDS:]:
        key = labels.sections.get(labels.normalize(text[start:mark]))
        if key in SUMMARY_FIELDS or (key == "STATUS" and start == 0):
            return str(key), start
    return None


def has_form_of_heading(text: str, line: Line, following: Line) -> bool:
    """Return whether a line is short, blank lines are around it or it ends in a colon, and longer text follows."""
    words = line.text.split()
    if len(words) > _MOST_HEADING_WORDS or not words[0][0].isupper() or line.text.endswith(_ENDS_OF_TEXT):
        return False
    if not _NOT_IN_KEY.sub("", fold(line.text).upper()):
        return False
    is_alone = text[: line.start].endswith("\n\n") and text[line.end : line.end + 2] == "\n\n"
    return (is_alone or line.text.endswith(":")) and len(following.text.split()) > len(words)


def make_section_key(heading: str, taken: Iterable[str]) -> str:
    """Return a key, not yet taken, for a section whose heading is not listed."""
    key = _NOT_IN_KEY.sub("_", fold(heading).upper()).strip("_")[:_LONGEST_KEY]
    key = key if key[:1].isalpha() else f"SECTION_{key}"
    used = set(taken)
    return next(name for name in (key, *(f"{key}_{n}" for n in range(2, len(used) + 3))) if name not in used)
