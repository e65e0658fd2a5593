"""Many clients write at once over HTTP: nothing is losers, nothing is doubled, nobody overwrites unseen."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ogpgraph.settings import Settings
from ogpgraph.system import System
from tests.auth.client import execute_mutation, issue_token, run_server
from tests.conftest import BOTH_ENGINES, DatabaseFactory
from tests.graphql.mutations.client import SampleSystem

CLIENTS = 8

pytestmark = [BOTH_ENGINES, pytest.mark.slow]


@pytest.fixture
def sample(system: System) -> SampleSystem:
    return SampleSystem(system)


@pytest.fixture
def token(sample: SampleSystem) -> str:
    return issue_token(sample.system, sample.reporter)


@pytest.fixture
def client(new_database: DatabaseFactory, sample: SampleSystem) -> Iterator[httpx.Client]:
    assert sample.position()
    with run_server(Settings(database=new_database(), writes_per_minute=10_000)) as client:
        yield client


def execute_concurrently(client: httpx.Client, token: str, mutation: str, inputs: list[dict[str, Any]]) -> list[Any]:
    """Return the payloads of inputs that as many clients send at the same time."""
    with ThreadPoolExecutor(len(inputs)) as clients:
        return list(clients.map(lambda sent: execute_mutation(client, token, mutation, **sent), inputs))


def revision(client: httpx.Client, code: str) -> int:
    payload = client.post("/graphql", json={"query": f'{{ commitment(code: "{code}") {{ revision }} }}'}).json()
    found: int = payload["data"]["commitment"]["revision"]
    return found


def test_of_writers_that_expect_the_same_revision_one_succeeds_and_the_others_get_the_changes(
    client: httpx.Client, token: str
) -> None:
    expected = revision(client, "FR0001")
    inputs = [
        {"commitment": "FR0001", "title": f"Title {number}", "expectedRevision": expected} for number in range(CLIENTS)
    ]
    payloads = execute_concurrently(client, token, "reviseCommitment", inputs)
    (winner,) = [payload for payload in payloads if not payload["errors"]]
    losers = [payload["errors"][0] for payload in payloads if payload["errors"]]
    assert len(losers) == CLIENTS - 1
    for error in losers:
        assert (error["code"], error["currentRevision"]) == ("STALE_REVISION", expected + 1)
        assert error["changes"] == [
            {"path": "title/en", "before": "Commitment 1 of France", "after": winner["commitment"]["title"]}
        ]
    assert revision(client, "FR0001") == expected + 1


def test_a_request_sent_many_times_at_once_is_executed_once_and_gets_equal_responses(
    client: httpx.Client, token: str
) -> None:
    before = revision(client, "FR0001")
    sent = {"commitment": "FR0001", "number": "1.2", "title": "An app", "idempotencyKey": "report-7"}
    payloads = execute_concurrently(client, token, "addMilestone", [sent] * CLIENTS)
    assert all(payload == payloads[0] for payload in payloads)
    assert payloads[0]["errors"] == []
    assert revision(client, "FR0001") == before + 1
    execute_mutation(client, token, "reviseCommitment", commitment="FR0001", title="Something later")
    assert execute_mutation(client, token, "addMilestone", **sent) == payloads[0]


def test_a_reused_key_with_another_request_is_refused(client: httpx.Client, token: str) -> None:
    sent = {"commitment": "FR0001", "title": "One", "idempotencyKey": "k"}
    first = execute_mutation(client, token, "reviseCommitment", **sent)
    for other in ({"title": "Two"}, {"reason": "because"}, {"commitment": "FR0002"}):
        (error,) = execute_mutation(client, token, "reviseCommitment", **sent | other)["errors"]
        assert (error["code"], error["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])
    (error,) = execute_mutation(client, token, "withdrawCommitment", commitment="FR0001", idempotencyKey="k")["errors"]
    assert error["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert execute_mutation(client, token, "reviseCommitment", **sent) == first


def test_concurrent_writers_of_different_fields_all_succeed(client: httpx.Client, token: str) -> None:
    before = revision(client, "FR0001")
    inputs = [{"commitment": "FR0001", "number": f"2.{number}", "title": f"Step {number}"} for number in range(CLIENTS)]
    payloads = execute_concurrently(client, token, "addMilestone", inputs)
    codes = [error["code"] for payload in payloads for error in payload["errors"]]
    assert set(codes) <= {"CONFLICT"}
    # A command that others overtook at each attempt is refused; its client tries again.
    for sent, payload in zip(inputs, payloads, strict=True):
        if payload["errors"]:
            assert execute_mutation(client, token, "addMilestone", **sent)["errors"] == []
    assert revision(client, "FR0001") == before + CLIENTS


def test_equal_keys_of_two_accounts_do_not_conflict(sample: SampleSystem, client: httpx.Client, token: str) -> None:
    other = issue_token(sample.system, sample.admin)
    sent = {"commitment": "FR0001", "idempotencyKey": "same"}
    assert execute_mutation(client, token, "reviseCommitment", **sent, title="Mine")["errors"] == []
    assert execute_mutation(client, other, "reviseCommitment", **sent, title="Yours")["errors"] == []
