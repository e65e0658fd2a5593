"""Joins lines that a mail program or an editor broke at a width: the lines of a page are its fields and paragraphs.

A text is taken for a broken one only on the evidence of the whole page: no line is longer than the width, and several
lines end where the next word would have exceeded it.
"""

from __future__ import annotations

import re
from itertools import pairwise

from ogpgraph.importer.pages.label_matching import SUMMARY_FIELDS, match_label, split_at_labels
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text import Line, fold, is_continued

_WIDTHS = range(36, 113)  # people break lines at 40 to 100 columns; the longest line may be shorter or have an indent
_FEWEST_FULL_LINES = 3
_FEWEST_CUT_LINES = 5
_FEWEST_CUT_ENDS = 2
_LONGEST_WORD = 10
_NARROWEST = 36
_BROKEN_FIELDS = frozenset(
    ("ACTION_PLAN", "LEAD_INSTITUTION", "SUPPORT_INSTITUTIONS", "IRM_REPORT", "INCEPTION_REPORT", "RELEVANCE")
)
_ITEM = re.compile(r"\s*(?:[•·▪◦‣○●■□✓➢❖*\ue000-\uf8ff]|[-–]\s|\d{1,3}(?:\.\d{1,3})*[.:)]\s|\[\d*\])")
_CODE_LINE = re.compile(r"\s*[A-Z]{2,}\d{4},\s*(?:19|20)\d\d\b")
_HYPHEN_AT_END = re.compile(r"[^\W_]-$")


def join_wrapped_lines(lines: list[str], labels: Labels) -> list[str]:
    """Return lines in which each broken one is whole again; the same ones where the page is not broken at a width."""
    width = max((len(line.rstrip()) for line in lines if " " in line.strip()), default=0)
    if width not in _WIDTHS:
        return lines
    is_full = [_is_full(line, following, width) for line, following in pairwise(lines)]
    full = [place for place, each in enumerate(is_full) if each and not _begins_anew(lines[place + 1], labels)]
    if len(full) < _FEWEST_FULL_LINES:
        return lines
    # A program that counts characters cuts words, too, and leaves a blank where it cut behind one.
    is_cut = len(full) >= _FEWEST_CUT_LINES and len({len(lines[place]) for place in full}) == 1
    continued = set(full)
    joined: list[str] = []
    for place, line in enumerate(lines):
        if place - 1 in continued:
            joined[-1] = joined[-1] + line if is_cut else _join(joined[-1], line)
        else:
            joined.append(line)
    return joined


def join_broken_values(lines: list[str], labels: Labels) -> list[str]:
    """Return lines in which a long field or item that goes on in the next line is one line.

    In a page that is not broken at a width, single values may be: where the text is pasted from somewhere else.
    """
    joined: list[str] = []
    for line in lines:
        if joined and _is_rest(joined[-1], line, labels):
            joined[-1] = _join(joined[-1], line)
        else:
            joined.append(line)
    return joined


def _is_rest(line: str, following: str, labels: Labels) -> bool:
    text = line.strip()
    last_word = text.rpartition(" ")[2]
    is_open = last_word.islower() and fold(last_word) in labels.small_words  # "Ministry of"
    if (
        (len(text) < _NARROWEST and not is_open)
        or text.endswith(":")
        or not following.strip()
        or _begins_anew(following, labels)
    ):
        return False
    if len(list(split_at_labels(Line(text, 0, 0), labels, "header"))) > 1:
        return False  # it ends in a heading, which has no rest
    match = match_label(text, labels)
    if match and match.field == "RELEVANCE":
        listed = f"{text[match.value_start :]} {following}"
        return labels.ogp_values.match_all(text[match.value_start :]) is None and bool(
            labels.ogp_values.match_all(listed)
        )
    is_report = match is not None and match.field.endswith("REPORT")
    if is_report and not labels.report_noun.search(fold(text.rpartition(",")[2])):
        return bool(labels.report_noun.search(fold(following)) or following.lstrip()[0].isdigit())
    head = labels.sections.get(labels.normalize(text.partition(":")[0]))
    is_value = (
        (match is not None and match.field in _BROKEN_FIELDS) or head in SUMMARY_FIELDS or bool(_ITEM.match(line))
    )
    return is_value and is_continued(text, following, labels.small_words)


def _is_full(line: str, following: str, width: int) -> bool:
    words = following.split()
    return bool(line.strip() and words) and len(line.rstrip()) + 1 + len(words[0]) > width


def _begins_anew(line: str, labels: Labels) -> bool:
    """Return whether a line begins something of its own, although the line before it is full."""
    if _ITEM.match(line) or _CODE_LINE.match(line):
        return True
    text = line.strip()
    head = labels.normalize(text.partition(":")[0] if ":" in text else text)
    is_heading = head in labels.sections or head in labels.stages or labels.is_listed(text, "list_heading")
    return is_heading or labels.is_site_line(text) or match_label(text, labels) is not None


def _join(line: str, following: str) -> str:
    separator = "" if _HYPHEN_AT_END.search(line.rstrip()) else " "
    return line.rstrip() + separator + following.strip()


def find_cut_width(lines: list[str]) -> int | None:
    """Return the width at which a program cut off every longer line, None where lines are whole.

    Several lines have the same greatest length, and hardly any is a little shorter, as those of broken lines are.
    """
    lengths = [len(line.rstrip()) for line in lines if " " in line.strip()]
    width = max(lengths, default=0)
    if width not in _WIDTHS or lengths.count(width) < _FEWEST_CUT_ENDS:
        return None
    at_width = sum(length >= width - 1 for length in lengths)
    shorter = sum(width - _LONGEST_WORD <= length < width - 1 for length in lengths)
    followers = [after.strip() for line, after in pairwise(lines) if len(line.rstrip()) == width and after.strip()]
    goes_on = sum(after[0].islower() for after in followers)
    return width if at_width >= _FEWEST_FULL_LINES and 2 * shorter < at_width and 2 * goes_on <= at_width else None
