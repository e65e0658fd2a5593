"""Where a mutation is carried out: admitted, checked against the table of rights, recorded once, and answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import structs

from ogpgraph.application import Act, Basis, Receipt, Session
from ogpgraph.auth.rights import role_for
from ogpgraph.domain.account import rights_of
from ogpgraph.domain.errors import Refusal, StaleRevision
from ogpgraph.domain.event import Facts
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Made, Wording, Wordings
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.entry import Change, entry_node
from ogpgraph.graphql.errors import refused
from ogpgraph.graphql.payloads import ErrorCode, Outcome, UserError
from ogpgraph.graphql.write_inputs import (
    WriteInput,
    canonical,
    field_names,
    given,
    idempotency_key,
    items,
    policy_areas,
    used_fields,
    words,
)
from ogpgraph.graphql.writing import Writing
from ogpgraph.readmodel.model import Reading
from ogpgraph.readmodel.snapshot import Snapshot

MOST_ENTRIES = 200
Find = Callable[[Snapshot], Subject | None]
"""Finds in a snapshot what a mutation changed."""
_ALIASES = {"code": ("commitment", "into")}
_TEXTS = frozenset({"title", "description", "name"})
_LISTS = frozenset({"leadInstitutions", "supportingInstitutions"})


class Desk:
    """One attempt at a mutation: a session, and the checks that come before anything is said in it."""

    def __init__(self, session: Session, mutation: str, sent: WriteInput, account: str) -> None:
        self.session = session
        self.basis = Basis(effective_on=sent.effective_on if given(sent.effective_on) else None)
        self._mutation = mutation
        self._sent = sent
        self._account = account
        self._is_permitted = False

    def permit(self, members: Iterable[str | None] = (), fields: Iterable[str] | None = None) -> None:
        """Go on only if the account may use the fields that were sent on things of these members; raises Forbidden."""
        rights = rights_of(self.session.rely_on(self._account))
        used = used_fields(self._sent) if fields is None else fields
        self.session.acting_as(role_for(rights, self._mutation, used, members).lower())
        self._is_permitted = True
        self._rest_on_source()

    def close(self) -> None:
        """End the attempt; raises RuntimeError where something was said that nobody permitted: a mistake of ours."""
        self.session.drop_idle_source()
        if self.session.pending and not self._is_permitted:
            raise RuntimeError(f"{self._mutation} wrote without asking whether it may")

    def expect(self, subject: Subject) -> None:
        """Go on only if the thing has the revision that was expected, if one was; raises StaleRevision."""
        expected = self._sent.expected_revision
        if given(expected) and expected is not None and expected != subject.revision:
            raise StaleRevision(subject.id, expected, subject.revision)

    def expect_nothing(self) -> None:
        """Go on only if nothing was expected of what does not exist yet, or revision 0; raises StaleRevision."""
        self.expect(Subject(""))

    def open(self, code: str, *others: str) -> Subject:
        """Return a commitment by its code, now that it, and others with it, may be written to.

        Raises NotFound, Forbidden and StaleRevision.
        """
        found = [self.session.require("commitment", each) for each in (code, *others)]
        self.permit(self.member_of(each) for each in found)
        self.expect(found[0])
        return found[0]

    def member_of(self, subject: Subject) -> str | None:
        """Return the code of the member that a thing belongs to, None where it belongs to none."""
        if subject.kind == "member":
            return subject.text("code")
        owner = subject.text("member")
        return self.session.subject(owner).text("code") if owner else None

    def wording(self, text: str, field: str, made: Made = Made.ORIGINAL) -> Wording:
        """Return a wording by reference; raises Invalid."""
        return self.session.wording(words(text, field), made)

    def facts(self, sent: Any, *fields: str, language: str = "en", made: Made = Made.ORIGINAL) -> Facts:
        """Return what some fields of an input say, each at the path of its name; those not sent say nothing."""
        return {
            f"{field}/{language}" if field in _TEXTS | _LISTS else field: self._value(field, value, made)
            for field, name in ((field, snake_case(field)) for field in fields)
            if given(value := getattr(sent, name))
        }

    def _value(self, field: str, value: Any, made: Made) -> Any:
        if field in _TEXTS:
            return self.wording(value, field, made)
        if field in _LISTS:
            return Wordings(tuple(self.session.word(each) for each in items(value, field)), made)
        if field == "policyAreas":
            return policy_areas(value)
        return getattr(value, "value", value)

    def _rest_on_source(self) -> None:
        if self.basis.source is None and given(self._sent.source):
            source = self.session.rest_on(str(self._sent.source))
            self.basis = structs.replace(self.basis, source=source)


def snake_case(name: str) -> str:
    """Return a field's name as Python writes it."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


