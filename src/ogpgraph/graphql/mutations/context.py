"""Where a mutation is carried out: admitted, checked against the table of rights, recorded once, and answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import structs

from ogpgraph.application import CommandContext, Provenance, Receipt, UnitOfWork
from ogpgraph.application.commands import sources
from ogpgraph.auth.authorization import authorize
from ogpgraph.domain.account import rights_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Refusal, StaleRevision
from ogpgraph.domain.event import Facts
from ogpgraph.domain.values import TextListValue, TextValue, TranslationKind
from ogpgraph.graphql.context import Info, WriteAccess
from ogpgraph.graphql.errors import client_error
from ogpgraph.graphql.mutations.inputs import (
    MutationInput,
    canonical_request,
    input_field_names,
    is_set,
    normalize_policy_areas,
    normalize_text,
    normalize_texts,
    parse_idempotency_key,
    sent_field_names,
)
from ogpgraph.graphql.mutations.payloads import ErrorCode, MutationOutcome, UserError
from ogpgraph.graphql.types import Change, Entry
from ogpgraph.readmodel.read_session import ReadSession
from ogpgraph.readmodel.snapshot import Snapshot

MAX_ENTRIES = 200
SubjectFinder = Callable[[Snapshot], Aggregate | None]
"""Finds in a snapshot what a mutation changed."""
_ALIASES = {"code": ("commitment", "into")}
_TEXTS = frozenset({"title", "description", "name"})
_LISTS = frozenset({"leadInstitutions", "supportingInstitutions"})


class MutationContext:
    """One attempt at a mutation: a session, and the checks that come before anything is said in it."""

    def __init__(self, uow: UnitOfWork, mutation: str, sent: MutationInput, account: str) -> None:
        self.uow = uow
        self.provenance = Provenance(effective_on=sent.effective_on if is_set(sent.effective_on) else None)
        self._mutation = mutation
        self._sent = sent
        self._account = account
        self._is_authorized = False

    def authorize(self, members: Iterable[str | None] = (), fields: Iterable[str] | None = None) -> None:
        """Go on only if the account may use the fields that were sent on things of these members; raises Forbidden."""
        rights = rights_of(self.uow.assert_unchanged(self._account))
        used = sent_field_names(self._sent) if fields is None else fields
        self.uow.set_role(authorize(rights, self._mutation, used, members).lower())
        self._is_authorized = True
        self._cite_source()

    def finish(self) -> None:
        """End the attempt; raises RuntimeError where something was said that nobody permitted: a mistake of ours."""
        sources.discard_unused_source(self.uow, self.provenance.source)
        if self.uow.pending and not self._is_authorized:
            raise RuntimeError(f"{self._mutation} wrote without asking whether it may")

    def check_revision(self, subject: Aggregate) -> None:
        """Go on only if the thing has the revision that was expected, if one was; raises StaleRevision."""
        expected = self._sent.expected_revision
        if is_set(expected) and expected is not None and expected != subject.revision:
            raise StaleRevision(subject.id, expected, subject.revision)

    def check_is_new(self) -> None:
        """Go on only if nothing was expected of what does not exist yet, or revision 0; raises StaleRevision."""
        self.check_revision(Aggregate(""))

    def open_commitment(self, code: str) -> Aggregate:
        """Return a commitment by its code, now that it may be written to; raises NotFound, Forbidden, StaleRevision."""
        return self.open_commitments(code)[0]

    def open_commitments(self, *codes: str) -> list[Aggregate]:
        """Return commitments by their codes, now that all may be written to; the first is the one to be changed.

        Raises NotFound, Forbidden and StaleRevision.
        """
        found = [self.uow.require_by_code("commitment", code) for code in codes]
        self.authorize(self.member_code(each) for each in found)
        self.check_revision(found[0])
        return found

    def member_code(self, subject: Aggregate) -> str | None:
        """Return the code of the member that a thing belongs to, None where it belongs to none."""
        if subject.type == "member":
            return subject.string("code")
        owner = subject.string("member")
        return self.uow.aggregate(owner).string("code") if owner else None

    def text_value(
        self, text: str, field: str, translation_kind: TranslationKind = TranslationKind.ORIGINAL
    ) -> TextValue:
        """Return a wording by reference; raises Invalid."""
        return self.uow.text_value(normalize_text(text, field), translation_kind)

    def facts_from(
        self,
        sent: Any,
        *fields: str,
        language: str = "en",
        translation_kind: TranslationKind = TranslationKind.ORIGINAL,
    ) -> Facts:
        """Return what some fields of an input say, each at the path of its name; those not sent say nothing."""
        return {
            f"{field}/{language}" if field in _TEXTS | _LISTS else field: self._value(field, value, translation_kind)
            for field, name in ((field, snake_case(field)) for field in fields)
            if is_set(value := getattr(sent, name))
        }

    def _value(self, field: str, value: Any, translation_kind: TranslationKind) -> Any:
        if field in _TEXTS:
            return self.text_value(value, field, translation_kind)
        if field in _LISTS:
            return TextListValue(
                tuple(self.uow.text_ref(each) for each in normalize_texts(value, field)), translation_kind
            )
        if field == "policyAreas":
            return normalize_policy_areas(value)
        return getattr(value, "value", value)

    def _cite_source(self) -> None:
        if self.provenance.source is None and is_set(self._sent.source):
            source = sources.cite_source(self.uow, str(self._sent.source))
            self.provenance = structs.replace(self.provenance, source=source)


def snake_case(name: str) -> str:
    """Return a field's name as Python writes it."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


