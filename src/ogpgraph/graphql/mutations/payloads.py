"""What mutations return: what a command has recorded, its refusals and the changed objects.

The type of a payload follows from what the command returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import strawberry
from graphql import GraphQLError

from ogpgraph.application.command_runner import CommandRequest
from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of
from ogpgraph.domain.command import Returned
from ogpgraph.domain.correction import RecordedEntry
from ogpgraph.domain.errors import RefusalCode
from ogpgraph.domain.milestone_number import normalize_milestone_number
from ogpgraph.domain.unit_of_work import Receipt
from ogpgraph.graphql.accounts import Account
from ogpgraph.graphql.changes import Change
from ogpgraph.graphql.errors import FieldErrorCode, client_error
from ogpgraph.graphql.scalars import Position
from ogpgraph.graphql.subject import Entry, Subject
from ogpgraph.graphql.types import ActionPlan, Commitment, Member, Milestone
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.readmodel.snapshot import Snapshot

S = TypeVar("S", bound=Subject)


@strawberry.type(description="Why a mutation was refused. A refused mutation records nothing.")
class UserError:
    """A refusal as clients see it."""

    code: RefusalCode = strawberry.field(description="The kind of refusal.")
    message: str = strawberry.field(description="The reason, in English, for people.")
    path: list[str] = strawberry.field(
        description='The field of the input that caused the refusal, such as `["input", "endsOn"]`; `["input"]` alone '
        "where no single field did."
    )
    current_revision: int | None = strawberry.field(
        default=None, description="With `STALE_REVISION`: the revision that the object has now. Otherwise null."
    )
    changes: list[Change] | None = strawberry.field(
        default=None,
        description="With `STALE_REVISION`: the fields that have changed since the expected revision, each with its "
        "value then and now. Otherwise null.",
    )


@strawberry.type(description="What a request changes of one object, or would change.")
class ObjectChanges:
    """The changes of one aggregate."""

    subject: Subject = strawberry.field(
        description="The object: after the mutation, with `dryRun` as it is at present."
    )
    changes: list[Change] = strawberry.field(
        description="Its changed fields, each with its value before and after. A path that begins with `claims/` is "
        "about the claim of one source; the current value does not change."
    )


class Recorded:
    """What a mutation has recorded, as of its last event. Most clients ask for little, so it is read when they do."""

    def __init__(self, session: ReadSession, receipt: Receipt[None], request: CommandRequest) -> None:
        """Raise RECORDED_BUT_NOT_SHOWN where the session does not show the events yet."""
        self._session = session
        self._receipt = receipt
        self._request = request
        if receipt.positions and receipt.positions[-1] > session.log_position:
            raise _not_shown(receipt)

    @cached_property
    def snapshot(self) -> Snapshot:
        """The snapshot at the last event, so that a repeated request gets the first result; or at the head."""
        if not self._receipt.events:
            return self._session.at_head()
        last = self._find_last_position()
        snapshot = self._session.at(last)
        # The first result may be the past by now: under plain ids, clients would take it for the present.
        return snapshot.pinned if self._receipt.repeated and last < self._session.head else snapshot

    def _find_last_position(self) -> int:
        """Return the position of the last event; raises RECORDED_BUT_NOT_SHOWN."""
        head, events = self._session.at_head(), self._receipt.events
        # Nearly always they are the newest ones, which one statement loads.
        newest = self._session.load_entries(range(max(1, head.position - len(events) + 1), head.position + 1))
        last = newest.get(head.position)
        if last is not None and last.is_whole and last.event_id == events[-1]:
            return head.position
        first = head.find_entry_by_event(events[0])
        if first is None:
            raise _not_shown(self._receipt)
        # The entries of a save are consecutive, and the projection never commits only a part of them.
        return first.position + len(events) - 1

    @cached_property
    def entries(self) -> list[Entry]:
        """The recorded entries, in their order."""
        snapshot = self.snapshot
        positions = range(snapshot.position - len(self._receipt.events) + 1, snapshot.position + 1)
        entries = (snapshot.find_entry(position) for position in positions)
        return [Entry.of(entry, snapshot) for entry in entries if entry]

    @cached_property
    def aggregate(self) -> Aggregate | None:
        """The changed aggregate."""
        return _find_subject(self._request, self.snapshot, [entry.entry.stream for entry in self.entries])


def _find_subject(request: CommandRequest, snapshot: Snapshot, streams: Sequence[str]) -> Aggregate | None:
    """Return the aggregate that a command refers to first, or the one that it registered; None if there is none."""
    registered, subject = request.declaration.registers, request.declaration.subject
    if registered:
        return _find_first(snapshot, registered, streams)
    if subject is None or subject.reference is None:
        return None
    found = request.found.get(subject.name)
    if found is not None:
        return snapshot.find(found.stream) if isinstance(found, RecordedEntry) else None
    key, aggregate_type = str(request.sent[subject.name]).strip(), subject.reference.referenced
    if key.startswith(f"{aggregate_type}-"):
        return snapshot.find(key)
    # A code that the command released no longer finds its subject.
    return snapshot.find_by_code(aggregate_type, key) or _find_first(snapshot, aggregate_type, streams)


def _find_first(snapshot: Snapshot, aggregate_type: str, streams: Sequence[str]) -> Aggregate | None:
    stream = next((each for each in streams if aggregate_type_of(each) == aggregate_type), None)
    return snapshot.find(stream) if stream else None


def _not_shown(receipt: Receipt[None]) -> GraphQLError:
    # The projection has stopped before this save. The events are stored, so a plain failure would be misleading: the
    # client would send the mutation again.
    message = f"it was recorded as event {receipt.events[0]}, but cannot be shown yet: see meta.projector"
    return client_error(message, FieldErrorCode.RECORDED_BUT_NOT_SHOWN)


@dataclass(frozen=True)
class MutationOutcome:
    """The result of a mutation: what it has recorded, or refusals.

    `sent` are the inputs of its command, by name. `previewed` is what a dry run would change.
    """

    recorded: Recorded | None = None
    errors: list[UserError] = field(default_factory=list)
    sent: Mapping[str, Any] = field(default_factory=dict)
    previewed: list[ObjectChanges] | None = None

    @property
    def entries(self) -> list[Entry]:
        """The recorded entries, in their order."""
        return self.recorded.entries if self.recorded else []

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot at which the result is read, None if the mutation was refused."""
        return self.recorded.snapshot if self.recorded else None

    def subject(self, subject_type: type[S]) -> S | None:
        """Return the changed object, None if the mutation was refused."""
        if self.recorded is None or self.recorded.aggregate is None:
            return None
        subject = Subject.of(self.recorded.aggregate, self.recorded.snapshot)
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

    @strawberry.field(
        description="Whether the mutation changed a current value of any object. It did not if everything was recorded "
        "already, or if what it recorded concerns the past or a claim that is not the current one: a correction of a "
        "value that was replaced later, for example."
    )
    def changes_present(self) -> bool:
        recorded = [change.path for shown in self.outcome.entries for change in shown.entry.changes]
        previewed = [change.path for each in self.outcome.previewed or () for change in each.changes]
        # An entry without an effect on a current value shows the changed claim of its source instead.
        return any(not path.startswith("claims/") for path in (*recorded, *previewed))

    @strawberry.field(
        description="The position at which the result is read: that of the last of `entries`, or the newest one if "
        "there are none. Null if the mutation was refused."
    )
    def position(self) -> Position | None:
        return Position(self.outcome.snapshot.position) if self.outcome.snapshot else None

    @strawberry.field(
        description="The root of the log's Merkle tree (RFC 6962) at `position`: 64 hexadecimal digits. With it, the "
        "position is recognized as one of this history of the log. Null if the mutation was refused."
    )
    def root_hash(self) -> str | None:
        return self.outcome.snapshot.root_hash if self.outcome.snapshot else None

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
        number = self.outcome.sent.get("new_number") or self.outcome.sent["number"]
        return Milestone(number=normalize_milestone_number(number), owner=commitment) if commitment else None


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

    @strawberry.field(
        description="All objects that were changed, after the mutation; with `dryRun` those that would be, at present."
    )
    def subjects(self) -> list[Subject]:
        return [each.subject for each in self.changes()]

    @strawberry.field(description="What was changed, object by object; with `dryRun` what would be changed.")
    def changes(self) -> list[ObjectChanges]:
        if self.outcome.previewed is not None:
            return self.outcome.previewed
        snapshot, entries = self.outcome.snapshot, self.outcome.entries
        found = snapshot.find_many(entry.entry.stream for entry in entries) if snapshot else {}
        return [
            ObjectChanges(subject=Subject.of(found[entry.entry.stream], entry.snapshot), changes=entry.changes())
            for entry in entries
        ]

    @strawberry.field(description="Whether nothing was recorded, because the input said `dryRun: true`.")
    def dry_run(self) -> bool:
        return self.outcome.previewed is not None


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
