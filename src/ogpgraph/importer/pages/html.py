"""HTML to the lines a reader of the page would see."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

_HTML_START = re.compile(r"<!doctype html|<html[\s>]|<body[\s>]", re.IGNORECASE)
_TAG = re.compile(r"</(?:p|div|li|h[1-6]|ul|ol|section|table|span|strong)>", re.IGNORECASE)
_CODE = re.compile(r"[A-Z]{2,4}\d{4}")
_BLANKS = re.compile(r"[ \t\n\r\f\v]+")

_HIDDEN = (
    "head, script, style, noscript, template, svg, iframe, form, button, select, nav, [hidden], [role=navigation], "
    "[role=tooltip], [class*=tooltip], [class*=cookie], [id*=cookie], [class*=skip-link], [class*=breadcrumb]"
)
_SITE_FRAME = (
    "header, footer, aside"  # gone too, unless they hold a commitment's code: the title or the list may lie there
)
_BLOCKS = re.compile(
    "address|article|aside|blockquote|body|center|dd|details|dl|dt|div|fieldset|figcaption|figure|footer|h[1-6]|header|"
    "hr|html|li|main|ol|p|pre|section|summary|table|tbody|tfoot|thead|tr|ul"
)
_ITEM_MARK = re.compile(r"  (?:•|\d+\.) ")
_TIGHT = frozenset(("li", "tr", "dt", "dd", "tbody", "thead", "tfoot"))
_ENOUGH_TAGS = 4
_CONTAINER = re.compile(
    r"<(/?)(?:a|article|b|blockquote|div|em|font|i|ol|section|span|strong|table|ul)[\s>]", re.IGNORECASE
)
_DEEPEST = 1000  # the parser's time grows with the square of the depth


def is_html(text: str) -> bool:
    """Tell markup from a text in which a stray tag occurs."""
    return (
        text.lstrip().startswith("<")
        or bool(_HTML_START.search(text[:4096]))
        or len(_TAG.findall(text[:200_000])) >= _ENOUGH_TAGS
    )


def exceeds_nesting_limit(markup: str) -> bool:
    """Tell markup that nests deeper than any page that people wrote."""
    depth = 0
    for tag in _CONTAINER.finditer(markup):
        depth = max(0, depth + (-1 if tag[1] else 1))
        if depth > _DEEPEST:
            return True
    return False


def extract_visible_text(markup: str) -> str:
    """Return the visible text: a blank line around blocks, list items numbered or bulleted, cells apart by bars."""
    tree = LexborHTMLParser(markup)
    hidden = {node.mem_id for node in tree.css(_HIDDEN)}
    hidden |= {node.mem_id for node in tree.css(_SITE_FRAME) if not _CODE.search(node.text(deep=True))}
    writer = _Writer(hidden)
    if tree.body is not None:
        writer.write(tree.body)
    return "".join(writer.out)


class _Writer:
    """Walks the tree without recursion, since a page may nest as deeply as it likes."""

    def __init__(self, hidden: set[int]) -> None:
        self.hidden = hidden
        self.out: list[str] = []
        self.numbers: list[int | None] = []
        self.verbatim = 0

    def write(self, root: LexborNode) -> None:
        opened: list[LexborNode] = []
        node: LexborNode | None = root
        while node is not None:
            visible = node.mem_id not in self.hidden
            if visible:
                self.enter(node)
            if visible and node.first_child is not None:
                opened.append(node)
                node = node.first_child
                continue
            if visible:
                self.leave(node)
            while opened and node.next is None:
                node = opened.pop()
                self.leave(node)
            node = node.next if opened else None

    def enter(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag == "-text":
            self.write_text(node.text_content or "")
        elif tag == "br":
            self.out.append("\n")
        elif tag in ("td", "th"):
            self.separate_cell()
        elif _BLOCKS.fullmatch(tag):
            self.separate_block(tag)
            self.begin_item(tag)
            self.verbatim += tag == "pre"

    def leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if _BLOCKS.fullmatch(tag):
            self.separate_block(tag)
            self.verbatim -= tag == "pre"
        if tag in ("ul", "ol") and self.numbers:
            self.numbers.pop()

    def begin_item(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            self.numbers.append(0 if tag == "ol" else None)
        if tag != "li":
            return
        number = self.numbers[-1] if self.numbers else None
        if number is None:
            self.out.append("  • ")
            return
        self.numbers[-1] = number + 1
        self.out.append(f"  {number + 1}. ")

    def write_text(self, text: str) -> None:
        if self.verbatim:
            self.out.append(text)
            return
        collapsed = _BLANKS.sub(" ", text)
        begins_line = not self.out or self.out[-1].endswith(("\n", " "))
        if collapsed := collapsed.lstrip(" ") if begins_line else collapsed:
            self.out.append(collapsed)

    def separate_cell(self) -> None:
        if self.out and not self.out[-1].endswith("\n"):
            self.out.append(" | ")

    def separate_block(self, tag: str) -> None:
        if self.out and _ITEM_MARK.fullmatch(self.out[-1]):
            return  # a heading or paragraph right in an item stands on the item's line
        if tag not in _TIGHT:
            self.out.append("\n\n")
        elif not (self.out and self.out[-1].endswith("\n")):
            self.out.append("\n")
