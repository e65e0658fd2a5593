"""Snippets: the part of a text that shows best why it was found, and where the words are in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from ogpgraph.search.words import WordBounds, locate_words

Span = tuple[int, int]
"""A word of a text: from one code point until before another."""

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
    words = locate_words(text)
    known = [place for place in sorted(places) if place < len(words.starts)]
    marked = list(zip(words.starts.take(known).tolist(), words.ends.take(known).tolist(), strict=True))
    first, last = _choose_window(marked)
    start = _start_of(words, marked[first][0]) if marked else 0
    end = _end_of(text, words, start, marked[last][1] if marked else 0)
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


def _start_of(words: WordBounds, wanted: int) -> int:
    """Return where a snippet begins that has some text before a word: at the beginning of a word, or of the text."""
    return 0 if wanted <= LEAD else int(words.starts[np.searchsorted(words.starts, wanted - LEAD)])


def _end_of(text: str, words: WordBounds, start: int, least: int) -> int:
    """Return where a snippet ends: at the end of the text or of a word."""
    limit = max(start + SNIPPET_LENGTH, least)
    if len(text) <= limit:
        return len(text)
    following = int(np.searchsorted(words.ends, limit, side="right"))
    end = int(words.ends[following - 1]) if following else 0
    return end if end > start else limit  # where a single word is longer


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
