"""`ogpgraph follow`: a line, or the JSON, of each entry of a server's record as it comes."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.text import Text

from ogpgraph.cli.terminal import err, out

CAUSE_STYLES = {"CORRECTION": "red", "SOURCE_CHANGED": "yellow", "REDACTION": "magenta", "TRANSLATION": "cyan"}


def follow(
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
    from ogpgraph.cli.feed_client import FeedCursor, FeedRejected, stream_entries

    asked = {"kind": kind, "cause": cause, "member": member, "commitment": commitment, "policyArea": policy_area}
    cursor = FeedCursor(after, filters=[(name, value) for name, values in asked.items() for value in values or ()])
    try:
        for entry in stream_entries(server, cursor):
            out.print(json.dumps(entry, ensure_ascii=False) if as_json else format_entry(entry), soft_wrap=True)
            out.file.flush()  # whoever reads it through a pipe wants it now
    except FeedRejected as refused:
        err.print(Text.assemble(("refused", "red"), f": {refused}"), soft_wrap=True)
        raise typer.Exit(1) from refused
    except KeyboardInterrupt:
        err.print(f"at position {cursor.after}", soft_wrap=True)


def format_entry(entry: dict[str, Any]) -> Text:
    """Return an entry as people read it: position, time, what, about what, why, and what changed."""
    changed = [change["path"] for change in entry["changes"]]
    shown = ", ".join(changed[:4]) + (f" and {len(changed) - 4} more" if len(changed) > 4 else "")
    line = Text(f"{entry['position']:>8} ", style="dim")
    line.append(f"{entry['recordedAt'][:19]}Z ", style="dim")
    line.append(entry["kind"], style="bold")
    line.append(f" {entry['cause']} ", style=CAUSE_STYLES.get(entry["cause"], "green"))
    line.append(f"{entry['subject']['__typename']} by {entry['actor']}: {shown}")
    return line
