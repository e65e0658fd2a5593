"""Hosts as requests and settings name them."""

from __future__ import annotations

import pytest

from ogpgraph.host import is_loopback, parse_host, parse_host_pattern


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("example.org", "example.org"),
        ("EXAMPLE.org.", "example.org"),
        ("example.org:8000", "example.org:8000"),
        ("example.org:", "example.org"),
        ("localhost", "localhost"),
        ("my_host-1", "my_host-1"),
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("[::1]", "[::1]"),
        ("[0:0::1]:9", "[::1]:9"),
        ("[::FFFF:127.0.0.1]", "[::ffff:127.0.0.1]"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
    ],
)
def test_a_host_header_names_one_host(text: str, host: str) -> None:
    assert str(parse_host(text)) == host


@pytest.mark.parametrize(
    "text",
    [
        *("", ":80", "a b", "a/b", "a@b", "a,b", "a..b", ".a", "::1", "[::1", "[]", "[x]", "[::1]x", "[::1%lo]", "*"),
        *("a:65536", "a:-1", "a:8x", "a:123456", "a\n", "a\x1b", "münchen.de", "١٢٧.0.0.1", "[1.2.3.4]"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_host(text)


@pytest.mark.parametrize(
    ("pattern", "included", "excluded"),
    [
        ("example.org", "example.org Example.ORG.:9", "a.example.org example.org.evil.org notexample.org"),
        ("example.org:8443", "example.org:8443", "example.org example.org:443"),
        ("example.org:443", "example.org:443 example.org", "example.org:80"),
        ("*.example.org", "a.example.org a.b.example.org:1", "example.org notexample.org"),
        ("*.example.org:81", "a.example.org:81", "a.example.org"),
        ("*", "anything 10.0.0.1 [::1]:8", ""),
        ("::1", "[::1] [0::1]:8000", "[::2] 127.0.0.1"),
        ("[::1]:8000", "[::1]:8000", "[::1]"),
        ("MÜNCHEN.de", "xn--mnchen-3ya.de", "munchen.de"),
    ],
)
def test_a_pattern_includes_hosts_by_name_and_by_port_if_it_has_one(pattern: str, included: str, excluded: str) -> None:
    parsed = parse_host_pattern(pattern)
    assert [host for host in included.split() if not parsed.includes(parse_host(host))] == []
    assert [host for host in excluded.split() if parsed.includes(parse_host(host))] == []


def test_only_addresses_and_localhost_cannot_be_rebound() -> None:
    safe = ("127.0.0.1", "192.168.1.1:80", "[::1]", "localhost", "a.localhost:8000")
    unsafe = ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.1")
    assert [host for host in safe if not parse_host(host).cannot_be_rebound] == []
    assert [host for host in unsafe if parse_host(host).cannot_be_rebound] == []


def test_the_loopback_interface_has_many_addresses() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "/run/socket", "test", "")))
