"""Duplicate requests at the same time: the second returns the first one's receipt, whatever its commands find."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Idempotency
from ogpgraph.domain.member import change_member_status, register_member
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory

pytestmark = BOTH_ENGINES

Commands = Callable[[UnitOfWork], None]


def command_context(system: System, request_hash: str = "hash") -> CommandContext:
    key = Idempotency("key", request_hash)
    return CommandContext(actor="account-1", role="reporter", time=system.clock(), idempotency=key)


def run_after_duplicate(other: System, commands: Commands) -> Commands:
    """Return commands that run after another process has committed a duplicate of their request."""

    def run(uow: UnitOfWork) -> None:
        other.execute(command_context(other), commands)
        commands(uow)

    return run


def register(uow: UnitOfWork) -> None:
    register_member(uow, "FRA", {"type": "NATIONAL"})


def test_a_duplicate_that_would_be_refused_returns_the_first_receipt(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    receipt = system.execute(command_context(system), run_after_duplicate(other, register))
    assert receipt.repeated
    assert len(receipt.events) == 2
    assert system.execute(command_context(system), register) == receipt


def test_a_duplicate_that_would_record_nothing_returns_the_first_receipt(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    system.execute(CommandContext(actor="a", role="r", time=system.clock()), register)

    def change(uow: UnitOfWork) -> None:
        change_member_status(uow, uow.require_by_code("member", "FRA"), {"status": "INACTIVE"})

    receipt = system.execute(command_context(system), run_after_duplicate(other, change))
    assert receipt.repeated
    assert len(receipt.events) == 1


def test_a_refusal_without_a_duplicate_remains_a_refusal(system: System) -> None:
    system.execute(CommandContext(actor="a", role="r", time=system.clock()), register)
    with pytest.raises(Conflict):
        system.execute(command_context(system), register)
