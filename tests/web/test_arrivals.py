"""Requests that are answered before they have a task: in order, as of a moment after they arrived, like all others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn

from ogpgraph.server import SystemLifespan, create_app
from ogpgraph.settings import Settings
from ogpgraph.system import System, open_system
from ogpgraph.web.app import Application
from ogpgraph.web.connection_timeouts import HeaderTimeoutProtocol
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.example_log import record_example
from tests.support.connection import Connection, Response
from tests.support.server import serve_in_thread
from tests.web.test_direct_path import write

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

POSITION = b'{"query": "{ meta { position } }"}'
LARGE = b'{"query": "{ commitments(first: 50) { nodes { code title description commitmentText } } }"}'


def post(connection: Connection, body: bytes, *, headers: str = "") -> Response:
    connection.send(request(body, headers))
    return connection.receive()


def request(body: bytes, headers: str = "") -> bytes:
    return head(body, headers) + body


def head(body: bytes, headers: str = "") -> bytes:
    usual = f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return f"POST /graphql HTTP/1.1\r\n{usual}".encode()


@contextmanager
def serve(system: System) -> Iterator[tuple[Application, Connection]]:
    system.model.warm(seconds=10, pause=lambda _seconds: False)
    lifespan = SystemLifespan(lambda: open_system(system.database.name))
    lifespan._system = system  # it is open already
    app = create_app(lifespan, Settings(cost_per_minute=10**12))
    # As it is served: in a middleware of uvicorn, the protocol would not find the arrivals of the application.
    options: dict[str, Any] = {"http": HeaderTimeoutProtocol, "server_header": False, "proxy_headers": False}
    config = uvicorn.Config(app, log_config=None, lifespan="off", **options)
    with serve_in_thread(config) as address, Connection(address) as connection:
        yield app, connection


def known(app: Application, connection: Connection, *bodies: bytes) -> list[Response]:
    """The responses to requests that have been sent so often that they are answered at once."""
    for body in bodies * 4:
        post(connection, body)
    assert app.direct_path
    answered = app.direct_path.answered
    responses = [post(connection, body) for body in bodies]
    assert app.direct_path.answered == answered + len(bodies)
    return responses


@BOTH_ENGINES
def test_what_is_answered_at_once_is_what_the_application_answers(system: System) -> None:
    record_example(system)
    with serve(system) as (app, connection):
        for headers in ("", "Accept: application/graphql-response+json\r\n", "X-Request-Id: short\r\n"):
            for body in (POSITION, LARGE):
                responses = [post(connection, body, headers=headers) for _ in range(5)]
                arrivals, app.arrivals, direct_path, app.direct_path = app.arrivals, None, app.direct_path, None
                expected = post(connection, body, headers=headers)
                app.arrivals, app.direct_path = arrivals, direct_path
                assert responses == [expected] * 5
        assert app.direct_path
        assert app.direct_path.answered > 20


def test_requests_that_came_together_are_answered_in_their_order(system: System) -> None:
    record_example(system)
    with serve(system) as (app, connection):
        one, two = known(app, connection, POSITION, LARGE)
        unknown = b'{"query": "{ members(first: 1) { nodes { code } } }"}'
        connection.send(*map(request, (POSITION, unknown, LARGE, POSITION)))
        received = [connection.receive() for _ in range(4)]
        assert [received[0], received[2], received[3]] == [one, two, one]
        assert json.loads(received[1].body)["data"]["members"]


@BOTH_ENGINES
@pytest.mark.parametrize("table", ["log", "projector"])
def test_requests_are_answered_when_what_each_of_them_reads_is_damaged(system: System, table: str) -> None:
    record_example(system)
    with serve(system) as (app, connection):
        known(app, connection, POSITION)
        with system.database.write() as transaction:
            transaction.execute(f"delete from {table}")
        connection.send(*map(request, (POSITION, LARGE, POSITION)))
        for response in [connection.receive() for _ in range(3)]:
            assert response.status == 503
            assert json.loads(response.body)["errors"][0]["extensions"]["code"] == "STORAGE_DAMAGED"


def test_a_request_is_passed_on_whatever_keeps_it_from_being_answered_at_once(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise TypeError("a fault of this program")

    record_example(system)
    with serve(system) as (app, connection):
        expected = known(app, connection, POSITION)[0]
        monkeypatch.setattr(app.arrivals, "_memory", Mock(read=fail))
        assert post(connection, POSITION) == expected


def test_a_body_that_comes_in_pieces_is_waited_for(system: System) -> None:
    record_example(system)
    with serve(system) as (app, connection):
        expected = known(app, connection, POSITION)[0]
        for size in (0, 1, len(POSITION) - 1):
            connection.socket.sendall(head(POSITION) + POSITION[:size])
            connection.socket.settimeout(0.02)
            with pytest.raises(TimeoutError):
                connection.socket.recv(1)
            connection.socket.settimeout(60)
            connection.socket.sendall(POSITION[size:])
            assert connection.receive() == expected


@BOTH_ENGINES
def test_a_write_of_another_process_is_in_the_next_response_and_in_repeated_ones(make_system: SystemFactory) -> None:
    system, writer = make_system(), make_system()
    record_example(system)
    with serve(system) as (app, connection):
        known(app, connection, POSITION)
        for letter in "ABCDEFGHIJ":
            write(writer, f"ZZZ{letter}")
            with writer.read_session() as session:
                expected = {"meta": {"position": session.head}}
            assert [json.loads(post(connection, POSITION).body)["data"] for _ in range(3)] == [expected] * 3
