"""Lines of an IRM summary: which section or field they begin, the values they hold, and headings that no list knows."""

from __future__ import annotations

import re

from ogpgraph.domain.vocabulary import Stage
from ogpgraph.importer.pages.extraction import Line
from ogpgraph.importer.pages.heading_splitter import SUMMARY_FIELDS
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text_normalization import fold, normalize_label

_LONGEST_LABEL = 120
_LONGEST_STAGE = 90
_LABEL_WORDS = 6
_HEADING_WORDS = 9
_NO_HEADING_ENDS_IN = (".", ",", ";", "!", "…", ")", "]")
_NOT_IN_KEY = re.compile(r"[^A-Z0-9]+")
_LONGEST_KEY = 60

_SEPARATOR = r"(?:\s*[.:)–-]+\s*|\s+|(?=[^\W\d]))"
MILESTONE_LINE = re.compile(rf"^(?P<number>\d{{1,3}}(?:\.\d{{1,3}}){{1,3}}){_SEPARATOR}(?P<title>\S.*)$")
NUMBERED_LINE = re.compile(r"^(?:(?P<word>[^\W\d]+)\s+)?(?P<number>\d{1,3}[a-z]?)\s*[.:)–-]+\s*(?P<title>[^\d\s].*)$")
FOOTNOTE_MARK = re.compile(r"^\[\d*\]")
_NUMBERED = re.compile(
    r"^(?:✪\s*)?(?:(?P<word>[^\W\d]+)\s+)?(?P<number>\d{1,3}[a-z]?)(?:\s*[.:)–-]+\s*|\s+)(?P<title>[^\d\s].*)$",
    re.IGNORECASE,
)


def find_stage(line: Line, labels: Labels) -> Stage | None:
    """Return the stage that a line is the summary's heading of."""
    if len(line.text) > _LONGEST_STAGE:
        return None
    return labels.stages.get(normalize_label(line.text)) or labels.infer_stage(line.text.rstrip(":"))


def find_number(text: str, labels: Labels, *, named: bool = False) -> tuple[int, int] | None:
    """Return where in "14. Title" or "Commitment 5. Title" the number stands; `named` asks for the word before it."""
    found = _NUMBERED.match(text)
    if (
        not found
        or (found["word"] and not labels.is_listed(found["word"], "commitment"))
        or (named and not found["word"])
    ):
        return None
    return found.span("number")


def match_milestone(text: str, labels: Labels) -> re.Match[str] | None:
    """Return number and title of a line in a list of milestones: "14.1 Title", "1. Title", "Milestone 2: Title"."""
    if found := MILESTONE_LINE.match(text):
        return found
    listed = NUMBERED_LINE.match(text)
    if listed and listed["word"] and labels.sections.get(normalize_label(listed["word"])) != "MILESTONES":
        return None
    return listed


def split_label(line: Line, labels: Labels) -> tuple[str, Line] | None:
    """Return the section or field that a line begins, and what stands behind the label."""
    if len(line.text) <= _LONGEST_LABEL and (key := labels.sections.get(normalize_label(line.text))):
        return key, line.slice(len(line.text))
    for mark in _label_marks(line.text)[:3]:
        if mark <= _LONGEST_LABEL and (key := labels.sections.get(normalize_label(line.text[:mark]))):
            return key, line.slice(mark + 1)
    return None


def split_fields(line: Line, labels: Labels) -> list[tuple[str, Line]]:
    """Return all fields of a line: "Start date: Not specified   End date: June 2015" holds two."""
    found: list[tuple[str, int, int]] = []
    begin = 0
    for mark in _label_marks(line.text):
        if label := _find_label_before(line.text, begin, mark, labels):
            found.append((*label, mark + 1))
            begin = mark + 1
    ends = [*(start for _, start, _ in found[1:]), *([len(line.text)] if found else [])]
    return [(key, line.slice(behind, end)) for (key, _, behind), end in zip(found, ends, strict=True)]


def _label_marks(text: str) -> list[int]:
    return [mark.start() for mark in re.finditer("[:：?]", text)]


def _find_label_before(text: str, begin: int, mark: int, labels: Labels) -> tuple[str, int] | None:
    near = max(begin, mark - _LONGEST_LABEL)
    words = [near + word.start() for word in re.finditer(r"\S+", text[near:mark])]
    for start in words[-_LABEL_WORDS:]:
        key = labels.sections.get(normalize_label(text[start:mark]))
        if key in SUMMARY_FIELDS or (key == "STATUS" and start == 0):
            return str(key), start
    return None


def is_heading(text: str, line: Line, following: Line) -> bool:
    """Tell a heading that no list knows: short, blank lines around it or a colon behind, and longer text below."""
    words = line.text.split()
    if len(words) > _HEADING_WORDS or not words[0][0].isupper() or line.text.endswith(_NO_HEADING_ENDS_IN):
        return False
    if MILESTONE_LINE.match(line.text) or not _NOT_IN_KEY.sub("", fold(line.text).upper()):
        return False
    alone = text[: line.start].endswith("\n\n") and text[line.end : line.end + 2] == "\n\n"
    return (alone or line.text.endswith(":")) and len(following.text.split()) > len(words)


def make_section_key(heading: str, taken: set[str]) -> str:
    """Return the key of a section whose heading no list knows, made from the heading."""
    key = _NOT_IN_KEY.sub("_", fold(heading).upper()).strip("_")[:_LONGEST_KEY]
    key = key if key[:1].isalpha() else f"SECTION_{key}"
    return next(name for name in (key, *(f"{key}_{n}" for n in range(2, len(taken) + 3))) if name not in taken)
