"""Commands on members and their action plans."""

from __future__ import annotations

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.commitment import is_translated, languages_of
from ogpgraph.domain.errors import NotFound
from ogpgraph.domain.event import Cause, Facts, NewEvent
from ogpgraph.domain.member import lookup_member
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts


def find_member(uow: UnitOfWork, code: str) -> Aggregate:
    """Return the member with OGP's code, or with the prefix of its commitments' codes; raises NotFound."""
    stream = uow.resolve_code("member", code)
    if stream is None and (known := lookup_member(code)) is not None:
        stream = uow.resolve_code("member", known.code)
    if stream is None:
        raise NotFound(f"there is no member {code}", "member")
    return uow.aggregate(stream)


def register_member(uow: UnitOfWork, code: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON) -> Aggregate:
    """Record a new member; raises Conflict if its code is taken."""
    stream = uow.new_stream("member")
    uow.reserve_code("member", code, stream)
    uow.append(stream, "MemberRegistered", {"code": code, **facts}, provenance)
    return uow.aggregate(stream)


def revise_member(
    uow: UnitOfWork, member: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record changed facts of a member; names in an event of their own."""
    changed = changed_facts(member, facts)
    names = {path: value for path, value in changed.items() if path.startswith("name/")}
    others = {path: value for path, value in changed.items() if path not in names}
    uow.append(member.id, "MemberRenamed", names, provenance)
    uow.append(member.id, "MemberRevised", others, provenance)


def change_member_status(
    uow: UnitOfWork, member: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record a decision on a member's status."""
    uow.append(member.id, "MemberStatusChanged", changed_facts(member, facts), provenance)


def find_action_plan(uow: UnitOfWork, key: str) -> Aggregate:
    """Return the plan with a code such as FRA-2021, or with an id; raises NotFound."""
    stream = key if key.startswith("plan-") else uow.resolve_code("plan", key)
    plan = uow.aggregate(stream) if stream else None
    if plan is None or not plan.revision:
        raise NotFound(f"there is no action plan {key}", "actionPlan")
    return plan


def register_action_plan(
    uow: UnitOfWork, code: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> Aggregate:
    """Record a new action plan; raises Conflict if its code is taken."""
    stream = uow.new_stream("plan")
    uow.reserve_code("plan", code, stream)
    uow.append(stream, "ActionPlanRegistered", {"code": code, **facts}, provenance)
    return uow.aggregate(stream)


def revise_action_plan(
    uow: UnitOfWork, plan: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record changed facts of a plan; a translated title in a language that is new to it is a translation."""
    changed = changed_facts(plan, facts)
    known = languages_of(plan)
    translated = {
        path: value
        for path, value in changed.items()
        if known and is_translated(value) and path.partition("/")[2] not in known
    }
    revised = {path: value for path, value in changed.items() if path not in translated}
    translation = NewEvent("ActionPlanTranslated", translated, Cause.TRANSLATION)
    uow.append_all(plan.id, [translation, NewEvent("ActionPlanRevised", revised)], provenance)


def conclude_action_plan(
    uow: UnitOfWork, plan: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record that a plan has ended."""
    uow.append(plan.id, "ActionPlanConcluded", changed_facts(plan, facts), provenance)
