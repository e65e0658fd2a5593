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

HOSTILE = '</script><script>alert(1)</script><!-- & \u2028 "é" \\'
EXAMPLES = (
    Example("Hello", "{ hello }"),
    Example(HOSTILE, "query ($name: String!) { hello(name: $name) }", {"name": HOSTILE}),
)


def client_with(examples: Sequence[Example]) -> httpx.AsyncClient:
    return make_client(build_sample_app(options=AppOptions(examples=examples)))


@pytest.fixture
async def page() -> AsyncIterator[httpx.Response]:
    async with client_with(EXAMPLES) as client:
        yield await client.get("/console")


async def test_the_console_is_a_page(page: httpx.Response) -> None:
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5", "image/png"])
async def test_other_clients_get_an_index_of_paths_that_exist(accept: str) -> None:
    async with client_with(()) as client:
        index = await client.get("/", headers={"Accept": accept})
        assert index.headers["content-type"] == "application/json; charset=utf-8"
        for endpoint in index.json()["endpoints"]:
            parameters = {"query": "{ hello }"} if endpoint["path"] == "graphql" else None
            response = await client.get("/" + endpoint["path"], params=parameters)
            assert response.status_code == 200


async def test_the_policy_allows_exactly_the_style_and_script_of_the_page(page: httpx.Response) -> None:
    policy = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    (style,) = re.findall("<style>(.*?)</style>", page.text, re.DOTALL)
    (script,) = re.findall("<script>(.*?)</script>", page.text, re.DOTALL)
    assert (policy["style-src"], policy["script-src"]) == (source_hash(style), source_hash(script))
    assert (policy["default-src"], policy["connect-src"]) == ("'none'", "'self'")
    assert "unsafe" not in page.headers["content-security-policy"]


def source_hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


async def test_the_page_has_no_handlers_or_styles_that_the_policy_would_block(page: httpx.Response) -> None:
    markup = re.sub(r"<(script|style)>.*?</\1>", "", page.text, flags=re.DOTALL)
    assert not re.search(r"<[^>]*\s(on\w+|style)=", markup)


async def test_the_page_needs_no_network(page: httpx.Response) -> None:
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", page.text))
    assert addresses == {"http://www.w3.org"}  # the namespace of the icon, which is in the page
    assert not re.search(r"@import|<script[^>]+src=|<link[^>]+href=\"(?!data:)|url\(", page.text)


async def test_the_page_never_turns_text_into_markup(page: httpx.Response) -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(", page.text)


async def test_examples_are_data_that_cannot_close_their_element(page: httpx.Response) -> None:
    (data,) = re.findall(r'<script type="application/json" id="example-data">(.*?)</script>', page.text, re.DOTALL)
    assert "<" not in data
    assert [example["title"] for example in json.loads(data)] == ["Hello", HOSTILE]
    assert json.loads(data)[1]["variables"] == {"name": HOSTILE}


async def test_the_page_works_without_examples() -> None:
    async with client_with(()) as client:
        page = await client.get("/console")
    assert 'id="example-data">[]</script>' in page.text


async def test_every_control_has_a_label_and_every_id_is_unique(page: httpx.Response) -> None:
    ids = re.findall(r'\sid="([\w-]+)"', page.text)
    assert len(ids) == len(set(ids))
    fields = re.findall(r'<(?:input|textarea|select) id="([\w-]+)"', page.text)
    labels = re.findall(r'<label[^>]* for="([\w-]+)"', page.text)
    assert sorted(fields) == sorted(labels)
    assert set(re.findall(r'byId\("([\w-]+)"\)', page.text)) <= set(ids)


async def test_the_introspection_query_of_the_page_is_valid(page: httpx.Response) -> None:
    (query,) = re.findall(r"const introspection = `(.*?)`", page.text, re.DOTALL)
    (reference,) = re.findall(r'const reference = "(.*?)"', page.text)
    async with client_with(()) as client:
        response = await client.post("/graphql", json={"query": query.replace("${reference}", reference)})
    assert "errors" not in response.json()
    assert response.json()["data"]["__schema"]["queryType"] == {"name": "Query"}
