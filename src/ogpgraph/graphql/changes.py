"""Values of fields as JSON, their changes, and the intervals in which they changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import strawberry

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate import Claim as StoredClaim
from ogpgraph.graphql.errors import keep_damage
from ogpgraph.graphql.scalars import DateTime, FieldValue
from ogpgraph.readmodel.entry import FieldChange, TextReference, iter_fields
from ogpgraph.readmodel.snapshot import Snapshot


def claim_as_json(snapshot: Snapshot, state: Aggregate, path: str, claim: StoredClaim) -> Any:
    """Return the value of a claim as JSON, with texts in place of references; a rating is an object of its fields."""
    fields = [(name[len(path) + 1 :], value) for name, value in iter_fields(path, claim.value)]
    values = {name: field_as_json(snapshot, state, path, value) for name, value in fields}
    return values.get("", values)


def field_as_json(snapshot: Snapshot, state: Aggregate, path: str, value: Any) -> Any:
    """Return the value of a field as JSON, with texts in place of references."""
    if not isinstance(value, TextReference):
        return value
    if value.texts is not None:
        return [snapshot.text(state, path, reference) for reference in value.texts]
    return snapshot.text(state, path, value.text or "")


@strawberry.type(description="A field that an entry changed, or in which two states differ.")
class Change:
    path: str = strawberry.field(
        description="The path of the field, such as `title/en` or `ratings/COMPLETION/RESULTS/state`. A path that "
        "begins with `claims/` is about the claim of one source; the current value has not changed."
    )
    before: FieldValue | None = strawberry.field(description="The value before; null if there was none.")
    after: FieldValue | None = strawberry.field(description="The value after; null if there is none any more.")

    @classmethod
    def of(cls, change: FieldChange, find_text: Callable[[str], str | None]) -> Change:
        """Return a change with its texts in place of their references."""
        before, after = change.before, change.after
        if isinstance(before, TextReference):
            before = keep_damage(_replace_references, before, find_text)
        if isinstance(after, TextReference):
            after = keep_damage(_replace_references, after, find_text)
        return cls(path=change.path, before=before, after=after)


def _replace_references(stored: TextReference, find_text: Callable[[str], str | None]) -> FieldValue:
    if stored.texts is not None:
        return FieldValue([find_text(reference) for reference in stored.texts])
    return FieldValue(find_text(stored.text or ""))


@strawberry.type(
    description="The interval in which a change happened: after one observation of a source and no later than another."
)
class Interval:
    after: DateTime | None = strawberry.field(
        description="The last observation of the value before; null if there was no earlier observation."
    )
    before: DateTime = strawberry.field(description="The first observation of the new value, or when it was stated.")

    @classmethod
    def of(cls, after: datetime | None, before: datetime) -> Interval:
        """Return the interval between two moments."""
        return cls(after=DateTime(after) if after else None, before=DateTime(before))
