"""Snippets: the part of a text that shows best why it was found, and where the words are in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ogpgraph.search.words import find_spans

SNIPPET_LENGTH: Final = 240
"""The code points of a snippet at most, unless a single word is longer."""
LEAD: Final = 40
"""About how much text a snippet has before its first highlight."""


Span = tuple[int, int]
"""A word, from one code point until before another."""


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
    words = find_spans(text)
    marked = [words[place] for place in sorted(places) if place < len(words)]
    first, last = _choose_window(marked)
    start = _start_of(words, marked[first][0]) if marked else 0
    end = _end_of(words, start, len(text), marked[last][1] if marked else 0)
    inside = (each for each in marked[first : last + 1] if each[1] <= end)
    return Snippet(text[start:end], start, tuple(_merge(inside, start)))


def _choose_window(marked: Sequence[Span]) -> tuple[int, int]:
    """Return the numbers of the first and the last marked word of the part with most of them."""
    best = 0, 0
    begin = 0
    for number, (_, end) in enumerate(marked):
        while end - marked[begin][0] > SNIPPET_LENGTH - LEAD and begin < number:
            begin += 1
        if number - begin > best[1] - best[0]:
            best = begin, number
    return best


def _start_of(words: Sequence[Span], wanted: int) -> int:
    """Return where a snippet begins that has some text before a word: at the beginning of a word, or of the text."""
    return 0 if wanted <= LEAD else words[bisect_left(words, (wanted - LEAD, 0))][0]


def _end_of(words: Sequence[Span], start: int, length: int, least: int) -> int:
    """Return where a snippet ends: at the end of the text or of a word."""
    limit = max(start + SNIPPET_LENGTH, least)
    if length <= limit:
        return length
    following = bisect_right(words, limit, key=_end)
    end = words[following - 1][1] if following else 0
    return end if end > start else limit


def _end(word: Span) -> int:
    return word[1]


def _merge(marked: Iterable[Span], start: int) -> Iterator[Highlight]:
    """Yield the highlights of some words; those of words that overlap are one."""
    current: Highlight | None = None
    for first, end in marked:
        highlight = Highlight(first - start, end - start)
        if current and highlight.start < current.end:
            current = Highlight(current.start, max(current.end, highlight.end))
            continue
        if current:
            yield current
        current = highlight
    if current:
        yield current
