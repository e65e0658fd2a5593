"""Wordings, and stored values put into words: which language is shown, and what references stand for."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.values import TextListValue, TextValue, TranslationKind
from ogpgraph.readmodel.entry import TextReference, iter_fields
from ogpgraph.readmodel.snapshot import Snapshot

Language = Annotated[
    str | None,
    strawberry.argument(
        description="A language as a lower-case code. Left out: the original, else English, else the first by code."
    ),
]
DIRECTION_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@strawberry.type(description="A wording in one language.")
class LocalizedText:
    """Words, their language, and how they came about."""

    path: str = strawberry.field(description="The field the wording belongs to.")
    language: str = strawberry.field(description="The language, as a lower-case code.")
    text: str | None = strawberry.field(description="The words; null where they were removed from the record.")
    translation_kind: TranslationKind = strawberry.field(description="How the wording came about in this language.")

    @strawberry.field(
        description="Whether it has characters that turn the direction of writing: a text may look other than it is."
    )
    def has_direction_controls(self) -> bool:
        """Tell whether the words have characters that turn the direction of writing."""
        return bool(self.text) and not DIRECTION_CONTROLS.isdisjoint(self.text or "")


def choose_text(state: Aggregate, prefix: str, language: str | None) -> tuple[str, Claim] | None:
    """Return the wording under a prefix in a language; else the original, else English, else the first by code."""
    if language is not None:
        path = f"{prefix}/{language.lower()}"
        claim = state.current_claim(path)
        return (path, claim) if claim else None
    key = ("text", prefix)
    if key not in state.cache:
        state.cache[key] = min(state.claims_under(prefix + "/"), key=lambda item: _preference(*item), default=None)
    found: tuple[str, Claim] | None = state.cache[key]
    return found


def _preference(path: str, claim: Claim) -> tuple[bool, bool, str]:
    language = path.rpartition("/")[2]
    value = claim.value
    is_original = isinstance(value, (TextValue, TextListValue)) and value.translation_kind is TranslationKind.ORIGINAL
    return not is_original, language != "en", language


def claim_as_json(snapshot: Snapshot, subject: Aggregate, path: str, claim: Claim) -> Any:
    """Return a claimed value as JSON: wordings in words, a rating as an object of its fields."""
    fields = [(name[len(path) + 1 :], value) for name, value in iter_fields(path, claim.value)]
    values = {name: field_as_json(snapshot, subject, path, value) for name, value in fields}
    return values.get("", values)


def field_as_json(snapshot: Snapshot, subject: Aggregate, path: str, value: Any) -> Any:
    """Return a stored field as JSON: references in words, everything else as it is."""
    if not isinstance(value, TextReference):
        return value
    if value.texts is not None:
        return [snapshot.text(subject, path, reference) for reference in value.texts]
    return snapshot.text(subject, path, value.text or "")


def resolve_text(snapshot: Snapshot, subject: Aggregate, prefix: str, language: str | None) -> str | None:
    """Return the wording under a prefix in a language, None where there is none or it was removed."""
    found = choose_text(subject, prefix, language)
    if found is None or not isinstance(value := found[1].value, TextValue):
        return None
    return snapshot.text(subject, found[0], value.text)


def resolve_text_list(snapshot: Snapshot, subject: Aggregate, prefix: str, language: str | None) -> list[str]:
    """Return the list of wordings under a prefix in a language, without those that were removed."""
    found = choose_text(subject, prefix, language)
    if found is None or not isinstance(value := found[1].value, TextListValue):
        return []
    values = (snapshot.text(subject, found[0], reference) for reference in value.texts)
    return [words for words in values if words is not None]