def by_code(kind: str, key: str) -> SubjectFinder:
    """Return the finder of what a code means, or an id where the key is one."""
    code = key.strip()
    return by_id(code) if code.startswith(f"{kind}-") else lambda snapshot: snapshot.find_by_code(kind, code)


def by_id(stream: str) -> SubjectFinder:
    """Return the finder of a thing by its id."""
    return lambda snapshot: snapshot.find(stream) if stream else None


def run_mutation(
    info: Info, sent: MutationInput, find: SubjectFinder, commands: Callable[[MutationContext], None]
) -> MutationOutcome:
    """Carry out a mutation by its commands, and find what it changed; refusals come back as data.

    The thing and the entries are read at the position of what was recorded, so a repeat is answered as the first time.
    """
    write_access, mutation = info.context.write_access, info.field_name
    if write_access is None:
        raise LookupError("this context cannot write")
    try:
        receipt = _record(write_access, mutation, sent, commands)
    except Refusal as refusal:
        write_access.log_refusal(mutation, refusal)
        info.context.session = write_access.reopen_session()
        return MutationOutcome([], [_user_error(refusal, sent, info.context.session)])
    info.context.session = write_access.reopen_session()
    return _build_outcome(info.context.session, receipt, find)


def _record(
    write_access: WriteAccess, mutation: str, sent: MutationInput, commands: Callable[[MutationContext], None]
) -> Receipt[None]:
    account = write_access.require_account()
    key = parse_idempotency_key(sent)
    act = CommandContext(
        actor=account,
        role="reader",  # until the table of rights says in which role this is done
        time=write_access.now(),
        reason=normalize_text(str(sent.reason), "reason") if is_set(sent.reason) else None,
        idempotency=write_access.hash_request(key, canonical_request(mutation, sent)) if key else None,
    )

    def execute(uow: UnitOfWork) -> None:
        context = MutationContext(uow, mutation, sent, account)
        commands(context)
        context.finish()

    return write_access.execute(act, execute)


def _build_outcome(session: ReadSession, receipt: Receipt[None], find: SubjectFinder) -> MutationOutcome:
    if not receipt.events:
        head = session.at_head()
        return MutationOutcome([], [], find(head), head)
    first = session.at_head().find_entry_by_event(receipt.events[0])
    if first is None:
        # It is recorded: to say that something failed would have the client do it twice.
        what = f"it was recorded as event {receipt.events[0]}, but cannot be shown yet: see meta.projector"
        raise client_error(what, "RECORDED_BUT_NOT_SHOWN")
    # A save's entries stand next to each other: a batch of the follower never splits one.
    last = first.position + len(receipt.events) - 1
    snapshot = session.at(last)
    entries = [entry for position in range(first.position, last + 1) if (entry := snapshot.find_entry(position))]
    return MutationOutcome([Entry.of(entry, snapshot) for entry in entries], [], find(snapshot), snapshot)


def _user_error(refusal: Refusal, sent: MutationInput, session: ReadSession) -> UserError:
    error = UserError(code=ErrorCode(refusal.code), message=refusal.message, path=_input_path(refusal.path, sent))
    if isinstance(refusal, StaleRevision):
        error.current_revision = refusal.current
        error.changes = _changes_since(session, refusal.stream, refusal.expected)
    return error


def _input_path(path: str, sent: MutationInput) -> list[str]:
    """Return the input's field that a refused path belongs to: `milestones/14.1/endsOn` is the field `endsOn`."""
    known = set(input_field_names(sent))
    if path in known or not path:
        return ["input", *filter(None, [path])]
    # The domain speaks of a code and of paths; the input has `commitment` for the one and `changes` for the others.
    steps = [*reversed(path.split("/")), *_ALIASES.get(path, ()), "changes"]
    return ["input", *[step for step in steps if step in known][:1]]


def _changes_since(session: ReadSession, stream: str, revision: int) -> list[Change]:
    head = session.at_head()
    subject = head.find(stream)
    if subject is None:
        return []
    merged: dict[str, Change] = {}
    for later in range(max(revision, subject.revision - MAX_ENTRIES) + 1, subject.revision + 1):
        entry = head.find_entry_of_revision(subject, later)
        for change in Entry.of(entry, head).changes() if entry else []:
            before = merged[change.path].before if change.path in merged else change.before
            merged[change.path] = Change(path=change.path, before=before, after=change.after)
    return [change for change in merged.values() if change.before != change.after]
