import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from ogpgraph.web.app import AppOptions
from ogpgraph.web.console import Example
from tests.web.sample_app import build_sample_app, make_client

pytestmark = pytest.mark.anyio

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
NASTY = '</script><script>alert(1)</script><!-- & \u2028 "é" \\'
EXAMPLES = (
    Example("Hello", "{ hello }"),
    Example(NASTY, "query ($name: String!) { hello(name: $name) }", {"name": NASTY}),
)


def client_with(examples: Sequence[Example]) -> httpx.AsyncClient:
    return make_client(build_sample_app(options=AppOptions(examples=examples)))


@pytest.fixture
async def page() -> AsyncIterator[httpx.Response]:
    async with client_with(EXAMPLES) as client:
        yield await client.get("/", headers={"Accept": BROWSER})


async def test_a_browser_gets_the_console(page: httpx.Response) -> None:
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Accept" in page.headers["vary"].split(", ")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5", "image/png"])
async def test_what_is_no_browser_gets_an_index_whose_paths_are_served(accept: str) -> None:
    async with client_with(()) as client:
        index = await client.get("/", headers={"Accept": accept})
        assert index.headers["content-type"] == "application/json; charset=utf-8"
        for endpoint in index.json()["endpoints"]:
            response = await client.get(f"/{endpoint['path']}", params={"query": "{ hello }"})
            assert response.status_code == 200


async def test_the_policy_allows_exactly_the_pages_own_style_and_script(page: httpx.Response) -> None:
    policy = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    (style,) = re.findall("<style>(.*?)</style>", page.text, re.DOTALL)
    (script,) = re.findall("<script>(.*?)</script>", page.text, re.DOTALL)
    assert (policy["style-src"], policy["script-src"]) == (hashed(style), hashed(script))
    assert (policy["default-src"], policy["connect-src"]) == ("'none'", "'self'")
    assert "unsafe" not in page.headers["content-security-policy"]


def hashed(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


async def test_the_page_has_no_handlers_or_styles_that_the_policy_would_stop(page: httpx.Response) -> None:
    markup = re.sub(r"<(script|style)>.*?</\1>", "", page.text, flags=re.DOTALL)
    assert not re.search(r"<[^>]*\s(on\w+|style)=", markup)


async def test_the_page_needs_no_network(page: httpx.Response) -> None:
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", page.text))
    assert addresses == {"http://www.w3.org"}  # the namespace of the icon, which is in the page
    assert not re.search(r"@import|<script[^>]+src=|<link[^>]+href=\"(?!data:)|url\(", page.text)


async def test_the_page_makes_no_markup_of_text(page: httpx.Response) -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(", page.text)


async def test_examples_are_data_that_cannot_leave_their_element(page: httpx.Response) -> None:
    (data,) = re.findall(r'<script type="application/json" id="example-data">(.*?)</script>', page.text, re.DOTALL)
    assert "<" not in data
    assert [example["title"] for example in json.loads(data)] == ["Hello", NASTY]
    assert json.loads(data)[1]["variables"] == {"name": NASTY}


async def test_a_page_without_examples_is_a_page() -> None:
    async with client_with(()) as client:
        page = await client.get("/", headers={"Accept": BROWSER})
    assert 'id="example-data">[]</script>' in page.text


async def test_every_control_has_a_name_and_every_id_is_its_own(page: httpx.Response) -> None:
    ids = re.findall(r'\sid="([\w-]+)"', page.text)
    assert len(ids) == len(set(ids))
    fields = re.findall(r'<(?:input|textarea|select) id="([\w-]+)"', page.text)
    labels = re.findall(r'<label[^>]* for="([\w-]+)"', page.text)
    assert sorted(fields) == sorted(labels)
    assert set(re.findall(r'byId\("([\w-]+)"\)', page.text)) <= set(ids)


async def test_the_page_asks_what_the_schema_answers(page: httpx.Response) -> None:
    (asked,) = re.findall(r"const introspection = `(.*?)`", page.text, re.DOTALL)
    (reference,) = re.findall(r'const reference = "(.*?)"', page.text)
    async with client_with(()) as client:
        response = await client.post("/graphql", json={"query": asked.replace("${reference}", reference)})
    assert "errors" not in response.json()
    assert response.json()["data"]["__schema"]["queryType"] == {"name": "Query"}
