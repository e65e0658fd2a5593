"""A Chromium without a window, told what to do over its DevTools protocol."""

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
START_SECONDS = 30
_OPTIONS = (
    "--headless",
    "--no-sandbox",  # which root cannot have; the pages are the tests' own
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
    """A running browser; it answers one command after the other."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._numbers = count(1)

    def send_command(self, method: str, session: str | None = None, **parameters: object) -> dict[str, Any]:
        """The result of a command, to the browser or to the page of a session."""
        number = next(self._numbers)
        addressed = {"sessionId": session} if session else {}
        self._wire.send(json.dumps({"id": number, "method": method, "params": parameters, **addressed}))
        while True:
            answer: dict[str, Any] = json.loads(self._wire.recv(timeout=30))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def page(self, url: str) -> Page:
        """A new page that has loaded a URL."""
        target = self.send_command("Target.createTarget", url=url)["targetId"]
        page = Page(self, self.send_command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        deadline = time.monotonic() + START_SECONDS
        while page.run("document.readyState + ' ' + document.URL") != f"complete {url}":
            assert time.monotonic() < deadline, f"{url} does not load"
            time.sleep(0.02)
        return page


class Page:
    """A page of a browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def run(self, script: str) -> Any:
        """The value of a script that runs in the page; what it raises fails the test."""
        result = self._browser.send_command("Runtime.evaluate", self._session, expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")


@contextmanager
def run_browser(folder: Path) -> Iterator[Browser]:
    """A browser with a new profile in a folder; it is gone at the end."""
    assert CHROMIUM
    log = folder / "chromium.log"
    with log.open("w") as file:
        command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        with connect(_address(log, process), max_size=None) as wire:
            yield Browser(wire)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"DevTools listening on (ws://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.02)
    raise AssertionError(f"the browser does not start: {log.read_text()}")
