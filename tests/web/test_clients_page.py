"""The page for clients says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from ogpgraph.graphql.query_cost import DEFAULT_LIST_LENGTH, FIELD_COSTS, LIST_LENGTHS, QueryLimits
from ogpgraph.settings import Settings
from ogpgraph.web.caching import PAST_CACHE_CONTROL, PRESENT_CACHE_CONTROL
from ogpgraph.web.endpoint import PERSISTED_COST_DIVISOR
from ogpgraph.web.persisted_documents import encode_documents, load_persisted_documents, read_documents

ROOT = Path(__file__).parents[2]
PAGE = re.sub(r"\s+", " ", (ROOT / "docs" / "clients.md").read_text("utf-8"))


def test_the_documents_that_are_trusted_are_those_of_the_folder() -> None:
    documents = read_documents(ROOT / "schema" / "documents")
    assert (ROOT / "schema" / "documents.json").read_bytes() == encode_documents(documents), (
        "run `ogpgraph schema --write`"
    )
    assert load_persisted_documents() == documents
    assert len(documents) >= 3


def test_the_page_names_a_document_that_is_trusted() -> None:
    (named,) = re.findall(r"sha256:[0-9a-f]{64}", PAGE)
    assert named in load_persisted_documents()


def test_the_page_tells_the_limits_that_there_are() -> None:
    limits, settings = QueryLimits(), Settings()
    assert (limits.cost, limits.persisted_cost) == (settings.max_cost, settings.max_trusted_cost)
    assert (
        f"may have {limits.tokens:,} tokens, {limits.depth} levels, {limits.fields:,} fields (fragments spread out), "
        f"{limits.aliases} aliases, {limits.directives} directives, {limits.definitions} operations and fragments, and "
        f"{limits.repeated_fields} fields that repeat" in PAGE
    )
    assert f'"limit": {limits.cost}}}' in PAGE
    assert f"{settings.cost_per_minute:,} units a minute" in PAGE
    assert f"longer than {settings.deadline_seconds} s" in PAGE
    assert limits.persisted_cost == PERSISTED_COST_DIVISOR * limits.cost


def test_the_page_tells_what_is_dear_and_how_long_lists_are_taken_to_be() -> None:
    told = PAGE[PAGE.index("A list without pages") : PAGE.index("More than the limit")]
    assert f"counts as {DEFAULT_LIST_LENGTH} " in told
    for name in [*LIST_LENGTHS, *(each for each in FIELD_COSTS if not each.startswith("__"))]:
        assert f"`{name}`" in told, name


def test_the_page_tells_how_long_caches_may_keep_an_answer() -> None:
    assert f"`{PRESENT_CACHE_CONTROL}`" in PAGE
    assert PAST_CACHE_CONTROL.endswith("=3600")
    assert "an hour" in PAGE
