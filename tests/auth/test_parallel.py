"""Many clients write at once over HTTP: nothing is lost, nothing is doubled, nobody overwrites unseen."""

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

pytestmark = BOTH_ENGINES


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


def at_once(client: httpx.Client, token: str, mutation: str, inputs: list[dict[str, Any]]) -> list[Any]:
    """The payloads of inputs that as many clients send at the same time."""
    with ThreadPoolExecutor(len(inputs)) as clients:
        return list(clients.map(lambda sent: execute_mutation(client, token, mutation, **sent), inputs))


def revision(client: httpx.Client, code: str) -> int:
    answer = client.post("/graphql", json={"query": f'{{ commitment(code: "{code}") {{ revision }} }}'}).json()
    found: int = answer["data"]["commitment"]["revision"]
    return found


def test_of_writers_that_expect_the_same_revision_one_wins_and_the_others_learn_what_changed(
    client: httpx.Client, token: str
) -> None:
    expected = revision(client, "FR0001")
    inputs = [
        {"commitment": "FR0001", "title": f"Title {number}", "expectedRevision": expected} for number in range(CLIENTS)
    ]
    answers = at_once(client, token, "reviseCommitment", inputs)
    (won,) = [answer for answer in answers if not answer["errors"]]
    lost = [answer["errors"][0] for answer in answers if answer["errors"]]
    assert len(lost) == CLIENTS - 1
    for error in lost:
        assert (error["code"], error["currentRevision"]) == ("STALE_REVISION", expected + 1)
        assert error["changes"] == [
            {"path": "title/en", "before": "Commitment 1 of France", "after": won["commitment"]["title"]}
        ]
    assert revision(client, "FR0001") == expected + 1


def test_a_request_that_is_sent_many_times_at_once_is_carried_out_once_and_answered_alike(
    client: httpx.Client, token: str
) -> None:
    before = revision(client, "FR0001")
    sent = {"commitment": "FR0001", "number": "1.2", "title": "An app", "idempotencyKey": "report-7"}
    answers = at_once(client, token, "addMilestone", [sent] * CLIENTS)
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["errors"] == []
    assert revision(client, "FR0001") == before + 1
    execute_mutation(client, token, "reviseCommitment", commitment="FR0001", title="Something later")
    assert execute_mutation(client, token, "addMilestone", **sent) == answers[0]


def test_other_content_under_a_key_is_refused(client: httpx.Client, token: str) -> None:
    sent = {"commitment": "FR0001", "title": "One", "idempotencyKey": "k"}
    first = execute_mutation(client, token, "reviseCommitment", **sent)
    for other in ({"title": "Two"}, {"reason": "because"}, {"commitment": "FR0002"}):
        (error,) = execute_mutation(client, token, "reviseCommitment", **sent | other)["errors"]
        assert (error["code"], error["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])
    (error,) = execute_mutation(client, token, "withdrawCommitment", commitment="FR0001", idempotencyKey="k")["errors"]
    assert error["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert execute_mutation(client, token, "reviseCommitment", **sent) == first


def test_writers_of_different_fields_all_come_through(client: httpx.Client, token: str) -> None:
    before = revision(client, "FR0001")
    inputs = [{"commitment": "FR0001", "number": f"2.{number}", "title": f"Step {number}"} for number in range(CLIENTS)]
    answers = at_once(client, token, "addMilestone", inputs)
    codes = [error["code"] for answer in answers for error in answer["errors"]]
    assert set(codes) <= {"CONFLICT"}
    # Whoever met others for too long is told so, and tries again.
    for sent, answer in zip(inputs, answers, strict=True):
        if answer["errors"]:
            assert execute_mutation(client, token, "addMilestone", **sent)["errors"] == []
    assert revision(client, "FR0001") == before + CLIENTS


def test_two_keys_of_two_accounts_do_not_meet(sample: SampleSystem, client: httpx.Client, token: str) -> None:
    other = issue_token(sample.system, sample.admin)
    sent = {"commitment": "FR0001", "idempotencyKey": "same"}
    assert execute_mutation(client, token, "reviseCommitment", **sent, title="Mine")["errors"] == []
    assert execute_mutation(client, other, "reviseCommitment", **sent, title="Yours")["errors"] == []
