"""What a request has to look like: media types, body and URL, and the parameters in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext, suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message
from structlog.testing import capture_logs

from ogpgraph.web.endpoint import GraphQLEndpoint
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.operation_service import OperationService, WebLimits
from ogpgraph.web.request import (
    EVENT_STREAM,
    HTML,
    BodyLimits,
    parse_json_body,
    parse_query_string,
    prefer_over_json,
    prefers_over_graphql_response,
)
from tests.web.sample_app import (
    GRAPHQL,
    JSON,
    SCHEMA,
    ContextFactory,
    build_sample_app,
    make_client,
    post,
    single_error,
)

pytestmark = pytest.mark.anyio


# Content negotiation


@pytest.mark.parametrize(
    ("accept", "media_type"),
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
        (f"{JSON};q=0_1, {GRAPHQL};q=.5", GRAPHQL),
        ("APPLICATION/JSON", JSON),
        ("image/png", None),
        (f"{JSON};q=0", None),
        (f"{JSON}; charset=iso-8859-1", None),
        ("nonsense", None),
    ],
)
async def test_accept_determines_the_media_type(
    client: httpx.AsyncClient, accept: str | None, media_type: str | None
) -> None:
    response = await post(client, {"query": "{ hello }"}, accept=accept)
    assert response.status_code == (200 if media_type else 406)
    assert response.headers["content-type"] == f"{media_type or JSON}; charset=utf-8"
    assert "Accept" in response.headers["vary"].split(", ")


def test_html_is_only_for_clients_that_name_it() -> None:
    assert prefer_over_json(HTML, "text/html,application/xml;q=0.9,*/*;q=0.8") == HTML
    assert prefer_over_json(HTML, "*/*") == JSON
    assert prefer_over_json(HTML, None) == JSON


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        ("text/event-stream", True),
        ("text/event-stream, multipart/mixed", True),
        ("application/json;q=0.5, text/event-stream", True),
        ("application/graphql-response+json, application/json, text/event-stream, multipart/mixed", False),
        ("*/*", False),
        (None, False),
    ],
)
def test_an_event_stream_is_for_clients_that_prefer_it_to_a_response(accept: str | None, preferred: bool) -> None:
    assert prefers_over_graphql_response(EVENT_STREAM, accept) is preferred


# The parameters in a body or a URL


DEEP_LIST = b'{"query": "{ hello }", "variables": {"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}"
DEEP_OBJECT = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
NESTED = json.dumps({"query": "{ hello }", "variables": {"a": json.loads("[" * 70 + "]" * 70)}}).encode()


@pytest.mark.parametrize(
    ("body", "expected"),
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
        pytest.param(DEEP_LIST, "nested", id="lists nested 10,000 deep"),
        pytest.param(DEEP_OBJECT, "nested", id="objects nested 10,000 deep"),
        pytest.param(b"[" * 100_000, "more than 20,000", id="lists nested 100,000 deep"),
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
async def test_a_malformed_body_gives_400_and_logs_nothing(
    client: httpx.AsyncClient, body: bytes, expected: str, accept: str
) -> None:
    with capture_logs() as logs:
        response = await post(client, body, accept=accept)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "BAD_REQUEST"}
    assert expected in error["message"]
    assert logs == []


@pytest.mark.parametrize("body", ["[]", '[{"query": "{ hello }"}]', "[null]", "[1]"])
async def test_a_batch_is_rejected_with_a_code_of_its_own(client: httpx.AsyncClient, body: str) -> None:
    assert single_error(await post(client, body))[:2] == (400, "BATCHING_NOT_SUPPORTED")


@pytest.mark.parametrize(
    ("query_string", "expected"),
    [
        ("", "`query`"),
        ("query=", "`query`"),
        ("query=%7Bhello%7D&query=%7Ba%7D", "twice"),
        ("query=%7Bhello%7D&variables=%7B", "not JSON"),
        ("query=%7Bhello%7D&variables=5", "object"),
        ("query=%7Bhello%7D&variables=", "`variables` is empty"),
        (
            "query=%7Bhello%7D&variable=%7B%7D",
            "`variable` is not a parameter of this address: did you mean",
        ),
        ("query=%7Bhello%7D&utm=1", "`utm` is not a parameter of this address: it has `query`, "),
        ("query=%7Bhello%7D&extensions=%5B%5D", "object"),
        ("query=%FF", "UTF-8"),
        ("query=%7Bhello%7D%00", "NUL"),
        ("query=%7Bhello%7D&" + "a=1&" * 40, "too many"),
    ],
)
async def test_a_malformed_url_gives_400(client: httpx.AsyncClient, query_string: str, expected: str) -> None:
    response = await client.get("/graphql?" + query_string, headers={"Accept": GRAPHQL})
    status, code, message = single_error(response)
    assert (status, code) == (400, "BAD_REQUEST")
    assert expected in message


async def test_an_unknown_member_of_a_body_is_ignored(client: httpx.AsyncClient) -> None:
    assert (await post(client, {"query": "{ hello }", "id": 7})).status_code == 200


async def test_an_empty_operation_name_in_a_url_counts_as_none(client: httpx.AsyncClient) -> None:
    assert (await client.get("/graphql?query=%7Bhello%7D&operationName=")).status_code == 200


async def test_a_post_has_no_parameters_in_its_url(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql?query=%7Bhello%7D", json={"query": "{ hello }"})
    assert (response.status_code, "`query`" in response.json()["errors"][0]["message"]) == (400, True)


async def test_a_key_that_a_body_has_twice_is_named(client: httpx.AsyncClient) -> None:
    for key in ("query", "\\ud800"):
        _, _, message = single_error(await post(client, f'{{"{key}": "x", "{key}": "y"}}'))
        assert f"`{key}` is given twice" in message


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ('{"a": "\\u0000"}', "at `variables.a` "),
        ('{"a": 1, "where": {"actor": {"in": ["b", "\\ud800"]}}}', "at `variables.where.actor.in[1]` "),
        ('{"where": {"x\\u0000": "y"}}', "at `variables.where` "),
        ('{"a": {"%s": "\\ud800"}}' % ("b" * 200), f"at `variables.a.{'b' * 88}` "),
    ],
)
async def test_a_string_that_is_rejected_is_located(client: httpx.AsyncClient, variables: str, where: str) -> None:
    _, code, message = single_error(await post(client, f'{{"query": "{{ hello }}", "variables": {variables}}}'))
    assert (code, message) == ("BAD_REQUEST", f"A string {where}has a NUL or half of a surrogate pair.")


@given(st.binary(max_size=200))
def test_no_body_raises_anything_but_a_rejection(body: bytes) -> None:
    allow_rejection(lambda: parse_json_body(body))


@given(st.text('{}[]":,\\ud0123456789aefN.-+ \n', max_size=60))
def test_no_text_like_json_raises_anything_but_a_rejection(text: str) -> None:
    allow_rejection(lambda: parse_json_body(text.encode()))


@given(st.binary(max_size=60))
def test_no_query_string_raises_anything_but_a_rejection(query_string: bytes) -> None:
    allow_rejection(lambda: parse_query_string(b"query=" + query_string))


def allow_rejection(call: Callable[[], object]) -> None:
    with suppress(RequestRejected):
        call()


# The body's type and size


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
async def test_a_body_of_another_media_type_gives_415(client: httpx.AsyncClient, content_type: str | None) -> None:
    response = await post(client, {"query": "{ hello }"}, content_type=content_type)
    assert response.status_code == 415
    assert response.headers["accept-post"] == JSON


@pytest.mark.parametrize("content_type", ["APPLICATION/JSON", 'application/json;charset="UTF-8"', "application/json;"])
async def test_the_media_type_json_is_recognised_in_any_spelling(client: httpx.AsyncClient, content_type: str) -> None:
    assert (await post(client, {"query": "{ hello }"}, content_type=content_type)).status_code == 200


async def test_a_body_with_a_content_encoding_gives_415(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    response = await client.post("/graphql", content=b"x", headers=headers)
    assert (response.status_code, response.headers["accept-encoding"]) == (415, "identity")


async def test_a_body_or_url_above_the_limit_is_rejected() -> None:
    async with make_client(build_sample_app(limits=WebLimits(body=BodyLimits(max_bytes=100)))) as client:
        fits = await post(client, json.dumps({"query": "{ hello }"}).ljust(100))
        assert fits.status_code == 200
        assert single_error(await post(client, b" " * 101))[:2] == (413, "PAYLOAD_TOO_LARGE")
        assert (await client.get("/graphql", params={"query": "{ hello }" + " " * 100})).status_code == 414


@pytest.mark.parametrize("announced", ["abc", "-1", "1.5", "²", ""])
async def test_a_malformed_content_length_gives_400(announced: str) -> None:
    assert await status_of([(b"content-length", announced.encode())], [b"{}"]) == 400


@pytest.mark.parametrize("announced", ["262145", "9" * 30, "9" * 5_000])
async def test_a_body_whose_content_length_is_too_large_is_not_read(announced: str) -> None:
    assert await status_of([(b"content-length", announced.encode())], []) == 413


async def test_a_body_larger_than_its_content_length_is_limited_too() -> None:
    assert await status_of([(b"content-length", b"10")], [b" " * 200_000] * 2) == 413
    assert await status_of([], [b" " * 200_000] * 2) == 413


async def test_a_client_that_disconnects_gets_no_response() -> None:
    assert await status_of([(b"content-length", b"10")], [b"{"], then_disconnects=True) is None


async def status_of(
    headers: list[tuple[bytes, bytes]], chunks: list[bytes], *, then_disconnects: bool = False
) -> int | None:
    """The status of the endpoint's response to a POST of these chunks; reading past them is an error."""
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "state": {"request_id": "x"}}
    scope["headers"] = [(b"content-type", b"application/json"), *headers]
    incoming: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    incoming += [{"type": "http.disconnect"}] if then_disconnects else []
    statuses: list[int] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

    await GraphQLEndpoint(OperationService(SCHEMA, ContextFactory()))(scope, receive, send)
    return statuses[0] if statuses else None


