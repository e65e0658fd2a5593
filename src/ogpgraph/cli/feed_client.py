"""Reads a server's feed for ever: after a break it goes on where it was."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from ogpgraph.cli.terminal import err

CONNECT_TIMEOUT_SECONDS = 10.0
SILENCE_TIMEOUT_SECONDS = 60.0
"""Heartbeats come four times as often: a server that is silent for so long has gone."""
RETRY_DELAYS_SECONDS = (0.5, 1.0, 2.0, 5.0)


class FeedRejected(Exception):
    """The server refuses to follow; the message says why."""


@dataclass
class FeedCursor:
    """Where one is: the last position, and the log it is of."""

    after: int | None
    log: str | None = None
    filters: list[tuple[str, str]] = field(default_factory=list)

    def query(self) -> str:
        """Return the query string that goes on from here."""
        given = [("after", self.after), ("log", self.log)]
        return urlencode([*((name, str(value)) for name, value in given if value is not None), *self.filters])


def stream_entries(server: str, cursor: FeedCursor) -> Iterator[dict[str, Any]]:
    """Yield every entry from a cursor on, for ever; after a break it goes on where it was. Raises FeedRejected."""
    _require_address(server)
    failures = 0
    while True:
        try:
            for entry in _read_feed(server, cursor):
                failures = 0
                yield entry
        except (OSError, http.client.HTTPException) as error:
            err.print(f"{server}: {type(error).__name__} {error}; trying again", style="dim", soft_wrap=True)
        time.sleep(RETRY_DELAYS_SECONDS[min(failures, len(RETRY_DELAYS_SECONDS) - 1)])
        failures += 1


def _require_address(server: str) -> None:
    try:
        address = urlsplit(server)
        usable = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:  # of a port that is no number, or brackets that are no IPv6 address
        usable = False
    if not usable:
        raise FeedRejected(f"a server's address is like http://127.0.0.1:8000, not {server!r}")


def _read_feed(server: str, cursor: FeedCursor) -> Iterator[dict[str, Any]]:
    for event, identifier, data in _read_events(server, cursor):
        told = json.loads(data) if data else {}
        if event == "log":
            cursor.log = told["logId"]
            cursor.after = told["position"] if cursor.after is None else cursor.after
        elif event == "error":
            return  # too slow: the cursor knows where to go on
        if event == "entry":
            yield told["data"]["entries"]
        if identifier:
            cursor.after = int(identifier)


def _read_events(server: str, cursor: FeedCursor) -> Iterator[tuple[str, str, str]]:
    address = urlsplit(server)
    make = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = make(address.netloc, timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        connection.request(
            "GET", f"{address.path.rstrip('/')}/feed?{cursor.query()}", headers={"Accept": "text/event-stream"}
        )
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise _rejection(response)
        if connection.sock is not None:
            connection.sock.settimeout(SILENCE_TIMEOUT_SECONDS)
        fields: dict[str, str] = {}
        for line in (raw.decode().rstrip("\r\n") for raw in response):
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            else:
                yield fields.get("event", ""), fields.get("id", ""), fields.get("data", "")
                fields = {}
    finally:
        connection.close()


def _rejection(response: http.client.HTTPResponse) -> Exception:
    if response.status >= http.client.INTERNAL_SERVER_ERROR or response.status == http.client.TOO_MANY_REQUESTS:
        return http.client.HTTPException(f"the server answers {response.status}")
    try:
        return FeedRejected(json.loads(response.read())["errors"][0]["message"])
    except (ValueError, KeyError, IndexError):
        return FeedRejected(f"the server answers {response.status} {response.reason}")
