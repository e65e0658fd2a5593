"""What mutations return: the thing as it stands after, the entries that were recorded, and what was refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import strawberry

from ogpgraph.domain.aggregate import Aggregate
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


@strawberry.enum(description="Why something was refused: stable, for programs to act on.")
class ErrorCode(Enum):
    """The codes of refusals."""

    UNAUTHENTICATED = strawberry.enum_value("UNAUTHENTICATED", description="Only known accounts may write.")
    FORBIDDEN = strawberry.enum_value("FORBIDDEN", description="The account may not do this, or not to this member.")
    RATE_LIMITED = strawberry.enum_value("RATE_LIMITED", description="Too much was written within a minute.")
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="There is no such thing.")
    INVALID = strawberry.enum_value("INVALID", description="A value has not the form or the word its field needs.")
    CONFLICT = strawberry.enum_value(
        "CONFLICT", description="It contradicts what is so, or others kept writing at the same moment."
    )
    STALE_REVISION = strawberry.enum_value(
        "STALE_REVISION", description="The thing changed since it was last read; `changes` says what."
    )
    IDEMPOTENCY_KEY_REUSED = strawberry.enum_value(
        "IDEMPOTENCY_KEY_REUSED", description="The key came before, with other content."
    )


@strawberry.type(description="Why a mutation was refused. Nothing of it was recorded.")
class UserError:
    """A refusal."""

    code: ErrorCode = strawberry.field(description="Which refusal it is.")
    message: str = strawberry.field(description="What is wrong, for people.")
    path: list[str] = strawberry.field(description="The field of the input at fault, from `input` down.")
    current_revision: int | None = strawberry.field(
        default=None, description="Where the revision is stale: the revision that the thing has now."
    )
    changes: list[Change] | None = strawberry.field(
        default=None,
        description="Where the revision is stale: what changed since the expected one, each field with its value then "
        "and now.",
    )


@dataclass(frozen=True)
class MutationOutcome:
    """What became of a mutation: the subject as it stands after, or refusals."""

    entries: list[Entry]
    errors: list[UserError]
    state: Aggregate | None = None
    snapshot: Snapshot | None = None

    def subject(self, kind: type[S]) -> S | None:
        """Return the changed thing, None where nothing of that kind was found."""
        node = build_subject(self.state, self.snapshot) if self.state and self.snapshot else None
        return node if isinstance(node, kind) else None


@strawberry.interface(description="What every mutation returns.")
class Payload:
    """A payload."""

    entries: list[Entry] = strawberry.field(
        description="The entries that were recorded; none where all was so already, or something was refused."
    )
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty where it was not.")


@strawberry.type(description="A changed member.")
class MemberPayload(Payload):
    member: Member | None = strawberry.field(description="The member as it stands after.")

    @classmethod
    def of(cls, outcome: MutationOutcome) -> MemberPayload:
        """Return the payload of an outcome."""
        return cls(entries=outcome.entries, errors=outcome.errors, member=outcome.subject(Member))


@strawberry.type(description="A changed action plan.")
class ActionPlanPayload(Payload):
    action_plan: ActionPlan | None = strawberry.field(description="The plan as it stands after.")

    @classmethod
    def of(cls, outcome: MutationOutcome) -> ActionPlanPayload:
        """Return the payload of an outcome."""
        return cls(entries=outcome.entries, errors=outcome.errors, action_plan=outcome.subject(ActionPlan))


@strawberry.type(description="A changed commitment.")
class CommitmentPayload(Payload):
    commitment: Commitment | None = strawberry.field(description="The commitment as it stands after.")

    @classmethod
    def of(cls, outcome: MutationOutcome) -> CommitmentPayload:
        """Return the payload of an outcome."""
        return cls(entries=outcome.entries, errors=outcome.errors, commitment=outcome.subject(Commitment))


@strawberry.type(description="A commitment with a changed milestone.")
class MilestonePayload(Payload):
    commitment: Commitment | None = strawberry.field(description="The commitment as it stands after.")
    milestone: Milestone | None = strawberry.field(description="The milestone as it stands after.")

    @classmethod
    def of(cls, outcome: MutationOutcome, number: str) -> MilestonePayload:
        """Return the payload of an outcome."""
        commitment = outcome.subject(Commitment)
        milestone = Milestone(number=number, owner=commitment) if commitment else None
        return cls(entries=outcome.entries, errors=outcome.errors, commitment=commitment, milestone=milestone)


@strawberry.type(description="Something that was put right.")
class SubjectPayload(Payload):
    subject: Subject | None = strawberry.field(description="The thing as it stands after.")

    @classmethod
    def of(cls, outcome: MutationOutcome) -> SubjectPayload:
        """Return the payload of an outcome."""
        return cls(entries=outcome.entries, errors=outcome.errors, subject=outcome.subject(Subject))


@strawberry.type(description="An import or request that was undone.")
class RevertPayload(Payload):
    correlation_id: strawberry.ID = strawberry.field(description="The import or request that was to be undone.")
    subjects: list[Subject] = strawberry.field(description="Everything that changed, as it stands after.")

    @classmethod
    def of(cls, outcome: MutationOutcome, correlation: strawberry.ID) -> RevertPayload:
        """Return the payload of an outcome."""
        streams = dict.fromkeys(entry.entry.stream for entry in outcome.entries)
        found = outcome.snapshot.find_many(streams).values() if outcome.snapshot else ()
        subjects = [build_subject(state, outcome.snapshot) for state in found if outcome.snapshot]
        return cls(entries=outcome.entries, errors=outcome.errors, correlation_id=correlation, subjects=subjects)


@strawberry.type(description="An account with other rights.")
class AccountPayload(Payload):
    account: Account | None = strawberry.field(description="The account as it stands after.")

    @classmethod
    def of(cls, outcome: MutationOutcome) -> AccountPayload:
        """Return the payload of an outcome."""
        return cls(entries=outcome.entries, errors=outcome.errors, account=outcome.subject(Account))
