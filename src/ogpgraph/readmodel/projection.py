"""What the follower writes for an event: the changes it made, what its subject is filtered and ordered by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.event import Event
from ogpgraph.domain.subject import Claim, Subject
from ogpgraph.domain.text import Wording, Wordings
from ogpgraph.domain.values import Observation, Rating, Value
from ogpgraph.domain.vocabulary import Stage

PROJECTION = 2
"""Raised whenever the same events would make other rows; the read model is then made again."""
_STAGES = list(Stage)
_OF_SEVERAL = (Rating, Observation)
"""The values that have several fields."""

Tag = tuple[str, str]
Aspect = tuple[frozenset[str], Callable[[Subject], Iterator[Tag]]]
ANY = "*"


class Words(Struct, frozen=True, omit_defaults=True):
    """A reference to one wording (`text`) or several (`texts`), to be put into words when it is read."""

    text: str | None = None
    texts: tuple[str, ...] | None = None


class FieldChange(Struct, frozen=True, array_like=True):
    """One changed field: its path, and the value before and after (None where nothing was said)."""

    path: str
    before: Any
    after: Any


def changes_between(before: Subject, after: Subject, event: Event) -> list[FieldChange]:
    """Return the field-level changes an event made.

    Where the current value stayed what it was, the change is in what that source claims: `claims/<path>`.
    """
    changes: list[FieldChange] = []
    for path in event.facts:
        old, new = before.value(path), after.value(path)
        if old != new:
            changes += field_changes(path, old, new)
        else:
            voice = event.envelope.origin, event.envelope.source
            said, says = before.said(path, *voice), after.said(path, *voice)
            changes += field_changes(f"claims/{path}", said, says)
    return changes


def field_changes(path: str, old: Value | None, new: Value | None) -> Iterator[FieldChange]:
    """Yield the fields in which two values at a path differ."""
    if not isinstance(old, _OF_SEVERAL) and not isinstance(new, _OF_SEVERAL):
        if (said := _said(old)) != (says := _said(new)):
            yield FieldChange(path, said, says)
        return
    before, after = dict(fields_of(path, old)), dict(fields_of(path, new))
    for field in sorted(before.keys() | after.keys()):
        if before.get(field) != after.get(field):
            yield FieldChange(field, before.get(field), after.get(field))


def fields_of(path: str, value: Value | None) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a value with their paths: a rating has several, most values are one."""
    match value:
        case None:
            return
        case Rating():
            yield f"{path}/state", value.state
            yield from ((f"{path}/{name}", part) for name, part in _parts(value) if part is not None)
        case Observation():
            yield f"{path}/contentHash", value.content_hash
            yield f"{path}/reader", value.reader
        case _:
            yield path, _said(value)


def _said(value: Value | None) -> Any:
    """Return a value of one field as a change tells it."""
    match value:
        case Wording(text=text):
            return Words(text=text)
        case Wordings(texts=texts):
            return Words(texts=texts)
        case _:
            return value


def _parts(rating: Rating) -> tuple[tuple[str, Any], ...]:
    return (
        ("value", rating.value),
        ("statedAs", Words(text=rating.stated_as) if rating.stated_as else None),
        ("irmReport", Words(text=rating.irm_report) if rating.irm_report else None),
    )


def code_of(subject: Subject) -> str:
    """Return the natural key that lists of its kind are ordered by; none for what was merged away or undone."""
    match subject.kind:
        case "source":
            return "/".join(filter(None, (subject.text(path) for path in ("type", "code", "language"))))
        case "code":
            return subject.id.partition("-")[2]
        case _:
            return "" if subject.text("mergedInto") else subject.text("code") or subject.text("key") or ""


def tags_of(subject: Subject) -> frozenset[Tag]:
    """Return (dimension, value) for everything a subject is filtered or counted by; nothing where no list has it."""
    if not code_of(subject):
        return frozenset()
    return frozenset().union(*(_tags_of(subject, aspect) for aspect in _ASPECTS.get(subject.kind, ())))


def _tags_of(subject: Subject, aspect: Aspect) -> frozenset[Tag]:
    kept, (_, tags) = _kept_tags(subject), aspect
    if tags not in kept:
        kept[tags] = frozenset(tags(subject))
    return kept[tags]


def _kept_tags(subject: Subject) -> dict[Callable[[Subject], Iterator[Tag]], frozenset[Tag]]:
    kept: dict[Callable[[Subject], Iterator[Tag]], frozenset[Tag]] = subject.derived.setdefault("tags", {})
    return kept


