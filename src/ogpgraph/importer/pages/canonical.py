"""From bytes to canonical text: the page's own text in plain lines, without the site's navigation around it.

The list of the member's commitments, which ends each page, is split off: it is a source of its own.

The canonical text is what a source stores and what evidence quotes. It is its own canonical text, so a stored one can
be read again.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ogpgraph.domain.text import clean_published_text
from ogpgraph.importer.pages.extraction import UnreadableInput
from ogpgraph.importer.pages.labels import Labels, match_label

TITLE_PATTERN = re.compile(r"^(?P<title>.*)\((?P<code>[A-Za-z]{2,4}\d{4})\)[\s*★✪]*$")
_BLANKS = re.compile(r"[^\S\n\t]")
_BLANK_LINES = re.compile(r"\n{3,}")
_TOOLTIP = re.compile(r"^(?P<heading>\s*\S.{2,40}?)(?:\si)+$")
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HEADER_LINES = 200  # a header ends within so many
_LINES_BELOW_TITLE = 25  # the first labels come within so many
_MOST_TITLE_LINES = 50  # a text with more is no page
_FEWEST_LABELS = 3


@dataclass(frozen=True, slots=True)
class CanonicalPage:
    """The canonical texts of a page and of its list of commitments, and the lines that belong to neither."""

    text: str
    siblings: str
    outside: tuple[str, ...]


def canonicalize_page(data: bytes, labels: Labels, *, limit_bytes: int) -> CanonicalPage:
    """Return the canonical text of a commitment page; raises UnreadableInput where the bytes are none."""
    if len(data) > limit_bytes:
        raise UnreadableInput(f"too large: {len(data)} bytes, the limit is {limit_bytes}")
    text = decode_page(data)
    # Behind the markup, whose character references may be control characters or accents, too.
    lines = normalize_lines(clean_published_text(extract_visible_text(text) if is_html(text) else text))
    title = find_title_line(lines, labels)
    lines = _remove_site_lines(lines, title, labels)
    own, listed, outside = _split_sibling_list(lines, labels)
    return CanonicalPage(
        _join_lines(own), _join_lines(listed), tuple(line for line in outside if not labels.is_site_line(line))
    )


def decode_page(data: bytes) -> str:
    """Return the text of UTF-8, or of UTF-16 with a byte order mark; raises UnreadableInput for anything else."""
    is_utf_16 = data.startswith(_UTF_16_MARKS)
    # UTF-8 decodes zero bytes, and binary files have them early.
    if not is_utf_16 and b"\x00" in data[:65536]:
        raise UnreadableInput("not text: it contains zero bytes")
    try:
        text = data.decode("utf-16" if is_utf_16 else "utf-8-sig").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        name = "UTF-16" if is_utf_16 else "UTF-8"
        raise UnreadableInput(f"broken {name} at byte {error.start}: {error.reason}") from None
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
    if any(label_counts.values()) or (candidates and len(lines) - candidates[0] < _LINES_BELOW_TITLE):
        raise UnreadableInput("truncated page: a title line with a code, but not the labels that follow it")
    if _count_labels(lines, labels) >= _FEWEST_LABELS:
        raise UnreadableInput("not a commitment page: labels, but no title line that ends in a code such as (FR0043)")
    raise UnreadableInput("not a commitment page: no title line that ends in a code such as (FR0043), and no labels")


def _count_labels(lines: list[str], labels: Labels) -> int:
    below = [line for line in lines[: 4 * _LINES_BELOW_TITLE] if line.strip()][:_LINES_BELOW_TITLE]
    matches = (match_label(line.strip(), labels) for line in below)
    return len({match.field for match in matches if match})


def _remove_site_lines(lines: list[str], title: int, labels: Labels) -> list[str]:
    """Remove the site's lines above the title, tooltips in the header, and everything from the robot trap on."""
    above = [line for line in lines[:title] if not labels.is_site_line(line)]
    below = range(title, len(lines))
    end = next((index for index in below if labels.prefix_length(lines[index], "robot_trap")), len(lines))
    end_of_header = min(title + _HEADER_LINES, end)
    return [*above, *_remove_tooltips(lines[title:end_of_header], labels), *lines[end_of_header:end]]


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
    r"(?<![A-Z0-9])(?P<code>[A-Z]{2,4}\d{4}),\s*(?P<cycle>(?:19|20)\d\d)\s*(?:,\s*(?P<area>.{0,100}))?$"
)
_LONGEST_CODE_LINE = 400
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
    # From the last run of code lines upwards: other text may be between the parts of a list.
    while run := _last_run(code_lines):
        begin = _find_list_start(lines, filled, run[0], labels)
        if len(run) == 1 and not (begin and labels.is_listed(lines[filled[begin - 1]], "list_heading")):
            break  # one such line in prose is no list
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


# HTML

