"""Tags: the (dimension, value) pairs by which an aggregate is filtered, sorted and counted, derived from its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.action_plan import languages_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.milestone import milestone_numbers
from ogpgraph.domain.review import is_starred
from ogpgraph.domain.values import Rating, TextValue
from ogpgraph.domain.vocabulary import Stage

Tag = tuple[str, str]
ANY_PATH = "*"
_STAGES = list(Stage)


class TagRule(NamedTuple):
    """Derives some tags. They depend on the paths that begin with `segments`; with ANY_PATH among them, on all."""

    segments: frozenset[str]
    derive: Callable[[Aggregate], Iterator[Tag]]


def code_of(aggregate: Aggregate) -> str:
    """Return the natural key by which lists of its type are sorted; empty for an aggregate that no list shows."""
    match aggregate.type:
        case "source":
            return "/".join(filter(None, (aggregate.string(path) for path in ("type", "code", "language"))))
        case "code":
            return aggregate.id.partition("-")[2]
        case _:
            return "" if aggregate.string("mergedInto") else aggregate.string("code") or aggregate.string("key") or ""


def compute_tags(aggregate: Aggregate) -> frozenset[Tag]:
    """Return all tags of an aggregate; an aggregate that no list shows has none."""
    if not code_of(aggregate):
        return frozenset()
    return _apply_rules(aggregate, _RULES.get(aggregate.type, ()))


def diff_tags(before: Aggregate, after: Aggregate, facts: Iterable[str]) -> tuple[frozenset[Tag], frozenset[Tag]]:
    """Return the tags that end and those that begin between two states that differ at most at the given paths.

    Only the rules that depend on these paths are applied: deriving tags is the greater part of a projection.
    """
    if not (rules := _RULES.get(after.type, ())):
        return frozenset(), frozenset()
    if not code_of(before) or not code_of(after):
        old, new = compute_tags(before), compute_tags(after)
        return old - new, new - old
    touched = {ANY_PATH, *(path.partition("/")[0] for path in facts)}
    affected = [rule for rule in rules if not rule.segments.isdisjoint(touched)]
    old = _apply_rules(before, affected)
    _derived_tags(after).update(_derived_tags(before))
    for rule in affected:
        _derived_tags(after).pop(rule, None)
    new = _apply_rules(after, affected)
    return old - new, new - old


def _apply_rules(aggregate: Aggregate, rules: Iterable[TagRule]) -> frozenset[Tag]:
    derived = _derived_tags(aggregate)
    for rule in rules:
        if rule not in derived:
            derived[rule] = frozenset(rule.derive(aggregate))
    return frozenset().union(*(derived[rule] for rule in rules))


def _derived_tags(aggregate: Aggregate) -> dict[TagRule, frozenset[Tag]]:
    """Return the tags derived from a state so far, by rule; they are cached with the state, which never changes."""
    derived: dict[TagRule, frozenset[Tag]] = aggregate.cache.setdefault("tags", {})
    return derived


# Rules


def _value_tags(commitment: Aggregate) -> Iterator[Tag]:
    yield from _tags_at(commitment, "code", "member", "actionPlan", "status", "cycle", "startsOn", "endsOn")
    yield from (("code", code) for code in (*_items_at(commitment, "formerCodes"), commitment.string("key")) if code)
    yield from (("policyArea", area) for area in _items_at(commitment, "policyAreas"))


def _text_tags(commitment: Aggregate) -> Iterator[Tag]:
    yield from (("language", language) for language in languages_of(commitment))
    yield from (
        ("title", claim.value.text)
        for _, claim in commitment.claims_under("title/")
        if isinstance(claim.value, TextValue)
    )


def _listed_only_tags(commitment: Aggregate) -> Iterator[Tag]:
    yield "listedOnly", _format_flag(commitments.is_listed_only(commitment))


def _milestone_tags(commitment: Aggregate) -> Iterator[Tag]:
    """Yield the status and the due date of each milestone in one value: a filter asks for both of the same one."""
    for number in milestone_numbers(commitment):
        path = f"milestones/{number}"
        yield "milestone", f"{commitment.string(f'{path}/status') or ''}|{commitment.string(f'{path}/endsOn') or ''}"


def _rating_tags(commitment: Aggregate) -> Iterator[Tag]:
    """Yield the value of each indicator at each stage, and without a stage the value at the latest."""
    yield "starred", _format_flag(is_starred(commitment))
    latest: dict[str, tuple[int, str]] = {}
    for path, claim in commitment.claims_under("ratings/"):
        if isinstance(rating := claim.value, Rating):
            _, indicator, stage, *value_area = path.split("/")
            value = rating.value or rating.state
            yield ":".join(("rating", indicator, stage, *value_area)), value
            if not value_area:
                latest[indicator] = max(latest.get(indicator, (-1, "")), (_STAGES.index(Stage(stage)), value))
    yield from ((f"rating:{indicator}", value) for indicator, (_, value) in latest.items())


def _member_tags(member: Aggregate) -> Iterator[Tag]:
    yield from _tags_at(member, "code", "region", "type", "status")
    yield from (("code", prefix) for prefix in filter(None, [member.string("prefix")]))


def _plan_tags(plan: Aggregate) -> Iterator[Tag]:
    yield from _tags_at(plan, "code", "member", "cycle", "status")


def _tags_at(aggregate: Aggregate, *paths: str) -> Iterator[Tag]:
    return ((path, str(value)) for path in paths if (value := aggregate.value(path)) is not None)


def _items_at(aggregate: Aggregate, path: str) -> tuple[str, ...]:
    value = aggregate.value(path)
    return value if isinstance(value, tuple) else ()


def _format_flag(flag: bool) -> str:
    return "true" if flag else "false"


_VALUE_PATHS = frozenset(
    {"code", "member", "actionPlan", "status", "cycle", "startsOn", "endsOn", "formerCodes", "key", "policyAreas"}
)
_RULES: dict[str, tuple[TagRule, ...]] = {
    "commitment": (
        TagRule(_VALUE_PATHS, _value_tags),
        TagRule(frozenset({"title", "description"}), _text_tags),
        TagRule(frozenset({ANY_PATH}), _listed_only_tags),
        TagRule(frozenset({"milestones"}), _milestone_tags),
        TagRule(frozenset({"ratings"}), _rating_tags),
    ),
    "member": (TagRule(frozenset({ANY_PATH}), _member_tags),),
    "plan": (TagRule(frozenset({ANY_PATH}), _plan_tags),),
}
"""The rules of each aggregate type; other types have no tags."""