def tag_changes(before: Subject, after: Subject, facts: Iterable[str]) -> tuple[frozenset[Tag], frozenset[Tag]]:
    """Return the tags that end and those that begin between two states that differ at most at some paths."""
    if not (aspects := _ASPECTS.get(after.kind, ())):
        return frozenset(), frozenset()
    if not code_of(before) or not code_of(after):
        old, new = tags_of(before), tags_of(after)
        return old - new, new - old
    touched = {ANY, *(path.partition("/")[0] for path in facts)}
    affected = [aspect for aspect in aspects if not aspect[0].isdisjoint(touched)]
    old = frozenset().union(*(_tags_of(before, aspect) for aspect in affected))
    # What is not affected is not worked out again: of all that following takes, tags are the most.
    _kept_tags(after).update(_kept_tags(before))
    for _, tags in affected:
        _kept_tags(after).pop(tags, None)
    new = frozenset().union(*(_tags_of(after, aspect) for aspect in affected))
    return old - new, new - old


def _plain_tags(commitment: Subject) -> Iterator[Tag]:
    yield from _plain(commitment, "code", "member", "actionPlan", "status", "cycle", "startsOn", "endsOn")
    yield from (("code", code) for code in (*_list(commitment, "formerCodes"), commitment.text("key")) if code)
    yield from (("policyArea", area) for area in _list(commitment, "policyAreas"))


def _wording_tags(commitment: Subject) -> Iterator[Tag]:
    yield from (("language", language) for language in commitments.languages_of(commitment))
    yield from (
        ("title", claim.value.text) for _, claim in commitment.under("title/") if isinstance(claim.value, Wording)
    )


def _listed_tags(commitment: Subject) -> Iterator[Tag]:
    yield "listedOnly", _flag(commitments.is_listed_only(commitment))


def _milestone_tags(commitment: Subject) -> Iterator[Tag]:
    yield from (("milestone", _milestone_tag(commitment, each)) for each in commitments.milestone_numbers(commitment))


def _milestone_tag(commitment: Subject, number: str) -> str:
    """Return a milestone's status and when it is due, together: a filter asks both of the same milestone."""
    path = f"milestones/{number}"
    return f"{commitment.text(path + '/status') or ''}|{commitment.text(path + '/endsOn') or ''}"


def _rating_tags(commitment: Subject) -> Iterator[Tag]:
    """Yield what each indicator says at each stage, and, without a stage, at the latest."""
    yield "starred", _flag(is_starred(commitment))
    latest: dict[str, tuple[int, str]] = {}
    for path, claim in commitment.under("ratings/"):
        if isinstance(rating := claim.value, Rating):
            _, indicator, stage, *about = path.split("/")
            said = rating.value or rating.state
            yield ":".join(("rating", indicator, stage, *about)), said
            if not about:
                latest[indicator] = max(latest.get(indicator, (-1, "")), (_STAGES.index(Stage(stage)), said))
    yield from ((f"rating:{indicator}", said) for indicator, (_, said) in latest.items())


def _member_tags(member: Subject) -> Iterator[Tag]:
    yield from _plain(member, "code", "region", "type", "status")
    yield from (("code", prefix) for prefix in filter(None, [member.text("prefix")]))


def _plan_tags(plan: Subject) -> Iterator[Tag]:
    yield from _plain(plan, "code", "member", "cycle", "status")


def _plain(subject: Subject, *paths: str) -> Iterator[Tag]:
    return ((path, str(value)) for path in paths if (value := subject.value(path)) is not None)


def _list(subject: Subject, path: str) -> tuple[str, ...]:
    value = subject.value(path)
    return value if isinstance(value, tuple) else ()


def _flag(flag: bool) -> str:
    return "true" if flag else "false"


def is_starred(commitment: Subject) -> bool:
    """Tell whether the commitment has the IRM's star at any stage."""
    ratings = (claim.value for _, claim in commitment.under("ratings/STARRED/"))
    return any(isinstance(rating, Rating) and rating.value == "YES" for rating in ratings)


_PLAIN = ("code", "member", "actionPlan", "status", "cycle", "startsOn", "endsOn", "formerCodes", "key", "policyAreas")
_ASPECTS: dict[str, tuple[Aspect, ...]] = {
    "commitment": (
        (frozenset(_PLAIN), _plain_tags),
        (frozenset({"title", "description"}), _wording_tags),
        (frozenset({ANY}), _listed_tags),
        (frozenset({"milestones"}), _milestone_tags),
        (frozenset({"ratings"}), _rating_tags),
    ),
    "member": ((frozenset({ANY}), _member_tags),),
    "plan": ((frozenset({ANY}), _plan_tags),),
}
"""The tags of each kind, with the first segments of the paths that they depend on (ANY: of all)."""

_document_encoder = msgspec.json.Encoder(order="deterministic")
_document_decoder = msgspec.json.Decoder(dict[str, tuple[Claim, ...]])


def encode_document(subject: Subject) -> str:
    """Return a subject's claims as they are kept in a row."""
    return _document_encoder.encode(subject.claims).decode()


def decode_document(stream: str, revision: int, document: str) -> Subject:
    """Return the subject that a row holds."""
    return Subject(stream, revision, _document_decoder.decode(document))
