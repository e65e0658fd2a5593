"""From bytes to canonical text: the page's own text in plain lines, without the site's navigation around it.

The list of the member's commitments, which ends each page, is split off: it is a source of its own.

The canonical text is what a source stores and what evidence quotes. It is its own canonical text, so a stored one can
be read again.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from ogpgraph.domain.text import clean_published_text
from ogpgraph.importer.encoding import (
    decode_declared,
    decode_western,
    detect_by_mark,
    detect_unmarked_utf_16,
    has_lost_letters,
    repair_mojibake,
)
from ogpgraph.importer.pages.extraction import UnreadableInput, UnrecognizedPage
from ogpgraph.importer.pages.label_matching import match_label
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.markup import extract_visible_text, is_html, is_markdown, remove_marks
from ogpgraph.importer.pages.text import Line, split_cells
from ogpgraph.importer.pages.wrapping import find_cut_width, join_broken_values, join_wrapped_lines

CODE_FORM = r"[A-Z]{2,}\d{4}"
"""The form of a commitment's code: the letters of the member and a number; local members may have any prefix."""
TITLE_PATTERN = re.compile(rf"^(?P<title>.*)\((?P<code>(?i:{CODE_FORM}))\)[\s*★✪]*$")
_BLANKS = re.compile(r"[^\S\n\t]")
_DIRECTION_MARKS = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"
_DIRECTION_MARKS_AT_ENDS = re.compile(rf"(?m)^[{_DIRECTION_MARKS}]+|[{_DIRECTION_MARKS}]+$")
_BLANK_LINES = re.compile(r"\n{3,}")
_TOOLTIP = re.compile(r"^(?P<heading>\s*\S.{2,40}?)(?:\si)+$")
_HEADER_LINES = 200  # a header ends within so many
_LINES_BELOW_TITLE = 25  # the first labels come within so many
_MOST_TITLE_LINES = 50  # a text with more is no page
_FEWEST_LABELS = 3
_PLAN_FIELDS = frozenset(("ACTION_PLAN", "ACTION_PLAN_CYCLE"))
_LONGEST_NAMED_TITLE = 60
_LONGEST_SITE_SECTION = 60


@dataclass(frozen=True, slots=True)
class CanonicalPage:
    """The canonical texts of a page and of its list of commitments, and the lines that belong to neither.

    `repaired` is what was wrong with the encoding, empty where nothing was.
    """

    text: str
    siblings: str
    outside: tuple[str, ...]
    repaired: str = ""


def canonicalize_page(data: bytes, labels: Labels, *, limit_bytes: int, is_canonical: bool = False) -> CanonicalPage:
    """Return the canonical text of a commitment page; raises UnreadableInput where the bytes are none.

    The lines of a text that `is_canonical` already are whole.
    """
    if len(data) > limit_bytes:
        raise UnreadableInput(f"too large: {len(data)} bytes, the limit is {limit_bytes}")
    text, repaired = _decode_or_repair(data, labels)
    lines = [field for line in _visible_lines(text) for field in _write_row_as_fields(line, labels)]
    if not is_canonical and not is_html(text):
        if width := find_cut_width(lines):
            raise UnreadableInput(f"damaged: its lines are cut off behind {width} characters")
        lines = join_broken_values(join_wrapped_lines(lines, labels), labels)
    lines = normalize_lines("\n".join(lines))
    title = find_title_line(lines, labels)
    if not is_canonical:
        _require_one_page(lines, title, labels)
    lines = _remove_site_lines(lines, title, labels)
    own, listed, outside = _split_sibling_list(lines, labels)
    return CanonicalPage(
        _join_lines(own),
        _join_lines(listed),
        tuple(line for line in outside if not labels.is_site_line(line)),
        repaired,
    )


def _visible_lines(text: str) -> list[str]:
    # Behind the markup, whose character references may be control characters or accents, too.
    clean = clean_published_text(extract_visible_text(text) if is_html(text) else text)
    shown = _DIRECTION_MARKS_AT_ENDS.sub("", clean)
    lines = _BLANKS.sub(" ", shown).split("\n")
    return [remove_marks(line) for line in lines] if is_markdown(lines) else lines


def _write_row_as_fields(line: str, labels: Labels) -> list[str]:
    """Return the row of a table in which labels and values alternate as a line for each field, any other line as it is.

    Names of columns above a table are labels, too, but no values are beside them.
    """
    cells = [cell.text for cell in split_cells(Line(line.strip(), 0, 0))]
    names, values = cells[::2], cells[1::2]
    if len(names) != len(values) or not all(map(labels.is_label, names)):
        return [line]
    if any(labels.is_label(value) or labels.normalize(value) in labels.date_columns for value in values):
        return [line]
    return [f"{name.rstrip(' :')}: {value}" for name, value in zip(names, values, strict=True)]


