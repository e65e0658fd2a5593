"""Wordings, and stored values put into words: which language is shown, and what references stand for."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from ogpgraph.domain.subject import Claim, Subject
from ogpgraph.domain.text import Made, Wordings
from ogpgraph.domain.text import Wording as StoredWording
from ogpgraph.readmodel.projection import Words, fields_of
from ogpgraph.readmodel.snapshot import Snapshot

Language = Annotated[
    str | None,
    strawberry.argument(
        description="A language as a lower-case code. Left out: the original, else English, else the first by code."
    ),
]
DIRECTION_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@strawberry.type(description="A wording in one language.")
class Wording:
    """Words, their language, and how they came about."""

    path: str = strawberry.field(description="The field the wording belongs to.")
    language: str = strawberry.field(description="The language, as a lower-case code.")
    text: str | None = strawberry.field(description="The words; null where they were removed from the record.")
    made: Made = strawberry.field(description="How the wording came about in this language.")

    @strawberry.field(
        description="Whether it has characters that turn the direction of writing: a text may look other than it is."
    )
    def has_direction_controls(self) -> bool:
        """Tell whether the words have characters that turn the direction of writing."""
        return bool(self.text) and not DIRECTION_CONTROLS.isdisjoint(self.text or "")


def chosen(state: Subject, prefix: str, language: str | None) -> tuple[str, Claim] | None:
    """Return the wording under a prefix in a language; else the original, else English, else the first by code."""
    if language is not None:
        path = f"{prefix}/{language.lower()}"
        claim = state.current(path)
        return (path, claim) if claim else None
    key = ("wording", prefix)
    if key not in state.derived:
        state.derived[key] = min(state.under(prefix + "/"), key=lambda item: _preference(*item), default=None)
    found: tuple[str, Claim] | None = state.derived[key]
    return found


def _preference(path: str, claim: Claim) -> tuple[bool, bool, str]:
    language = path.rpartition("/")[2]
    return getattr(claim.value, "made", None) is not Made.ORIGINAL, language != "en", language


def in_words(snapshot: Snapshot, subject: Subject, path: str, claim: Claim) -> Any:
    """Return a claimed value as JSON: wordings in words, a rating as an object of its fields."""
    fields = [(name[len(path) + 1 :], value) for name, value in fields_of(path, claim.value)]
    said = {name: spoken(snapshot, subject, path, value) for name, value in fields}
    return said.get("", said)


def spoken(snapshot: Snapshot, subject: Subject, path: str, value: Any) -> Any:
    """Return a stored field as JSON: references in words, everything else as it is."""
    if not isinstance(value, Words):
        return value
    if value.texts is not None:
        return [snapshot.wording(subject, path, reference) for reference in value.texts]
    return snapshot.wording(subject, path, value.text or "")


def wording(snapshot: Snapshot, subject: Subject, prefix: str, language: str | None) -> str | None:
    """Return the wording under a prefix in a language, None where there is none or it was removed."""
    found = chosen(subject, prefix, language)
    if found is None or not isinstance(value := found[1].value, StoredWording):
        return None
    return snapshot.wording(subject, found[0], value.text)


def wordings(snapshot: Snapshot, subject: Subject, prefix: str, language: str | None) -> list[str]:
    """Return the list of wordings under a prefix in a language, without those that were removed."""
    found = chosen(subject, prefix, language)
    if found is None or not isinstance(value := found[1].value, Wordings):
        return []
    said = (snapshot.wording(subject, found[0], reference) for reference in value.texts)
    return [words for words in said if words is not None]
