"""Personal data in free text: finds e-mail addresses, phone numbers and names of contacts, and masks them.

The result depends on the text alone, so a text is masked alike wherever it is stored and whoever stored it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from ogpgraph.languages import shipped_languages
from ogpgraph.personal.detector import Mark, PersonalDataDetector, PersonalDataKind

__all__ = ["MASK", "Mark", "PersonalDataDetector", "PersonalDataKind", "find_personal_data", "mask_personal_data"]

MASK = "█"


@cache
def _shipped_detector() -> PersonalDataDetector:
    # Cached, not made on import: reading the language files and compiling the patterns takes a while.
    return PersonalDataDetector(shipped_languages())


def find_personal_data(text: str) -> tuple[Mark, ...]:
    """Return the personal data in a text, in order and without overlap."""
    return _shipped_detector().find(text)


def mask_personal_data(text: str, marks: Iterable[Mark] | None = None) -> str:
    """Return the text with each character of its personal data replaced by a block; the length stays the same.

    `marks` are those of the text if they are known already.
    """
    pieces: list[str] = []
    position = 0
    for mark in find_personal_data(text) if marks is None else marks:
        pieces += [text[position : mark.start], MASK * (mark.end - mark.start)]
        position = mark.end
    return "".join([*pieces, text[position:]])