def _decode_or_repair(data: bytes, labels: Labels) -> tuple[str, str]:
    """Return the text of a page, and what was wrong with its encoding.

    Bytes that are no UTF-8 are read as another encoding only where that is declared or certain, and is a page.
    """
    try:
        text = decode_page(data)
    except UnreadableInput:
        for other, found in ((decode_declared(data), "in the encoding that it declares"), (decode_western(data), "")):
            if other is not None and _is_page(other, labels):
                return other, "" if found else "read as Windows-1252, which nothing declares"
        raise
    repaired = repair_mojibake(text)
    if repaired is not None and _is_page(repaired, labels):
        return repaired, "its UTF-8 had been decoded as another encoding"
    if has_lost_letters(text):
        raise UnreadableInput("damaged: its accented letters are lost (? or \ufffd in their place); save it as UTF-8")
    return text, ""


def _is_page(text: str, labels: Labels) -> bool:
    try:
        find_title_line(normalize_lines("\n".join(_visible_lines(text))), labels)
    except UnreadableInput:
        return False
    return True


def decode_page(data: bytes) -> str:
    """Return the text of UTF-8, UTF-16, or UTF-32 with a byte order mark; raises UnreadableInput for anything else."""
    encoding = detect_by_mark(data) or detect_unmarked_utf_16(data)
    # UTF-8 decodes zero bytes, and binary files have them early.
    if encoding is None and b"\x00" in data[:65536]:
        raise UnreadableInput("not text: it contains zero bytes")
    try:
        text = data.decode(encoding or "utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        name = (encoding or "utf-8").removesuffix("-sig").removesuffix("-le").removesuffix("-be").upper()
        advice = "" if encoding else "; if it is in another encoding, convert it: iconv -f windows-1252 -t utf-8"
        raise UnreadableInput(f"broken {name} at byte {error.start}: {error.reason}{advice}") from None
    if not text.strip():
        raise UnreadableInput("empty: there is no text in it")
    return text


def normalize_lines(text: str) -> list[str]:
    """Return the lines of a clean text with uniform blanks, at most one blank line between two others."""
    uniform = _BLANKS.sub(" ", text)
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in uniform.split("\n"))).split("\n")


def find_title_line(lines: list[str], labels: Labels) -> int:
    """Return the index of the title line: it ends in a code, and labels follow. Raises UnreadableInput."""
    candidates = [index for index, line in enumerate(lines) if TITLE_PATTERN.match(line.strip())]
    label_counts = {index: _count_labels(lines[index + 1 :], labels) for index in candidates[:_MOST_TITLE_LINES]}
    # Prose may contain lines that end in a code, but no labels follow those.
    for index, count in label_counts.items():
        if count >= _FEWEST_LABELS:
            return index
    text = "\n".join(lines)
    if any(label_counts.values()) or (candidates and len(lines) - candidates[0] < _LINES_BELOW_TITLE):
        raise UnrecognizedPage("truncated page: a title line with a code, but not the labels that follow it", text)
    if candidates:
        raise UnrecognizedPage("not a commitment page: no labels follow the line that ends in a code", text)
    if _count_labels(lines, labels) >= _FEWEST_LABELS:
        raise UnreadableInput("not a commitment page: labels, but no title line that ends in a code such as (FR0043)")
    raise UnrecognizedPage(
        "not a commitment page: no title line that ends in a code such as (FR0043), and no labels", text
    )


def _require_one_page(lines: list[str], title: int, labels: Labels) -> None:
    """Raise UnreadableInput for several pages in one text: the first would have the others in its description."""
    candidates = [index for index in range(title + 1, len(lines)) if TITLE_PATTERN.match(lines[index].strip())]
    for index in candidates[:_MOST_TITLE_LINES]:
        # A title that is repeated has no header of its own.
        headers = [_labels_below(each, labels) for each in (lines[title + 1 : index], lines[index + 1 :])]
        if all(len(found) >= _FEWEST_LABELS and found & _PLAN_FIELDS for found in headers):
            titles = " and ".join(" ".join(lines[each].split())[:_LONGEST_NAMED_TITLE] for each in (title, index))
            raise UnreadableInput(f"several pages in one file ({titles}): save each as a file of its own")


def _count_labels(lines: list[str], labels: Labels) -> int:
    return len(_labels_below(lines, labels))


def _labels_below(lines: list[str], labels: Labels) -> set[str]:
    below = [line for line in lines[: 4 * _LINES_BELOW_TITLE] if line.strip()][:_LINES_BELOW_TITLE]
    matches = (match_label(line.strip(), labels) for line in below)
    return {match.field for match in matches if match}


def _remove_site_lines(lines: list[str], title: int, labels: Labels) -> list[str]:
    """Remove the site's lines above the title, tooltips in the header, and everything from the robot trap on."""
    above = [line for line in lines[:title] if not labels.is_site_line(line)]
    below = range(title, len(lines))
    end = next((index for index in below if labels.prefix_length(lines[index], "robot_trap")), len(lines))
    end_of_header = min(title + _HEADER_LINES, end)
    own = [*_remove_tooltips(lines[title:end_of_header], labels), *lines[end_of_header:end]]
    return [*above, *_remove_site_sections(own, labels)]


