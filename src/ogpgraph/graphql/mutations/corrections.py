"""Mutations that correct the record: fields of one entry, or everything that an import or a request recorded."""

from __future__ import annotations

from functools import partial
from typing import Any

import strawberry

from ogpgraph.application.translation import MAX_LIST_ITEMS, to_stored_value
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.correction import correct, revert
from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.domain.event import Facts
from ogpgraph.domain.values import TextListValue, TextValue, TranslationKind
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.context import MutationContext, Payload, by_id, mutation, run_mutation
from ogpgraph.graphql.mutations.inputs import MutationInput, is_set
from ogpgraph.graphql.scalars import FieldValue
from ogpgraph.graphql.types import Subject, build_subject
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.model import require_caught_up
from ogpgraph.readmodel.projector import ProjectionFailure

MAX_REVERTED_ENTRIES = 20_000


@strawberry.type(description="An object with corrected fields.")
class SubjectPayload(Payload):
    @strawberry.field(description="The object after the mutation; null if it was refused.")
    def subject(self) -> Subject | None:
        return self.outcome.subject(Subject)


@strawberry.type(description="The result of reverting an import or a request.")
class RevertPayload(Payload):
    correlation_id: strawberry.ID = strawberry.field(description="The `correlationId` of the input.")

    @strawberry.field(description="All objects that were changed, after the mutation.")
    def subjects(self) -> list[Subject]:
        snapshot = self.outcome.snapshot
        if snapshot is None:
            return []
        streams = [entry.entry.stream for entry in self.outcome.entries]
        return [build_subject(aggregate, snapshot) for aggregate in snapshot.find_many(streams).values()]


@strawberry.input(description="A field that an entry recorded wrongly, and its correct value.")
class CorrectedFieldInput:
    path: str = strawberry.field(
        description="The path of the field, as in `blame` and in the `changes` of the entry: `title/en`, `endsOn`, "
        "`milestones/14.1/status`, `ratings/COMPLETION/RESULTS`."
    )
    value: FieldValue | None = strawberry.field(
        default=None,
        description="The correct value, in the form in which `blame` shows it: a text, a list of texts, a date, an "
        'enum value; for a rating its value, or `{"state": …, "value": …, "statedAs": …, "irmReport": …}`. '
        "Omitted or null: what people recorded is withdrawn without a replacement.",
    )


@strawberry.input(description="A correction of one entry; it needs a `reason`.")
class CorrectInput(MutationInput):
    entry: strawberry.ID = strawberry.field(description="The wrong entry, by its id or its position.")
    changes: list[CorrectedFieldInput] = strawberry.field(
        description="The fields that the entry recorded wrongly: 1 to 200."
    )


@strawberry.input(description="The import or request to revert; it needs a `reason`.")
class RevertImportInput(MutationInput):
    correlation_id: strawberry.ID = strawberry.field(
        description="The `correlationId` that all entries of the import or request have in common."
    )


@strawberry.type
class CorrectionMutations:
    @mutation(
        "Corrects fields that one entry recorded wrongly. The history shows both entries, `blame` leads to the "
        "correction, and the wrong values stay readable at their positions. A field can be corrected by whoever may "
        "record it: a government's fields by reporters, the IRM's by reviewers, all by administrators.",
        not_found="if the entry is unknown",
        invalid="if there is no reason, the entry does not state one of the fields, or a value does not fit its field",
        conflict="if a value is recorded already, or null is sent for a value that a published page states",
    )
    def correct(self, info: Info, input: CorrectInput) -> SubjectPayload:
        entry = _find_entry(info, str(input.entry).strip())
        find = by_id(entry.stream if entry else "")
        return SubjectPayload(outcome=run_mutation(info, input, find, partial(_correct, entry)))

    @mutation(
        "Reverts everything that one import or request recorded, as if it had never been recorded: what its sources "
        "stated before applies again, and what was recorded later stays. The reverted entries stay readable at their "
        "positions.",
        not_found="if no entry has this `correlationId`",
        invalid=f"if there is no reason, the import has more than {MAX_REVERTED_ENTRIES:,} entries, or it changed the "
        "rights of accounts",
        conflict="if a later merger prevents a commitment from being separate again, or not all entries can be shown "
        "at the moment",
    )
    def revert_import(self, info: Info, input: RevertImportInput) -> RevertPayload:
        session = info.context.session
        streams = session.at_head().find_correlated_streams(str(input.correlation_id), MAX_REVERTED_ENTRIES)
        command = partial(_revert_import, streams, session.projection_failure())
        outcome = run_mutation(info, input, by_id(""), command)
        return RevertPayload(outcome=outcome, correlation_id=input.correlation_id)


