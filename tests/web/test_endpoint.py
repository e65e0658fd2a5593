"""Operations over HTTP: which run, what responses contain, and how errors are reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
import strawberry
from starlette.requests import HTTPConnection
from strawberry.extensions import QueryDepthLimiter
from structlog.testing import capture_logs

from ogpgraph.graphql.context import Context
from ogpgraph.web.operation_service import OperationService
from tests.web.sample_app import (
    GRAPHQL,
    JSON,
    REQUEST_ID,
    SCHEMA,
    ContextFactory,
    SampleContext,
    build_sample_app,
    make_client,
    payload_without_cost,
    post,
)

pytestmark = pytest.mark.anyio


async def test_a_response_is_utf8_without_escapes(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ hello }"})
    assert response.content.startswith('{"data":{"hello":"héllo wörld"},'.encode())


async def test_response_fields_are_in_the_order_of_the_selection(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ items(first: 1) { number __typename } hello a: __typename }"})
    assert list(response.json()["data"]) == ["items", "hello", "a"]
    assert list(response.json()["data"]["items"][0]) == ["number", "__typename"]


async def test_a_query_with_variables_runs_by_get(client: httpx.AsyncClient) -> None:
    params = {"query": "query ($n: String!) { hello(name: $n) }", "variables": '{"n": "é"}', "operationName": ""}
    response = await client.get("/graphql", params=params)
    assert payload_without_cost(response.json()) == {"data": {"hello": "héllo é"}}


async def test_an_operation_is_selected_by_name(client: httpx.AsyncClient) -> None:
    document = "query A { a: __typename } query B { b: __typename }"
    response = await post(client, {"query": document, "operationName": "B"})
    assert payload_without_cost(response.json()) == {"data": {"b": "Query"}}


async def test_a_mutation_runs_by_post(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": 'mutation { rename(name: "x") }'})
    assert payload_without_cost(response.json()) == {"data": {"rename": "x"}}


async def test_resolvers_run_in_the_thread_that_opened_their_context(client: httpx.AsyncClient) -> None:
    assert (await post(client, {"query": "{ thread isLeft }"})).json()["data"] == {"thread": True, "isLeft": False}


async def test_a_context_is_opened_for_each_request_and_closed_after_it() -> None:
    contexts = ContextFactory()
    async with make_client(build_sample_app(contexts)) as client:
        for _ in range(2):
            await post(client, {"query": "{ broken hello }"})
    assert [(context.path, context.exited) for context in contexts.created] == [("/graphql", True)] * 2


async def test_no_context_is_opened_for_an_operation_that_is_not_executed() -> None:
    contexts = ContextFactory()
    async with make_client(build_sample_app(contexts)) as client:
        await post(client, {"query": "{ nope }"})
        await post(client, {"query": "subscription { ticks }"})
    assert contexts.created == []


async def test_resolvers_see_the_extensions_of_the_request(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ extensions }", "extensions": {"a": 1}})
    assert json.loads(response.json()["data"]["extensions"]) == {"a": 1}


async def test_introspection_is_supported(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ __schema { types { name fields { name } } } }"})
    assert response.status_code == 200


def test_a_schema_with_extensions_is_rejected_because_they_would_not_be_executed() -> None:
    schema = strawberry.Schema(SCHEMA.query, extensions=[lambda: QueryDepthLimiter(max_depth=3)])
    with pytest.raises(ValueError, match="extensions"):
        OperationService(schema, ContextFactory())


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "BREW"])
async def test_another_method_gives_405_and_the_methods_that_are_allowed(
    client: httpx.AsyncClient, method: str
) -> None:
    response = await client.request(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")


async def test_options_lists_the_methods(client: httpx.AsyncClient) -> None:
    response = await client.options("/graphql")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, POST, OPTIONS")


# Request errors


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{ hello"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ }"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ items { } }"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "type T { f: Int }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query A { a: __typename } query B { b: __typename }"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "{ hello }", "operationName": "Nope"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "query ($n: String!) { hello(name: $n) }"}, "BAD_USER_INPUT"),
        ({"query": "query ($n: Int!) { items(first: $n) { number } }", "variables": {"n": 2**31}}, "BAD_USER_INPUT"),
    ],
)
async def test_a_request_error_has_a_code_no_data_and_a_status_by_media_type(
    client: httpx.AsyncClient, body: dict[str, Any], code: str
) -> None:
    with capture_logs() as logs:
        new, old = await post(client, body, accept=GRAPHQL), await post(client, body, accept=JSON)
    assert (new.status_code, old.status_code) == (400, 200)
    assert list(new.json()) == list(old.json()) == ["errors", "extensions"]
    assert new.json()["errors"][0]["extensions"]["code"] == code
    assert logs == []  # a client's mistake is no error of ours


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("query A { hello } query B { hello }", "several operations"),
        ("fragment F on Query { hello }", "no operation|never used"),
    ],
)
async def test_the_error_for_a_document_without_a_single_operation_explains_why(
    client: httpx.AsyncClient, query: str, expected: str
) -> None:
    response = await post(client, {"query": query})
    assert any(part in response.json()["errors"][0]["message"] for part in expected.split("|"))


async def test_the_error_for_a_mistyped_field_suggests_the_right_one(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ helo }"})
    assert "Did you mean 'hello'?" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_a_subscription_without_an_event_stream_is_rejected(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, {"query": "subscription { ticks }"}, accept=accept)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (
        400,
        "SUBSCRIPTION_NOT_SUPPORTED",
    )


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_a_mutation_by_get_gives_405_and_allows_post(client: httpx.AsyncClient, accept: str) -> None:
    params = {"query": 'mutation { rename(name: "x") }'}
    response = await client.get("/graphql", params=params, headers={"Accept": accept})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_only_the_selected_operation_has_to_be_allowed(client: httpx.AsyncClient) -> None:
    params = {"query": 'query Q { hello } mutation M { rename(name: "x") }', "operationName": "Q"}
    assert (await client.get("/graphql", params=params)).status_code == 200


# Field errors and failures


async def test_expected_errors_are_reported_with_their_code(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await post(client, {"query": "{ refused hello }"})
    assert response.status_code == 200
    assert list(response.json()) == ["errors", "data", "extensions"]
    (error,) = response.json()["errors"]
    assert (error["message"], error["path"]) == ("No such position.", ["refused"])
    assert error["extensions"] == {"code": "UNKNOWN_POSITION"}
    assert response.json()["data"] == {"refused": None, "hello": "héllo wörld"}
    assert logs == []


async def test_unexpected_errors_are_masked_and_logged_with_the_request_id(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await post(client, {"query": "{ broken }"})
    assert "secret" not in response.text
    (error,) = response.json()["errors"]
    assert error["message"] == "Internal error"
    assert error["extensions"] == {"code": "INTERNAL", "requestId": REQUEST_ID}
    assert error["locations"] == [{"line": 1, "column": 3}]
    (line,) = logs
    assert (line["log_level"], line["request_id"], line["field"]) == ("error", REQUEST_ID, "broken")
    assert str(line["exc_info"]) == "secret detail"
    assert line["exc_info"].__traceback__ is not None


async def test_an_error_in_every_item_of_a_list_is_logged_once(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await post(client, {"query": "{ items(first: 50) { broken } }"})
    assert len(response.json()["errors"]) == 50
    assert [(line["field"], line["times"]) for line in logs] == [("items.broken", 50)]


async def test_a_required_field_that_fails_gives_null_and_200(client: httpx.AsyncClient) -> None:
    with capture_logs():
        response = await post(client, {"query": "{ requiredButBroken }"})
    assert (response.status_code, response.json()["data"]) == (200, None)


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_a_context_that_cannot_be_opened_gives_500_without_the_reason(accept: str) -> None:
    def failing(_request: HTTPConnection) -> AbstractContextManager[Context]:
        raise OSError("secret path")

    async with make_client(build_sample_app(failing)) as client:
        with capture_logs() as logs:
            response = await post(client, {"query": "{ hello }"}, accept=accept)
    assert response.status_code == 500
    extensions = {"code": "INTERNAL", "requestId": REQUEST_ID}
    assert payload_without_cost(response.json()) == {
        "errors": [{"message": "Internal error", "extensions": extensions}]
    }
    assert [(line["request_id"], str(line["exc_info"])) for line in logs] == [(REQUEST_ID, "secret path")]


async def test_a_response_that_cannot_be_encoded_gives_500(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await post(client, {"query": "{ notEncodable }"})
    # Where a compiled operation was first, graphql-core executed it, too, and its data could not be encoded either.
    assert (response.status_code, logs[-1]["log_level"]) == (500, "error")


async def test_a_failure_while_closing_the_context_gives_500() -> None:
    @contextmanager
    def failing(request: HTTPConnection) -> Iterator[Context]:
        yield SampleContext(request)
        raise OSError("secret")

    async with make_client(build_sample_app(failing)) as client:
        with capture_logs() as logs:
            response = await post(client, {"query": "{ hello }"})
    assert (response.status_code, len(logs)) == (500, 1)
