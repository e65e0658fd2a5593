"""`ogpgraph follow`: prints each new entry of a server's log, and resumes after any interruption."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode, urlsplit

import typer
from rich.text import Text

from ogpgraph.cli.shared import ExitCode, err, out, print_json
from ogpgraph.control_characters import escape_control_characters

if TYPE_CHECKING:
    from http.client import HTTPResponse

CAUSE_STYLES = {"CORRECTION": "red", "SOURCE_CHANGED": "yellow", "REDACTION": "magenta", "TRANSLATION": "cyan"}
MAX_CHANGES_SHOWN = 4
CONNECT_TIMEOUT_SECONDS = 10.0
SILENCE_TIMEOUT_SECONDS = 60.0
"""Four times the interval of the server's heartbeats: after such a silence the connection is taken to be broken."""
RETRY_DELAYS_SECONDS = (0.5, 1.0, 2.0, 5.0)


def follow(
    server: Annotated[str, typer.Argument(help="The address of the server.")] = "http://127.0.0.1:8000",
    after: Annotated[
        str | None,
        typer.Option(help="Begin after this position, or where an interrupted `follow` ended; by default at the head."),
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only entries of this kind; may be repeated.")] = None,
    cause: Annotated[list[str] | None, typer.Option(help="Only entries with this cause; may be repeated.")] = None,
    member: Annotated[
        list[str] | None, typer.Option(help="Only entries about this member, its plans and commitments, by its code.")
    ] = None,
    commitment: Annotated[
        list[str] | None, typer.Option(help="Only entries about this commitment, by its code.")
    ] = None,
    policy_area: Annotated[
        list[str] | None, typer.Option(help="Only entries about commitments in this policy area.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print each entry as one line of JSON.")] = False,
) -> None:
    """Print the entries of a server's log as they are recorded, until Ctrl-C; resumes after interruptions."""
    filters = {"kind": kind, "cause": cause, "member": member, "commitment": commitment, "policyArea": policy_area}
    cursor = FeedCursor(after, filters=[(name, ",".join(values)) for name, values in filters.items() if values])
    try:
        for entry in stream_entries(server, cursor):
            if as_json:
                print_json(entry)
            else:
                out.print(format_entry(entry), soft_wrap=True)
                out.file.flush()  # a pipe would be buffered
    except FeedRejected as rejected:
        err.print(Text.assemble(("rejected", "red"), f": {escape_control_characters(str(rejected))}"), soft_wrap=True)
        raise typer.Exit(ExitCode.FAILED) from rejected
    except KeyboardInterrupt:
        err.print(f"continue with --after {cursor.after}", soft_wrap=True)


def format_entry(entry: dict[str, Any]) -> Text:
    """Return a line with an entry's position, time, kind, cause, aggregate, actor and changed paths, or its errors."""
    entry = _escape(entry)
    if "errors" in entry:
        messages = "; ".join(error["message"] for error in entry["errors"])
        return Text.assemble((f"{entry['position']:>8} ", "dim"), (messages, "red"))
    paths = [change["path"] for change in entry["changes"]]
    shown, more = ", ".join(paths[:MAX_CHANGES_SHOWN]), len(paths) - MAX_CHANGES_SHOWN
    line = Text(f"{entry['position']:>8} ", style="dim")
    line.append(f"{entry['recordedAt'][:19]}Z ", style="dim")
    line.append(entry["kind"], style="bold")
    line.append(f" {entry['cause']} ", style=CAUSE_STYLES.get(entry["cause"], "green"))
    line.append(f"{entry['subject']['__typename']} by {entry['actor']}: {shown}")
    return line.append(f" and {more} more") if more > 0 else line


def _escape(value: Any) -> Any:
    """Return a value of JSON in which no text can begin another line: the server may be anybody's."""
    if isinstance(value, dict):
        return {name: _escape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_escape(each) for each in value]
    return escape_control_characters(value) if isinstance(value, str) else value


# The client of `/feed`


class FeedRejected(Exception):
    """The request for the feed is wrong, so it is not repeated; the message is the server's with its code, or names
    the address.
    """


@dataclass
class FeedCursor:
    """The id of the last event received, with which the server recognizes its history, and the filters of the feed."""

    after: str | None
    filters: list[tuple[str, str]] = field(default_factory=list)

    def query_string(self) -> str:
        """Return the query string of a feed that resumes here."""
        return urlencode([*([] if self.after is None else [("after", self.after)]), *self.filters])


def stream_entries(server: str, cursor: FeedCursor) -> Iterator[dict[str, Any]]:
    """Yield the entries after a cursor, and advance it, forever; reconnects after any interruption.

    In place of an entry that the server cannot read are its position and the errors.

    Raises:
        FeedRejected: if the address or the request is wrong.
    """
    from http.client import HTTPException

    _require_address(server)
    failures = 0
    while True:
        try:
            for entry in _read_entries(server, cursor):
                failures = 0
                yield entry
        except (OSError, HTTPException) as error:
            reason = escape_control_characters(str(error))
            err.print(f"{server}: {type(error).__name__} {reason}; trying again", style="dim", soft_wrap=True)
        time.sleep(RETRY_DELAYS_SECONDS[min(failures, len(RETRY_DELAYS_SECONDS) - 1)])
        failures += 1


def _require_address(server: str) -> None:
    try:
        address = urlsplit(server)
        is_valid = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:  # the port is not a number, or the brackets do not contain an IPv6 address
        is_valid = False
    if not is_valid:
        raise FeedRejected(f"a server's address is like http://127.0.0.1:8000, not {server!r}")


def _read_entries(server: str, cursor: FeedCursor) -> Iterator[dict[str, Any]]:
    """Yield the entries of one connection, until it ends, and advance the cursor."""
    for event, identifier, data in _read_events(server, cursor):
        payload = json.loads(data) if data else {}
        if event == "error":
            return  # the server ended the stream: a new connection resumes it
        if event == "entry":
            yield (payload.get("data") or {}).get("entries") or _missing_entry(identifier, payload)
        if identifier:
            cursor.after = identifier


def _missing_entry(identifier: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of an entry that the server could not read: its position, and the errors."""
    errors = payload.get("errors") or [{"message": "the server sent no entry"}]
    return {"position": int(identifier.partition("-")[0] or 0), "errors": errors}


def _read_events(server: str, cursor: FeedCursor) -> Iterator[tuple[str, str, str]]:
    """Yield the name, id and data of each event of one connection."""
    from http.client import OK, HTTPConnection, HTTPSConnection

    address = urlsplit(server)
    connection_class = HTTPSConnection if address.scheme == "https" else HTTPConnection
    with closing(connection_class(address.netloc, timeout=CONNECT_TIMEOUT_SECONDS)) as connection:
        path = f"{address.path.rstrip('/')}/feed?{cursor.query_string()}"
        connection.request("GET", path, headers={"Accept": "text/event-stream"})
        with connection.getresponse() as response:  # one that ends its connection is not closed with it
            if response.status != OK:
                raise _rejection(response)
            if connection.sock is not None:  # http.client has closed it if the response ended already
                connection.sock.settimeout(SILENCE_TIMEOUT_SECONDS)
            yield from _parse_events(response)


def _parse_events(response: HTTPResponse) -> Iterator[tuple[str, str, str]]:
    fields: dict[str, str] = {}
    for line in (raw.decode().rstrip("\r\n") for raw in response):
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        else:
            yield fields.get("event", ""), fields.get("id", ""), fields.get("data", "")
            fields = {}


def _rejection(response: HTTPResponse) -> Exception:
    """Return the error for a response other than a stream: a temporary one is retried, a rejection is not."""
    from http.client import INTERNAL_SERVER_ERROR, TOO_MANY_REQUESTS, HTTPException

    if response.status >= INTERNAL_SERVER_ERROR or response.status == TOO_MANY_REQUESTS:
        return HTTPException(f"the server answers {response.status}")
    try:
        error = json.loads(response.read())["errors"][0]
        return FeedRejected(f"{error['extensions']['code']}: {error['message']}")
    except (ValueError, KeyError, IndexError):
        return FeedRejected(f"the server answers {response.status} {response.reason}")
