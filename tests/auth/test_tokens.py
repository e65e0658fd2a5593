"""Tokens: what opens an account does so until it expires or is revoked, and everything else is a 401 everywhere."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from ogpgraph.auth.authentication import AuthenticationFailed, Authenticator, Caller, RefusalLog
from ogpgraph.settings import Settings
from ogpgraph.storage.accounts import InvalidToken
from ogpgraph.system import System
from tests.auth.client import authorization_header, execute_mutation, issue_token, post_mutation, run_server
from tests.conftest import BOTH_ENGINES, DatabaseFactory, TickingClock
from tests.graphql.mutations.client import SampleSystem

ACCOUNT = "account-1"
QUERY = {"query": "{ meta { position } }"}


class Hex:
    """Random bytes that a test can foresee."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, size: int) -> str:
        self.number += 1
        return f"{self.number:0{2 * size}x}"


def issued(system: System, clock: TickingClock, hours: int = 1) -> str:
    return system.accounts.issue_token(ACCOUNT, now=clock.now, lifetime=timedelta(hours=hours), random_hex=Hex())


@BOTH_ENGINES
def test_a_token_opens_its_account_until_it_expires(system: System, clock: TickingClock) -> None:
    token = issued(system, clock)
    assert token == f"ogp_000000000001_{2:064x}"
    assert system.accounts.authenticate_token(token, clock.now + timedelta(minutes=59)) == ACCOUNT
    with pytest.raises(InvalidToken, match="expired"):
        system.accounts.authenticate_token(token, clock.now + timedelta(minutes=60))


@BOTH_ENGINES
def test_a_revoked_token_opens_nothing_and_the_others_still_do(system: System, clock: TickingClock) -> None:
    make = Hex()
    tokens = [
        system.accounts.issue_token(ACCOUNT, now=clock.now, lifetime=timedelta(days=1), random_hex=make)
        for _ in range(3)
    ]
    prefix = tokens[0].split("_")[1]
    assert system.accounts.revoke_tokens(ACCOUNT, now=clock.now, prefix=prefix) == 1
    with pytest.raises(InvalidToken, match="revoked"):
        system.accounts.authenticate_token(tokens[0], clock.now)
    assert system.accounts.authenticate_token(tokens[1], clock.now) == ACCOUNT
    assert system.accounts.revoke_tokens(ACCOUNT, now=clock.now) == 2
    with pytest.raises(InvalidToken, match="revoked"):
        system.accounts.authenticate_token(tokens[1], clock.now)


def test_the_last_use_of_a_token_is_known_to_the_minute(system: System, clock: TickingClock) -> None:
    token, start = issued(system, clock), clock.now
    assert system.accounts.list_tokens(ACCOUNT)[0].last_used_at is None
    for seconds, noted in ((10, 10), (40, 10), (80, 80)):
        system.accounts.authenticate_token(token, start + timedelta(seconds=seconds))
        last = system.accounts.list_tokens(ACCOUNT)[0].last_used_at
        assert last is not None
        assert last.startswith(f"{start + timedelta(seconds=noted):%Y-%m-%dT%H:%M:%S}")


def test_nothing_that_is_kept_lets_anybody_make_the_token(system: System, clock: TickingClock) -> None:
    secret = issued(system, clock).rpartition("_")[2]
    with system.database.read() as transaction:
        kept = [dict(row) for row in transaction.fetch_all("select * from token")]
    assert len(kept) == 1
    assert secret not in str(kept)
    assert len(kept[0]["hash"]) == 64


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer ogp_",
        "Bearer ogp_000000000001",
        "Bearer ogp_000000000001_",
        f"Bearer ogp_000000000001_{3:064x}",
        f"Bearer ogp_000000000009_{2:064x}",
        f"Bearer ogp_000000000001_{2:064x}x",
        f"Bearer ogp_000000000001_{2:063x}é",
        f"ogp_000000000001_{2:064x}",
        "Bearer " + "x" * 10_000,
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    ],
)
def test_what_is_no_token_opens_nothing_and_leaves_a_trace_without_it(
    system: System, clock: TickingClock, wrong: str
) -> None:
    issued(system, clock)
    refusals = RefusalLog()
    identifier = Authenticator(system.accounts, lambda: clock.now, refusals)
    with capture_logs() as lines, pytest.raises(AuthenticationFailed) as raised:
        identifier.identify(wrong, address="192.0.2.7", request_id="request-1")
    assert str(raised.value) == ""
    assert refusals.counts() == {("token", "UNAUTHENTICATED"): 1}
    logged = str(lines)
    assert "192.0.2.7" in logged
    assert f"{2:064x}" not in logged
    assert "eyJ" not in logged


def test_without_a_header_one_is_a_reader(system: System, clock: TickingClock) -> None:
    identifier = Authenticator(system.accounts, clock, RefusalLog())
    assert identifier.identify(None, address="a", request_id="r") == Caller(None, "a")


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


def test_a_wrong_token_is_a_401_on_every_request_and_tells_nothing(sample: SampleSystem, client: httpx.Client) -> None:
    token = issue_token(sample.system, sample.reporter)
    account = str(sample.reporter.account)
    revoked, expired = issue_token(sample.system, sample.reporter), issue_token(sample.system, sample.reporter, days=-1)
    sample.system.accounts.revoke_tokens(account, now=sample.system.clock(), prefix=revoked.split("_")[1])
    answers = set()
    for wrong in (token[:-1] + "x", revoked, expired, "nonsense"):
        for response in (
            client.post("/graphql", json=QUERY, headers=authorization_header(wrong)),
            client.post("/graphql", content="no JSON", headers=authorization_header(wrong)),
            client.get("/graphql", params=QUERY, headers=authorization_header(wrong)),
            client.get("/", headers=authorization_header(wrong)),
            post_mutation(client, wrong, "reviseCommitment", commitment="FR0001", title="x"),
        ):
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
            answers.add(response.text)
    (answer,) = answers
    assert '"code":"UNAUTHENTICATED"' in answer
    twice = client.post("/graphql", json=QUERY, headers=[("Authorization", f"Bearer {token}")] * 2)
    assert twice.status_code == 401


def test_a_socket_with_a_wrong_token_is_a_401_and_one_without_is_a_readers(client: httpx.Client) -> None:
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


def test_writes_are_limited_over_http_too(sample: SampleSystem, settings: Settings) -> None:
    token = issue_token(sample.system, sample.reporter)
    with run_server(replace(settings, writes_per_minute=2)) as client:
        sent = {"commitment": "FR0001", "title": "x"}
        codes = [
            [error["code"] for error in execute_mutation(client, token, "reviseCommitment", **sent)["errors"]]
            for _ in range(3)
        ]
    assert codes == [[], [], ["RATE_LIMITED"]]


def test_what_cannot_be_stored_never_reaches_a_command(sample: SampleSystem, client: httpx.Client) -> None:
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