_HTML_START = re.compile(r"<!doctype html|<html[\s>]|<body[\s>]", re.IGNORECASE)
_TAG = re.compile(r"</(?:p|div|li|h[1-6]|ul|ol|section|table|span|strong)>", re.IGNORECASE)
_FEWEST_TAGS = 4
_CONTAINER = re.compile(
    r"<(/?)(?:a|article|b|blockquote|div|em|font|i|ol|section|span|strong|table|ul)[\s>]", re.IGNORECASE
)
_MAX_DEPTH = 1000  # the parser's time grows with the square of the depth
_CODE = re.compile(r"[A-Z]{2,4}\d{4}")
_MARKUP_BLANKS = re.compile(r"[ \t\n\r\f\v]+")
_HIDDEN = (
    "head, script, style, noscript, template, svg, iframe, form, button, select, nav, [hidden], [role=navigation], "
    "[role=tooltip], [class*=tooltip], [class*=cookie], [id*=cookie], [class*=skip-link], [class*=breadcrumb]"
)
_SITE_FRAME = "header, footer, aside"
_BLOCKS = re.compile(
    "address|article|aside|blockquote|body|center|dd|details|dl|dt|div|fieldset|figcaption|figure|footer|h[1-6]|header|"
    "hr|html|li|main|ol|p|pre|section|summary|table|tbody|tfoot|thead|tr|ul"
)
_ITEM_MARK = re.compile(r"  (?:•|\d+\.) ")
_WITHOUT_BLANK_LINES = frozenset(("li", "tr", "dt", "dd", "tbody", "thead", "tfoot"))


def is_html(text: str) -> bool:
    """Return whether a text is markup; a stray tag in a text does not make it markup."""
    return (
        text.lstrip().startswith("<")
        or bool(_HTML_START.search(text[:4096]))
        or len(_TAG.findall(text[:200_000])) >= _FEWEST_TAGS
    )


def extract_visible_text(markup: str) -> str:
    """Return the text that a browser would show: blocks apart by blank lines, marks before items, bars between cells.

    Raises UnreadableInput for markup that nests deeper than any that people wrote.
    """
    if _exceeds_max_depth(markup):
        raise UnreadableInput("markup that nests too deeply to be a page")
    tree = LexborHTMLParser(markup)
    hidden = {node.mem_id for node in tree.css(_HIDDEN)}
    # The title and the list may be in the site's frame; whatever contains a commitment's code belongs to the page.
    hidden |= {node.mem_id for node in tree.css(_SITE_FRAME) if not _CODE.search(node.text(deep=True))}
    writer = _TextWriter(hidden)
    if tree.body is not None:
        writer.write(tree.body)
    return "".join(writer.out)


def _exceeds_max_depth(markup: str) -> bool:
    depth = 0
    for tag in _CONTAINER.finditer(markup):
        depth = max(0, depth + (-1 if tag[1] else 1))
        if depth > _MAX_DEPTH:
            return True
    return False


class _TextWriter:
    """Writes the text of a tree. It walks without recursion, since a page may nest as deeply as it likes."""

    def __init__(self, hidden: set[int]) -> None:
        self.out: list[str] = []
        self._hidden = hidden
        self._item_numbers: list[int | None] = []
        self._verbatim_depth = 0

    def write(self, root: LexborNode) -> None:
        ancestors: list[LexborNode] = []
        node: LexborNode | None = root
        while node is not None:
            visible = node.mem_id not in self._hidden
            if visible:
                self._enter(node)
            if visible and node.first_child is not None:
                ancestors.append(node)
                node = node.first_child
                continue
            if visible:
                self._leave(node)
            while ancestors and node.next is None:
                node = ancestors.pop()
                self._leave(node)
            node = node.next if ancestors else None

    def _enter(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag == "-text":
            self._write_text(node.text_content or "")
        elif tag == "br":
            self.out.append("\n")
        elif tag in ("td", "th"):
            self._separate_cell()
        elif _BLOCKS.fullmatch(tag):
            self._separate_block(tag)
            self._begin_item(tag)
            self._verbatim_depth += tag == "pre"

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if _BLOCKS.fullmatch(tag):
            self._separate_block(tag)
            self._verbatim_depth -= tag == "pre"
        if tag in ("ul", "ol") and self._item_numbers:
            self._item_numbers.pop()

    def _begin_item(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            self._item_numbers.append(0 if tag == "ol" else None)
        if tag != "li":
            return
        number = self._item_numbers[-1] if self._item_numbers else None
        if number is None:
            self.out.append("  • ")
            return
        self._item_numbers[-1] = number + 1
        self.out.append(f"  {number + 1}. ")

    def _write_text(self, text: str) -> None:
        if self._verbatim_depth:
            self.out.append(text)
            return
        collapsed = _MARKUP_BLANKS.sub(" ", text)
        begins_line = not self.out or self.out[-1].endswith(("\n", " "))
        if collapsed := collapsed.lstrip(" ") if begins_line else collapsed:
            self.out.append(collapsed)

    def _separate_cell(self) -> None:
        if self.out and not self.out[-1].endswith("\n"):
            self.out.append(" | ")

    def _separate_block(self, tag: str) -> None:
        if self.out and _ITEM_MARK.fullmatch(self.out[-1]):
            return  # a heading or paragraph that begins an item stays on the line of the item's mark
        if tag not in _WITHOUT_BLANK_LINES:
            self.out.append("\n\n")
        elif not (self.out and self.out[-1].endswith("\n")):
            self.out.append("\n")
