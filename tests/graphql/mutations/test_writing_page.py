"""The examples of docs/writing.md run, one after the other, and return what the page shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ogpgraph.application.command_runner import PERMISSIONS
from ogpgraph.application.translation import MAX_TEXT_LENGTH
from ogpgraph.cli.server import format_json
from ogpgraph.domain.roles import Role
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import MutationClient, open_account

pytestmark = BOTH_ENGINES

PAGE = Path(__file__).parents[3] / "docs" / "writing.md"
TEXT = PAGE.read_text("utf-8")
EXAMPLES = re.findall(r"As (?:the|a) (\w+):\n\n```graphql\n(.*?)```\n\n```json\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def results(system: System) -> list[object]:
    """Return the data of each example, in order."""
    clients = {
        "administrator": open_account(system, Role.ADMINISTRATOR),
        "reviewer": open_account(system, Role.REVIEWER),
        "reader": MutationClient(system, None),
    }
    (first_role, register, _), *others = EXAMPLES
    data = [clients[first_role].execute(register)]
    clients["reporter"] = open_account(system, Role.REPORTER, "FRA")  # the first example has registered the member
    return data + [clients[role].execute(query) for role, query, _ in others]


def test_each_example_returns_what_the_page_shows(results: list[object]) -> None:
    assert [role for role, _, _ in EXAMPLES] == [
        "administrator",
        "reporter",
        "reporter",
        "reviewer",
        "reviewer",
        "reviewer",
        "reader",
    ]
    for (_, query, shown), data in zip(EXAMPLES, results, strict=True):
        returned = format_json(data, 100)
        assert _without_seconds(shown) == _without_seconds(returned), f"{query}returns now\n{returned}"


def _without_seconds(answer: str) -> object:
    """Return an answer without the seconds of its times: they count how often the engine asked the clock."""
    return json.loads(re.sub(r"(T\d\d:\d\d):\d\d\.\d{6}Z", r"\1", answer))


def test_every_query_of_the_page_is_an_example() -> None:
    assert TEXT.count("```graphql") == TEXT.count("```json") == len(EXAMPLES)


def test_page_documents_every_role() -> None:
    assert set(re.findall(r"^\| ([a-z]+) \|", TEXT, re.MULTILINE)) == {"reader", *(role.lower() for role in Role)}


def test_page_names_only_existing_mutations_and_limits() -> None:
    assert f"up to {MAX_TEXT_LENGTH:,} characters" in TEXT
    assert set(re.findall(r"`([a-z]+[A-Z]\w+)`", TEXT)) - set(PERMISSIONS) <= {
        "mergedFrom",
        "splitFrom",
        "expectedRevision",
        "idempotencyKey",
        "effectiveOn",
        "currentRevision",
        "correlationId",
        "actionPlan",
        "changesPresent",
        "asOf",
    }
