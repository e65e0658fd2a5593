from __future__ import annotations

import pytest
from starlette.requests import Request

from ogpgraph.site.page_request import PageRequest, choose_language


def ask(query: str, *, language: str = "", names: tuple[str, ...] = ("area", "order")) -> PageRequest:
    headers = [(b"host", b"ogp.example"), (b"accept-language", language.encode())]
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": "/commitments",
        "query_string": query.encode(),
        "headers": headers,
        "path_params": {},
    }
    return PageRequest.of(Request(scope), names)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("de, fr-CA;q=0.8, en;q=0.5", "fr"),
        ("es;q=0.2, en;q=0.9", "en"),
        ("de", "en"),
        ("fr;q=0", "en"),
        ("*;q=0.5, es", "es"),
        (";;,=q, \x7f", "en"),
    ],
)
def test_the_language_is_the_one_that_the_reader_prefers(header: str, language: str) -> None:
    assert choose_language(header) == language


def test_a_language_in_the_address_precedes_the_reader_s() -> None:
    assert ask("lang=es", language="fr").language == "es"
    assert ask("lang=xx", language="fr").language == "fr"


def test_links_keep_the_moment_and_a_named_language() -> None:
    asked = ask("at=216&asOf=2018&lang=fr&area=Health")
    assert asked.link("/members/FRA") == "/members/FRA?at=216&asOf=2018&lang=fr"
    assert asked.link_here(order="code") == "/commitments?area=Health&at=216&asOf=2018&lang=fr&order=code"
    assert asked.link_here(at=None, asOf=None, area=None, lang=None) == "/commitments"
    assert asked.link_at(9) == "/commitments?area=Health&at=9&asOf=2018&lang=fr"


def test_values_are_encoded_in_links() -> None:
    asked = ask("area=Science+%26+Technology&area=Caf%C3%A9")
    assert asked.link_here() == "/commitments?area=Science+%26+Technology&area=Caf%C3%A9"
    assert asked.link('/x"><script>') == "/x%22%3E%3Cscript%3E"


def test_empty_and_unknown_parameters_are_left_out() -> None:
    asked = ask("area=&area=+Health+&order=&fbclid=123")
    assert asked.values == {"area": ("Health",)}
