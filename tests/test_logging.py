"""Logging: lines for people and collectors, with the id of their request and without secrets."""

import io
import json
import logging
import re
from contextlib import AbstractContextManager
from http import HTTPStatus

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import Response

from ogpgraph.graphql.context import Context
from ogpgraph.logging import configure_logging
from ogpgraph.web.app import AppOptions
from ogpgraph.web.middleware import AccessLogMiddleware, RequestIdMiddleware
from tests.web.sample_app import REQUEST_ID, ContextFactory, build_sample_app, make_client, post

URL = "postgresql://owner:hunter2@db.example/ogp?sslmode=require"


@pytest.fixture(params=["json", "console"])
def stream(request: pytest.FixtureRequest) -> io.StringIO:
    stream = io.StringIO()
    configure_logging("info", request.param, stream)
    return stream


def fail() -> None:
    raise ValueError(f"cannot connect to {URL}")


def test_secrets_are_masked(stream: io.StringIO) -> None:
    log = structlog.stdlib.get_logger("test")
    log.info("connected", database=URL, password="hunter2", api_key="hunter2", authorization="Bearer hunter2")
    log.info("a token in a message: Bearer hunter2.abc-def, ogp_hunter2, password=hunter2")
    logging.getLogger("library").warning("connection to %s failed", URL)
    try:
        fail()
    except ValueError:
        log.exception("it failed")
    logged = stream.getvalue()
    assert "hunter2" not in logged
    assert "db.example" in logged
    assert logged.count("***") >= 7


def test_a_traceback_contains_no_local_variables(stream: io.StringIO) -> None:
    text = "".join(["text ", "of a ", "person"])
    try:
        text.index("absent")
    except ValueError:
        structlog.stdlib.get_logger("test").exception("it failed")
    assert "ValueError" in stream.getvalue()
    assert "test_logging" in stream.getvalue()
    assert text not in stream.getvalue()


def test_json_is_one_object_on_each_line_for_libraries_too() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    structlog.stdlib.get_logger("ours").info("two\nlines", number=3)
    logging.getLogger("library").warning("of %s", "theirs")
    logging.getLogger("library").debug("not logged")
    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert (ours["event"], ours["number"], ours["level"], ours["logger"]) == ("two\nlines", 3, "info", "ours")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("of theirs", "warning", "library")
    assert ours["timestamp"].endswith("Z")


HOSTILE = "a\x1b[31m\x9b31m\x07\u202eb\x7f\rc"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_control_characters_of_others_are_shown(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    if is_terminal:
        monkeypatch.setattr(stream, "isatty", lambda: True)
        configure_logging("info", "console", stream)
    log = structlog.stdlib.get_logger("test")
    log.info(HOSTILE, path=HOSTILE, **{HOSTILE: 1}, nested={"header": HOSTILE})
    logging.getLogger("library").warning("invalid request %s", HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("it failed")
    logged = stream.getvalue()
    assert not re.search("[\x07\r\x7f-\x9f\u202e]", logged)
    assert "a\x1b" not in logged  # other than the colours of the log itself
    assert r"\u202e" in logged


def app() -> Starlette:
    def open_context(request: HTTPConnection) -> AbstractContextManager[Context]:
        structlog.stdlib.get_logger("deep").info("while it is executed")
        return ContextFactory()(request)

    return build_sample_app(open_context, options=AppOptions(access_log=True))


@pytest.mark.anyio
async def test_a_request_is_one_line_and_all_its_lines_have_its_id() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    async with make_client(app()) as client:
        await post(client, {"query": "{ hello }"})
        await client.get("/graphql", params={"query": '{ hello(name: "Maria") }'})
        await client.get("/nowhere", headers={"X-Request-Id": "their-own-id"})
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status"], line["request_id"]) for line in requests] == [
        ("POST", "/graphql", 200, REQUEST_ID),
        ("GET", "/graphql", 200, REQUEST_ID),
        ("GET", "/nowhere", 404, "their-own-id"),
    ]
    assert [line["request_id"] for line in lines if line["logger"] == "deep"] == [REQUEST_ID] * 2
    assert "Maria" not in str([line for line in lines if line["logger"] != "httpx"])  # the client
    assert all(line["ms"] >= 0 for line in requests)


@pytest.mark.anyio
async def test_the_status_of_a_request_is_a_number_in_every_format(stream: io.StringIO) -> None:
    page = RequestIdMiddleware(AccessLogMiddleware(Response("", HTTPStatus.NOT_FOUND)), lambda: REQUEST_ID)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=page), base_url="http://test") as client:
        await client.get("/members/nobody")
    line = re.sub("\x1b\\[\\d*m", "", stream.getvalue())
    assert re.search('status"?[=:] ?404', line)
