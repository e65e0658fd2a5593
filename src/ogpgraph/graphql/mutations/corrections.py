"""Mutations that put the record right: one entry, or all of an import or request."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.desk import Desk, carry_out, identified
from ogpgraph.graphql.mutations.corrected import CorrectedValues
from ogpgraph.graphql.mutations.describing import described
from ogpgraph.graphql.payloads import RevertPayload, SubjectPayload
from ogpgraph.graphql.scalars import FieldValue
from ogpgraph.graphql.write_inputs import MOST_ITEMS, WriteInput, given
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.model import require_all_shown

MOST_REVERTED = 20_000


@strawberry.input(description="A field that an entry recorded wrongly, with what is right.")
class CorrectedFieldInput:
    path: str = strawberry.field(
        description="The field as `blame` names it, such as `title/en`, `endsOn`, `milestones/14.1/status` or "
        "`ratings/COMPLETION/RESULTS`."
    )
    value: FieldValue | None = strawberry.field(
        default=None,
        description="What is right, in the form in which `blame` gives it: a text, a list of texts, a word of the "
        'vocabulary, for a rating its value or `{"state": …, "value": …}`. Null takes back what people recorded.',
    )


@strawberry.input(description="An entry that was wrong.")
class CorrectInput(WriteInput):
    entry: strawberry.ID = strawberry.field(description="The entry that was wrong, by its id or its position.")
    changes: list[CorrectedFieldInput] = strawberry.field(description="The fields that it recorded wrongly.")


@strawberry.input(description="An import or request that should not have been.")
class RevertImportInput(WriteInput):
    correlation_id: strawberry.ID = strawberry.field(
        description="The `correlationId` that all its entries have in common."
    )


@strawberry.type
class CorrectionMutations:
    """What puts the record right."""

    @strawberry.mutation(
        description=described(
            "correct",
            "Puts right what one entry recorded wrongly, naming the entry and (in `reason`, which it needs) why. "
            "History shows both, `blame` points to the correction, and what was believed before stays readable at its "
            "position. Each field belongs to whoever may write it otherwise: a government's to its reporters, the "
            "IRM's to reviewers.",
            "an entry that is not known, a field that the entry does not speak of, a value that is so already, and "
            "taking back what a published page states",
        )
    )
    def correct(self, info: Info, input: CorrectInput) -> SubjectPayload:
        """Correct an entry."""
        entry = _entry(info, str(input.entry).strip())

        def commands(desk: Desk) -> None:
            if entry is None:
                desk.permit()
                raise NotFound(f"there is no entry {input.entry[:80]}", "entry")
            subject = desk.session.subject(entry.stream)
            values = CorrectedValues(desk, subject, {change.path.strip("/"): change.value for change in input.changes})
            desk.permit([desk.member_of(subject)], ["entry", "changes", *values.fields()])
            desk.expect(subject)
            _require_reason(input, "a correction")
            if not 0 < len(input.changes) <= MOST_ITEMS:
                raise Invalid(f"a correction changes 1 to {MOST_ITEMS} fields", "changes")
            desk.session.correct_event(subject.id, entry.event_id, values.facts(), desk.basis)

        return SubjectPayload.of(carry_out(info, input, identified(entry.stream if entry else ""), commands))

    @strawberry.mutation(
        description=described(
            "revertImport",
            "Undoes all that one import (or request) stated, as if it had never been: what its sources said before "
            "counts again, what was stated later stays, and all of it stays readable. It needs a `reason`.",
            f"an import that is not known, or that has more than {MOST_REVERTED:,} entries",
        )
    )
    def revert_import(self, info: Info, input: RevertImportInput) -> RevertPayload:
        """Revert an import."""
        streams, stop = _streams_of(info, input.correlation_id), info.context.reading.stop()

        def commands(desk: Desk) -> None:
            desk.permit()
            _require_reason(input, "undoing an import")
            require_all_shown(stop)
            if streams is None:
                raise Invalid(f"it has more than {MOST_REVERTED:,} entries", "correlationId")
            desk.session.revert(str(input.correlation_id), streams, desk.basis)

        return RevertPayload.of(carry_out(info, input, identified(""), commands), input.correlation_id)


def _entry(info: Info, key: str) -> Entry | None:
    now = info.context.reading.now()
    found = now.entry_of(key)
    return found or (now.entry_at(int(key)) if key.isascii() and key.isdigit() and len(key) < 16 else None)


def _streams_of(info: Info, correlation: str) -> list[str] | None:
    """Return the streams that an import wrote to, None where there are too many entries to undo at once."""
    rows = info.context.reading.transaction.rows(
        "select stream from entry where correlation = :correlation order by position limit :most",
        correlation=correlation,
        most=MOST_REVERTED + 1,
    )
    return list(dict.fromkeys(row["stream"] for row in rows)) if len(rows) <= MOST_REVERTED else None


def _require_reason(sent: WriteInput, what: str) -> None:
    if not given(sent.reason):
        raise Invalid(f"{what} needs a reason", "reason")
