"""Follows a server's feed in the terminal: a line or the JSON of each entry; after a break it goes on by itself."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import typer
from rich.console import Console
from rich.text import Text

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 60.0
"""Heartbeats come four times as often: a server that is silent for so long has gone."""
PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0)

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
CAUSE_STYLES = {"CORRECTION": "red", "SOURCE_CHANGED": "yellow", "REDACTION": "magenta", "TRANSLATION": "cyan"}


class Refused(Exception):
    """The server refuses to follow; the message says why."""


@dataclass
class Cursor:
    """Where one is: the last position, and the log it is of."""

    after: int | None
    log: str | None = None
    filters: list[tuple[str, str]] = field(default_factory=list)

    def query(self) -> str:
        """Return the query string that goes on from here."""
        given = [("after", self.after), ("log", self.log)]
        return urlencode([*((name, str(value)) for name, value in given if value is not None), *self.filters])


def follow_command(
    server: Annotated[str, typer.Argument(help="The server's address.")] = "http://127.0.0.1:8000",
    after: Annotated[int | None, typer.Option(min=0, help="Begin after this position; else at the head.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind of entry; may be repeated.")] = None,
    cause: Annotated[list[str] | None, typer.Option(help="Only entries of this cause.")] = None,
    member: Annotated[list[str] | None, typer.Option(help="Only about this member's commitments and plans.")] = None,
    commitment: Annotated[list[str] | None, typer.Option(help="Only about this commitment, by code.")] = None,
    policy_area: Annotated[list[str] | None, typer.Option(help="Only about commitments of this policy area.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each entry.")] = False,
) -> None:
    """Follow the record as it changes; Ctrl-C ends it, and any break is made up for."""
    asked = {"kind": kind, "cause": cause, "member": member, "commitment": commitment, "policyArea": policy_area}
    cursor = Cursor(after, filters=[(name, value) for name, values in asked.items() for value in values or ()])
    try:
        for entry in entries(server, cursor):
            out.print(json.dumps(entry, ensure_ascii=False) if as_json else line_of(entry), soft_wrap=True)
            out.file.flush()  # whoever reads it through a pipe wants it now
    except Refused as refused:
        err.print(f"[red]refused[/red]: {refused}", soft_wrap=True)
        raise typer.Exit(1) from refused
    except KeyboardInterrupt:
        err.print(f"at position {cursor.after}", soft_wrap=True)


def entries(server: str, cursor: Cursor) -> Iterator[dict[str, Any]]:
    """Yield every entry from a cursor on, for ever; after a break it goes on where it was. Raises Refused."""
    failures = 0
    while True:
        try:
            for entry in _connected(server, cursor):
                failures = 0
                yield entry
        except (OSError, http.client.HTTPException) as error:
            err.print(f"[dim]{server}: {type(error).__name__} {error}; trying again[/dim]", soft_wrap=True)
        time.sleep(PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS) - 1)])
        failures += 1


def line_of(entry: dict[str, Any]) -> Text:
    """Return an entry as people read it: position, time, what, about what, why, and what changed."""
    changed = [change["path"] for change in entry["changes"]]
    shown = ", ".join(changed[:4]) + (f" and {len(changed) - 4} more" if len(changed) > 4 else "")
    line = Text(f"{entry['position']:>8} ", style="dim")
    line.append(f"{entry['recordedAt'][:19]}Z ", style="dim")
    line.append(entry["kind"], style="bold")
    line.append(f" {entry['cause']} ", style=CAUSE_STYLES.get(entry["cause"], "green"))
    line.append(f"{entry['subject']['__typename']} by {entry['actor']}: {shown}")
    return line


def _connected(server: str, cursor: Cursor) -> Iterator[dict[str, Any]]:
    for event, identifier, data in _events(server, cursor):
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


def _events(server: str, cursor: Cursor) -> Iterator[tuple[str, str, str]]:
    address = urlsplit(server)
    make = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = make(address.netloc, timeout=CONNECT_SECONDS)
    try:
        connection.request(
            "GET", f"{address.path.rstrip('/')}/feed?{cursor.query()}", headers={"Accept": "text/event-stream"}
        )
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise _refusal(response)
        if connection.sock is not None:
            connection.sock.settimeout(SILENT_SECONDS)
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


def _refusal(response: http.client.HTTPResponse) -> Exception:
    if response.status >= http.client.INTERNAL_SERVER_ERROR or response.status == http.client.TOO_MANY_REQUESTS:
        return http.client.HTTPException(f"the server answers {response.status}")
    try:
        return Refused(json.loads(response.read())["errors"][0]["message"])
    except (ValueError, KeyError, IndexError):
        return Refused(f"the server answers {response.status} {response.reason}")
