"""The same request twice at the same moment: whoever comes second gets the first one's answer, whatever it finds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Idempotency
from ogpgraph.domain.member import change_member_status, register_member
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES

pytestmark = BOTH_ENGINES

Commands = Callable[[UnitOfWork], None]


def act(system: System, request_hash: str = "hash") -> CommandContext:
    key = Idempotency("key", request_hash)
    return CommandContext(actor="account-1", role="reporter", time=system.clock(), idempotency=key)


def overtaken(system: System, commands: Commands) -> Commands:
    """Commands that run only when the same request, sent at the same moment, has got in before them."""

    def run(uow: UnitOfWork) -> None:
        system.execute(act(system), commands)
        commands(uow)

    return run


def register(uow: UnitOfWork) -> None:
    register_member(uow, "FRA", {"type": "NATIONAL"})


def test_who_would_be_refused_gets_the_first_answer(system: System) -> None:
    receipt = system.execute(act(system), overtaken(system, register))
    assert receipt.repeated
    assert len(receipt.events) == 2
    assert system.execute(act(system), register) == receipt


def test_who_would_have_nothing_to_say_gets_the_first_answer(system: System) -> None:
    system.execute(CommandContext(actor="a", role="r", time=system.clock()), register)

    def change(uow: UnitOfWork) -> None:
        change_member_status(uow, uow.require_by_code("member", "FRA"), {"status": "INACTIVE"})

    receipt = system.execute(act(system), overtaken(system, change))
    assert receipt.repeated
    assert len(receipt.events) == 1


def test_a_refusal_of_a_request_that_nobody_else_sent_stays_a_refusal(system: System) -> None:
    system.execute(CommandContext(actor="a", role="r", time=system.clock()), register)
    with pytest.raises(Conflict):
        system.execute(act(system), register)
