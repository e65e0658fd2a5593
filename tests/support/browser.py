"""A headless Chromium, controlled over its DevTools protocol."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
START_TIMEOUT_SECONDS = 60
_OPTIONS = (
    "--headless",
    "--no-sandbox",  # it does not work as root, and the pages are the tests' own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--remote-debugging-port=0",
)


class Browser:
    """A running browser; commands are sent one after the other."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = count(1)

    def send_command(self, method: str, session: str | None = None, **parameters: object) -> dict[str, Any]:
        """Send a command to the browser, or to the page of a session; returns its result."""
        number = next(self._numbers)
        addressed = {"sessionId": session} if session else {}
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters, **addressed}))
        while True:
            answer: dict[str, Any] = json.loads(self._connection.recv(timeout=60))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def open_page(self, url: str) -> Page:
        """Open a new page and wait until it has loaded a URL."""
        target = self.send_command("Target.createTarget", url=url)["targetId"]
        page = Page(self, self.send_command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        page.wait_for(f"document.readyState + ' ' + document.URL === {json.dumps(f'complete {url}')}")
        return page


class Page:
    """A page of a browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def go_to(self, url: str) -> None:
        """Load another URL and wait until it is there."""
        self.run("window.isLeft = true")  # it may be the same URL
        self.send("Page.navigate", url=url)
        loaded = f"document.readyState + ' ' + document.URL === {json.dumps(f'complete {url}')}"
        self.wait_for(f"{loaded} && window.isLeft === undefined")

    def wait_for(self, condition: str) -> None:
        """Wait until a script's value is true."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while self.run(condition) is not True:
            assert time.monotonic() < deadline, f"in vain: {condition}"
            time.sleep(0.02)

    def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command to the page; returns its result."""
        return self._browser.send_command(method, self._session, **parameters)

    def run(self, script: str) -> Any:
        """Run a script in the page and return its value, awaited; an exception in it fails the test."""
        result = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")


@contextmanager
def run_browser(folder: Path) -> Iterator[Browser]:
    """Start a browser with a new profile in a folder, and kill it at the end."""
    assert CHROMIUM
    log = folder / "chromium.log"
    with log.open("w") as file:
        command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        with connect(_wait_for_address(log, process), max_size=None) as connection:
            yield Browser(connection)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for_address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"DevTools listening on (ws://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.02)
    raise AssertionError(f"the browser did not start: {log.read_text()}")
