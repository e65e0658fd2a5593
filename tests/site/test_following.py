"""An open page in Chromium follows the record, whatever was interrupted, and disturbs nobody who reads or writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from tests.support.browser import CHROMIUM, Browser, Page, run_browser
from tests.support.demonstration import database, server, token
from tests.support.server import Server

__all__ = ["database", "server", "token"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; Debian has it as `chromium`"),
]
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with run_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, server: Server) -> Page:
    """The page of a commitment, which was loaded only once as long as `window.kept` is true."""
    page = browser.open_page(f"{server.address}/commitments/FR0032")
    page.run("window.kept = true")
    return page


def change_title(server: Server, token: str) -> str:
    """Record a new title of the commitment; returns it."""
    title = f"Aid that can be traced {next(_NUMBERS)}"
    mutation = (
        f'mutation {{ reviseCommitment(input: {{commitment: "FR0032", title: "{title}"}}) {{ errors {{ code }} }} }}'
    )
    headers = {"Authorization": f"Bearer {token}"}
    response = httpx.post(f"{server.address}/graphql", json={"query": mutation}, headers=headers, timeout=30)
    assert response.json()["data"]["reviseCommitment"]["errors"] == []
    return title


def wait_for_title(page: Page, title: str) -> None:
    page.wait_for(f"document.querySelector('h1').textContent.trim() === {json.dumps(title)}")
    assert page.run("window.kept")


def test_changes_appear_in_quick_succession(page: Page, server: Server, token: str) -> None:
    for _ in range(3):  # each within the time for which the browser may keep the page
        wait_for_title(page, change_title(server, token))


def test_what_the_reader_is_writing_stays_while_a_change_appears(page: Page, server: Server, token: str) -> None:
    page.run("document.getElementById('at').value = '2018-12'")
    wait_for_title(page, change_title(server, token))
    assert page.run("document.getElementById('at').value") == "2018-12"


def test_a_page_that_cannot_be_read_again_stays_and_appears_later(page: Page, server: Server, token: str) -> None:
    page.run(
        "window.fetchPage = window.fetch; window.failures = 0;"
        "window.fetch = async () => { window.failures += 1; return new Response('busy', {status: 503}); }"
    )
    title = change_title(server, token)
    page.wait_for("window.failures > 0")
    assert page.run("document.querySelector('h1') !== null")
    page.run("window.fetch = window.fetchPage")
    wait_for_title(page, title)


def test_a_page_follows_again_after_its_feed_was_refused(browser: Browser, server: Server, token: str) -> None:
    page = browser.open_page("about:blank")
    refused = (
        "window.EventSource = class extends EventSource {"
        "  constructor(url) { super(window.isRefused ? url : `${url}&unknown=1`); window.isRefused = true; }"
        "};"
    )
    page.send("Page.enable")
    page.send("Page.addScriptToEvaluateOnNewDocument", source=refused)
    page.go_to(f"{server.address}/commitments/FR0032")
    page.run("window.kept = true")
    for _ in range(2):
        wait_for_title(page, change_title(server, token))


def test_a_page_follows_again_when_the_reader_comes_back_to_it(page: Page, server: Server, token: str) -> None:
    page.run("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    missed = change_title(server, token)
    page.run("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    wait_for_title(page, missed)
    wait_for_title(page, change_title(server, token))
