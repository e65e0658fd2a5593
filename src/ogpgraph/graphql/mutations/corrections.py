"""Mutations that put the record right: one entry, or all of an import or request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import strawberry

from ogpgraph.application.commands import corrections
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.commitment import validate_rating
from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.domain.event import Facts
from ogpgraph.domain.values import Rating, TextListValue, TextValue, TranslationKind, Value
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.context import MutationContext, by_id, run_mutation
from ogpgraph.graphql.mutations.descriptions import describe_mutation
from ogpgraph.graphql.mutations.inputs import (
    MAX_ITEMS,
    MutationInput,
    is_set,
    normalize_policy_areas,
    normalize_text,
    normalize_texts,
)
from ogpgraph.graphql.mutations.payloads import RevertPayload, SubjectPayload
from ogpgraph.graphql.scalars import FieldValue
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.read_session import require_caught_up

MAX_REVERTED_ENTRIES = 20_000


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
class CorrectInput(MutationInput):
    entry: strawberry.ID = strawberry.field(description="The entry that was wrong, by its id or its position.")
    changes: list[CorrectedFieldInput] = strawberry.field(description="The fields that it recorded wrongly.")


@strawberry.input(description="An import or request that should not have been.")
class RevertImportInput(MutationInput):
    correlation_id: strawberry.ID = strawberry.field(
        description="The `correlationId` that all its entries have in common."
    )


@strawberry.type
class CorrectionMutations:
    """What puts the record right."""

    @strawberry.mutation(
        description=describe_mutation(
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

        def commands(context: MutationContext) -> None:
            if entry is None:
                context.authorize()
                raise NotFound(f"there is no entry {input.entry[:80]}", "entry")
            subject = context.uow.aggregate(entry.stream)
            values = CorrectedValues(
                context, subject, {change.path.strip("/"): change.value for change in input.changes}
            )
            context.authorize([context.member_code(subject)], ["entry", "changes", *values.fields()])
            context.check_revision(subject)
            _require_reason(input, "a correction")
            if not 0 < len(input.changes) <= MAX_ITEMS:
                raise Invalid(f"a correction changes 1 to {MAX_ITEMS} fields", "changes")
            corrections.correct_event(context.uow, subject.id, entry.event_id, values.facts(), context.provenance)

        return SubjectPayload.of(run_mutation(info, input, by_id(entry.stream if entry else ""), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "revertImport",
            "Undoes all that one import (or request) stated, as if it had never been: what its sources said before "
            "counts again, what was stated later stays, and all of it stays readable. It needs a `reason`.",
            f"an import that is not known, or that has more than {MAX_REVERTED_ENTRIES:,} entries",
        )
    )
    def revert_import(self, info: Info, input: RevertImportInput) -> RevertPayload:
        """Revert an import."""
        session = info.context.session
        streams = session.at_head().find_correlated_streams(str(input.correlation_id), MAX_REVERTED_ENTRIES)
        stop = session.projection_failure()

        def commands(context: MutationContext) -> None:
            context.authorize()
            _require_reason(input, "undoing an import")
            require_caught_up(stop)
            if streams is None:
                raise Invalid(f"it has more than {MAX_REVERTED_ENTRIES:,} entries", "correlationId")
            corrections.revert(context.uow, str(input.correlation_id), streams, context.provenance)

        return RevertPayload.of(run_mutation(info, input, by_id(""), commands), input.correlation_id)


def _entry(info: Info, key: str) -> Entry | None:
    now = info.context.session.at_head()
    found = now.find_entry_by_event(key)
    return found or (now.find_entry(int(key)) if key.isascii() and key.isdigit() and len(key) < 16 else None)


def _require_reason(sent: MutationInput, what: str) -> None:
    if not is_set(sent.reason):
        raise Invalid(f"{what} needs a reason", "reason")


FIELD = "changes"


class RatingInput(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A rating as `blame` shows it."""

    state: RatingState = RatingState.RATED
    value: RatingValue | None = None
    stated_as: str | None = None
    irm_report: str | None = None


class CorrectedValues:
    """The corrected fields of one subject, by path."""

    def __init__(self, context: MutationContext, subject: Aggregate, changes: Mapping[str, Any]) -> None:
        self._context = context
        self._subject = subject
        self._noun = AGGREGATE_TYPES[subject.type]
        self._changes = {_rating_path(path): value for path, value in changes.items()}

    def fields(self) -> list[str]:
        """Return the rows of the table of rights that the paths belong to; raises Invalid for an unknown path."""
        for path in self._changes:
            self._noun.find_path(path)
        return list(dict.fromkeys(f"{self._subject.type}/{path.partition('/')[0]}" for path in self._changes))

    def facts(self) -> Facts:
        """Return path → value as the record keeps it; raises Invalid for a value of another form."""
        return {path: self._to_stored(path, value) for path, value in self._changes.items()}

    def _to_stored(self, path: str, value: Any) -> Value | None:
        if value is None:
            return None
        form = self._noun.find_path(path).type
        if form is TextValue:
            return self._context.uow.text_value(normalize_text(_text(path, value), FIELD), self._translation_kind(path))
        if form is TextListValue:
            texts = tuple(self._context.uow.text_ref(each) for each in normalize_texts(_texts(path, value), FIELD))
            return TextListValue(texts, self._translation_kind(path))
        if form is Rating:
            return self._rating(path, value)
        if path == "policyAreas":
            return normalize_policy_areas(_texts(path, value))
        return tuple(value) if isinstance(value, list) else value  # `say` checks the form

    def _rating(self, path: str, value: Any) -> Rating:
        try:
            given = msgspec.convert({"value": value} if isinstance(value, str) else value, RatingInput)
        except msgspec.ValidationError as error:
            raise Invalid(f"{path}: {error}", FIELD) from error
        text_ref = self._context.uow.text_ref
        stated_as = text_ref(normalize_text(given.stated_as, FIELD)) if given.stated_as else None
        irm_report = text_ref(normalize_text(given.irm_report, FIELD)) if given.irm_report else None
        return validate_rating(Indicator(path.split("/")[1]), Rating(given.state, given.value, stated_as, irm_report))

    def _translation_kind(self, path: str) -> TranslationKind:
        known = self._subject.value(path)
        return known.translation_kind if isinstance(known, (TextValue, TextListValue)) else TranslationKind.ORIGINAL


def _rating_path(path: str) -> str:
    """Return the path of a rating for that of its value, which is how `changes` of an entry tell of it."""
    return path.removesuffix("/value") if path.startswith("ratings/") else path


def _text(path: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{path} is a text", FIELD)
    return value


def _texts(path: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Invalid(f"{path} is a list of texts", FIELD)
    return value
