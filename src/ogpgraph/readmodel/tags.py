"""What the follower writes for an event: the changes it made, what its subject is filtered and ordered by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.values import Rating, TextValue
from ogpgraph.domain.vocabulary import Stage

_STAGES = list(Stage)

Tag = tuple[str, str]
TagRule = tuple[frozenset[str], Callable[[Aggregate], Iterator[Tag]]]
ANY_PATH = "*"


def code_of(aggregate: Aggregate) -> str:
    """Return the natural key that lists of its kind are ordered by; none for what was merged away or undone."""
    match aggregate.type:
        case "source":
            return "/".join(filter(None, (aggregate.string(path) for path in ("type", "code", "language"))))
        case "code":
            return aggregate.id.partition("-")[2]
        case _:
            return "" if aggregate.string("mergedInto") else aggregate.string("code") or aggregate.string("key") or ""


def compute_tags(aggregate: Aggregate) -> frozenset[Tag]:
    """Return (dimension, value) for everything a subject is filtered or counted by; nothing where no list has it."""
    if not code_of(aggregate):
        return frozenset()
    return frozenset().union(*(_apply_rule(aggregate, aspect) for aspect in _TAG_RULES.get(aggregate.type, ())))


def _apply_rule(aggregate: Aggregate, aspect: TagRule) -> frozenset[Tag]:
    kept, (_, tags) = _cached_tags(aggregate), aspect
    if tags not in kept:
        kept[tags] = frozenset(tags(aggregate))
    return kept[tags]


def _cached_tags(aggregate: Aggregate) -> dict[Callable[[Aggregate], Iterator[Tag]], frozenset[Tag]]:
    kept: dict[Callable[[Aggregate], Iterator[Tag]], frozenset[Tag]] = aggregate.cache.setdefault("tags", {})
    return kept


def diff_tags(before: Aggregate, after: Aggregate, facts: Iterable[str]) -> tuple[frozenset[Tag], frozenset[Tag]]:
    """Return the tags that end and those that begin between two states that differ at most at some paths."""
    if not (aspects := _TAG_RULES.get(after.type, ())):
        return frozenset(), frozenset()
    if not code_of(before) or not code_of(after):
        old, new = compute_tags(before), compute_tags(after)
        return old - new, new - old
    touched = {ANY_PATH, *(path.partition("/")[0] for path in facts)}
    affected = [aspect for aspect in aspects if not aspect[0].isdisjoint(touched)]
    old = frozenset().union(*(_apply_rule(before, aspect) for aspect in affected))
    # What is not affected is not worked out again: of all that following takes, tags are the most.
    _cached_tags(after).update(_cached_tags(before))
    for _, tags in affected:
        _cached_tags(after).pop(tags, None)
    new = frozenset().union(*(_apply_rule(after, aspect) for aspect in affected))
    return old - new, new - old


def _plain_tags(commitment: Aggregate) -> Iterator[Tag]:
    yield from _plain(commitment, "code", "member", "actionPlan", "status", "cycle", "startsOn", "endsOn")
    yield from (("code", code) for code in (*_list(commitment, "formerCodes"), commitment.string("key")) if code)
    yield from (("policyArea", area) for area in _list(commitment, "policyAreas"))


def _wording_tags(commitment: Aggregate) -> Iterator[Tag]:
    yield from (("language", language) for language in commitments.languages_of(commitment))
    yield from (
        ("title", claim.value.text)
        for _, claim in commitment.claims_under("title/")
        if isinstance(claim.value, TextValue)
    )


def _listed_tags(commitment: Aggregate) -> Iterator[Tag]:
    yield "listedOnly", _flag(commitments.is_listed_only(commitment))


def _milestone_tags(commitment: Aggregate) -> Iterator[Tag]:
    yield from (("milestone", _milestone_tag(commitment, each)) for each in commitments.milestone_numbers(commitment))


def _milestone_tag(commitment: Aggregate, number: str) -> str:
    """Return a milestone's status and when it is due, together: a filter asks both of the same milestone."""
    path = f"milestones/{number}"
    return f"{commitment.string(path + '/status') or ''}|{commitment.string(path + '/endsOn') or ''}"


def _rating_tags(commitment: Aggregate) -> Iterator[Tag]:
    """Yield what each indicator says at each stage, and, without a stage, at the latest."""
    yield "starred", _flag(is_starred(commitment))
    latest: dict[str, tuple[int, str]] = {}
    for path, claim in commitment.claims_under("ratings/"):
        if isinstance(rating := claim.value, Rating):
            _, indicator, stage, *about = path.split("/")
            said = rating.value or rating.state
            yield ":".join(("rating", indicator, stage, *about)), said
            if not about:
                latest[indicator] = max(latest.get(indicator, (-1, "")), (_STAGES.index(Stage(stage)), said))
    yield from ((f"rating:{indicator}", said) for indicator, (_, said) in latest.items())


def _member_tags(member: Aggregate) -> Iterator[Tag]:
    yield from _plain(member, "code", "region", "type", "status")
    yield from (("code", prefix) for prefix in filter(None, [member.string("prefix")]))


def _plan_tags(plan: Aggregate) -> Iterator[Tag]:
    yield from _plain(plan, "code", "member", "cycle", "status")


def _plain(aggregate: Aggregate, *paths: str) -> Iterator[Tag]:
    return ((path, str(value)) for path in paths if (value := aggregate.value(path)) is not None)


def _list(aggregate: Aggregate, path: str) -> tuple[str, ...]:
    value = aggregate.value(path)
    return value if isinstance(value, tuple) else ()


def _flag(flag: bool) -> str:
    return "true" if flag else "false"


def is_starred(commitment: Aggregate) -> bool:
    """Tell whether the commitment has the IRM's star at any stage."""
    ratings = (claim.value for _, claim in commitment.claims_under("ratings/STARRED/"))
    return any(isinstance(rating, Rating) and rating.value == "YES" for rating in ratings)


_PLAIN = ("code", "member", "actionPlan", "status", "cycle", "startsOn", "endsOn", "formerCodes", "key", "policyAreas")
_TAG_RULES: dict[str, tuple[TagRule, ...]] = {
    "commitment": (
        (frozenset(_PLAIN), _plain_tags),
        (frozenset({"title", "description"}), _wording_tags),
        (frozenset({ANY_PATH}), _listed_tags),
        (frozenset({"milestones"}), _milestone_tags),
        (frozenset({"ratings"}), _rating_tags),
    ),
    "member": ((frozenset({ANY_PATH}), _member_tags),),
    "plan": ((frozenset({ANY_PATH}), _plan_tags),),
}
"""The tags of each kind, with the first segments of the paths that they depend on (ANY_PATH: of all)."""
