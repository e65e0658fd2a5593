"""The documents say what is so: examples are run, tables are compared, and what is pointed at exists."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from ogpgraph.cli import app
from ogpgraph.demo.example_queries import format_json, load_example_queries
from ogpgraph.settings import settings_table
from tests.demo.client import ExecuteQuery, create_demo_database, open_demo

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    ARCHITECTURE,
    ROOT / "docs" / "importing.md",
    *DECISIONS,
]
EXAMPLES = re.findall(r"```graphql\n(.*?)```\n\n```json\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def execute_query(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExecuteQuery]:
    """Answers questions to the demonstration."""
    with open_demo(create_demo_database(tmp_path_factory.mktemp("docs"))) as asked:
        yield asked


@pytest.mark.parametrize(("query", "answer"), EXAMPLES, ids=[re.findall(r"query (\w+)", q)[0] for q, _ in EXAMPLES])
def test_an_example_of_the_readme_gives_the_answer_shown(execute_query: ExecuteQuery, query: str, answer: str) -> None:
    given = execute_query(query)
    assert json.loads(answer) == given, f"the answer is now\n{format_json(given, 100)}"


def test_every_query_of_the_readme_has_an_answer() -> None:
    assert README.count("```graphql") == README.count("```json") == len(EXAMPLES) > 5


def test_the_first_query_of_the_readme_is_the_first_of_the_demonstration() -> None:
    assert EXAMPLES[0][0].strip() == load_example_queries()[0].query


def test_the_readme_has_the_table_of_all_settings() -> None:
    assert f"\n\n{settings_table()}\n" in README, f"the table is now\n{settings_table()}"


def test_the_readme_names_only_commands_that_there_are() -> None:
    named = set(re.findall(r"\.venv/bin/ogpgraph (\w+)|`ogpgraph (\w+)", README))
    commands = get_command(app).list_commands(None)  # type: ignore[attr-defined]  # the app is a group of commands
    assert {first or second for first, second in named} <= set(commands)


def test_the_readme_names_only_targets_that_there_are() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"^make (\w+)|`make (\w+)`", README, re.MULTILINE)) <= {
        named for target in targets for named in ((target, ""), ("", target))
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_points_only_at_what_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, heading = target.partition("#")
        assert "://" in target or (page.parent / file).exists(), target
        if heading and not file:
            assert heading in _headings(text), target


@pytest.mark.parametrize("page", [ARCHITECTURE, *DECISIONS], ids=lambda page: page.name)
def test_a_page_names_only_tests_that_there_are(page: Path) -> None:
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text("utf-8")):
        assert (ROOT / file).exists(), file
        assert not name or f"def {name}(" in (ROOT / file).read_text("utf-8"), f"{file}::{name}"


def test_the_architecture_tells_of_every_floor() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    floors = [floor.strip() for layer in contract["layers"] for floor in layer.split("|")]
    told = ARCHITECTURE.read_text("utf-8")
    assert [floor for floor in floors if f"`{floor}`" not in told] == []


def test_decisions_are_numbered_without_gaps_and_fit_a_screen() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert all(len(page.read_text("utf-8").splitlines()) <= 50 for page in DECISIONS)


def test_the_changelog_tells_of_the_schema_and_of_stored_events() -> None:
    unreleased = (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n## ")[1]
    assert unreleased.startswith("[Unreleased]")
    assert {"### GraphQL schema", "### Stored events"} <= set(unreleased.splitlines())


def _headings(text: str) -> set[str]:
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in found}
