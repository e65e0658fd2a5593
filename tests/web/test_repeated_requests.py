"""Requests whose bytes came before are answered without a parser, as they are with one."""

from __future__ import annotations

import pytest

from ogpgraph.system import System
from ogpgraph.web.app import Application
from ogpgraph.web.connection_timeouts import MAX_HEADER_BYTES
from ogpgraph.web.repeated_requests import ReceivedBytes, RepeatedRequests
from tests.graphql.example_log import record_example
from tests.support.connection import Connection
from tests.web.test_arrivals import LARGE, POSITION, head, known, post, request, serve

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

UNKNOWN = b'{"query": "{ members(first: 1) { nodes { code } } }"}'


def count_remembered(app: Application) -> int:
    assert app.arrivals
    return len(app.arrivals.repeated)


def test_a_repeated_request_is_answered_as_one_that_is_parsed(system: System) -> None:
    record_example(system)
    with serve(system) as (app, connection):
        for body in (POSITION, LARGE):
            expected = known(app, connection, body)[0]
            arrivals, app.arrivals = app.arrivals, None
            assert post(connection, body) == expected
            app.arrivals = arrivals
            assert [post(connection, body) for _ in range(5)] == [expected] * 5
        assert count_remembered(app) == 2


def test_repeated_requests_that_come_with_others_are_answered_in_their_order(system: System) -> None:
    record_example(system)
    with serve(system) as (app, connection):
        one, two = known(app, connection, POSITION, LARGE)
        for bodies in ([POSITION, LARGE], [LARGE, UNKNOWN, POSITION, POSITION], [UNKNOWN, POSITION]):
            connection.send(*map(request, bodies))
            received = [connection.receive() for _ in bodies]
            assert [r for r, body in zip(received, bodies, strict=True) if body != UNKNOWN] == [
                {POSITION: one, LARGE: two}[body] for body in bodies if body != UNKNOWN
            ]
        assert post(connection, POSITION) == one


def test_bytes_within_another_request_are_no_request(system: System) -> None:
    record_example(system)
    with serve(system) as (app, connection):
        known(app, connection, POSITION)
        connection.send(head(request(POSITION)))
        is_waiting(connection)
        connection.send(request(POSITION))
        assert connection.receive().status == 400  # a body that is no JSON
        connection.send(b"POST /graphql HT")
        is_waiting(connection)
        connection.send(request(POSITION))
        assert connection.receive().status == 400


def is_waiting(connection: Connection) -> None:
    """The server has read what was sent, and waits for more."""
    connection.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        connection.socket.recv(1)
    connection.socket.settimeout(connection.TIMEOUT_SECONDS)


def test_a_connection_repeats_its_request_as_often_as_it_likes(system: System) -> None:
    record_example(system)
    with serve(system) as (app, connection):
        expected = known(app, connection, POSITION)[0]
        for _ in range(MAX_HEADER_BYTES // len(request(POSITION)) + 2):
            assert post(connection, POSITION) == expected


def test_a_connection_that_is_not_kept_ends_with_its_response(system: System) -> None:
    record_example(system)
    with serve(system) as (app, connection):
        expected = known(app, connection, POSITION)[0]
        remembered = count_remembered(app)
        host, port = connection.socket.getpeername()
        for _ in range(3):
            with Connection((host, port)) as other:
                response = post(other, POSITION, headers="Connection: close\r\n")
                assert response.body == expected.body
                assert other.is_closed()
        assert count_remembered(app) == remembered


def test_what_bytes_say_is_remembered_for_each_client_and_without_its_connection() -> None:
    requests = RepeatedRequests()
    received = ReceivedBytes(b"GET", "192.0.2.1", ("192.0.2.9", 80), "http")
    requests.add(received, {"path": "/", "state": {"a": 1}, "extensions": {"connection": object()}}, b"")
    found = requests.get(received)
    assert found
    assert found.scope == {"path": "/"}
    assert requests.get(received._replace(client="192.0.2.2")) is None
    assert requests.get(received._replace(scheme="https")) is None


def test_what_is_remembered_is_bounded() -> None:
    requests = RepeatedRequests(max_bytes=100_000)
    for n in range(1_000):
        requests.add(ReceivedBytes(b"%d" % n, None, None, "http"), {}, b"")
        assert requests.get(ReceivedBytes(b"%d" % n, None, None, "http"))
        assert len(requests) <= 25
