"""What differs between two values, word by word, for `<del>` and `<ins>`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple

from rapidfuzz.distance import Indel

_WORDS: Final = re.compile(r"\s+|\w+|[^\w\s]")
MAX_WORDS: Final = 20_000
"""Longer texts are shown one after the other: to compare them takes quadratic time."""
MAX_KEPT: Final = 120
"""The characters of a part that was kept in an abbreviated difference."""
MAX_CHANGED: Final = 360
"""The characters of one that was not."""
MIN_SIMILARITY: Final = 0.4
"""Texts with less in common are shown one after the other: a comparison of their words would say nothing."""


class Part(Enum):
    """What became of a part of a text."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"


class Difference(NamedTuple):
    """A part of two texts; blanks and punctuation are words of their own."""

    part: Part
    text: str


def find_differences(before: str, after: str) -> list[Difference]:
    """Return the parts of two texts in their order, with what is removed before what is added in its place."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if len(old) + len(new) > MAX_WORDS or _similarity(old, new) < MIN_SIMILARITY:
        return list(_replace(before, after))
    return list(_compare(old, new))


def _similarity(old: list[str], new: list[str]) -> float:
    """Return from 0 to 1 how much two texts have in common, apart from blanks, which all texts have."""
    words = ([each for each in text if not each.isspace()] for text in (old, new))
    return Indel.normalized_similarity(*words)


def abbreviate(differences: Sequence[Difference]) -> list[Difference]:
    """Return the parts of a long text, of which those that were kept are only what is beside the others."""
    return [
        Difference(part, _abbreviate(text, MAX_KEPT if part is Part.KEPT else MAX_CHANGED))
        for part, text in differences
    ]


def _abbreviate(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length // 2].rstrip()} … {text[-length // 2 :].lstrip()}"


def _compare(old: list[str], new: list[str]) -> Iterator[Difference]:
    removed = added = ""
    for step in Indel.opcodes(old, new):
        before = "".join(old[step.src_start : step.src_end])
        if step.tag == "equal":
            yield from _replace(removed, added)
            removed = added = ""
            yield Difference(Part.KEPT, before)
        else:
            removed += before
            added += "".join(new[step.dest_start : step.dest_end])
    yield from _replace(removed, added)


def _replace(before: str, after: str) -> Iterator[Difference]:
    if before:
        yield Difference(Part.REMOVED, before)
    if after:
        yield Difference(Part.ADDED, after)
