"""A log of a member, plans, commitments and their pages, and short ways to change and to read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ogpgraph.domain import action_plan as action_plan_commands
from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain import member as member_commands
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Evidence, Facts, Origin
from ogpgraph.domain.source import source_id
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Observation, TranslationKind
from ogpgraph.readmodel.queries import AggregateQuery, Page, PageRequest
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.readmodel.tags import code_of
from ogpgraph.system import System
from tests.application.in_memory_log import command_context

COMMITMENTS = AggregateQuery("commitment")
OF_PLAN = AggregateQuery("commitment", parent="actionPlan")
ALL = PageRequest(limit=1000)


def code_of_number(number: int) -> str:
    return f"FR{number:04}"


def record_commitments(system: System, count: int, plans: int = 2) -> None:
    """Record a member, some plans, and commitments distributed among them, each with its page."""

    def commands(uow: UnitOfWork) -> None:
        member = member_commands.register_member(uow, "FRA", {"prefix": "FR", "name/en": uow.text_value("France")}).id
        plan_ids = [
            action_plan_commands.register_action_plan(
                uow,
                f"FRA-{2010 + n}",
                {"member": member, "cycle": 2010 + n, "title/en": uow.text_value(f"Plan {n}")},
            ).id
            for n in range(plans)
        ]
        for number in range(1, count + 1):
            source = source_id("PAGE", code_of_number(number), "en")
            observation = Observation("sha256:0", uow.text_ref(f"page {number}"), "r")
            uow.append(
                source,
                "SourceRegistered",
                {"type": "PAGE", "code": code_of_number(number), "observations/2026-01-01T00:00:00Z": observation},
            )
            facts: Facts = {
                "member": member,
                "actionPlan": plan_ids[number % plans],
                "title/en": uow.text_value(f"Commitment {number}"),
                "title/fr": uow.text_value(f"Engagement {number}", TranslationKind.HUMAN),
            }
            page = Provenance(
                origin=Origin.HEADER, source=source, language="en", evidence=(Evidence(source, "sha256:0"),)
            )
            commitment_commands.register_commitment(uow, code_of_number(number), facts, page)

    system.execute(command_context(reason="the first record"), commands)


def ensure_commitment(system: System, code: str) -> None:
    """Register a commitment, unless it is registered."""

    def commands(uow: UnitOfWork) -> None:
        if uow.resolve_code("commitment", code) is None:
            commitment_commands.register_commitment(uow, code, {})

    system.execute(command_context(), commands)


def withdraw(system: System, code: str, on: int = 0) -> None:
    system.execute(
        command_context(on),
        lambda uow: commitment_commands.withdraw_commitment(uow, uow.require_by_code("commitment", code)),
    )


def codes_of(page: Page[Aggregate]) -> list[str]:
    return [code_of(aggregate) for _, aggregate in page.items]


@contextmanager
def snapshot_at(system: System, position: int | None = None) -> Iterator[Snapshot]:
    with system.read_session() as session:
        yield session.at_head() if position is None else session.at(position)
