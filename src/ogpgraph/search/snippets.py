"""Snippets: the part of a text that shows best why it was found, and where the words are in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from ogpgraph.search.words import Word, find_words

SNIPPET_LENGTH: Final = 240
"""The code points of a snippet at most, unless a single word is longer."""
LEAD: Final = 40
"""About how much text a snippet has before its first highlight."""


class Highlight(NamedTuple):
    """A part of a snippet, from one code point until before another."""

    start: int
    end: int


class Snippet(NamedTuple):
    """A part of a text that begins at a code point of it, and the highlights in that part."""

    text: str
    start: int
    highlights: tuple[Highlight, ...]


def cut_snippet(text: str, places: Collection[int]) -> Snippet:
    """Return the part of a text in which most of the words at some places are, the first of several such parts.

    It begins and ends between words. Without places it is the beginning of the text.
    """
    words = list(find_words(text))
    marked = [words[place] for place in sorted(places) if place < len(words)]
    first, last = _choose_window(marked)
    start = _start_of(words, marked[first].start) if marked else 0
    end = _end_of(words, start, len(text), marked[last].end if marked else 0)
    inside = (each for each in marked[first : last + 1] if each.end <= end)
    return Snippet(text[start:end], start, tuple(_merge(inside, start)))


def _choose_window(marked: list[Word]) -> tuple[int, int]:
    """Return the numbers of the first and the last marked word of the part with most of them."""
    best = first = 0, 0
    begin = 0
    for end, word in enumerate(marked):
        while word.end - marked[begin].start > SNIPPET_LENGTH - LEAD and begin < end:
            begin += 1
        if end - begin > best[1] - best[0]:
            best = begin, end
    return best if marked else first


def _start_of(words: list[Word], wanted: int) -> int:
    """Return where a snippet begins that has some text before a word: at the beginning of a word, or of the text."""
    if wanted <= LEAD:
        return 0
    return next((each.start for each in words if each.start >= wanted - LEAD), wanted)


def _end_of(words: list[Word], start: int, length: int, least: int) -> int:
    """Return where a snippet ends: at the end of the text or of a word."""
    limit = max(start + SNIPPET_LENGTH, least)
    if length <= limit:
        return length
    return max((each.end for each in words if start < each.end <= limit), default=limit)


def _merge(marked: Iterator[Word] | Collection[Word], start: int) -> Iterator[Highlight]:
    """Yield the highlights of some words; those of words that overlap are one."""
    current: Highlight | None = None
    for word in marked:
        highlight = Highlight(word.start - start, word.end - start)
        if current and highlight.start < current.end:
            current = Highlight(current.start, max(current.end, highlight.end))
            continue
        if current:
            yield current
        current = highlight
    if current:
        yield current
