"""Every code that the program can emit is listed, and every code that is listed can be emitted."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeGuard

import httpx
import pytest
from typer.testing import CliRunner

import ogpgraph
from ogpgraph.cli import app
from ogpgraph.cli.shared import ExitCode
from ogpgraph.domain.errors import Refusal
from ogpgraph.error_code import ErrorCode
from ogpgraph.storage.database import StorageError
from ogpgraph.web.error_codes import CODE_GROUPS, ERROR_CODES, CloseCode
from ogpgraph.web.error_reference import build_error_reference
from tests.web.sample_app import GRAPHQL

PACKAGE: Final = Path(ogpgraph.__file__).parent
PAGE: Final = Path(__file__).parents[2] / "docs" / "errors.md"
TREES: Final = {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
NODES: Final = [node for tree in TREES.values() for node in ast.walk(tree)]
CODE_ENUMS: Final[tuple[type[Enum], ...]] = (*CODE_GROUPS.values(), CloseCode, ExitCode)
CODE_LIKE: Final = re.compile(r"[A-Z]+(_[A-Z]+)*")


class Member(ast.Attribute):
    value: ast.Name


def subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    for each in cls.__subclasses__():
        yield each
        yield from subclasses(each)


@pytest.fixture(scope="module", autouse=True)
def _every_module_is_imported() -> None:
    for module in pkgutil.walk_packages([str(PACKAGE)], "ogpgraph."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_every_declaration_of_codes_is_listed() -> None:
    assert set(subclasses(ErrorCode)) == set(CODE_GROUPS.values())


def test_every_code_is_declared_once() -> None:
    assert sum(len(group) for group in CODE_GROUPS.values()) == len(ERROR_CODES)
    assert all(name == code.name for name, code in ERROR_CODES.items())


def test_every_code_has_a_status_a_meaning_and_a_remedy() -> None:
    for code in ERROR_CODES.values():
        assert code.status == 200 or 400 <= code.status < 600, code
        assert all(text.endswith(".") and "|" not in text for text in (code.meaning, code.remedy)), code


def test_page_is_generated_from_the_declarations() -> None:
    assert PAGE.read_text("utf-8") == build_error_reference({each: each.meaning for each in ExitCode}), (
        "run `make schema`"
    )


def test_every_listed_code_is_emitted_somewhere() -> None:
    used = {f"{node.value.id}.{node.attr}" for node in NODES if is_member_of_a_name(node)}
    declared = {f"{enum.__name__}.{name}" for enum in CODE_ENUMS for name in enum.__members__}
    assert declared - used == {"ExitCode.WRONG_USAGE"}, "listed, but nothing uses it"
    assert CliRunner().invoke(app, ["--no-such-option"]).exit_code == ExitCode.WRONG_USAGE  # typer emits that one


def is_member_of_a_name(node: ast.AST) -> TypeGuard[Member]:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)


def test_every_refusal_and_failure_with_a_code_is_raised_somewhere() -> None:
    loaded = {node.id for node in NODES if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    errors = {each.__name__ for base in (Refusal, StorageError) for each in subclasses(base)}
    assert not errors - loaded, "nothing raises it"


def test_no_code_is_written_as_a_string() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.value!r}"
        for path, tree in TREES.items()
        for node in code_strings(tree)
    ]
    assert not found, "declare it as an ErrorCode"


def code_strings(tree: ast.Module) -> Iterator[ast.Constant]:
    """The strings that are passed, assigned or stored as `code`, and those that are equal to a listed code."""
    declared = {id(part) for node in ast.walk(tree) if is_declaration(node) for part in ast.walk(node)}
    for node in ast.walk(tree):
        for value in values_of_code(node):
            if isinstance(value, ast.Constant) and CODE_LIKE.fullmatch(str(value.value)):
                yield value
        if isinstance(node, ast.Constant) and node.value in ERROR_CODES and id(node) not in declared:
            yield node


def is_declaration(node: ast.AST) -> bool:
    names = {enum.__name__ for enum in CODE_ENUMS}
    return isinstance(node, ast.ClassDef) and node.name in names


def values_of_code(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Call():
            return [each.value for each in node.keywords if each.arg == "code"]
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "code"]
        case ast.Assign():
            is_code = any(getattr(target, "id", getattr(target, "attr", "")) == "code" for target in node.targets)
            return [node.value] if is_code else []
    return []


WRONG_REQUESTS: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("GET", "/nowhere", {}),
    ("DELETE", "/health", {}),
    ("PUT", "/graphql", {}),
    ("GET", "/graphql", {}),
    ("GET", "/graphql?query={hello", {"headers": {"Accept": GRAPHQL}}),
    ("GET", "/graphql?query={nothing}", {"headers": {"Accept": GRAPHQL}}),
    ("GET", "/graphql?query={hello}&operationName=A", {"headers": {"Accept": GRAPHQL}}),
    ("GET", "/graphql?query=query($n:Int!){items(first:$n){number}}", {"headers": {"Accept": GRAPHQL}}),
    ("GET", "/graphql?query=mutation{rename(name:%22x%22)}", {}),
    ("GET", "/graphql?query=subscription{ticks}", {}),
    ("GET", "/graphql?query={hello}", {"headers": {"Accept": "text/html"}}),
    ("GET", "/graphql?documentId=sha256:" + "0" * 64, {}),
    ("POST", "/graphql", {"content": b"{"}),
    ("POST", "/graphql", {"json": []}),
    ("POST", "/graphql", {"json": {"query": "{hello}"}, "headers": {"Content-Encoding": "gzip"}}),
    ("POST", "/graphql", {"json": {"query": "#" * 300_000}}),
    ("POST", "/graphql", {"json": {"query": "{ a: hello " * 100}, "headers": {"Accept": GRAPHQL}}),
]


@pytest.mark.anyio
async def test_a_wrong_request_has_the_status_of_its_code(client: httpx.AsyncClient) -> None:
    for method, url, options in WRONG_REQUESTS:
        response = await client.request(method, url, **options)
        codes = [error["extensions"]["code"] for error in response.json()["errors"]]
        assert response.status_code >= 400, url
        assert {ERROR_CODES[code].status for code in codes} == {response.status_code}, url