def _correct(entry: Entry | None, context: MutationContext, input: CorrectInput) -> None:
    if entry is None:
        context.authorize()
        raise NotFound(f"there is no entry {input.entry[:80]}", "entry")
    aggregate = context.uow.aggregate(entry.stream)
    changes = {_rating_path(change.path.strip("/")): change.value for change in input.changes}
    context.authorize([context.member_code(aggregate)], ["entry", "changes", *_permission_rows(aggregate, changes)])
    context.check_revision(aggregate)
    _require_reason(input, "a correction")
    if not 0 < len(input.changes) <= MAX_LIST_ITEMS:
        raise Invalid(f"a correction changes 1 to {MAX_LIST_ITEMS} fields", "changes")
    facts = _corrected_facts(context, aggregate, changes)
    correct(context.uow, aggregate, entry.event_id, facts, context.provenance)


def _revert_import(
    streams: list[str] | None, failure: ProjectionFailure | None, context: MutationContext, input: RevertImportInput
) -> None:
    context.authorize()
    _require_reason(input, "reverting an import")
    require_caught_up(failure)
    if streams is None:
        raise Invalid(f"it has more than {MAX_REVERTED_ENTRIES:,} entries", "correlationId")
    revert(context.uow, str(input.correlation_id), streams, context.provenance)


def _find_entry(info: Info, key: str) -> Entry | None:
    """Return the entry of an id or a position."""
    head = info.context.session.at_head()
    is_position = key.isascii() and key.isdigit() and len(key) < 16
    return head.find_entry_by_event(key) or (head.find_entry(int(key)) if is_position else None)


def _require_reason(input: MutationInput, action: str) -> None:
    if not is_set(input.reason):
        raise Invalid(f"{action} needs a reason", "reason")


def _rating_path(path: str) -> str:
    """Return the path of a rating for that of its value, which `changes` of an entry show separately."""
    return path.removesuffix("/value") if path.startswith("ratings/") else path


def _permission_rows(aggregate: Aggregate, changes: dict[str, Any]) -> list[str]:
    """Return the rows of the permissions of `correct` that some paths belong to; raises Invalid for an unknown path."""
    for path in changes:
        AGGREGATE_TYPES[aggregate.type].find_field(path)
    return list(dict.fromkeys(f"{aggregate.type}/{path.partition('/')[0]}" for path in changes))


def _corrected_facts(context: MutationContext, aggregate: Aggregate, changes: dict[str, Any]) -> Facts:
    """Return path → value as stored, None where it is withdrawn; raises Invalid."""
    facts: Facts = {}
    for path, value in changes.items():
        declared, kind = AGGREGATE_TYPES[aggregate.type].find_field(path), _translation_kind(aggregate, path)
        facts[path] = None if value is None else to_stored_value(context.uow, declared.type, value, path, kind)
    return facts


def _translation_kind(aggregate: Aggregate, path: str) -> TranslationKind:
    """Return the kind of the text at a path, which a correction does not change."""
    current = aggregate.value(path)
    return current.translation_kind if isinstance(current, (TextValue, TextListValue)) else TranslationKind.ORIGINAL