def coded(kind: str, key: str) -> Find:
    """Return the finder of what a code means, or an id where the key is one."""
    code = key.strip()
    return identified(code) if code.startswith(f"{kind}-") else lambda snapshot: snapshot.by_code(kind, code)


def identified(stream: str) -> Find:
    """Return the finder of a thing by its id."""
    return lambda snapshot: snapshot.subject(stream) if stream else None


def carry_out(info: Info, sent: WriteInput, find: Find, commands: Callable[[Desk], None]) -> Outcome:
    """Carry out a mutation by its commands, and find what it changed; refusals come back as data.

    The thing and the entries are read at the position of what was recorded, so a repeat is answered as the first time.
    """
    writing, mutation = info.context.writing, info.field_name
    if writing is None:
        raise LookupError("this context cannot write")
    try:
        receipt = _recorded(writing, mutation, sent, commands)
    except Refusal as refusal:
        writing.note(mutation, refusal)
        info.context.reading = writing.reading()
        return Outcome([], [_user_error(refusal, sent, info.context.reading)])
    info.context.reading = writing.reading()
    return _answer(info.context.reading, receipt, find)


def _recorded(writing: Writing, mutation: str, sent: WriteInput, commands: Callable[[Desk], None]) -> Receipt[None]:
    account = writing.admit()
    key = idempotency_key(sent)
    act = Act(
        actor=account,
        role="reader",  # until the table of rights says in which role this is done
        time=writing.moment(),
        reason=words(str(sent.reason), "reason") if given(sent.reason) else None,
        idempotency=writing.idempotency(key, canonical(mutation, sent)) if key else None,
    )

    def carried_out(session: Session) -> None:
        desk = Desk(session, mutation, sent, account)
        commands(desk)
        desk.close()

    return writing.record(act, carried_out)


def _answer(reading: Reading, receipt: Receipt[None], find: Find) -> Outcome:
    if not receipt.events:
        now = reading.now()
        return Outcome([], [], find(now), now)
    first = reading.now().entry_of(receipt.events[0])
    if first is None:
        # It is recorded: to say that something failed would have the client do it twice.
        what = f"it was recorded as event {receipt.events[0]}, but cannot be shown yet: see meta.follower"
        raise refused(what, "RECORDED_BUT_NOT_SHOWN")
    # A save's entries stand next to each other: a batch of the follower never splits one.
    last = first.position + len(receipt.events) - 1
    then = reading.at(last)
    entries = [entry for position in range(first.position, last + 1) if (entry := then.entry_at(position))]
    return Outcome([entry_node(entry, then) for entry in entries], [], find(then), then)


def _user_error(refusal: Refusal, sent: WriteInput, reading: Reading) -> UserError:
    error = UserError(code=ErrorCode(refusal.code), message=refusal.message, path=_input_path(refusal.path, sent))
    if isinstance(refusal, StaleRevision):
        error.current_revision = refusal.current
        error.changes = _changes_since(reading, refusal.stream, refusal.expected)
    return error


def _input_path(path: str, sent: WriteInput) -> list[str]:
    """Return the input's field that a refused path belongs to: `milestones/14.1/endsOn` is the field `endsOn`."""
    known = set(field_names(sent))
    if path in known or not path:
        return ["input", *filter(None, [path])]
    # The domain speaks of a code and of paths; the input has `commitment` for the one and `changes` for the others.
    steps = [*reversed(path.split("/")), *_ALIASES.get(path, ()), "changes"]
    return ["input", *[step for step in steps if step in known][:1]]


def _changes_since(reading: Reading, stream: str, revision: int) -> list[Change]:
    now = reading.now()
    subject = now.subject(stream)
    if subject is None:
        return []
    since: dict[str, Change] = {}
    for later in range(max(revision, subject.revision - MOST_ENTRIES) + 1, subject.revision + 1):
        entry = now.entry_setting(subject, later)
        for change in entry_node(entry, now).changes() if entry else []:
            before = since[change.path].before if change.path in since else change.before
            since[change.path] = Change(path=change.path, before=before, after=change.after)
    return [change for change in since.values() if change.before != change.after]
