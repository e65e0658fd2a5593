"""Searching a system, as clients do, by GraphQL."""

from __future__ import annotations

from typing import Any

import msgspec

from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.search.labels import LabelledSearch, Quality, judge

ITEM = """__typename ... on Member { code } ... on ActionPlan { code } ... on Commitment { code }
  ... on Milestone { number commitment { code } } ... on Narrative { section commitment { code } }"""
"""Fields by which an item is known."""
RESULT = f"""totalCount suggestions
  facets(dimensions: [POLICY_AREA, MEMBER]) {{ dimension values {{ value count }} }}
  nodes {{ score item {{ {ITEM} }} snippet {{ text highlights {{ start end }} }} }}"""
"""Everything that a search returns."""
FIRST = 20
_NOW = f"query ($text: String!) {{ search(query: $text, first: {FIRST}) {{ {RESULT} }} }}"
_AT = f"""query ($text: String!, $at: Position!) {{
  at(position: $at) {{ search(query: $text, first: {FIRST}) {{ {RESULT} }} }} }}"""


def search(system: System, query: str) -> Any:
    """Return the result of a search of the present."""
    return execute_query(system, _NOW, text=query)["search"]


def search_at(system: System, query: str, position: int) -> bytes:
    """Return the result of a search at a position, as it is sent."""
    return msgspec.json.encode(execute_query(system, _AT, text=query, at=position))


def found_codes(system: System, query: str) -> list[str]:
    """Return the codes of what a search finds, each once, the best first; of a part that of its commitment."""
    items = [node["item"] for node in search(system, query)["nodes"]]
    return list(dict.fromkeys(item.get("code") or item["commitment"]["code"] for item in items))


def measure_quality(system: System, searches: tuple[LabelledSearch, ...]) -> Quality:
    """Return how good the answers of a system with the corpus are."""
    return judge({each: found_codes(system, each.query) for each in searches})
