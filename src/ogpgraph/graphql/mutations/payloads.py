"""The payloads of mutations: recorded entries and refusals, and the changed objects, by what a command returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

import strawberry

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.command import Returned
from ogpgraph.graphql.types import (
    Account,
    ActionPlan,
    Change,
    Commitment,
    Entry,
    Member,
    Milestone,
    Subject,
    build_subject,
)
from ogpgraph.readmodel.snapshot import Snapshot

S = TypeVar("S", bound=Subject)


@strawberry.enum(description="Why a mutation was refused: stable, for programs to act on.")
class ErrorCode(Enum):
    """The codes of refusals."""

    UNAUTHENTICATED = strawberry.enum_value(
        "UNAUTHENTICATED",
        description="The request has no token, or the token was revoked before the change was recorded.",
    )
    FORBIDDEN = strawberry.enum_value(
        "FORBIDDEN",
        description="The account has no role that may use this field of this mutation, or not for this member.",
    )
    RATE_LIMITED = strawberry.enum_value(
        "RATE_LIMITED",
        description="The account or the address sent too many mutations; `message` says how long to wait.",
    )
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="An object that the input refers to does not exist.")
    INVALID = strawberry.enum_value(
        "INVALID", description="A value does not have the format of its field, or is not in its vocabulary."
    )
    CONFLICT = strawberry.enum_value(
        "CONFLICT",
        description="The change contradicts the record: a code is taken, for example. Or concurrent changes of the "
        "same objects prevented it; then sending it again helps.",
    )
    STALE_REVISION = strawberry.enum_value(
        "STALE_REVISION",
        description="The object has changed since `expectedRevision`; `currentRevision` and `changes` say how.",
    )
    IDEMPOTENCY_KEY_REUSED = strawberry.enum_value(
        "IDEMPOTENCY_KEY_REUSED", description="The idempotency key was used before, with another input."
    )


@strawberry.type(description="Why a mutation was refused. A refused mutation records nothing.")
class UserError:
    """A refusal as clients see it."""

    code: ErrorCode = strawberry.field(description="The kind of refusal.")
    message: str = strawberry.field(description="The reason, in English, for people.")
    path: list[str] = strawberry.field(
        description='The field of the input that caused the refusal, such as `["input", "endsOn"]`; `["input"]` alone '
        "where no single field did."
    )
    current_revision: int | None = strawberry.field(
        default=None, description="With `STALE_REVISION`: the revision that the object has now."
    )
    changes: list[Change] | None = strawberry.field(
        default=None,
        description="With `STALE_REVISION`: the fields that have changed since the expected revision, each with its "
        "value then and now.",
    )


@dataclass(frozen=True)
class MutationOutcome:
    """The result of a mutation: the recorded entries and the changed aggregate after them, or refusals.

    `sent` are the inputs of its command, by name.
    """

    entries: list[Entry] = field(default_factory=list)
    errors: list[UserError] = field(default_factory=list)
    aggregate: Aggregate | None = None
    snapshot: Snapshot | None = None
    sent: Mapping[str, Any] = field(default_factory=dict)

    def subject(self, subject_type: type[S]) -> S | None:
        """Return the changed object, None if the mutation was refused."""
        if self.aggregate is None or self.snapshot is None:
            return None
        subject = build_subject(self.aggregate, self.snapshot)
        return subject if isinstance(subject, subject_type) else None


@strawberry.interface(description="What every mutation returns.")
class Payload:
    """The outcome of a mutation; each payload type adds fields that show the changed objects."""

    outcome: strawberry.Private[MutationOutcome]

    @strawberry.field(
        description="The entries that the mutation recorded, in order; empty if it was refused, or if everything was "
        "recorded already."
    )
    def entries(self) -> list[Entry]:
        return self.outcome.entries

    @strawberry.field(description="Why the mutation was refused; empty if it was not.")
    def errors(self) -> list[UserError]:
        return self.outcome.errors


@strawberry.type(description="A changed member.")
class MemberPayload(Payload):
    @strawberry.field(description="The member after the mutation; null if it was refused.")
    def member(self) -> Member | None:
        return self.outcome.subject(Member)


@strawberry.type(description="A changed action plan.")
class ActionPlanPayload(Payload):
    @strawberry.field(description="The action plan after the mutation; null if it was refused.")
    def action_plan(self) -> ActionPlan | None:
        return self.outcome.subject(ActionPlan)


@strawberry.type(description="A changed commitment.")
class CommitmentPayload(Payload):
    @strawberry.field(description="The commitment after the mutation; null if it was refused.")
    def commitment(self) -> Commitment | None:
        return self.outcome.subject(Commitment)


@strawberry.type(description="A commitment with a changed milestone.")
class MilestonePayload(Payload):
    @strawberry.field(description="The commitment after the mutation; null if it was refused.")
    def commitment(self) -> Commitment | None:
        return self.outcome.subject(Commitment)

    @strawberry.field(description="The milestone after the mutation; null if it was refused.")
    def milestone(self) -> Milestone | None:
        commitment = self.outcome.subject(Commitment)
        return Milestone(number=self.outcome.sent["number"], owner=commitment) if commitment else None


@strawberry.type(description="An object with corrected fields.")
class SubjectPayload(Payload):
    @strawberry.field(description="The object after the mutation; null if it was refused.")
    def subject(self) -> Subject | None:
        return self.outcome.subject(Subject)


@strawberry.type(description="The result of reverting an import or a request.")
class RevertPayload(Payload):
    @strawberry.field(description="The `correlationId` of the input.")
    def correlation_id(self) -> strawberry.ID:
        return strawberry.ID(self.outcome.sent["correlation_id"])

    @strawberry.field(description="All objects that were changed, after the mutation.")
    def subjects(self) -> list[Subject]:
        snapshot = self.outcome.snapshot
        if snapshot is None:
            return []
        streams = [entry.entry.stream for entry in self.outcome.entries]
        return [build_subject(aggregate, snapshot) for aggregate in snapshot.find_many(streams).values()]


@strawberry.type(description="An account with changed rights.")
class AccountPayload(Payload):
    @strawberry.field(description="The account after the mutation; null if it was refused.")
    def account(self) -> Account | None:
        return self.outcome.subject(Account)


PAYLOADS: Mapping[Returned, type[Payload]] = {
    "member": MemberPayload,
    "actionPlan": ActionPlanPayload,
    "commitment": CommitmentPayload,
    "milestone": MilestonePayload,
    "subject": SubjectPayload,
    "subjects": RevertPayload,
    "account": AccountPayload,
}
