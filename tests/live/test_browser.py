"""A real browser follows with the code that docs/live.md shows, while the server is killed and the writing goes on."""

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
from tests.live.browser import CHROMIUM, Browser, Page, run_browser
from tests.support.server import run_server
from tests.support.writers import change_title, register_commitment

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; Debian has it as `chromium`")

_IN_DOCS = (Path(__file__).parents[2] / "docs" / "live.md").read_text("utf-8").partition("## In a browser")[2]
CODE = dict(zip(("feed", "socket"), re.findall(r"```js\n(.*?)```", _IN_DOCS, re.DOTALL), strict=False))
COUNTED = """
window.made = 0;
window.EventSource = class extends EventSource { constructor(url) { super(url); window.made += 1; } };
"""
PATIENCE_SECONDS = 30


class Elsewhere(BaseHTTPRequestHandler):
    """Another origin: it has an empty page, and a way to the feed that is out of order when it is first taken."""

    server: ThreadingHTTPServer
    target = ""
    asked: list[str]

    def do_GET(self) -> None:
        feed = self.path.startswith("/feed")
        if feed:
            self.asked.append(self.path)
        status = (307 if len(self.asked) > 1 else 502) if feed else 200
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", "0")
        self.send_header("Content-Type", "text/html")
        if status == 307:
            self.send_header("Location", self.target + self.path)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def elsewhere(target: str) -> Iterator[str]:
    """The address of another origin, whose way to the feed leads to a target."""
    handler = type("Towards", (Elsewhere,), {"target": target, "asked": []})
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
def written_on(writer: System) -> Iterator[None]:
    """Meanwhile, entries are recorded."""
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


def begun(browser: Browser, url: str, way: str, address: str) -> Page:
    """A new page that follows as the docs show it."""
    page = browser.page(url)
    code = CODE[way].replace("127.0.0.1:8000", address.removeprefix("http://"))
    page.run(f"{COUNTED} window.found = []; (function (show) {{ {code} }})((entry) => found.push(entry.position))")
    return page


def wait_for(page: Page, position: int) -> None:
    """Wait until a page has an entry."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (last := page.run("window.found.at(-1)") or 0) < position:
        assert time.monotonic() < deadline, f"it has {last} of {position}"
        time.sleep(0.05)


@dataclass
class Followed:
    """What came of the entries of a log to whom, and how many times each made an EventSource."""

    head: int
    positions: dict[str, list[int]]
    sources: dict[str, int]


WAYS = {
    "a feed on a page of the server": ("{own}/", "feed", "{own}"),
    "a feed on a page of another origin": ("{other}/", "feed", "{own}"),
    "a feed on a page of no origin": ("about:blank", "feed", "{own}"),
    "a feed that was refused": ("{other}/", "feed", "{other}"),
    "a socket on a page of the server": ("{own}/", "socket", "{own}"),
    "a socket on a page of another origin": ("{other}/", "socket", "{own}"),
    "a socket on a page of no origin": ("about:blank", "socket", "{own}"),
}


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """Everybody follows from the beginning to the end, the death of the server in between."""
    folder = tmp_path_factory.mktemp("browser")
    url = f"sqlite:///{folder / 'log.db'}"
    migrate(url)
    with ExitStack() as opened:
        writer = opened.enter_context(open_system(url))
        register_commitment(writer, "FR0001")
        server = opened.enter_context(run_server(url, folder / "first.log"))
        browser = opened.enter_context(run_browser(folder))
        with written_on(writer):
            own = server.wait_until_ready()
            other = opened.enter_context(elsewhere(own))
            pages = {name: begun(browser, *(each.format(own=own, other=other) for each in WAYS[name])) for name in WAYS}
            for page in pages.values():
                wait_for(page, 5)
            server.kill()
            again = opened.enter_context(run_server(url, folder / "second.log", "--port", own.rpartition(":")[2]))
            assert again.wait_until_ready() == own
            come_back = writer.projection_status().position
            for page in pages.values():
                wait_for(page, come_back)
        head = writer.projection_status().position
        for page in pages.values():
            wait_for(page, head)
        return Followed(
            head,
            {name: page.run("window.found") for name, page in pages.items()},
            {name: page.run("window.made") for name, page in pages.items()},
        )


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_missing_and_nothing_comes_twice(followed: Followed, way: str) -> None:
    assert followed.positions[way] == list(range(1, followed.head + 1))


@pytest.mark.parametrize("way", [way for way in WAYS if way.startswith("a feed on")])
def test_a_browser_comes_back_to_the_feed_by_itself(followed: Followed, way: str) -> None:
    assert followed.sources[way] == 1


def test_a_feed_that_was_refused_is_begun_anew(followed: Followed) -> None:
    assert followed.sources["a feed that was refused"] == 2
