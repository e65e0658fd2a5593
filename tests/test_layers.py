"""What no layer may do, beyond the imports that import-linter checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ogpgraph

ROOT = Path(ogpgraph.__file__).parent
SQL = re.compile(
    r"""
    \b select \s+ [^;]*? \s from \s+ \w
    | \b insert \s+ into \s+ \w+ \s* \(
    | \b update \s+ \w+ \s+ set \s+ \w+ \s* =
    | \b delete \s+ from \s+ \w
    | \b (create|alter|drop) \s+ (table|index|view) \s+ \w
    | \b pragma \s+ \w
    | ^ \s* with \s+ \w+ [^;]* \b as \s* \(
    | ^ \s* (from|where|and|join|order \s by) \s+ [\w.]+ [^;]* :[a-z_]+
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""A statement, or a part of one that has parameters."""


def string_literals(path: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module with their lines, without docstrings; an f-string has a word in place of each value."""
    tree = ast.parse(path.read_text())
    ignored = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            ignored.update(id(part) for part in node.values)
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in ignored:
            yield node.lineno, node.value


def sql_in(path: Path) -> list[int]:
    return [line for line, text in string_literals(path) if SQL.search(text)]


def test_sql_text_stands_only_in_storage_and_readmodel() -> None:
    elsewhere = [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in ("storage", "readmodel")]
    assert len(elsewhere) > 80
    assert {str(path.relative_to(ROOT)): lines for path in elsewhere if (lines := sql_in(path))} == {}


@pytest.mark.parametrize(
    "name", ["storage/accounts.py", "storage/event_log.py", "readmodel/queries.py", "readmodel/index_rows.py"]
)
def test_sql_text_is_recognized(name: str) -> None:
    assert len(sql_in(ROOT / name)) > 3


LARGE_PACKAGES = [folder for folder in ROOT.rglob("*") if len(list(folder.glob("*.py"))) > 20]


@pytest.mark.parametrize("folder", LARGE_PACKAGES, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_the_description_of_a_large_package_says_where_each_of_its_modules_belongs(folder: Path) -> None:
    description = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
    assert {name: description.count(f"`{name}`") for name in modules} == dict.fromkeys(modules, 1)
