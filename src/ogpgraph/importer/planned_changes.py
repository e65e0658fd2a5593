"""What a dry run would change: field by field, the current value before and after, as a person reads it."""

from __future__ import annotations

from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.values import Rating, TextListValue, TextValue, Value, value_text_references
from ogpgraph.importer.observations.value_equivalence import LoadTexts
from ogpgraph.personal import mask_personal_data

_TYPES = ("member", "plan", "commitment")
"""The types of aggregates that readers ask about; sources and codes change with every import."""


class PlannedChange(Struct, frozen=True):
    """A field that would change: of which aggregate (its code or key), at which path, from what to what.

    A value is None where there is none. Personal data in it is masked.
    """

    subject: str
    path: str
    before: str | None
    after: str | None


def find_changes(before: Aggregate, after: Aggregate, load_texts: LoadTexts) -> list[PlannedChange]:
    """Return the current values that differ between two states of an aggregate, by path."""
    if after.type not in _TYPES:
        return []
    paths = sorted(before.current_claims.keys() | after.current_claims.keys())
    values = {path: (before.value(path), after.value(path)) for path in paths}
    changed = {path: pair for path, pair in values.items() if pair[0] != pair[1]}
    stated = [value for pair in changed.values() for value in pair]
    texts = load_texts({reference for value in stated for reference in value_text_references(value)})
    subject = after.string("code") or after.string("key") or after.id
    return [PlannedChange(subject, path, *(_show(value, texts) for value in pair)) for path, pair in changed.items()]


def _show(value: Value | None, texts: dict[str, str]) -> str | None:
    match value:
        case None:
            return None
        case TextValue():
            return mask_personal_data(texts.get(value.text, ""))
        case TextListValue():
            return "; ".join(mask_personal_data(texts.get(reference, "")) for reference in value.texts)
        case Rating():
            return str(value.value or value.state)
        case tuple():
            return "; ".join(map(str, value))
    return str(value)