@pytest.mark.parametrize(
    "values", [[1] * 20_001, [{"a": 1}] * 10_001, {str(n): n for n in range(20_001)}, [[[]]] * 9_999]
)
def test_more_values_than_an_operation_may_have_are_rejected(values: object) -> None:
    with pytest.raises(RequestRejected) as rejected:
        parse_json_body(json.dumps({"query": "{ a }", "variables": {"v": values}}).encode())
    assert (rejected.value.status, rejected.value.message) == (400, "The body has more than 20,000 values: send fewer.")


@given(
    st.recursive(
        st.integers() | st.text('",[{\\é') | st.none(),
        lambda inner: st.lists(inner, min_size=1) | st.dictionaries(st.text('",[\\'), inner, min_size=1),
    ),
    st.integers(1, 20),
    st.integers(1, 5),
)
def test_values_are_counted_whatever_strings_are_around_them(value: object, most: int, piece_characters: int) -> None:
    body = {"query": "{ a }", "variables": {"v": value}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ogpgraph.web.request.MAX_VALUES", most)
        patch.setattr("ogpgraph.web.request._PIECE_CHARACTERS", piece_characters)
        is_accepted = count_values(body) <= most
        with nullcontext() if is_accepted else pytest.raises(RequestRejected, match="more than"):
            parse_json_body(json.dumps(body, ensure_ascii=False).encode())


def count_values(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count_values, inner))


def test_strings_may_have_as_many_commas_and_brackets_as_they_like() -> None:
    text = ",[{" * 30_000
    parsed = parse_json_body(json.dumps({"query": "{ a }", "variables": {"v": text}}).encode())
    assert parsed.variables == {"v": text}
