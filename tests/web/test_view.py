import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import httpx
import pytest
import strawberry
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message
from strawberry.extensions import QueryDepthLimiter
from structlog.testing import capture_logs

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.query_cost import QueryLimits
from ogpgraph.web import request as media
from ogpgraph.web.document_cache import DocumentCache, DocumentLimits, RequestErrors
from ogpgraph.web.endpoint import GraphQLEndpoint, WebLimits
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.operation import STACK_SLOTS, make_stack_guard
from ogpgraph.web.request import BodyLimits, parse_json_body, parse_query_string
from tests.web.sample_app import (
    GRAPHQL,
    JSON,
    REQUEST_ID,
    SCHEMA,
    ContextFactory,
    SampleContext,
    build_sample_app,
    make_client,
    post,
)

pytestmark = pytest.mark.anyio


def told_apart(payload: dict[str, Any]) -> dict[str, Any]:
    """An answer without what every answer tells of cost."""
    cost = payload.pop("extensions")["cost"]
    assert 0 <= cost["requested"] <= 2**53
    assert cost["limit"] == QueryLimits().cost
    return payload


def told(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of an answer that is one error without data, and says so in UTF-8."""
    payload = told_apart(json.loads(response.content.decode()))
    assert list(payload) == ["errors"]
    (error,) = payload["errors"]
    assert response.headers["content-type"].endswith("+json; charset=utf-8")
    assert response.headers["x-request-id"]
    return response.status_code, error["extensions"]["code"], error["message"]


# ------------------------------------------------------------------------------------------------------- what is run


async def test_an_answer_is_utf8_without_escapes(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ hello }"})
    assert response.content.startswith('{"data":{"hello":"héllo wörld"},'.encode())


async def test_members_of_an_answer_come_in_the_order_asked(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ items(first: 1) { number __typename } hello a: __typename }"})
    assert list(response.json()["data"]) == ["items", "hello", "a"]
    assert list(response.json()["data"]["items"][0]) == ["number", "__typename"]


async def test_get_runs_a_query_with_variables(client: httpx.AsyncClient) -> None:
    params = {"query": "query ($n: String!) { hello(name: $n) }", "variables": '{"n": "é"}', "operationName": ""}
    response = await client.get("/graphql", params=params)
    assert told_apart(response.json()) == {"data": {"hello": "héllo é"}}


async def test_an_operation_is_chosen_by_name(client: httpx.AsyncClient) -> None:
    document = "query A { a: __typename } query B { b: __typename }"
    response = await post(client, {"query": document, "operationName": "B"})
    assert told_apart(response.json()) == {"data": {"b": "Query"}}


async def test_a_mutation_runs_by_post(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": 'mutation { rename(name: "x") }'})
    assert told_apart(response.json()) == {"data": {"rename": "x"}}


async def test_resolvers_run_in_the_thread_that_made_their_context(client: httpx.AsyncClient) -> None:
    assert (await post(client, {"query": "{ thread isLeft }"})).json()["data"] == {"thread": True, "isLeft": False}


async def test_a_context_is_made_for_each_request_and_left_after_it() -> None:
    contexts = ContextFactory()
    async with make_client(build_sample_app(contexts)) as client:
        for _ in range(2):
            await post(client, {"query": "{ broken hello }"})
    assert [(context.path, context.exited) for context in contexts.created] == [("/graphql", True)] * 2


async def test_no_context_is_made_for_what_does_not_run() -> None:
    contexts = ContextFactory()
    async with make_client(build_sample_app(contexts)) as client:
        await post(client, {"query": "{ nope }"})
        await post(client, {"query": "subscription { ticks }"})
    assert contexts.created == []


async def test_resolvers_see_the_extensions_of_the_request(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ extensions }", "extensions": {"a": 1}})
    assert json.loads(response.json()["data"]["extensions"]) == {"a": 1}


async def test_introspection_is_answered(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ __schema { types { name fields { name } } } }"})
    assert response.status_code == 200


def test_a_schema_with_extensions_is_refused_because_they_would_not_run() -> None:
    schema = strawberry.Schema(SCHEMA.query, extensions=[lambda: QueryDepthLimiter(max_depth=3)])
    with pytest.raises(ValueError, match="extensions"):
        GraphQLEndpoint(schema, ContextFactory())


# ----------------------------------------------------------------------------------------------------- request errors


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
    ("query", "says"),
    [
        ("query A { hello } query B { hello }", "several operations"),
        ("fragment F on Query { hello }", "no operation|never used"),
    ],
)
async def test_a_document_without_one_operation_to_run_is_told_what_it_lacks(
    client: httpx.AsyncClient, query: str, says: str
) -> None:
    response = await post(client, {"query": query})
    assert any(part in response.json()["errors"][0]["message"] for part in says.split("|"))


async def test_a_suggestion_helps_with_a_mistyped_field(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ helo }"})
    assert "Did you mean 'hello'?" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_a_subscription_is_refused_here(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, {"query": "subscription { ticks }"}, accept=accept)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (
        400,
        "SUBSCRIPTION_NOT_SUPPORTED",
    )


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_a_mutation_by_get_is_405_and_post_is_allowed(client: httpx.AsyncClient, accept: str) -> None:
    params = {"query": 'mutation { rename(name: "x") }'}
    response = await client.get("/graphql", params=params, headers={"Accept": accept})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_an_operation_is_chosen_before_its_kind_is_judged(client: httpx.AsyncClient) -> None:
    params = {"query": 'query Q { hello } mutation M { rename(name: "x") }', "operationName": "Q"}
    assert (await client.get("/graphql", params=params)).status_code == 200


# ------------------------------------------------------------------------------------------------------- field errors


async def test_our_own_errors_pass_with_their_code(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await post(client, {"query": "{ refused hello }"})
    assert response.status_code == 200
    assert list(response.json()) == ["errors", "data", "extensions"]
    (error,) = response.json()["errors"]
    assert (error["message"], error["path"]) == ("No such position.", ["refused"])
    assert error["extensions"] == {"code": "UNKNOWN_POSITION"}
    assert response.json()["data"] == {"refused": None, "hello": "héllo wörld"}
    assert logs == []


async def test_other_errors_are_masked_and_logged_with_the_request_id(client: httpx.AsyncClient) -> None:
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


async def test_a_required_field_that_fails_leaves_null_and_status_200(client: httpx.AsyncClient) -> None:
    with capture_logs():
        response = await post(client, {"query": "{ requiredButBroken }"})
    assert (response.status_code, response.json()["data"]) == (200, None)


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_a_context_that_cannot_be_made_gives_500_without_the_reason(accept: str) -> None:
    def failing(_request: Request) -> AbstractContextManager[Context]:
        raise OSError("secret path")

    async with make_client(build_sample_app(failing)) as client:
        with capture_logs() as logs:
            response = await post(client, {"query": "{ hello }"}, accept=accept)
    assert response.status_code == 500
    extensions = {"code": "INTERNAL", "requestId": REQUEST_ID}
    assert told_apart(response.json()) == {"errors": [{"message": "Internal error", "extensions": extensions}]}
    assert [(line["request_id"], str(line["exc_info"])) for line in logs] == [(REQUEST_ID, "secret path")]


async def test_an_answer_that_cannot_be_said_gives_500(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await post(client, {"query": "{ unsayable }"})
    assert (response.status_code, len(logs)) == (500, 1)


async def test_a_failure_while_leaving_the_context_gives_500() -> None:
    @contextmanager
    def failing(request: Request) -> Iterator[Context]:
        yield SampleContext(request)
        raise OSError("secret")

    async with make_client(build_sample_app(failing)) as client:
        with capture_logs() as logs:
            response = await post(client, {"query": "{ hello }"})
    assert (response.status_code, len(logs)) == (500, 1)


# -------------------------------------------------------------------------------------------------- malformed requests

DEEP_LIST = b'{"query": "{ hello }", "variables": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
DEEP_OBJECT = b'{"a":' * 30_000 + b"1" + b"}" * 30_000
NESTED = json.dumps({"query": "{ hello }", "variables": {"a": json.loads("[" * 70 + "]" * 70)}}).encode()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"null", "object", id="null"),
        pytest.param(b"5", "object", id="number"),
        pytest.param(b'"x"', "object", id="string"),
        pytest.param(b"true", "object", id="true"),
        pytest.param(b"{", "not JSON", id="unfinished"),
        pytest.param(b"{}", "`query`", id="no query"),
        pytest.param(b'{"query": ""}', "`query`", id="empty query"),
        pytest.param(b'{"query": "{ hello }"} x', "not JSON", id="something after"),
        pytest.param(b"\xef\xbb\xbf{}", "not JSON", id="byte order mark"),
        pytest.param(b'{"query": "\xe9"}', "UTF-8", id="latin-1"),
        pytest.param(b"\xff\xfe{\x00}\x00", "UTF-8", id="UTF-16"),
        pytest.param(b"\x00", "not JSON", id="NUL byte"),
        pytest.param(DEEP_LIST, "nested", id="lists nested 100,000 deep"),
        pytest.param(DEEP_OBJECT, "nested", id="objects nested 30,000 deep"),
        pytest.param(NESTED, "nested", id="lists nested 70 deep"),
        pytest.param(b'{"query": "{ hello }", "query": "{ a }"}', "twice", id="duplicate key"),
        pytest.param(b'{"query": "{a}", "variables": {"a": {"b": 1, "b": 1}}}', "twice", id="duplicate key inside"),
        pytest.param(b'{"query": "{ hello }", "variables": {"a": NaN}}', "NaN", id="NaN"),
        pytest.param(b'{"query": "{ hello }", "variables": {"a": -Infinity}}', "Infinity", id="infinity"),
        pytest.param(b'{"query": "{ hello }", "variables": {"a": 1e999}}', "too large", id="number past floats"),
        pytest.param(
            b'{"query": "{a}", "variables": {"a": ' + b"9" * 5_000 + b"}}", "digits", id="integer of 5,000 digits"
        ),
        pytest.param(b'{"query": "{ hello }", "variables": {"a": "\\ud800"}}', "surrogate", id="lone surrogate"),
        pytest.param(b'{"query": "{ hello }", "variables": {"\\udc00": 1}}', "surrogate", id="lone surrogate as key"),
        pytest.param(b'{"query": "\\ud800"}', "surrogate", id="lone surrogate as query"),
        pytest.param(b'{"query": "{ hello }", "variables": {"a": ["\\u0000"]}}', "NUL", id="NUL in a variable"),
        pytest.param(b'{"query": "{ hello }", "operationName": "\\u0000"}', "NUL", id="NUL as operation name"),
    ],
)
@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_a_malformed_body_is_400_and_no_error_of_ours(
    client: httpx.AsyncClient, body: bytes, says: str, accept: str
) -> None:
    with capture_logs() as logs:
        response = await post(client, body, accept=accept)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "BAD_REQUEST"}
    assert says in error["message"]
    assert logs == []


@pytest.mark.parametrize("body", ["[]", '[{"query": "{ hello }"}]', "[null]", "[1]"])
async def test_a_batch_is_refused_with_its_own_code(client: httpx.AsyncClient, body: str) -> None:
    assert told(await post(client, body))[:2] == (400, "BATCHING_NOT_SUPPORTED")


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
        assert told(response)[:2] == (400, "TOO_MANY_TOKENS")


async def test_a_document_tells_a_limited_number_of_its_errors(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{" + " ".join(f"a{n}" for n in range(500)) + "}"})
    assert len(response.json()["errors"]) == 26
    assert "aborted" in response.json()["errors"][-1]["message"]


@pytest.mark.parametrize(
    ("query_string", "says"),
    [
        ("", "`query`"),
        ("query=", "`query`"),
        ("query=%7Bhello%7D&query=%7Ba%7D", "twice"),
        ("query=%7Bhello%7D&variables=%7B", "not JSON"),
        ("query=%7Bhello%7D&variables=5", "object"),
        ("query=%7Bhello%7D&extensions=%5B%5D", "object"),
        ("query=%FF", "UTF-8"),
        ("query=%7Bhello%7D%00", "NUL"),
        ("query=%7Bhello%7D&" + "a=1&" * 40, "too many"),
    ],
)
async def test_a_malformed_url_is_400(client: httpx.AsyncClient, query_string: str, says: str) -> None:
    response = await client.get("/graphql?" + query_string, headers={"Accept": GRAPHQL})
    status, code, message = told(response)
    assert (status, code) == (400, "BAD_REQUEST")
    assert says in message


async def test_other_parameters_are_passed_over(client: httpx.AsyncClient) -> None:
    assert (await client.get("/graphql?query=%7Bhello%7D&utm=1&utm=2")).status_code == 200
    assert (await post(client, {"query": "{ hello }", "id": 7})).status_code == 200


@given(st.binary(max_size=200))
def test_no_body_raises_anything_but_a_refusal(body: bytes) -> None:
    refuses_only(lambda: parse_json_body(body))


@given(st.text('{}[]":,\\ud0123456789aefN.-+ \n', max_size=60))
def test_no_text_like_json_raises_anything_but_a_refusal(text: str) -> None:
    refuses_only(lambda: parse_json_body(text.encode()))


@given(st.binary(max_size=60))
def test_no_query_string_raises_anything_but_a_refusal(query_string: bytes) -> None:
    refuses_only(lambda: parse_query_string(b"query=" + query_string))


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


def refuses_only(call: Callable[[], object]) -> None:
    with suppress(RequestRejected):
        call()


# ---------------------------------------------------------------------------------------- media types, methods, sizes


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, {JSON}", JSON),
        (f"{GRAPHQL}, */*;q=0.1", GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, {JSON};q=0.9", GRAPHQL),
        (f"{JSON};q=0, */*", GRAPHQL),
        (f"{JSON};q=x, {GRAPHQL}", GRAPHQL),
        ("APPLICATION/JSON", JSON),
        ("image/png", None),
        (f"{JSON};q=0", None),
        (f"{JSON}; charset=iso-8859-1", None),
        ("nonsense", None),
    ],
)
async def test_accept_chooses_the_media_type(client: httpx.AsyncClient, accept: str | None, chosen: str | None) -> None:
    response = await post(client, {"query": "{ hello }"}, accept=accept)
    assert response.status_code == (200 if chosen else 406)
    assert response.headers["content-type"] == f"{chosen or JSON}; charset=utf-8"
    assert "Accept" in response.headers["vary"].split(", ")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "xapplication/jsonx",
        "application/json; charset=iso-8859-1",
    ],
)
async def test_a_body_of_another_type_is_415(client: httpx.AsyncClient, content_type: str | None) -> None:
    response = await post(client, {"query": "{ hello }"}, content_type=content_type)
    assert response.status_code == 415
    assert response.headers["accept-post"] == JSON


@pytest.mark.parametrize("content_type", ["APPLICATION/JSON", 'application/json;charset="UTF-8"', "application/json;"])
async def test_json_is_recognised_however_it_is_written(client: httpx.AsyncClient, content_type: str) -> None:
    assert (await post(client, {"query": "{ hello }"}, content_type=content_type)).status_code == 200


async def test_an_encoded_body_is_415(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    response = await client.post("/graphql", content=b"x", headers=headers)
    assert (response.status_code, response.headers["accept-encoding"]) == (415, "identity")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "TRACE", "BREW"])
async def test_another_method_is_405_and_told_which_are_allowed(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST, OPTIONS")


async def test_options_tells_the_methods(client: httpx.AsyncClient) -> None:
    response = await client.options("/graphql")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, POST, OPTIONS")


async def test_a_body_or_url_past_the_cap_is_refused() -> None:
    async with make_client(build_sample_app(limits=WebLimits(body=BodyLimits(max_bytes=100)))) as client:
        fits = await post(client, json.dumps({"query": "{ hello }"}).ljust(100))
        assert fits.status_code == 200
        assert told(await post(client, b" " * 101))[:2] == (413, "PAYLOAD_TOO_LARGE")
        assert (await client.get("/graphql", params={"query": "{ hello }" + " " * 100})).status_code == 414


@pytest.mark.parametrize("announced", ["abc", "-1", "1.5", "²", ""])
async def test_a_content_length_that_is_no_number_is_400(announced: str) -> None:
    assert await status_of([(b"content-length", announced.encode())], [b"{}"]) == 400


@pytest.mark.parametrize("announced", ["262145", "9" * 30, "9" * 5_000])
async def test_a_body_announced_too_large_is_not_read(announced: str) -> None:
    assert await status_of([(b"content-length", announced.encode())], []) == 413


async def test_a_body_is_counted_whatever_was_announced() -> None:
    assert await status_of([(b"content-length", b"10")], [b" " * 200_000] * 2) == 413
    assert await status_of([], [b" " * 200_000] * 2) == 413


async def test_nobody_is_answered_who_went_away() -> None:
    assert await status_of([(b"content-length", b"10")], [b"{"], then_leaves=True) is None


async def status_of(
    headers: list[tuple[bytes, bytes]], chunks: list[bytes], *, then_leaves: bool = False
) -> int | None:
    """The status that a POST of these chunks gets, straight at the view; reading past the chunks is an error."""
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "state": {"request_id": "x"}}
    scope["headers"] = [(b"content-type", b"application/json"), *headers]
    incoming: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    incoming += [{"type": "http.disconnect"}] if then_leaves else []
    statuses: list[int] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

    await GraphQLEndpoint(SCHEMA, ContextFactory())(scope, receive, send)
    return statuses[0] if statuses else None


# ------------------------------------------------------------------------------------------------------------ the parts


def test_a_document_is_parsed_once_while_it_is_kept() -> None:
    documents = DocumentCache(SCHEMA._schema, DocumentLimits(cached_characters=25))
    first, second, third = "{ a: hello }", "{ b: hello }", "{ c: hello }"
    kept = documents.prepare(first).document
    documents.prepare(second)
    assert documents.prepare(first).document is kept  # which makes it the one last asked for
    again = documents.prepare(second).document
    documents.prepare(third)  # no room for three: the first goes
    assert documents.prepare(second).document is again
    assert documents.prepare(first).document is not kept


def test_a_document_larger_than_all_room_is_prepared_and_not_kept() -> None:
    documents = DocumentCache(SCHEMA._schema, DocumentLimits(cached_characters=5))
    assert documents.prepare("{ hello }").document is not documents.prepare("{ hello }").document


def test_a_wrong_document_is_not_kept() -> None:
    documents = DocumentCache(SCHEMA._schema, DocumentLimits())
    for _ in range(2):
        with pytest.raises(RequestErrors, match="nope"):
            documents.prepare("{ nope }")


def test_html_is_chosen_only_where_it_is_named() -> None:
    assert media.prefer_over_json(media.HTML, "text/html,application/xml;q=0.9,*/*;q=0.8") == media.HTML
    assert media.prefer_over_json(media.HTML, "*/*") == JSON
    assert media.prefer_over_json(media.HTML, None) == JSON


def test_a_roomy_call_returns_and_raises_what_the_function_does() -> None:
    call = make_stack_guard()
    assert call(lambda: 7) == 7
    with pytest.raises(GraphQLError, match="mine"):
        call(lambda: raises(GraphQLError("mine")))


def test_a_roomy_frame_is_larger_than_a_chunk_of_the_interpreter() -> None:
    assert make_stack_guard().__code__.co_stacksize * 8 > 16 * 1024  # type: ignore[attr-defined]
    assert STACK_SLOTS > 2**15 - 1_000


def raises(error: Exception) -> Response:
    raise error


@pytest.mark.parametrize(
    ("accept", "follows"),
    [
        ("text/event-stream", True),
        ("text/event-stream, multipart/mixed", True),
        ("application/json;q=0.5, text/event-stream", True),
        ("application/graphql-response+json, application/json, text/event-stream, multipart/mixed", False),
        ("*/*", False),
        (None, False),
    ],
)
def test_an_event_stream_is_for_who_wants_it_rather_than_an_answer(accept: str | None, follows: bool) -> None:
    assert media.prefers_over_graphql_response("text/event-stream", accept) is follows
