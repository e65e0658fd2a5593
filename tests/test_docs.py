"""The documents are true: examples run, tables match the code, and links lead to existing files, tests and commands."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from ogpgraph.cli import app
from ogpgraph.cli.server import format_json
from ogpgraph.demo.loader import load_example_queries
from ogpgraph.settings import declarations
from tests.demo.client import ExecuteQuery, create_demo_database, open_demo

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "ogpgraph"
README = (ROOT / "README.md").read_text("utf-8")
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
AUDITING = (ROOT / "docs" / "auditing.md").read_text("utf-8")
PAGES_OF_EXAMPLES = [ROOT / "README.md", ROOT / "docs" / "dates.md", ROOT / "docs" / "auditing.md"]
"""The pages whose queries are answered from the demonstration, each followed by its answer."""
EXAMPLES = [
    example
    for page in PAGES_OF_EXAMPLES
    for example in re.findall(r"```graphql\n(.*?)```\n\n```json\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
]


@pytest.fixture(scope="module")
def execute_query(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExecuteQuery]:
    with open_demo(create_demo_database(tmp_path_factory.mktemp("docs"))) as execute:
        yield execute


@pytest.mark.parametrize(("query", "answer"), EXAMPLES, ids=[re.findall(r"query (\w+)", q)[0] for q, _ in EXAMPLES])
def test_an_example_in_the_documents_has_the_answer_shown(execute_query: ExecuteQuery, query: str, answer: str) -> None:
    actual = execute_query(query)
    assert json.loads(answer) == actual, f"the answer is now\n{format_json(actual, 100)}"


def test_every_query_has_an_answer() -> None:
    texts = [page.read_text("utf-8") for page in PAGES_OF_EXAMPLES]
    assert all(text.count("```graphql") == text.count("```json") for text in texts)
    assert sum(text.count("```graphql") for text in texts) == len(EXAMPLES) > 10


def test_every_question_of_auditors_is_a_heading_with_a_query_and_its_answer() -> None:
    questions = AUDITING.partition("\n## Conditions\n")[0]
    assert AUDITING.count("```graphql") == questions.count("\n## ") == 10


def test_the_first_query_in_the_readme_is_the_first_of_the_demonstration() -> None:
    assert EXAMPLES[0][0].strip() == load_example_queries()[0].query


def test_the_readme_has_a_table_of_all_settings() -> None:
    declared = declarations().values()
    rows = [
        f"| `{each.variable}` | {f'`{each.default}`' if each.default else ''} | {each.description} |"
        for each in declared
    ]
    assert all(row.count("|") == 4 for row in rows)
    table = "\n".join(["| Variable | Default | Meaning |", "| --- | --- | --- |", *rows])
    assert f"\n\n{table}\n\n" in README, f"the table is now\n{table}"


def test_the_readme_names_only_existing_commands() -> None:
    named = set(re.findall(r"\.venv/bin/ogpgraph (\w+)|`ogpgraph (\w+)", README))
    commands = get_command(app).list_commands(None)  # type: ignore[attr-defined]  # the app is a group of commands
    assert {first or second for first, second in named} <= set(commands)


def test_the_readme_names_only_existing_make_targets() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"^make (\w+)|`make (\w+)`", README, re.MULTILINE)) <= {
        named for target in targets for named in ((target, ""), ("", target))
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_to_existing_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        linked = page.parent / file if file else page
        assert linked.exists(), target
        assert not heading or heading in _headings(linked.read_text("utf-8")), target


@pytest.mark.parametrize("page", [ARCHITECTURE, *DECISIONS], ids=lambda page: page.name)
def test_a_page_names_only_existing_tests(page: Path) -> None:
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text("utf-8")):
        assert (ROOT / file).exists(), file
        assert not name or f"def {name}(" in (ROOT / file).read_text("utf-8"), f"{file}::{name}"


@pytest.mark.parametrize("page", [ARCHITECTURE, *DECISIONS], ids=lambda page: page.name)
def test_a_page_names_only_existing_modules(page: Path) -> None:
    layers = "|".join(each.name for each in PACKAGE.iterdir() if (each / "__init__.py").exists())
    for name in re.findall(rf"`((?:{layers})/[\w/]+)(?:\.py)?`", page.read_text("utf-8")):
        assert (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists(), name


def test_the_architecture_describes_every_layer() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    packages = [package.strip() for layer in contract["layers"] for package in layer.split("|")]
    text = ARCHITECTURE.read_text("utf-8")
    assert [package for package in packages if f"`{package}`" not in text] == []


def test_decisions_are_numbered_without_gaps_and_at_most_a_screen_long() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert all(len(page.read_text("utf-8").splitlines()) <= 50 for page in DECISIONS)


def test_the_changelog_has_headings_for_the_schema_and_for_stored_events() -> None:
    unreleased = (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n## ")[1]
    assert unreleased.startswith("[Unreleased]")
    assert {"### GraphQL schema", "### Stored events"} <= set(unreleased.splitlines())


def _headings(text: str) -> set[str]:
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in found}
