"""The text of Markdown, as which converters save web pages, without the marks of headings, emphasis and links."""

from __future__ import annotations

import re

_FEWEST_MARKED_LINES = 3  # a page has more headings and labels; a plain text has none that begins so
_MARKED_LINE = re.compile(r"\s*(?:[-*+]\s+)?(?:#{1,6}\s+\S|(\*\*|__)[^\s*_][^*\n]*\1)")
_LINE_MARK = re.compile(r"^(\s*)(?:#{1,6}\s+|[-*+]\s+(?=\*\*|__))")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\((?:https?:|/|#)[^()\s]*\)")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+.!|>-])")


def is_markdown(lines: list[str]) -> bool:
    """Return whether several lines of a text are headings of Markdown or begin with emphasis."""
    return sum(_MARKED_LINE.match(line) is not None for line in lines) >= _FEWEST_MARKED_LINES


def remove_marks(line: str) -> str:
    """Return a line of Markdown as readers see it; bullets stay, but for those before labels in bold."""
    plain = _LINK.sub(r"\1", _EMPHASIS.sub(r"\2", _LINE_MARK.sub(r"\1", line)))
    return _ESCAPE.sub(r"\1", plain)
