"""A program that counts the source files of ogpgraph that a request enters; prints them as JSON, by request.

Run as a process of its own, because the profiling hook has to be set before any thread starts. A file is entered when a
Python frame of it starts between the request's first byte and the last byte of its response, in any thread; for an
import in that alone which runs it.
"""

from __future__ import annotations

import gc
import http.client
import json
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import ogpgraph
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.run import import_page
from ogpgraph.server import bind_socket, serve
from ogpgraph.settings import Settings
from ogpgraph.system import migrate, open_system

SOURCE = str(Path(ogpgraph.__file__).parent) + "/"
PAGES = sorted((Path(__file__).parents[1] / "importer").rglob("budget_*.txt"))
SET_UP = (
    'registerMember(input: {code: "FRA", prefix: "FR", name: "France"})',
    'registerActionPlan(input: {member: "FRA", cycle: 2018})',
    'registerCommitment(input: {code: "FR0001", actionPlan: "FRA-2018", title: "Open the budget"})',
    *(f'addMilestone(input: {{commitment: "FR0001", number: "{each}", title: "Report {each}"}})' for each in "1234"),
)
COMPLETE = """mutation { completeMilestone(input: {commitment: "FR0001", number: "%s"}) {
    errors { message } milestone { status } entries { position } } }"""
PAST = "{ at(position: 5) { commitments { nodes { title history { nodes { position kind } } } } } }"


class FileTracer:
    """Collects the files whose frames start while it is on."""

    def __init__(self) -> None:
        self.is_on = False
        self.files: set[str] = set()
        self._thread: int | None = None
        threading.setprofile(self._on_event)

    def _on_event(self, frame: FrameType, event: str, _argument: object) -> None:
        if self._thread not in (None, threading.get_ident()):
            return
        if self.is_on and event == "call" and frame.f_code.co_filename.startswith(SOURCE):
            self.files.add(frame.f_code.co_filename.removeprefix(SOURCE))

    def start(self, thread: int | None = None) -> None:
        """Forget what was collected, and collect; in one thread, if it is given. Garbage waits until the stop."""
        gc.disable()
        self.files, self._thread, self.is_on = set(), thread, True

    def stop(self) -> list[str]:
        """Return the files that were entered since the start."""
        self.is_on = False
        gc.enable()
        return sorted(self.files)


class Client:
    """Sends operations to the server of this process, each over a connection of its own."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def execute(self, query: str) -> Any:
        """Return the data of an operation that must succeed."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("POST", "/graphql", json.dumps({"query": query}), self._headers)
        response = json.loads(connection.getresponse().read())
        connection.close()
        if "errors" in response or '"message"' in json.dumps(response):
            raise SystemExit(f"{query}: {response}")
        return response["data"]


def trace_repeated(tracer: FileTracer, client: Client, first: str, *others: str) -> list[str]:
    """Return the files that all operations enter but the first, which fills the caches.

    What the server does beside one of them, such as loading, has nothing to do with it.
    """
    client.execute(first)
    entered = []
    for query in others:
        tracer.start()
        client.execute(query)
        entered.append(set(tracer.stop()))
    return sorted(set.intersection(*entered))


def trace_import(tracer: FileTracer, url: str) -> list[str]:
    """Return the files that importing a second page enters."""
    context = CommandContext(actor="tester", role="publisher", time=datetime.now(UTC))
    with open_system(url) as system:
        for page in PAGES[:2]:
            tracer.start(threading.get_ident())  # the server has nothing to do with it
            report = import_page(system, page.name, page.read_bytes(), context, limit_bytes=1_000_000)
            if report.problem:
                raise SystemExit(report.problem)
    return tracer.stop()


def main(folder: str, token: str, url: str) -> None:
    """Trace on a migrated database for which a token was issued."""
    tracer = FileTracer()
    settings = Settings(database=url, log_level="error", port=0)
    listening = threading.Event()
    address = bind_socket(settings)
    threading.Thread(
        target=serve, args=(settings,), kwargs={"address": address, "on_listening": listening.set}, daemon=True
    ).start()
    if not listening.wait(60):
        raise SystemExit("the server does not start")
    client = Client(address.getsockname()[1], token)
    for mutation in SET_UP:
        client.execute(f"mutation {{ {mutation} {{ errors {{ message }} }} }}")
    traced = {
        "completeMilestone": trace_repeated(tracer, client, *(COMPLETE % number for number in "1234")),
        "read at a past position": trace_repeated(tracer, client, *[PAST] * 4),
    }
    other = f"sqlite:///{folder}/import.db"
    migrate(other)
    thread = threading.Thread(target=lambda: traced.update({"import of a page": trace_import(tracer, other)}))
    thread.start()
    thread.join()
    print(json.dumps(traced), flush=True)  # noqa: T201 - the result, for the test that started this program


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # the server goes on: its thread would meet a process that is half ended
