"""Commands on members and their action plans."""

from __future__ import annotations

from ogpgraph.application.acts import BY_PERSON, Basis
from ogpgraph.application.speaking import Speaking, news_of
from ogpgraph.domain.commitment import Change, is_translated, languages_of
from ogpgraph.domain.errors import NotFound
from ogpgraph.domain.event import Cause, Facts
from ogpgraph.domain.members import member_by
from ogpgraph.domain.subject import Subject


class MemberCommands(Speaking):
    """What can be recorded of members."""

    def find_member(self, code: str) -> Subject:
        """Return the member that OGP's code or the prefix of its commitments means; raises NotFound."""
        stream = self.meaning_of("member", code)
        if stream is None and (known := member_by(code)) is not None:
            stream = self.meaning_of("member", known.code)
        if stream is None:
            raise NotFound(f"there is no member {code}", "member")
        return self.subject(stream)

    def register_member(self, code: str, facts: Facts, basis: Basis = BY_PERSON) -> Subject:
        """Record a new member; raises Conflict where its code is taken."""
        stream = self.new_stream("member")
        self.reserve("member", code, stream)
        self.say(stream, "MemberRegistered", {"code": code, **facts}, basis)
        return self.subject(stream)

    def revise_member(self, stream: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record what is newly said of a member."""
        news = news_of(self.subject(stream), facts)
        named = {path: value for path, value in news.items() if path.startswith("name/")}
        self.say(stream, "MemberRenamed", named, basis)
        self.say(stream, "MemberRevised", {p: v for p, v in news.items() if p not in named}, basis)

    def change_member_status(self, code: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record a decision on a member's status; raises NotFound."""
        member = self.require("member", code)
        self.say(member.id, "MemberStatusChanged", news_of(member, facts), basis)


class PlanCommands(Speaking):
    """What can be recorded of action plans."""

    def find_action_plan(self, key: str) -> Subject:
        """Return the plan of a code such as FRA-2021, or of an id; raises NotFound."""
        stream = key if key.startswith("plan-") else self.meaning_of("plan", key)
        plan = self.subject(stream) if stream else None
        if plan is None or not plan.revision:
            raise NotFound(f"there is no action plan {key}", "actionPlan")
        return plan

    def register_action_plan(self, code: str, facts: Facts, basis: Basis = BY_PERSON) -> Subject:
        """Record a new action plan; raises Conflict where its code is taken."""
        stream = self.new_stream("plan")
        self.reserve("plan", code, stream)
        self.say(stream, "ActionPlanRegistered", {"code": code, **facts}, basis)
        return self.subject(stream)

    def revise_action_plan(self, stream: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record what is newly said of a plan; its title in a further language, if translated, is a translation."""
        plan = self.subject(stream)
        news = news_of(plan, facts)
        known = languages_of(plan)
        translated = {p: v for p, v in news.items() if known and is_translated(v) and p.partition("/")[2] not in known}
        revised = {path: value for path, value in news.items() if path not in translated}
        translation = Change("ActionPlanTranslated", translated, Cause.TRANSLATION)
        self.record(stream, [translation, Change("ActionPlanRevised", revised)], basis)

    def conclude_action_plan(self, code: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record that a plan came to its end; raises NotFound."""
        plan = self.require("plan", code)
        self.say(plan.id, "ActionPlanConcluded", news_of(plan, facts), basis)
