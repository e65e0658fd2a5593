"""Personal data in free text: where e-mail addresses, phone numbers and named contacts stand, and how they are masked.

What is found depends on the text alone, so that a wording is marked alike wherever and by whomever it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable

from ogpgraph.personal.mark import Mark, PersonalData
from ogpgraph.personal.names import names_in
from ogpgraph.personal.numbers import emails_in, phones_in

__all__ = ["MASK", "Mark", "PersonalData", "marks_in", "masked"]

MASK = "█"


def marks_in(text: str) -> tuple[Mark, ...]:
    """Return where personal data stands in a text, in order and without overlap."""
    kept: list[Mark] = []
    for mark in sorted([*emails_in(text), *phones_in(text), *names_in(text)]):
        if not kept or mark.start >= kept[-1].end:
            kept.append(mark)
    return tuple(kept)


def masked(text: str, marks: Iterable[Mark] | None = None) -> str:
    """Return a text of the same length with a block for each character that is personal data, all else untouched."""
    pieces: list[str] = []
    at = 0
    for mark in marks_in(text) if marks is None else marks:
        pieces += [text[at : mark.start], MASK * (mark.end - mark.start)]
        at = mark.end
    return "".join([*pieces, text[at:]])
