"""The queries worth trying: files of `schema/documents`, and how an answer is shown to people."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from msgspec import Struct

ORDER = ("now-and-then", "plans", "corrections")
WIDTH = 120


class ExampleQuery(Struct, frozen=True):
    """A query with a title, which is the comment that its file begins with."""

    title: str
    query: str


def load_example_queries() -> list[ExampleQuery]:
    """Return the queries worth trying, the most striking first."""
    return [parse_example_query((_query_folder() / f"{name}.graphql").read_text("utf-8")) for name in ORDER]


def parse_example_query(text: str) -> ExampleQuery:
    """Return the document that a file holds."""
    title, _, query = text.partition("\n")
    return ExampleQuery(title.removeprefix("#").strip(), query.strip())


def format_json(value: Any, width: int = WIDTH) -> str:
    """Return a value as JSON in which whatever fits on a line stands on one."""
    return _format_value(value, "", width, 0)


def _format_value(value: Any, indent: str, width: int, taken: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, (dict, list)) or len(indent) + taken + len(line) <= width:
        return line
    inner = indent + "  "
    if isinstance(value, list):
        parts = [_format_value(each, inner, width, 0) for each in value]
        return "[\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}]"
    names = [f"{json.dumps(name)}: " for name in value]
    parts = [_format_value(each, inner, width, len(name)) for name, each in zip(names, value.values(), strict=True)]
    return "{\n" + ",\n".join(inner + name + part for name, part in zip(names, parts, strict=True)) + f"\n{indent}}}"


def _query_folder() -> Traversable:
    """Return where the documents lie: in the installed package, else in the checkout that it is run from."""
    packed = files("ogpgraph.demo") / "documents"
    return packed if packed.is_dir() else Path(__file__).parents[3] / "schema" / "documents"
