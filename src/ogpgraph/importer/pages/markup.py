"""The text of markup, HTML as a browser would show it, and Markdown, as which converters save web pages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ogpgraph.importer.pages.extraction import UnreadableInput

_HTML_START = re.compile(r"<!doctype html|<html[\s>]|<body[\s>]", re.IGNORECASE)
_TAG = re.compile(r"</(?:p|div|li|h[1-6]|ul|ol|section|table|span|strong)>", re.IGNORECASE)
_FEWEST_TAGS = 4
_CONTAINER = re.compile(
    r"<(/?)(?:a|article|b|blockquote|div|em|font|i|ol|section|span|strong|table|ul)[\s>]", re.IGNORECASE
)
_MAX_DEPTH = 1000  # the parser's time grows with the square of the depth
_CODE = re.compile(r"[A-Z]{2,}\d{4}")
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
# Of Markdown
_FEWEST_MARKED_LINES = 3  # a page has more headings and labels; a plain text has none that begins so
_MARKED_LINE = re.compile(r"\s*(?:[-*+]\s+)?(?:#{1,6}\s+\S|(\*\*|__)[^\s*_][^*\n]*\1)")
_LINE_MARK = re.compile(r"^(\s*)(?:#{1,6}\s+|[-*+]\s+(?=\*\*|__))")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\((?:https?:|/|#)[^()\s]*\)")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+.!|>-])")


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
        self._hidden_edges: set[int] = set()
        """The blocks that begin and end no line: editors put a paragraph around the text of each cell."""
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
            self._hidden_edges |= {each.mem_id for each in _only_blocks(node)}
        elif _BLOCKS.fullmatch(tag) and node.mem_id not in self._hidden_edges:
            self._separate_block(tag)
            self._begin_item(tag)
            self._verbatim_depth += tag == "pre"

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if _BLOCKS.fullmatch(tag) and node.mem_id not in self._hidden_edges:
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


def _only_blocks(cell: LexborNode) -> Iterator[LexborNode]:
    """Yield the paragraph or division that a cell consists of, and that which this consists of."""
    node = cell
    while True:
        children = [each for each in node.iter(include_text=True) if each.tag != "-text" or each.text().strip()]
        if len(children) != 1 or children[0].tag not in ("p", "div"):
            return
        yield (node := children[0])


def is_markdown(lines: list[str]) -> bool:
    """Return whether several lines of a text are headings of Markdown or begin with emphasis."""
    return sum(_MARKED_LINE.match(line) is not None for line in lines) >= _FEWEST_MARKED_LINES


def remove_marks(line: str) -> str:
    """Return a line of Markdown as readers see it; bullets stay, but for those before labels in bold."""
    plain = _LINK.sub(r"\1", _EMPHASIS.sub(r"\2", _LINE_MARK.sub(r"\1", line)))
    return _ESCAPE.sub(r"\1", plain)
