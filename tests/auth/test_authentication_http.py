"""Authentication over HTTP and WebSocket, on a real server."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from ogpgraph.settings import Settings
from ogpgraph.system import System
from tests.auth.client import authorization_header, execute_mutation, issue_token, post_mutation, run_server
from tests.conftest import DatabaseFactory
from tests.graphql.mutations.client import SampleSystem

pytestmark = pytest.mark.slow

QUERY = {"query": "{ meta { position } }"}
BOGUS = authorization_header(jwt.encode({}, ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "x"}))


@pytest.fixture
def sample(system: System) -> SampleSystem:
    return SampleSystem(system)


@pytest.fixture
def settings(new_database: DatabaseFactory) -> Settings:
    return Settings(database=new_database())


@pytest.fixture
def client(settings: Settings, sample: SampleSystem) -> Iterator[httpx.Client]:
    assert sample.position()
    with run_server(settings) as client:
        yield client


def test_an_invalid_token_is_a_401_on_every_request_for_every_reason(
    sample: SampleSystem, client: httpx.Client
) -> None:
    token = issue_token(sample.system, sample.reporter)
    account = str(sample.reporter.account)
    revoked, expired = issue_token(sample.system, sample.reporter), issue_token(sample.system, sample.reporter, days=-1)
    sample.system.accounts.revoke_tokens(account, now=sample.system.clock(), prefix=revoked.split("_")[1])
    bodies = set()
    for invalid in (token[:-1] + "x", revoked, expired, "nonsense"):
        for response in (
            client.post("/graphql", json=QUERY, headers=authorization_header(invalid)),
            client.post("/graphql", content="no JSON", headers=authorization_header(invalid)),
            client.get("/graphql", params=QUERY, headers=authorization_header(invalid)),
            client.get("/", headers=authorization_header(invalid)),
            post_mutation(client, invalid, "reviseCommitment", commitment="FR0001", title="x"),
        ):
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
            bodies.add(response.text)
    (body,) = bodies
    assert '"code":"UNAUTHENTICATED"' in body
    twice = client.post("/graphql", json=QUERY, headers=[("Authorization", f"Bearer {token}")] * 2)
    assert twice.status_code == 401


def test_tokens_of_an_issuer_that_is_silent_keep_no_other_caller_waiting(
    sample: SampleSystem, settings: Settings
) -> None:
    token = issue_token(sample.system, sample.reporter)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keys = f"http://127.0.0.1:{silent.getsockname()[1]}"
        oidc = replace(settings, oidc_issuer="https://id.example", oidc_audience="ogpgraph", oidc_jwks=keys)
        with run_server(oidc) as client, ThreadPoolExecutor(20) as pool:
            bogus = [pool.submit(client.post, "/graphql", json=QUERY, headers=BOGUS) for _ in range(20)]
            accepted, _ = silent.accept()  # the server waits for the keys
            answers = [client.post("/graphql", json=QUERY, headers=authorization_header(token)) for _ in range(10)]
            assert [answer.status_code for answer in answers] == [200] * 10
            assert not any(each.done() for each in bogus)
            accepted.close()
            assert {each.result().status_code for each in bogus} == {503}


def test_a_websocket_with_an_invalid_token_is_a_401_and_one_without_is_a_reader_s(client: httpx.Client) -> None:
    url = str(client.base_url).replace("http", "ws") + "/graphql"
    with pytest.raises(InvalidStatus) as refused:
        connect(
            url, additional_headers=authorization_header("nonsense"), subprotocols=[Subprotocol("graphql-transport-ws")]
        )
    assert refused.value.response.status_code == 401
    with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        socket.send('{"type": "connection_init"}')
        assert json.loads(socket.recv())["type"] == "connection_ack"


def test_readers_need_no_token_and_writers_do(sample: SampleSystem, client: httpx.Client) -> None:
    assert client.post("/graphql", json=QUERY).json()["data"]["meta"]["position"] == sample.position()
    (error,) = execute_mutation(client, None, "reviseCommitment", commitment="FR0001", title="x")["errors"]
    assert error["code"] == "UNAUTHENTICATED"
    token = issue_token(sample.system, sample.reporter)
    response = post_mutation(client, token, "reviseCommitment", commitment="FR0001", title="x")
    assert response.json()["data"]["reviseCommitment"]["errors"] == []
    assert int(response.headers["x-position"]) == sample.position()


def test_a_mutation_does_not_run_by_get_or_from_a_form(sample: SampleSystem, client: httpx.Client) -> None:
    token, before = issue_token(sample.system, sample.reporter), sample.position()
    query = 'mutation { withdrawCommitment(input: {commitment: "FR0001"}) { errors { code } } }'
    assert client.get("/graphql", params={"query": query}, headers=authorization_header(token)).status_code == 405
    assert client.post("/graphql", data={"query": query}, headers=authorization_header(token)).status_code == 415
    assert sample.position() == before


def test_writes_over_http_are_limited(sample: SampleSystem, settings: Settings) -> None:
    token = issue_token(sample.system, sample.reporter)
    with run_server(replace(settings, writes_per_minute=2)) as client:
        sent = {"commitment": "FR0001", "title": "x"}
        codes = [
            [error["code"] for error in execute_mutation(client, token, "reviseCommitment", **sent)["errors"]]
            for _ in range(3)
        ]
    assert codes == [[], [], ["RATE_LIMITED"]]


def test_invalid_and_too_large_bodies_reach_no_command(sample: SampleSystem, client: httpx.Client) -> None:
    headers = authorization_header(issue_token(sample.system, sample.reporter)) | {"Content-Type": "application/json"}
    before = sample.position()
    mutation = "mutation($input: ReviseCommitmentInput!) { reviseCommitment(input: $input) { errors { code } } }"
    for text in ("\\u0000", "\\ud800"):
        variables = f'{{"input": {{"commitment": "FR0001", "title": "{text}"}}}}'
        body = f'{{"query": "{mutation}", "variables": {variables}}}'
        assert client.post("/graphql", content=body, headers=headers).status_code == 400
    large = client.post("/graphql", content=b'{"query": "' + b"x" * 10_000_000 + b'"}', headers=headers)
    assert (large.status_code, large.json()["errors"][0]["extensions"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert sample.position() == before