def _remove_site_sections(lines: list[str], labels: Labels) -> list[str]:
    """Remove sections of the site, such as its stories, up to the list of commitments or the end of the page."""
    begins = [place for place, line in enumerate(lines) if labels.is_listed(line, "site_sections")]
    if not begins:
        return lines
    rest = range(begins[0] + 1, len(lines))
    end = next((place for place in rest if labels.is_listed(lines[place], "list_heading")), len(lines))
    # A long text below such a heading is not the site's.
    return [*lines[: begins[0]], *lines[end:]] if end - begins[0] <= _LONGEST_SITE_SECTION else lines


def _remove_tooltips(lines: list[str], labels: Labels) -> list[str]:
    """Remove the "i" of tooltips, which is behind a heading or on a line of its own below it."""
    result: list[str] = []
    for line in lines:
        tooltip = _TOOLTIP.match(line)
        if line.strip() == "i" and _has_tooltip(_last_line(result), labels):
            continue
        result.append(tooltip["heading"] if tooltip and _has_tooltip(tooltip["heading"], labels) else line)
    return result


def _last_line(lines: list[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "")


def _has_tooltip(text: str, labels: Labels) -> bool:
    match = match_label(text.strip(), labels)
    return match is not None and match.field in ("DESIGN", "IMPLEMENTATION") and match.value_start >= len(text.strip())


def _join_lines(lines: list[str]) -> str:
    text = _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
    return text + "\n" if text else ""


# The list of the member's commitments

_CODE_LINE = re.compile(
    rf"(?<![A-Z0-9])(?P<code>{CODE_FORM}),\s*(?P<cycle>(?:19|20)\d\d)\s*(?:,\s*(?P<area>.{{0,100}}))?$"
)
_LONGEST_CODE_LINE = 400
_LINES_BETWEEN_PARTS = 12  # around an entry that stray lines divide from the others
_MAX_ENTRY_LINES = 3  # a title may be broken over two lines


def match_code_line(text: str) -> re.Match[str] | None:
    """Return the code, the cycle and the policy area of a line that ends an entry of the list."""
    return _CODE_LINE.search(text) if len(text) <= _LONGEST_CODE_LINE else None


def _split_sibling_list(lines: list[str], labels: Labels) -> tuple[list[str], list[str], list[str]]:
    """Split a page's lines into the page's own, those of the list, and those around the list's entries."""
    filled = [index for index, line in enumerate(lines) if line.strip()]
    code_lines = [place for place, index in enumerate(filled) if match_code_line(lines[index].strip())]
    end = _find_page_end(lines, len(lines), labels)
    listed: list[list[str]] = []
    outside: list[list[str]] = []
    below: int | None = None
    # From the last run of code lines upwards: other text may be between the parts of a list.
    while run := _last_run(code_lines):
        begin = _find_list_start(lines, filled, run[0], labels)
        is_headed = begin > 0 and labels.is_listed(lines[filled[begin - 1]], "list_heading")
        is_near = below is not None and below - run[-1] <= _LINES_BETWEEN_PARTS
        if len(run) == 1 and not is_headed and not is_near:
            break  # one such line in prose is no list
        below = begin
        last = filled[run[-1]] + 1
        listed.insert(0, lines[filled[begin] : last])
        outside.insert(0, [line for line in lines[last:end] if line.strip()])
        end = _find_page_end(lines, filled[begin], labels)
        code_lines = code_lines[: bisect_left(code_lines, begin)]
    return lines[:end], [line for part in listed for line in part], [line for part in outside for line in part]


def _last_run(places: list[int]) -> list[int]:
    """Return the last of the places that follow each other closely enough to be one list."""
    first = len(places) - 1
    while first > 0 and places[first] - places[first - 1] <= _MAX_ENTRY_LINES:
        first -= 1
    return places[max(first, 0) :]


def _find_list_start(lines: list[str], filled: list[int], first: int, labels: Labels) -> int:
    """Return the place of the line that the title of the first entry begins in."""
    found = match_code_line(lines[filled[first]].strip())
    if found and found.start():
        return first
    for back in range(1, _MAX_ENTRY_LINES):
        if first - back > 0 and labels.is_listed(lines[filled[first - back - 1]], "list_heading"):
            return first - back
    return max(first - 1, 0)


def _find_page_end(lines: list[str], end: int, labels: Labels) -> int:
    """Return where the page's own text ends, before blank lines, the site's lines and the heading of the list."""
    while end and (
        not lines[end - 1].strip()
        or labels.is_site_line(lines[end - 1])
        or labels.is_listed(lines[end - 1], "list_heading")
    ):
        end -= 1
    return end
