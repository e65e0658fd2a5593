"""The corpus on which the search is judged: invented members, plans and commitments, recorded through commands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from ogpgraph.domain.action_plan import register_action_plan
from ogpgraph.domain.commitment import register_commitment, translate_commitment
from ogpgraph.domain.event import Facts
from ogpgraph.domain.member import register_known_member
from ogpgraph.domain.member_table import lookup_member
from ogpgraph.domain.milestone import add_milestone
from ogpgraph.domain.narrative import record_narrative
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.domain.values import TextListValue, TranslationKind
from ogpgraph.domain.vocabulary import Stage
from ogpgraph.system import System

FOLDER = Path(__file__).parent / "plans"
_RECORDED = datetime(2026, 1, 1, tzinfo=UTC)


class Commitment(Struct, frozen=True, forbid_unknown_fields=True):
    """A commitment in the language of its plan; `titles` and `texts` are translations by language."""

    code: str
    title: str
    text: str
    lead: tuple[str, ...]
    areas: tuple[str, ...]
    milestones: tuple[str, ...]
    support: tuple[str, ...] = ()
    review: str = ""
    titles: dict[str, str] = {}
    texts: dict[str, str] = {}


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """An action plan with its commitments; without a `language` it has that of its file."""

    code: str
    title: str
    commitment: tuple[Commitment, ...]
    language: str = ""
    titles: dict[str, str] = {}

    @property
    def member(self) -> str:
        """The code of the member that submitted it."""
        return self.code.partition("-")[0]

    @property
    def cycle(self) -> int:
        """The year in which it was submitted."""
        return int(self.code.partition("-")[2])


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    language: str
    plan: tuple[Plan, ...]

    def plans(self) -> Iterator[Plan]:
        """Yield the plans, each with its language."""
        return (msgspec.structs.replace(plan, language=plan.language or self.language) for plan in self.plan)


def read_plans() -> list[Plan]:
    """Return all plans of the corpus, in the order in which they are recorded."""
    files = sorted(FOLDER.glob("*.toml"))
    return [plan for file in files for plan in msgspec.toml.decode(file.read_bytes(), type=_File).plans()]


def record_corpus(system: System) -> None:
    """Record the corpus, a plan in each unit of work, and project it."""
    for plan in read_plans():
        context = CommandContext(actor="corpus", role="administrator", time=_RECORDED)
        system.executor.execute(context, partial(_record_plan, plan))
    system.projection.catch_up()


def _record_plan(plan: Plan, uow: UnitOfWork) -> None:
    member = uow.resolve_code("member", plan.member) or _register_member(uow, plan.member)
    years: Facts = {"startsOn": f"{plan.cycle}-09", "endsOn": f"{plan.cycle + 2}-08"}
    facts: Facts = {"member": member, "cycle": plan.cycle, "status": "ACTIVE", **years}
    titles = _localized(uow, "title", {plan.language: plan.title, **plan.titles})
    stream = register_action_plan(uow, plan.code, {**facts, **titles}).id
    for number, commitment in enumerate(plan.commitment, start=1):
        own: Facts = {"member": member, "actionPlan": stream, "cycle": plan.cycle, "number": str(number)}
        _record_commitment(uow, commitment, own, plan.language)


def _register_member(uow: UnitOfWork, code: str) -> str:
    known = lookup_member(code)
    assert known, f"the table of members does not have {code}"
    return register_known_member(uow, known).id


def _record_commitment(uow: UnitOfWork, commitment: Commitment, own: Facts, language: str) -> None:
    facts: Facts = {
        "status": "ACTIVE",
        "policyAreas": commitment.areas,
        f"title/{language}": uow.text_value(commitment.title),
        f"description/{language}": uow.text_value(commitment.text),
        f"leadInstitutions/{language}": _texts(uow, commitment.lead),
        f"supportingInstitutions/{language}": _texts(uow, commitment.support),
    }
    recorded = register_commitment(uow, commitment.code, {**own, **facts})
    for index, title in enumerate(commitment.milestones, start=1):
        add_milestone(uow, recorded, f"{own['number']}.{index}", {f"title/{language}": uow.text_value(title)})
    if commitment.review:
        record_narrative(uow, recorded, Stage.DESIGN, "OVERVIEW", language, uow.text_value(commitment.review))
    translations = _localized(uow, "title", commitment.titles) | _localized(uow, "description", commitment.texts)
    if translations:
        translate_commitment(uow, recorded, translations)


def _texts(uow: UnitOfWork, texts: tuple[str, ...]) -> TextListValue:
    return TextListValue(tuple(map(uow.text_ref, texts)), TranslationKind.ORIGINAL)


def _localized(uow: UnitOfWork, path: str, texts: dict[str, str]) -> Facts:
    return {f"{path}/{language}": uow.text_value(text) for language, text in texts.items()}
