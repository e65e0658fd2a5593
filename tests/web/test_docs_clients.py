"""The guide for clients states the limits and lifetimes that apply."""

from __future__ import annotations

import re
from pathlib import Path

from graphql import get_introspection_query, get_operation_ast, parse

from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.query_cost import measure_document
from ogpgraph.graphql.query_limits import QueryLimits
from ogpgraph.graphql.schema import build_schema
from ogpgraph.graphql.weights import DEFAULT_LIST_LENGTH
from ogpgraph.readmodel.queries import MAX_PAGE_SIZE
from ogpgraph.settings import Settings
from ogpgraph.web.caching import PAST_CACHE_CONTROL, PRESENT_CACHE_CONTROL
from ogpgraph.web.cost_budget import PERSISTED_COST_DIVISOR
from ogpgraph.web.persisted_documents import load_persisted_documents

ROOT = Path(__file__).parents[2]
GUIDE = re.sub(r"\s+", " ", (ROOT / "docs" / "clients.md").read_text("utf-8"))


def test_the_guide_names_a_persisted_document() -> None:
    (named,) = re.findall(r"sha256:[0-9a-f]{64}", GUIDE)
    assert named in load_persisted_documents()


def test_the_guide_states_the_limits() -> None:
    limits, settings = QueryLimits(), Settings()
    assert (limits.cost, limits.persisted_cost) == (settings.max_cost, settings.max_trusted_cost)
    assert (
        f"may have {limits.tokens:,} tokens, {limits.depth} levels, {limits.fields:,} fields (fragments spread out), "
        f"{limits.aliases} aliases, {limits.directives} directives, {limits.definitions} operations and fragments, and "
        f"{limits.repeated_fields} fields that repeat" in GUIDE
    )
    assert f'"limit": {limits.cost}}}' in GUIDE
    assert f"{settings.cost_per_minute:,} units a minute" in GUIDE
    assert f"not answered within {settings.deadline_seconds} s" in GUIDE
    assert limits.persisted_cost == PERSISTED_COST_DIVISOR * limits.cost


def test_the_guide_states_the_assumed_lengths_of_lists_and_the_cost_of_introspection() -> None:
    assert f"otherwise {MAX_PAGE_SIZE}." in GUIDE
    assert f"A list without pages counts as {DEFAULT_LIST_LENGTH} items" in GUIDE
    schema, query = core_schema(build_schema()), parse(get_introspection_query())
    cost = measure_document(schema, query, get_operation_ast(query), {}).cost.total
    assert round(cost, -3) == int(
        re.findall(r"Introspection is enabled and costs about ([\d,]+)", GUIDE)[0].replace(",", "")
    )


def test_the_guide_states_how_long_a_response_may_be_cached() -> None:
    assert f"`{PRESENT_CACHE_CONTROL}`" in GUIDE
    assert PAST_CACHE_CONTROL.endswith("=3600")
    assert "an hour" in GUIDE
