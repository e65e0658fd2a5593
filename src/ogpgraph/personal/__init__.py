"""Personal data in free text: where e-mail addresses, phone numbers and named contacts stand, and how they are masked.

What is found depends on the text alone, so that a wording is marked alike wherever and by whomever it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable

from ogpgraph.personal.detectors import Mark, PersonalDataKind, find_emails, find_names, find_phones

__all__ = ["MASK", "Mark", "PersonalDataKind", "find_personal_data", "mask_personal_data"]

MASK = "█"


def find_personal_data(text: str) -> tuple[Mark, ...]:
    """Return where personal data stands in a text, in order and without overlap."""
    kept: list[Mark] = []
    for mark in sorted([*find_emails(text), *find_phones(text), *find_names(text)]):
        if not kept or mark.start >= kept[-1].end:
            kept.append(mark)
    return tuple(kept)


def mask_personal_data(text: str, marks: Iterable[Mark] | None = None) -> str:
    """Return a text of the same length with a block for each character that is personal data, all else untouched."""
    pieces: list[str] = []
    at = 0
    for mark in find_personal_data(text) if marks is None else marks:
        pieces += [text[at : mark.start], MASK * (mark.end - mark.start)]
        at = mark.end
    return "".join([*pieces, text[at:]])
