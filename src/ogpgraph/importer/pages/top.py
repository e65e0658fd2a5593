"""The top of a page, above its header: the country, and the title, which may be on several lines."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from ogpgraph.domain.member_table import member_of_commitment_code
from ogpgraph.importer.pages.canonical import TITLE_PATTERN, CanonicalPage, find_title_line, match_code_line
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.member_names import find_named_member
from ogpgraph.importer.pages.text import Line, fold, is_continued, split_lines

_LONGEST_COUNTRY = 60
_NOT_IN_COUNTRY = re.compile(r"[\d:/|@!?]|\.$")
_MOST_TITLE_LINES = 4
_MARKS = re.compile(r"[^\w\s]+")


@dataclass(slots=True)
class Top:
    """What stands above the header. The title `is_doubtful` where an unknown line may belong to it or may not."""

    code: str
    title: list[Line]
    country: Line | None = None
    unknown: list[Line] = field(default_factory=list)
    is_doubtful: bool = False


def read_top(above: Sequence[Line], title_line: Line, list_text: str, small_words: Collection[str]) -> Top:
    """Read the lines above the header; `list_text` is the list behind the page, which has its title again."""
    found = TITLE_PATTERN.match(title_line.text)
    assert found is not None  # the line was chosen by this pattern
    last = title_line.slice(found.start("title"), found.end("title"))
    top = Top(found["code"].upper(), [last] if last.text else [])
    rest = list(above)
    named = next((place for place in range(len(rest) - 1, -1, -1) if find_named_member(rest[place].text)), None)
    if named is not None:
        top.country = rest[named]
        top.unknown += rest[:named]
        rest = rest[named + 1 :]
    elif rest and _may_be_country(rest, title_line, top):
        # An unknown name stands alone above the title, and apart from it.
        top.country = rest.pop()
    _read_title_lines(top, rest, title_line, list_text, small_words)
    return top


def join_title(page: CanonicalPage, labels: Labels) -> CanonicalPage:
    """Return a page with its title on one line, and apart from what is above it.

    The list, which decides where the title begins, is no part of the text; so the text alone has the same reading.
    """
    lines = split_lines(page.text)
    place = find_title_line([line.text for line in lines], labels)
    title_line = lines[place]
    top = read_top(lines[:place], title_line, page.siblings, labels.small_words)
    if top.is_doubtful or not top.title:
        return page
    found = TITLE_PATTERN.match(title_line.text)
    assert found is not None  # read_top read it
    start, behind = top.title[0].start, title_line.start + found.start("code") - 1
    before, title = page.text[:start], page.text[start:behind]
    if start < title_line.start:
        title = " ".join(line.text for line in top.title) + " "
    if before.strip() and not before.endswith("\n\n") and not (top.country and find_named_member(top.country.text)):
        before += "\n"
    return replace(page, text=before + title + page.text[behind:])


def _may_be_country(rest: Sequence[Line], title_line: Line, top: Top) -> bool:
    if not _has_form_of_country(rest[-1]) or not top.title:
        return False
    is_apart = rest[-1].number + 1 < title_line.number
    member = member_of_commitment_code(top.code)
    return is_apart or (len(rest) == 1 and (member is None or member.name is None))


def _has_form_of_country(line: Line) -> bool:
    return len(line.text) <= _LONGEST_COUNTRY and not _NOT_IN_COUNTRY.search(line.text)


def _read_title_lines(
    top: Top, rest: list[Line], title_line: Line, list_text: str, small_words: Collection[str]
) -> None:
    """Assign the lines between the country and the title line: they begin the title, or belong to nothing."""
    listed = _find_listed_title(list_text, top.code)
    for count in range(min(len(rest), _MOST_TITLE_LINES) + 1):
        lines = [*rest[len(rest) - count :], *top.title]
        if listed and lines and _words(" ".join(line.text for line in lines)) == listed:
            top.title, rest = lines, rest[: len(rest) - count]
            if rest and not top.country and _has_form_of_country(rest[-1]):
                top.country = rest.pop()
            top.unknown += rest
            return
    if not top.title and rest:  # the code is on a line of its own
        top.title = [rest.pop()]
    while rest and len(top.title) < _MOST_TITLE_LINES and _goes_on(rest[-1], top.title[0], title_line, small_words):
        top.title.insert(0, rest.pop())
    if rest:
        # Right above the title, an unknown line may be the beginning of it.
        first = top.title[0] if top.title else title_line
        top.is_doubtful = rest[-1].number + 1 >= first.number
        top.unknown += rest


def _goes_on(line: Line, following: Line, title_line: Line, small_words: Collection[str]) -> bool:
    is_next = line.number + 1 >= min(following.number, title_line.number)
    return is_next and is_continued(line.text, following.text, small_words)


def _find_listed_title(list_text: str, code: str) -> str:
    """Return the words of the title of a code in the list, without its number and star, empty where it is not there."""
    above: list[str] = []
    for line in list_text.split("\n"):
        found = match_code_line(line.strip())
        if found and found["code"] == code:
            return _words(re.sub(r"^\s*\d+\s*[.)]\s+", "", " ".join(above)))
        above = [] if found else [*above, line] if line.strip() else above
    return ""


def _words(text: str) -> str:
    return " ".join(_MARKS.sub(" ", fold(text)).split())
