"""Copies the present record and its entries from a server of ours into ordinary PostgreSQL tables, page by page.

It asks the public API, so that the peers serve what a client of ours can see, and nothing depends on how it is stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.serving.client import Client
from ogpgraph.cli.progress import create_progress, track_task

_FOLDER = Path(__file__).parent
_PAGE = "pageInfo { hasNextPage endCursor }"
MEMBERS = f"""query($after: String) {{ page: members(first: 100, after: $after) {{ nodes {{
    code name region }} {_PAGE} }} }}"""
PLANS = f"""query($after: String) {{ page: actionPlans(first: 100, after: $after) {{ nodes {{
    code title cycle status member {{ code }} }} {_PAGE} }} }}"""
COMMITMENTS = f"""query($after: String) {{ page: commitments(first: 100, after: $after) {{ nodes {{
    code number cycle status title description commitmentText policyAreas actionPlan {{ code }}
    member {{ code region }} milestones {{ number title endsOn status }}
    ratings {{ indicator stage value statedAs }} rating(indicator: COMPLETION) {{ value }} }} {_PAGE} }} }}"""
ENTRIES = f"""query($after: String) {{ page: entries(first: 100, after: $after) {{ nodes {{
    position kind recordedAt actor reason changes {{ path before after }}
    evidence {{ path quote start end }} subject {{ ... on Commitment {{ code }} }} }} {_PAGE} }} }}"""

Row = tuple[object, ...]
Nodes = Iterable[dict[str, Any]]
Tables = dict[str, list[Row]]


def read_nodes(client: Client, query: str) -> Iterator[dict[str, Any]]:
    """Yield all nodes of a list, page by page."""
    after: str | None = None
    while True:
        page = client.fetch(query, after=after)["page"]
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def copy_tables(client: Client, url: str) -> None:
    """Fill an empty database with the tables; the client is of a server that nobody writes to."""
    entries = int(client.fetch("{ meta { position } }")["meta"]["position"])
    with psycopg.connect(url, autocommit=True) as connection, create_progress("entries") as progress:
        connection.execute((_FOLDER / "tables.sql").read_bytes())
        tables = build_rows(read_nodes(client, MEMBERS), read_nodes(client, PLANS), read_nodes(client, COMMITMENTS))
        for name, rows in tables.items():
            _copy_rows(connection, name, rows)
        track, codes = track_task(progress, "copying entries"), {row[4]: row[0] for row in tables["commitment"]}
        _copy_rows(
            connection, "entry", _entry_rows(read_nodes(client, ENTRIES), codes, lambda done: track(done, entries))
        )
        connection.execute((_FOLDER / "indexes.sql").read_bytes())
        connection.execute("vacuum analyze")


def _copy_rows(connection: psycopg.Connection[Any], table: str, rows: Iterable[Row]) -> None:
    statement = sql.SQL("copy {} from stdin").format(sql.Identifier(table))
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def build_rows(members: Nodes, plans: Nodes, commitments: Nodes) -> Tables:
    """Return the rows of each table but `entry`, in the order of its columns; ids number the nodes."""
    tables: Tables = {name: [] for name in ("member", "plan", "commitment", "milestone", "rating")}
    member_ids: dict[str, int] = {}
    for number, node in enumerate(members, start=1):
        member_ids[node["code"]] = number
        tables["member"].append((number, node["code"], node["name"], node["region"]))
    plan_ids: dict[str, int] = {}
    for number, node in enumerate(plans, start=1):
        plan_ids[node["code"]] = number
        member = member_ids[node["member"]["code"]]
        tables["plan"].append((number, member, node["title"], node["cycle"], node["status"]))
    for number, node in enumerate(commitments, start=1):
        tables["commitment"].append(_commitment_row(number, node, plan_ids[node["actionPlan"]["code"]]))
        for name, columns in _PARTS.items():
            rows = tables[name]
            for place, part in enumerate(node[f"{name}s"], start=1):
                rows.append((len(rows) + 1, number, place, *(part[column] for column in columns)))
    return tables


_PARTS = {
    "milestone": ("number", "title", "endsOn", "status"),
    "rating": ("indicator", "stage", "value", "statedAs"),
}


def _commitment_row(number: int, node: dict[str, Any], plan: int) -> Row:
    names = ("code", "number", "cycle", "status", "title", "description", "commitmentText", "policyAreas")
    member, completion = node["member"], node["rating"]
    return (
        number,
        plan,
        member["code"],
        member["region"],
        *(node[name] for name in names),
        completion["value"] if completion else None,
    )


def _entry_rows(nodes: Nodes, commitments: dict[object, object], track: Any) -> Iterator[Row]:
    for node in nodes:
        track(node["position"])
        yield (
            node["position"],
            commitments.get((node["subject"] or {}).get("code")),
            *(node[name] for name in ("kind", "recordedAt", "actor", "reason")),
            json.dumps(node["changes"]),
            json.dumps(node["evidence"]),
        )
