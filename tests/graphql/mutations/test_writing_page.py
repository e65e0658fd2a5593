"""The page on writing tells a story that is so: each step is sent as who it says, and answered as it says."""

import json
import re
from pathlib import Path

import pytest

from ogpgraph.application import UnitOfWork
from ogpgraph.application.commands import accounts
from ogpgraph.auth.authorization import PERMISSIONS
from ogpgraph.demo.example_queries import format_json
from ogpgraph.domain.account import Role
from ogpgraph.graphql.mutations.context import ErrorCode
from ogpgraph.graphql.mutations.inputs import MAX_TEXT_LENGTH
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import MutationClient, record_as_operator

pytestmark = BOTH_ENGINES

PAGE = Path(__file__).parents[3] / "docs" / "writing.md"
TEXT = PAGE.read_text("utf-8")
STEPS = re.findall(r"As (?:the|a) (\w+):\n\n```graphql\n(.*?)```\n\n```json\n(.*?)```", TEXT, re.DOTALL)


def account(system: System, role: Role, *members: str) -> MutationClient:
    """Somebody with a role, as `ogpgraph account create` makes them."""

    def commands(uow: UnitOfWork) -> str:
        opened = accounts.open_account(uow).id
        accounts.grant_rights(uow, accounts.find_account(uow, opened), role, members)
        return opened

    return MutationClient(system, record_as_operator(system, commands))


@pytest.fixture
def answers(system: System) -> list[object]:
    """What each step of the story is answered with, in order."""
    told = {
        "administrator": account(system, Role.ADMINISTRATOR),
        "reviewer": account(system, Role.REVIEWER),
        "reader": MutationClient(system, None),
    }
    (first, register, _), *steps = STEPS
    given = [told[first].execute(register)]
    told["reporter"] = account(system, Role.REPORTER, "FRA")  # of a member that there is now
    return given + [told[who].execute(query) for who, query, _ in steps]


def test_each_step_of_the_story_is_answered_as_the_page_says(answers: list[object]) -> None:
    assert [who for who, _, _ in STEPS] == [
        "administrator",
        "reporter",
        "reporter",
        "reviewer",
        "reviewer",
        "reviewer",
        "reader",
    ]
    for (_, query, said), given in zip(STEPS, answers, strict=True):
        assert json.loads(said) == given, f"{query}is answered now\n{format_json(given, 100)}"


def test_every_query_of_the_page_is_a_step_of_the_story() -> None:
    assert TEXT.count("```graphql") == TEXT.count("```json") == len(STEPS)


def test_the_page_names_every_code_of_a_refusal_and_every_role() -> None:
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", TEXT, re.MULTILINE)) == {code.value for code in ErrorCode}
    assert set(re.findall(r"^\| ([a-z]+) \|", TEXT, re.MULTILINE)) == {"reader", *(role.lower() for role in Role)}


def test_the_page_names_only_mutations_and_limits_that_there_are() -> None:
    assert f"up to {MAX_TEXT_LENGTH:,} characters" in TEXT
    assert set(re.findall(r"`([a-z]+[A-Z]\w+)`", TEXT)) - set(PERMISSIONS) <= {
        "expectedRevision",
        "idempotencyKey",
        "effectiveOn",
        "currentRevision",
        "correlationId",
    }
