"""Chromium runs the code of docs/live.md while the server is killed and restarted and entries are recorded."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ogpgraph.system import System, migrate, open_system
from tests.support.browser import CHROMIUM, Browser, Page, run_browser
from tests.support.server import run_server
from tests.support.writers import change_title, register_commitment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; Debian has it as `chromium`"),
]

_SECTION = (Path(__file__).parents[3] / "docs" / "live.md").read_text("utf-8").partition("## In a browser")[2]
EXAMPLES = dict(zip(("feed", "socket"), re.findall(r"```js\n(.*?)```", _SECTION, re.DOTALL), strict=False))
COUNT_EVENT_SOURCES = """
window.eventSources = 0;
window.EventSource = class extends EventSource { constructor(url) { super(url); window.eventSources += 1; } };
"""
WAIT_SECONDS = 60


class OtherOriginHandler(BaseHTTPRequestHandler):
    """Serves an empty page, and redirects `/feed` to the target; the first request for the feed fails with 502."""

    server: ThreadingHTTPServer
    target = ""
    feed_requests: list[str]

    def do_GET(self) -> None:
        is_feed = self.path.startswith("/feed")
        if is_feed:
            self.feed_requests.append(self.path)
        status = (307 if len(self.feed_requests) > 1 else 502) if is_feed else 200
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", "0")
        self.send_header("Content-Type", "text/html")
        if status == 307:
            self.send_header("Location", self.target + self.path)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def serve_other_origin(target: str) -> Iterator[str]:
    """Serve another origin, whose feed redirects to a target; yields its address."""
    handler = type("Handler", (OtherOriginHandler,), {"target": target, "feed_requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def record_entries(writer: System) -> Iterator[None]:
    """Record entries in another thread while the context is open."""
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.02):
            change_title(writer, "FR0001", f"At {time.monotonic()}")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def open_following_page(browser: Browser, url: str, example: str, address: str) -> Page:
    """Open a page that runs an example of the documentation against an address, and collects positions."""
    page = browser.open_page(url)
    code = EXAMPLES[example].replace("127.0.0.1:8000", address.removeprefix("http://"))
    page.run(
        f"{COUNT_EVENT_SOURCES} window.positions = []; "
        f"(function (show) {{ {code} }})((entry) => positions.push(entry.position))"
    )
    return page


def wait_for_position(page: Page, position: int) -> None:
    """Wait until a page has received an entry."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (last := page.run("window.positions.at(-1)") or 0) < position:
        assert time.monotonic() < deadline, f"it has received {last} of {position}"
        time.sleep(0.05)


@dataclass
class Received:
    """The head of the log, and for each page the positions it received and the number of EventSources it created."""

    head: int
    positions: dict[str, list[int]]
    event_sources: dict[str, int]


PAGES = {
    "a feed on a page of the server": ("{own}/", "feed", "{own}"),
    "a feed on a page of another origin": ("{other}/", "feed", "{own}"),
    "a feed on a page of no origin": ("about:blank", "feed", "{own}"),
    "a feed that was rejected": ("{other}/", "feed", "{other}"),
    "a socket on a page of the server": ("{own}/", "socket", "{own}"),
    "a socket on a page of another origin": ("{other}/", "socket", "{own}"),
    "a socket on a page of no origin": ("about:blank", "socket", "{own}"),
}


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Received:
    """What all pages received from the first entry to the last, with a kill of the server in between."""
    folder = tmp_path_factory.mktemp("browser")
    url = f"sqlite:///{folder / 'log.db'}"
    migrate(url)
    with ExitStack() as opened:
        writer = opened.enter_context(open_system(url))
        register_commitment(writer, "FR0001")
        server = opened.enter_context(run_server(url, folder / "first.log"))
        browser = opened.enter_context(run_browser(folder))
        with record_entries(writer):
            own = server.wait_until_ready()
            other = opened.enter_context(serve_other_origin(own))
            pages = {
                name: open_following_page(browser, *(each.format(own=own, other=other) for each in page))
                for name, page in PAGES.items()
            }
            for page in pages.values():
                wait_for_position(page, 5)
            server.kill()
            restarted = opened.enter_context(run_server(url, folder / "second.log", "--port", own.rpartition(":")[2]))
            assert restarted.wait_until_ready() == own
            after_restart = writer.projection_status().position
            for page in pages.values():
                wait_for_position(page, after_restart)
        head = writer.projection_status().position
        for page in pages.values():
            wait_for_position(page, head)
        return Received(
            head,
            {name: page.run("window.positions") for name, page in pages.items()},
            {name: page.run("window.eventSources") for name, page in pages.items()},
        )


@pytest.mark.parametrize("page", PAGES)
def test_a_page_receives_every_entry_once(received: Received, page: str) -> None:
    assert received.positions[page] == list(range(1, received.head + 1))


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("a feed on")])
def test_an_event_source_reconnects_by_itself(received: Received, page: str) -> None:
    assert received.event_sources[page] == 1


def test_a_rejected_feed_is_opened_again(received: Received) -> None:
    assert received.event_sources["a feed that was rejected"] == 2
