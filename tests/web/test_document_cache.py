"""Documents are parsed and validated once, and hostile ones are request errors."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext, suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ogpgraph.graphql.executor import Executor
from ogpgraph.server import application
from ogpgraph.settings import Settings
from ogpgraph.web.deadline import endless_deadline
from ogpgraph.web.document_cache import DocumentCache, DocumentLimits, RequestErrors
from tests.web.sample_app import SCHEMA, post, single_error

pytestmark = pytest.mark.anyio


def test_a_document_is_parsed_once_while_it_is_cached() -> None:
    documents = DocumentCache(SCHEMA._schema, DocumentLimits(cached_characters=25))
    first, second, third = "{ a: hello }", "{ b: hello }", "{ c: hello }"
    cached = documents.prepare(first).document
    documents.prepare(second)
    assert documents.prepare(first).document is cached  # and is now the most recently used
    other = documents.prepare(second).document
    documents.prepare(third)  # there is no space for three, so the first is dropped
    assert documents.prepare(second).document is other
    assert documents.prepare(first).document is not cached


def test_a_document_larger_than_the_cache_is_prepared_and_not_cached() -> None:
    documents = DocumentCache(SCHEMA._schema, DocumentLimits(cached_characters=5))
    assert documents.prepare("{ hello }").document is not documents.prepare("{ hello }").document


def test_compiled_functions_count_with_the_document_that_they_are_kept_with() -> None:
    documents = DocumentCache(SCHEMA._schema, DocumentLimits(cached_characters=30))
    first, second = "{ a: hello }", "{ b: hello }"
    cached = documents.prepare(first).document
    assert cached.compiled is not None
    Executor.prepare(SCHEMA, cached.ast, compiled=cached.compiled)
    assert documents.prepare(first).document is cached  # it has grown from 12 characters to 15, so 15 are left
    other = documents.prepare(second).document
    assert other.compiled is not None
    Executor.prepare(SCHEMA, other.ast, compiled=other.compiled)
    assert [documents.prepare(each).document for each in (first, second)] == [cached, other]
    longer = "{ c: hello d: hello }"
    documents.prepare(longer)
    assert documents.prepare(second).document is not other


@pytest.mark.parametrize(("execution", "are_compiled"), [("compiled", True), ("graphql-core", False)])
def test_documents_are_compiled_unless_the_setting_says_that_graphql_core_executes_them(
    execution: str, are_compiled: bool
) -> None:
    settings = Settings(execution=execution)
    for limits in (application._limits(settings).document, application._live_limits(settings).document):
        documents = DocumentCache(SCHEMA._schema, limits)
        assert (documents.prepare("{ hello }").document.compiled is not None) is are_compiled


class CostDeclared(Exception):
    """Ends an operation where it says what it may cost."""


class EndingTurn:
    """A turn that ends there."""

    def checkpoint(self) -> bool:
        return False

    def declare_cost(self, cost: int) -> None:
        raise CostDeclared(cost)

    def released(self) -> AbstractContextManager[None]:
        return nullcontext()


def test_an_operation_declares_its_cost_before_its_document_is_validated_and_where_that_is_cached() -> None:
    documents = DocumentCache(SCHEMA._schema, DocumentLimits())
    valid, invalid = "{ hello }", "{ hello nope }"
    documents.prepare(valid)
    for text in (valid, invalid):
        deadline = endless_deadline()
        deadline.turn = EndingTurn()
        with pytest.raises(CostDeclared):
            documents.prepare(text, deadline=deadline)


def test_an_invalid_document_is_not_cached() -> None:
    documents = DocumentCache(SCHEMA._schema, DocumentLimits())
    for _ in range(2):
        with pytest.raises(RequestErrors, match="nope"):
            documents.prepare("{ nope }")


@pytest.mark.parametrize(
    "query",
    [
        "{ hello(name: 1e999) }",
        "{ ratio(of: 1e999) }",
        f"{{ items(first: {'9' * 5_000}) {{ number }} }}",
        f"{{ ratio(of: {'9' * 5_000}) }}",
        '{ hello(name: "\\u0000") }',
        '{ hello(name: """a\0b""") }',
        '{ hello(name: "\\ud800") }',
        '{ hello(name: "\\u{110000}") }',
        "{" * 5_000,
        "{ hello(name: " + "[" * 5_000,
        "query ($a: " + "[" * 3_000 + "Int" + "]" * 3_000 + ") { hello }",
        "\ufeff{ nope }",
        "{ ...F } fragment F on Query { ...F }",
        "{ " + "a" * 100_000 + " }",
    ],
    ids=lambda query: query[:24].encode("unicode_escape").decode(),
)
async def test_a_hostile_document_is_a_request_error(client: httpx.AsyncClient, query: str) -> None:
    body = {"query": query} if "\0" not in query else json.dumps({"query": query})
    with capture_logs() as logs:
        response = await post(client, body)
    assert response.status_code == 400
    assert logs == []


async def test_a_document_of_too_many_tokens_or_comments_is_not_parsed(client: httpx.AsyncClient) -> None:
    for document in ("{" + " a" * 2_001 + "}", "{ hello }" + "#\n" * 2_001):
        response = await post(client, {"query": document})
        assert single_error(response)[:2] == (400, "TOO_MANY_TOKENS")


async def test_a_limited_number_of_a_documents_errors_is_reported(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{" + " ".join(f"a{n}" for n in range(500)) + "}"})
    assert len(response.json()["errors"]) == 26
    assert "aborted" in response.json()["errors"][-1]["message"]


@given(
    st.lists(
        st.sampled_from(
            [*'{}()[]:!$@"|&=.#', "...", '"""', "query", "on", "fragment", "hello", "items", "1", "\\u", " "]
        )
    )
)
def test_no_text_like_a_document_raises_anything_but_request_errors(pieces: list[str]) -> None:
    documents = DocumentCache(SCHEMA._schema, DocumentLimits())
    with suppress(RequestErrors):
        documents.prepare("".join(pieces))
