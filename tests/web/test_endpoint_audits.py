"""The audits of npm `graphql-http` 1.23.1, each requirement by its id, so that CI needs no npm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from tests.web.sample_app import GRAPHQL, JSON, post

pytestmark = pytest.mark.anyio

TYPENAME = "{ __typename }"
TYPE = "query Type($name: String!) { __type(name: $name) { name } }"
COERCE = "query CoerceFailure($id: ID!){ __typename }"
NO_FIELD = "{ 8f31403dfe404bccbb0e835f2629c6a7 }"  # which is a syntax error, as in the original
ANY = "*/*"


class Audit(msgspec.Struct, frozen=True):
    id: str
    requirement: str
    body: dict[str, Any] | str | None = None
    params: dict[str, str] | None = None  # a GET
    accept: str | None = None
    content_type: str | None = JSON
    status: range = range(200, 201)
    media_type: str | None = None
    no_errors: bool = False
    no_data: bool = False


OK = range(200, 201)
BAD = range(400, 401)
CLIENT_ERROR = range(400, 500)
ANY_ERROR = range(400, 600)


def audits() -> Iterator[Audit]:
    yield from media_types()
    yield from requests()
    yield from parameters()
    yield from responses()


def media_types() -> Iterator[Audit]:
    ask = {"query": TYPENAME}
    yield Audit("22EB", "accept graphql-response+json", ask, accept=GRAPHQL, media_type=GRAPHQL)
    yield Audit("4655", "accept json", ask, accept=JSON, media_type=JSON)
    yield Audit("47DE", "accept anything and answer json", ask, accept=ANY, media_type=JSON)
    yield Audit("80D8", "answer json where accept is missing", ask, media_type=JSON)
    yield Audit("82A3", "answer in utf-8", ask)
    yield Audit(
        "BF61",
        "read utf-8",
        {"query": '{ __type(name: "Run🏃Swim🏊") { name } }'},
        content_type=JSON + "; charset=utf-8",
    )
    yield Audit("78D5", "assume utf-8", ask)


def requests() -> Iterator[Audit]:
    ask = {"query": TYPENAME}
    yield Audit("2C94", "accept POST", ask)
    yield Audit("5A70", "accept GET", params={"query": TYPENAME})
    mutation = {"query": "mutation { __typename }"}
    yield Audit("9C48", "run no mutation by GET", params=mutation, accept=GRAPHQL, status=CLIENT_ERROR)
    yield Audit("9ABE", "refuse a POST without content type", ask, content_type=None, status=CLIENT_ERROR)
    yield Audit("03D4", "accept a POST of json", ask)
    yield Audit("A5BF", "400 where the body is missing", "", status=BAD)
    yield Audit("B6DC", "any status for what is not json", '{ "not a JSON', accept=JSON, status=range(200, 600))
    yield Audit("BCF8", "400 for what is not json, as json", '{ "not a JSON', accept=JSON, status=BAD)
    yield Audit("B7N8", "400 for what is not json", '{ "not a JSON', accept=GRAPHQL, status=BAD)
    yield Audit("8764", "an error where parameters are wrong", {"qeury": TYPENAME}, status=ANY_ERROR)
    yield Audit("3E3A", "400 where parameters are wrong", {"qeury": TYPENAME}, status=BAD)


def parameters() -> Iterator[Audit]:
    yield Audit("423L", "400 where query is missing", {"notquery": TYPENAME}, accept=GRAPHQL, status=BAD)
    no_text = ({"obj": "ect"}, 0, False, ["array"])
    for n, wrong in enumerate(no_text):
        yield Audit(f"LKJ{n}", f"400 for the query {wrong}", {"query": wrong}, status=BAD)
        yield Audit(
            f"6C0{n}", f"400 for the operationName {wrong}", {"query": TYPENAME, "operationName": wrong}, status=BAD
        )
    for n, wrong in enumerate(("string", 0, False, ["array"])):
        yield Audit(f"476{n}", f"400 for the variables {wrong}", {"query": TYPENAME, "variables": wrong}, status=BAD)
        yield Audit(f"58B{n}", f"400 for the extensions {wrong}", {"query": TYPENAME, "extensions": wrong}, status=BAD)
    for n, name in enumerate(("variables", "operationName", "extensions")):
        null = {"query": TYPENAME, name: None}
        yield Audit(f"94B{n}", f"allow null {name}", null, accept=GRAPHQL, no_errors=True)
        yield Audit(f"022{n}", f"allow null {name}, as json", null, accept=JSON, no_errors=True)
    allowed: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
        ("34A2", "13EE", "a query", {"query": TYPENAME}),
        ("8161", "B8B3", "an operationName", {"query": "query Query { __typename }", "operationName": "Query"}),
        ("2EA1", "28B9", "variables", {"query": TYPE, "variables": {"name": "sometype"}}),
        ("428F", "1B7A", "extensions", {"query": TYPENAME, "extensions": {"some": "value"}}),
    )
    for new, old, what, body in allowed:
        yield Audit(new, f"allow {what}", body, accept=GRAPHQL)
        yield Audit(old, f"allow {what}, as json", body, accept=JSON, no_errors=True)
    in_url = {"query": TYPE, "variables": json.dumps({"name": "sometype"})}
    yield Audit("D6D5", "allow variables in a URL", params=in_url, accept=GRAPHQL, no_errors=True)
    yield Audit("6A70", "allow variables in a URL, as json", params=in_url, accept=JSON, no_errors=True)


def responses() -> Iterator[Audit]:
    syntax, invalid, coerce = {"query": "{"}, {"query": NO_FIELD}, {"query": COERCE, "variables": {"id": None}}
    yield Audit("572B", "200 for a syntax error, as json", syntax, accept=JSON)
    yield Audit("FDE2", "200 for an invalid document, as json", invalid, accept=JSON)
    yield Audit("7B9B", "200 for a wrong variable, as json", coerce, accept=JSON)
    yield Audit("865D", "an error for a syntax error", syntax, accept=GRAPHQL, status=ANY_ERROR)
    yield Audit("556A", "400 for a syntax error", syntax, accept=GRAPHQL, status=BAD)
    yield Audit("D586", "no data for a syntax error", syntax, accept=GRAPHQL, status=ANY_ERROR, no_data=True)
    yield Audit("51FE", "an error for an invalid document", invalid, accept=GRAPHQL, status=ANY_ERROR)
    yield Audit("74FF", "400 for an invalid document", invalid, accept=GRAPHQL, status=BAD)
    yield Audit("5E5B", "no data for an invalid document", invalid, accept=GRAPHQL, status=ANY_ERROR, no_data=True)
    yield Audit("86EE", "400 for a wrong variable", coerce, accept=GRAPHQL, status=BAD)


ALL = list(audits())


def test_every_audit_of_the_original_is_included() -> None:
    assert len(ALL) == len({audit.id for audit in ALL}) == 61


@pytest.mark.parametrize("audit", [pytest.param(audit, id=f"{audit.id} {audit.requirement}") for audit in ALL])
async def test_the_server_passes_the_audit(audit: Audit, client: httpx.AsyncClient) -> None:
    response = await send_audit(client, audit)
    assert response.status_code in audit.status
    payload = json.loads(response.content.decode("utf-8"))
    if audit.media_type:
        assert response.headers["content-type"] == f"{audit.media_type}; charset=utf-8"
    assert not (audit.no_errors and "errors" in payload)
    assert not (audit.no_data and "data" in payload)


async def send_audit(client: httpx.AsyncClient, audit: Audit) -> httpx.Response:
    if audit.params is None:
        assert audit.body is not None
        return await post(client, audit.body, accept=audit.accept, content_type=audit.content_type)
    headers = {"Accept": audit.accept or ANY}
    return await client.get("/graphql", params=audit.params, headers=headers)
