"""A server over texts and events that were changed before it read them: named, never served, the rest is readable.

What a process has in memory it has verified: damage to it shows after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from ogpgraph.domain.roles import Role
from ogpgraph.settings import Settings
from ogpgraph.storage.database import Database
from ogpgraph.system import open_system
from tests.auth.client import authorization_header, issue_token, post_mutation, run_server
from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import open_account
from tests.support.writers import change_title, register_commitment

pytestmark = BOTH_ENGINES
StartServer = Callable[[], httpx.Client]


@pytest.fixture
def token(url: str) -> str:
    """A token of an account that may write; there are two commitments."""
    with open_system(url) as system:
        for code in ("FR0001", "FR0002"):
            register_commitment(system, code)
        change_title(system, "FR0001", "Publish the budget")
        return issue_token(system, open_account(system, Role.ADMINISTRATOR))


@pytest.fixture
def start(url: str, token: str) -> Iterator[StartServer]:
    """Return a function that starts the server; the record exists."""
    assert token
    with ExitStack() as stack:
        yield lambda: stack.enter_context(run_server(Settings(database=url)))


def execute(database: Database, statement: str) -> None:
    with database.write() as transaction:
        transaction.execute(statement)


def test_changed_text_is_null_with_its_reference_and_the_rest_is_readable(
    database: Database, start: StartServer
) -> None:
    execute(database, "update stored_text set content = 'Forged' where content = 'Publish the budget'")
    client = start()
    query = '{ changed: commitment(code: "FR0001") { code title } other: commitment(code: "FR0002") { title } }'
    response = client.post("/graphql", json={"query": query})
    body = response.json()
    assert response.status_code == 200
    assert body["data"] == {"changed": {"code": "FR0001", "title": None}, "other": {"title": "Open the budget"}}
    [error] = body["errors"]
    reference = database.query("select reference from stored_text where content = 'Forged'")[0]["reference"]
    assert (error["path"], error["extensions"]["code"]) == (["changed", "title"], "CORRUPT_TEXT")
    assert reference in error["message"]
    ready = client.get("/ready")
    assert ready.json()["details"]["damaged"][0]["code"] == "CORRUPT_TEXT"
    execute(database, "update stored_text set content = 'Publish the budget' where content = 'Forged'")
    assert client.post("/graphql", json={"query": query}).json()["data"]["changed"]["title"] == "Publish the budget"
    assert "damaged" not in client.get("/ready").json()["details"]


def test_damage_in_a_list_leaves_the_other_nodes(database: Database, start: StartServer) -> None:
    execute(database, "update stored_text set content = 'Forged' where content = 'Publish the budget'")
    execute(database, "update event set recorded_at = '2001-01-01T00:00:00.000000Z' where position = 1")
    client = start()
    query = "{ commitments { totalCount nodes { code localizedTexts { hasDirectionControls } } } meta { position } }"
    body = client.post("/graphql", json={"query": query}).json()
    assert [node and node["code"] for node in body["data"]["commitments"]["nodes"]] == [None, "FR0002"]
    assert (body["data"]["commitments"]["totalCount"], bool(body["data"]["meta"])) == (2, True)
    assert [error["path"][:3] for error in body["errors"]] == [["commitments", "nodes", 0]]
    body = client.post("/graphql", json={"query": "{ entries(first: 3) { nodes { position recordedAt } } }"}).json()
    assert [node and node["position"] for node in body["data"]["entries"]["nodes"]] == [None, 2, 3]
    assert [error["extensions"]["code"] for error in body["errors"]] == ["CORRUPT_EVENT"]


def test_a_changed_text_is_null_where_it_is_selected_and_what_surrounds_it_is_complete(
    database: Database, start: StartServer
) -> None:
    execute(database, "update stored_text set content = 'Forged' where content = 'Publish the budget'")
    client = start()
    query = """{ commitment(code: "FR0001") { code localizedTexts { path text }
                                              history { nodes { changes { path before after } } } } }"""
    body = client.post("/graphql", json={"query": query}).json()
    commitment = body["data"]["commitment"]
    assert commitment["localizedTexts"] == [{"path": "title/en", "text": None}]
    changes = [change for node in commitment["history"]["nodes"] for change in node["changes"]]
    assert {"path": "title/en", "before": "Open the budget", "after": None} in changes
    assert {error["path"][-1] for error in body["errors"]} == {"text", "after"}
    assert {error["extensions"]["code"] for error in body["errors"]} == {"CORRUPT_TEXT"}


def test_search_does_not_pass_over_a_changed_text(database: Database, start: StartServer) -> None:
    execute(database, "update stored_text set content = 'Forged' where content = 'Publish the budget'")
    client = start()
    query = '{ commitments(where: {title: "budget"}) { totalCount } meta { position } }'
    body = client.post("/graphql", json={"query": query}).json()
    assert body["errors"][0]["extensions"]["code"] == "CORRUPT_TEXT"


def test_changed_event_is_named_on_reading_on_writing_and_by_the_probe(
    database: Database, start: StartServer, token: str
) -> None:
    [before] = database.query("select recorded_at from event where position = 1")
    execute(database, "update event set recorded_at = '2001-01-01T00:00:00.000000Z' where position = 1")
    client = start()
    read = client.post("/graphql", json={"query": "{ entry(position: 1) { recordedAt } meta { position } }"}).json()
    assert read["errors"][0]["extensions"]["code"] == "CORRUPT_EVENT"
    assert "2001" not in str(read["data"])
    written = post_mutation(client, token, "reviseCommitment", commitment="FR0001", title="Another title")
    assert written.json()["errors"][0]["extensions"]["code"] == "CORRUPT_EVENT"
    ready = client.get("/ready")
    assert ready.status_code == 503
    assert any("CORRUPT_EVENT" in problem for problem in ready.json()["details"]["problems"])
    whole = post_mutation(client, token, "reviseCommitment", commitment="FR0002", title="Another title").json()
    assert whole["data"]["reviseCommitment"]["commitment"]["code"] == "FR0002"
    execute(database, f"update event set recorded_at = '{before['recorded_at']}' where position = 1")
    assert client.get("/ready").status_code == 200


def test_a_request_whose_token_cannot_be_looked_up_gets_a_code_and_the_headers_of_all_responses(
    database: Database, start: StartServer, token: str
) -> None:
    client = start()

    headers = {**authorization_header(token), "Origin": "https://reader.example"}

    def ask() -> httpx.Response:
        return client.post("/graphql", json={"query": "{ meta { position } }"}, headers=headers)

    assert [ask().status_code for _ in range(4)] == [200] * 4
    execute(database, "alter table token rename to former_token")
    failed = ask()
    [error] = failed.json()["errors"]
    assert (failed.status_code, error["extensions"]["code"]) == (500, "INTERNAL")
    assert error["extensions"]["requestId"] == failed.headers["x-request-id"]
    assert failed.headers["access-control-allow-origin"] == "*"
    execute(database, "alter table former_token rename to token")
    assert ask().status_code == 200


def test_a_mutation_that_fails_leaves_the_results_of_those_beside_it(
    database: Database, start: StartServer, token: str
) -> None:
    execute(database, "update event set recorded_at = '2001-01-01T00:00:00.000000Z' where position = 1")
    client = start()
    revise = 'reviseCommitment(input: {{commitment: "{code}", title: "Another title"}}) {{ commitment {{ code }} }}'
    query = "mutation { " + " ".join(f"{code}: {revise.format(code=code)}" for code in ("FR0001", "FR0002")) + " }"
    body = client.post("/graphql", json={"query": query}, headers=authorization_header(token)).json()
    assert body["data"] == {"FR0001": None, "FR0002": {"commitment": {"code": "FR0002"}}}
    assert [(error["path"], error["extensions"]["code"]) for error in body["errors"]] == [(["FR0001"], "CORRUPT_EVENT")]


def test_an_event_that_is_missing_is_named_wherever_its_entry_is_selected(
    database: Database, start: StartServer
) -> None:
    execute(database, "delete from event where position = 2")
    body = start().post("/graphql", json={"query": CURRENT_ENTRIES}).json()
    assert {error["extensions"]["code"] for error in body["errors"]} == {"CORRUPT_EVENT"}
    assert all(error["message"].startswith("the event of position 2 is missing") for error in body["errors"])


def test_an_event_at_the_place_of_another_is_never_served_as_that(database: Database, start: StartServer) -> None:
    swap(database, 1, 2)
    client = start()
    body = client.post("/graphql", json={"query": "{ entries(first: 3) { nodes { position kind } } }"}).json()
    assert [node and node["position"] for node in body["data"]["entries"]["nodes"]] == [None, None, 3]
    assert [error["message"].split(":")[:2] for error in body["errors"]] == [
        [f"position {here}", f" event {here} is not the one that was recorded there"] for here in (1, 2)
    ]
    assert client.get("/ready").status_code == 503
    swap(database, 1, 2)
    assert client.get("/ready").status_code == 200
    body = client.post("/graphql", json={"query": CURRENT_ENTRIES}).json()
    assert "errors" not in body


CURRENT_ENTRIES = """{ at(position: 2) { commitment(code: "FR0001") {
    blame { path entry { position kind } } claims { path entry { position kind } } } } }"""


def swap(database: Database, one: int, other: int) -> None:
    """Give two rows of the log the contents of each other, but for their positions."""
    columns = ("stream", "revision", "topic", "payload", "recorded_at", "leaf", "save", "command")
    rows = {
        position: database.query(f"select * from event where position = {position}")[0] for position in (one, other)
    }
    assignments = ", ".join(f"{column} = :{column}" for column in columns)
    with database.write() as transaction:
        transaction.execute("update event set stream = 'elsewhere', command = null where position = :one", one=one)
        for position, source in ((other, one), (one, other)):
            values = {column: rows[source][column] for column in columns}
            transaction.execute(
                f"update event set {assignments} where position = :position", position=position, **values
            )
