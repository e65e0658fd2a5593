"""The pages in Chromium, at three widths: accessibility, the keyboard, live changes, and nothing but this server."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.site.pages import PATHS
from tests.support.browser import CHROMIUM, Browser, Page, run_browser
from tests.support.demonstration import database, server, token
from tests.support.server import Server
from tests.support.tools import NEEDS_TOOLS

__all__ = ["database", "server", "token"]

pytestmark = NEEDS_TOOLS
WIDTHS = (320, 768, 1280)
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
AUDIT = """
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(
  ({violations}) => violations.map((each) => `${each.help}: ${each.nodes.map((node) => node.html).slice(0, 3)}`)
)"""

WIDER = """
document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("*")]
  .filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.outerHTML.slice(0, 80))
"""
"""What makes a page wider than the window."""
KEYS = {"Tab": 9, "Enter": 13}
SCREENSHOTS = os.environ.get("OGPGRAPH_TEST_SCREENSHOTS")
"""A folder for what the pages look like."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    for needed, what in (
        (CHROMIUM, "Chromium is not installed; Debian has it as `chromium`"),
        (AXE.exists(), f"{AXE} is missing: run `make tools`"),
    ):
        if not needed:
            pytest.fail(what) if os.environ.get("OGPGRAPH_TEST_TOOLS") == "required" else pytest.skip(what)
    with run_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser: Browser, server: Server) -> Page:
    page = browser.open_page(f"{server.address}/about")
    page.send("Emulation.setLocaleOverride", locale="en")
    return page


def set_width(page: Page, width: int) -> None:
    page.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    page.wait_for(f"innerWidth === {width}")


def set_scheme(page: Page, scheme: str) -> None:
    page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def press(page: Page, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
        page.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key], **text)


def keep_screenshot(page: Page, name: str) -> None:
    if SCREENSHOTS:
        folder = Path(SCREENSHOTS)
        folder.mkdir(parents=True, exist_ok=True)
        data = page.send("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        (folder / f"{name}.png").write_bytes(base64.b64decode(data))


def wait_until_shown(page: Page) -> None:
    page.run("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_accessible_fits_every_width_and_asks_nobody_else(page: Page, server: Server, path: str) -> None:
    page.go_to(server.address + path)
    page.run(AXE.read_text("utf-8"))
    for width in WIDTHS:
        set_width(page, width)
        wait_until_shown(page)
        assert page.run(WIDER) == [], (path, width)
        for scheme in ("light", "dark"):
            set_scheme(page, scheme)
            wait_until_shown(page)
            assert page.run(AUDIT) == [], (path, width, scheme)
        keep_screenshot(
            page, f"{path.strip('/').replace('/', '-') or 'home'}-{width}".replace("?", "_").replace("&", "_")
        )
    names = page.run("performance.getEntriesByType('resource').map((each) => each.name)")
    assert {urlsplit(each).netloc for each in names} <= {urlsplit(server.address).netloc}


@pytest.mark.parametrize(
    "path", ["/", "/commitments?completion=COMPLETE", "/commitments/FR0043", "/compare?from=200&to=300"]
)
def test_a_page_is_complete_without_scripts(browser: Browser, server: Server, path: str) -> None:
    page = browser.open_page("about:blank")
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.send("Page.navigate", url=server.address + path)
    page.wait_for(f"document.URL === {json.dumps(server.address + path)} && document.querySelector('main h1') !== null")
    page.wait_for("document.readyState === 'complete'")
    set_width(page, 768)
    assert page.run("document.querySelectorAll('main a').length > 3")
    assert page.run("[...document.querySelectorAll('form')].every((form) => form.querySelector('button'))")


def test_the_keyboard_reaches_the_content_first_and_sees_where_it_is(page: Page, server: Server) -> None:
    set_width(page, 1280)
    page.go_to(f"{server.address}/commitments/FR0043")
    press(page, "Tab")
    assert page.run("document.activeElement.className") == "skip"
    assert page.run("document.activeElement.getBoundingClientRect().left >= 0")
    press(page, "Enter")
    page.wait_for("location.hash === '#main'")
    press(page, "Tab")
    assert page.run("document.getElementById('main').contains(document.activeElement)")
    outline = page.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def read_tree(page: Page) -> list[dict[str, Any]]:
    page.send("Accessibility.enable")
    nodes: list[dict[str, Any]] = page.send("Accessibility.getFullAXTree")["nodes"]
    return [each for each in nodes if not each.get("ignored")]


def names_of(nodes: list[dict[str, Any]], role: str) -> list[str]:
    return [each["name"]["value"] for each in nodes if each["role"]["value"] == role and "name" in each]


def test_ratings_and_the_timeline_can_be_heard(page: Page, server: Server) -> None:
    page.go_to(f"{server.address}/commitments/FR0043")
    nodes = read_tree(page)
    assert {"Indicator", "Design", "Midterm", "End of term", "Results"} <= set(names_of(nodes, "columnheader"))
    assert {"Completion", "Verifiable"} <= set(names_of(nodes, "rowheader"))
    spoken = " ".join(names_of(nodes, "StaticText"))
    for word in ("Limited", "Nothing published", "Source changed"):
        assert word in spoken
    assert "Everything that changed" in names_of(nodes, "heading")


def test_a_difference_can_be_heard(page: Page, server: Server) -> None:
    page.go_to(f"{server.address}/changes?cause=CORRECTION")
    nodes = read_tree(page)
    roles = {each["role"]["value"] for each in nodes}
    assert {"deletion", "insertion"} <= roles
    spoken = " ".join(names_of(nodes, "StaticText"))
    assert spoken.index("removed:") < spoken.index("added:")


def test_what_is_printed_can_be_cited(page: Page, server: Server) -> None:
    page.go_to(f"{server.address}/commitments/FR0043")
    page.send("Emulation.setEmulatedMedia", media="print")
    shown = page.run("document.querySelector('details.cite p').checkVisibility()")
    page.send("Emulation.setEmulatedMedia", media="")
    assert shown


def test_a_filter_applies_without_loading_the_page_again(page: Page, server: Server) -> None:
    set_width(page, 1280)
    page.go_to(f"{server.address}/commitments")
    page.run("window.kept = true; document.querySelector('.filters [name=completion][value=COMPLETE]').click()")
    page.wait_for("location.search.includes('completion=COMPLETE')")
    page.wait_for("document.querySelectorAll('td.code').length < 20")
    assert page.run("window.kept && document.querySelector('.filters [name=completion][value=COMPLETE]').checked")
    page.run("history.back()")
    page.wait_for("document.querySelectorAll('td.code').length > 40")


def test_a_change_appears_while_the_page_is_open(page: Page, server: Server, token: str) -> None:
    page.go_to(f"{server.address}/commitments/FR0032")
    page.run("window.kept = true")
    revision = '{commitment: "FR0032", title: "Aid that can be traced"}'
    mutation = f"mutation {{ reviseCommitment(input: {revision}) {{ errors {{ message }} }} }}"
    response = httpx.post(
        f"{server.address}/graphql", json={"query": mutation}, headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    assert response.json()["data"]["reviseCommitment"]["errors"] == []
    page.wait_for("document.querySelector('h1').textContent.includes('Aid that can be traced')")
    assert page.run("window.kept && document.getElementById('live').textContent !== ''")
