from __future__ import annotations

import gzip
import ssl
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from ogpgraph import __version__, cli
from ogpgraph.importer.fetch import Fetcher, Validators, is_allowed_by_robots
from ogpgraph.importer.report import Report
from ogpgraph.importer.run import import_files
from ogpgraph.importer.safe_connect import FetchError, is_public
from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.importer.local_server import Handler, Site, respond_with_page, respond_with_status, run_local_server
from tests.importer.sample_pages import FERRIES, import_sample_page, importer_context

LIMIT = 200_000
PATH = "/members/uruguay/commitments/UY0901/"


@pytest.fixture
def site() -> Iterator[Site]:
    with run_local_server() as served:
        yield served


def make_fetcher(**options: object) -> Fetcher:
    return Fetcher(**{"limit_bytes": LIMIT, "allow_private": True, "seconds": 30.0, **options})  # type: ignore[arg-type]


def refusal_reason(url: str, **options: object) -> str:
    """Return the line with the reason why a page is not fetched."""
    with pytest.raises(FetchError) as refused:
        make_fetcher(**options).fetch(url)
    assert "\n" not in refused.value.reason
    return refused.value.reason


def import_url(system: System, url: str, on: int, *, dry_run: bool = False) -> Report:
    context = importer_context(on)
    (report,) = import_files(system, [url], context, limit_bytes=LIMIT, dry_run=dry_run, fetcher=make_fetcher())
    return report


class TestRequests:
    def test_only_the_page_and_robots_txt_are_requested(self, site: Site) -> None:
        site.pages[PATH] = respond_with_page(b'<a href="/other">x</a><img src="/i.png"><link rel="next" href="/next">')
        assert make_fetcher().fetch(site.url(PATH)).data
        assert site.paths == ["/robots.txt", PATH]

    def test_the_user_agent_has_name_and_version(self, site: Site) -> None:
        site.pages[PATH] = respond_with_page(b"x")
        make_fetcher().fetch(site.url(PATH))
        for _, headers in site.requests:
            assert headers["user-agent"].startswith(f"ogpgraph/{__version__} (")

    def test_a_path_that_robots_txt_disallows_is_not_requested(self, site: Site) -> None:
        site.pages["/robots.txt"] = respond_with_page(b"User-agent: *\nDisallow: /members/", "text/plain")
        assert refusal_reason(site.url(PATH)) == f"the robots.txt of 127.0.0.1 forbids {PATH}"
        assert site.paths == ["/robots.txt"]

    def test_a_robots_txt_that_cannot_be_read_disallows_everything(self, site: Site) -> None:
        site.pages["/robots.txt"] = respond_with_status(503)
        assert "robots.txt of 127.0.0.1 cannot be read (503)" in refusal_reason(site.url(PATH))
        assert site.paths == ["/robots.txt"]

    def test_robots_txt_is_requested_once_for_several_pages(self, site: Site) -> None:
        site.pages[PATH] = respond_with_page(b"x")
        fetcher = make_fetcher()
        fetcher.fetch(site.url(PATH))
        fetcher.fetch(site.url(PATH))
        assert site.paths == ["/robots.txt", PATH, PATH]

    def test_robots_txt_applies_to_the_target_of_a_redirect(self, site: Site) -> None:
        site.pages["/robots.txt"] = respond_with_page(b"User-agent: ogpgraph\nDisallow: /secret", "text/plain")
        site.pages[PATH] = respond_with_status(301, Location="/secret")
        assert "forbids /secret" in refusal_reason(site.url(PATH))


@pytest.mark.parametrize(
    ("robots", "path", "allowed"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: other\nDisallow: /", "/a", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: OGPgraph\nDisallow: /b", "/a", True),
        ("User-agent: other\nUser-agent: ogpgraph\nDisallow: /a", "/a/b", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf?z", True),
        ("User-agent: *\nDisallow: /*?s=", "/?s=1", False),
        ("User-agent: *\nDisallow: /a$", "/ab", True),
        ("User-agent: *\nDisallow: /*a*b$", "/xaxb", False),
        ("User-agent: *\nDisallow: /*a*ab$", "/ab", True),
        ("User-agent: * # all\nDisallow: /caf%C3%A9 # no", "/café", False),
        ("Disallow: /a", "/a", True),
        ("User-agent: *\nCrawl-delay: 5\nSitemap: x\nDisallow: /a", "/a", False),
    ],
)
def test_robots_txt_is_interpreted_by_its_standard(robots: str, path: str, allowed: bool) -> None:
    assert is_allowed_by_robots(robots, "ogpgraph", path) is allowed


class TestAddresses:
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "localhost",
            "127.1",
            "2130706433",
            "0x7f000001",
            "017700000001",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[fe80::1]",
            "[fec0::1]",
            "[fd00::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::1]",
        ],
    )
    def test_an_address_outside_the_public_internet_is_refused_without_a_connection(
        self, site: Site, host: str
    ) -> None:
        reason = refusal_reason(site.url(PATH, host), allow_private=False)
        assert "not in the public internet" in reason or "there is no host" in reason
        assert site.requests == []

    @pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
    def test_a_public_address_is_allowed(self, address: str) -> None:
        assert is_public(ip_address(address))

    def test_a_host_with_one_private_address_among_others_is_refused(self) -> None:
        resolve = {"resolve": lambda _host, _port: ["8.8.8.8", "10.0.0.1"], "allow_private": False}
        assert "at 10.0.0.1" in refusal_reason("http://two.example/", **resolve)

    def test_a_host_is_resolved_and_checked_for_every_request(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site.pages[PATH] = respond_with_status(302, Location="/next")
        monkeypatch.setattr("ogpgraph.importer.fetch.is_public", lambda address: str(address) == "127.0.0.1")
        addresses = iter([["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]])
        reason = refusal_reason(
            site.url(PATH, "rebound.example"), resolve=lambda _host, _port: next(addresses), allow_private=False
        )
        assert "rebound.example is at 127.0.0.2" in reason
        assert site.paths == ["/robots.txt", PATH]

    @pytest.mark.parametrize(
        "url",
        [
            "http://",
            "http:///path",
            "http://user:secret@127.0.0.1/",
            "http://user@127.0.0.1/",
            "http://127.0.0.1:port/",
            "http://127.0.0.1:99999/",
            "http://a b/",
            "http://127.0.0.1/\r\nHost: x",
            "file:///etc/passwd",
            "ftp://127.0.0.1/",
            "http://[::1/",
        ],
    )
    def test_a_url_that_is_not_plain_http_is_refused(self, url: str) -> None:
        assert "secret" not in refusal_reason(url)

    def test_an_unknown_host_and_a_closed_port_are_named(self, site: Site) -> None:
        assert refusal_reason("http://nowhere.invalid/") == "there is no host nowhere.invalid"
        port = site.port
        assert "refused" in refusal_reason(f"http://127.0.0.1:{_closed_port()}{PATH}").lower()
        assert port == site.port


def _closed_port() -> int:
    with run_local_server() as closed:
        return closed.port


class TestRedirects:
    def test_redirects_within_a_host_are_followed(self, site: Site) -> None:
        site.pages[PATH] = respond_with_status(301, Location="/a")
        site.pages["/a"] = respond_with_status(308, Location="b?c=d")
        site.pages["/b?c=d"] = respond_with_page(b"here")
        found = make_fetcher().fetch(site.url(PATH))
        assert (found.data, found.url) == (b"here", site.url("/b?c=d"))

    def test_redirects_to_another_port_of_the_host_are_refused(self, site: Site) -> None:
        with run_local_server() as other:
            other.pages["/a"] = respond_with_page(b"secret")
            site.pages[PATH] = respond_with_status(301, Location=other.url("/a"))
            assert refusal_reason(site.url(PATH)) == f"127.0.0.1 redirects to another port: {other.url('/a')}"
            assert other.requests == []

    def test_more_than_three_redirects_are_refused(self, site: Site) -> None:
        site.pages[PATH] = respond_with_status(302, Location=PATH)
        assert refusal_reason(site.url(PATH)) == "more than 3 redirects"
        assert site.paths == ["/robots.txt", PATH, PATH, PATH, PATH]

    @pytest.mark.parametrize(
        "location", ["http://10.0.0.1/", "http://localhost/", "//evil.example/x", "https://evil.example@127.0.0.1/"]
    )
    def test_redirects_to_another_host_are_refused(self, site: Site, location: str) -> None:
        site.pages[PATH] = respond_with_status(302, Location=location)
        reason = refusal_reason(site.url(PATH))
        assert "redirects to another host" in reason or "name or password" in reason

    @pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://127.0.0.1/", ""])
    def test_redirects_to_other_schemes_are_refused(self, site: Site, location: str) -> None:
        site.pages[PATH] = respond_with_status(302, Location=location)
        assert "no URL of a page" in refusal_reason(site.url(PATH)) or site.paths.count(PATH) == 4


class TestLimits:
    def test_a_declared_length_over_the_limit_is_refused_unread(self, site: Site) -> None:
        site.pages[PATH] = lambda handler: handler.respond(
            200, b"", Content_Length=str(10**12), Content_Type="text/html"
        )
        assert refusal_reason(site.url(PATH)).startswith("1,000,000,000,000 bytes are more than the limit of 200,000")

    def test_an_endless_page_is_refused_at_the_limit(self, site: Site) -> None:
        def endless(handler: Handler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "text/html")
            handler.end_headers()
            while True:
                handler.wfile.write(b"x" * 10_000)

        site.pages[PATH] = endless
        assert refusal_reason(site.url(PATH)) == "more than the limit of 200,000 bytes"

    def test_a_gzip_bomb_is_refused_before_it_is_decompressed(self, site: Site) -> None:
        bomb = gzip.compress(bytes(200_000_000), 9)
        assert len(bomb) < LIMIT
        site.pages[PATH] = respond_with_page(bomb, Content_Encoding="gzip")
        tracemalloc.start()
        assert refusal_reason(site.url(PATH)) == "more than the limit of 200,000 bytes"
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10_000_000

    def test_a_slow_body_ends_at_the_deadline(self, site: Site) -> None:
        def dripping(handler: Handler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "text/html")
            handler.end_headers()
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.05)

        site.pages[PATH] = dripping
        self._assert_ends_at_deadline(site)

    def test_slow_headers_end_at_the_deadline(self, site: Site) -> None:
        def dripping(handler: Handler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.05)

        site.pages[PATH] = dripping
        self._assert_ends_at_deadline(site)

    def _assert_ends_at_deadline(self, site: Site) -> None:
        # The response never ends, so that the deadline is what ends the request.
        assert refusal_reason(site.url(PATH), seconds=0.6) == "127.0.0.1 took longer than 0.6 seconds"

    def test_endless_headers_are_refused(self, site: Site) -> None:
        def endless(handler: Handler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                handler.wfile.write(b"X-More: x\r\n")

        site.pages[PATH] = endless
        assert "does not answer as a web server does" in refusal_reason(site.url(PATH))

    def test_a_large_robots_txt_is_refused(self, site: Site) -> None:
        site.pages["/robots.txt"] = respond_with_page(b"#" * 600_000, "text/plain")
        assert "more than the limit" in refusal_reason(site.url(PATH))


class TestResponses:
    @pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 418, 500, 502])
    def test_an_error_status_is_reported_with_one_line(self, site: Site, code: int) -> None:
        site.pages[PATH] = respond_with_status(code)
        assert refusal_reason(site.url(PATH)).startswith(f"127.0.0.1 answers {code} ")

    def test_retry_after_is_quoted(self, site: Site) -> None:
        site.pages[PATH] = respond_with_status(429, Retry_After="120")
        assert refusal_reason(site.url(PATH)).endswith("asks to retry later (Retry-After: 120)")

    @pytest.mark.parametrize("kind", ["application/pdf", "image/png", "application/json", "nonsense"])
    def test_other_content_types_are_refused(self, site: Site, kind: str) -> None:
        site.pages[PATH] = respond_with_page(b"x", kind)
        if kind == "nonsense":  # an invalid type counts as text/plain (RFC 2045)
            assert make_fetcher().fetch(site.url(PATH)).data == b"x"
        else:
            assert refusal_reason(site.url(PATH)) == f"this is {kind}, not a page of text or HTML"

    def test_a_compressed_page_is_decompressed(self, site: Site) -> None:
        site.pages[PATH] = respond_with_page(gzip.compress(FERRIES.data), Content_Encoding="gzip")
        assert make_fetcher().fetch(site.url(PATH)).data == FERRIES.data

    def test_a_truncated_body_is_refused(self, site: Site) -> None:
        site.pages["/a"] = respond_with_page(gzip.compress(FERRIES.data)[:-20], Content_Encoding="gzip")
        site.pages["/b"] = respond_with_page(b"half", Content_Length="8")
        for path in ("/a", "/b"):
            assert refusal_reason(site.url(path)) == "the body was cut off before its end"

    def test_broken_and_unrequested_encodings_are_refused(self, site: Site) -> None:
        site.pages["/a"] = respond_with_page(b"no gzip at all", Content_Encoding="gzip")
        site.pages["/b"] = respond_with_page(b"x", Content_Encoding="br")
        assert "does not answer as a web server does" in refusal_reason(site.url("/a"))
        assert refusal_reason(site.url("/b")) == "the body is encoded as br, which was not requested"

    def test_a_response_that_is_not_http_is_refused(self, site: Site) -> None:
        def mailing(handler: Handler) -> None:
            handler.wfile.write(b"220 mail.example ESMTP\r\n")

        site.pages[PATH] = mailing
        assert "does not answer as a web server does" in refusal_reason(site.url(PATH))


class TestImportedUrls:
    @pytest.fixture
    def served(self, site: Site) -> Site:
        def conditional(handler: Handler) -> None:
            current = {"ETag": '"one"', "Last_Modified": "Mon, 01 Mar 2021 00:00:00 GMT"}
            if handler.headers.get("If-None-Match") == '"one"':
                handler.respond(304, b"", **current)
            else:
                handler.respond(200, FERRIES.data, Content_Type="text/html; charset=utf-8", **current)

        site.pages[PATH] = conditional
        return site

    def test_a_page_is_recorded_with_its_url(self, system: System, served: Site) -> None:
        report = import_url(system, served.url(PATH), 1)
        assert (report.problem, report.outcome, report.code) == ("", "recorded", "UY0901")
        (source,) = execute_query(system, '{ commitment(code: "UY0901") { sources { type url } } }')["commitment"][
            "sources"
        ]
        assert source == {"type": "PAGE", "url": served.url(PATH)}

    def test_an_unchanged_page_is_requested_with_validators_and_observed_again(
        self, system: System, served: Site
    ) -> None:
        import_url(system, served.url(PATH), 1)
        report = import_url(system, served.url(PATH), 2)
        _, headers = served.requests[-1]
        assert headers["if-none-match"] == '"one"'
        assert headers["if-modified-since"] == "Mon, 01 Mar 2021 00:00:00 GMT"
        assert (dict(report.events), report.outcome, report.code) == (
            {"SourceObservedUnchanged": 1},
            "seen again",
            "UY0901",
        )
        seen = execute_query(system, '{ commitment(code: "UY0901") { lastObservedAt } }')["commitment"][
            "lastObservedAt"
        ]
        assert seen.startswith("2021-03-02")

    def test_a_changed_page_is_recorded_with_its_new_validator(self, system: System, site: Site) -> None:
        site.pages[PATH] = respond_with_page(FERRIES.data, ETag='"one"')
        import_url(system, site.url(PATH), 1)
        site.pages[PATH] = respond_with_page(FERRIES.with_changes(status="Inactive").data, ETag='"two"')
        report = import_url(system, site.url(PATH), 2)
        assert dict(report.events) == {"SourceObserved": 1, "CommitmentRevised": 1, "SourceLocated": 1}
        import_url(system, site.url(PATH), 3)
        assert site.requests[-1][1]["if-none-match"] == '"two"'

    def test_bytes_from_a_file_invalidate_the_validators(self, system: System, served: Site) -> None:
        import_url(system, served.url(PATH), 1)
        import_sample_page(system, FERRIES.with_changes(status="Inactive"), 2)
        report = import_url(system, served.url(PATH), 3)
        assert "if-none-match" not in served.requests[-1][1]
        assert report.events["CommitmentRevised"] == 1

    def test_a_dry_run_fetches_and_records_nothing(self, system: System, served: Site) -> None:
        assert import_url(system, served.url(PATH), 1, dry_run=True).events["CommitmentRegistered"] == 1
        assert execute_query(system, '{ commitment(code: "UY0901") { code } }')["commitment"] is None

    def test_a_url_of_another_code_or_member_is_a_warning(self, system: System, served: Site) -> None:
        served.pages["/members/denmark/commitments/uy0902"] = respond_with_page(FERRIES.data)
        report = import_url(system, served.url("/members/denmark/commitments/uy0902"), 1)
        assert [(each.kind, each.text) for each in report.warnings] == [
            ("address-differs", "the address has uy0902, the page UY0901"),
            ("address-differs", "the address has 'denmark', UY0901 is of Uruguay"),
        ]
        member = execute_query(system, '{ commitment(code: "UY0901") { member { code } } }')["commitment"]["member"]
        assert member == {"code": "URY"}

    def test_a_page_that_cannot_be_fetched_is_refused_and_the_next_is_imported(
        self, system: System, served: Site
    ) -> None:
        urls = [served.url("/nothing"), served.url(PATH)]
        first, second = import_files(system, urls, importer_context(), limit_bytes=LIMIT, fetcher=make_fetcher())
        assert first.problem.startswith("127.0.0.1 answers 404")
        assert second.outcome == "recorded"

    def test_the_command_fetches_from_private_addresses_only_if_allowed(self, served: Site, tmp_path: Path) -> None:
        arguments = ["import", served.url(PATH), "--database", f"sqlite:///{tmp_path}/log.db"]
        refused = CliRunner().invoke(cli.app, arguments)
        assert refused.exit_code == 1
        assert served.requests == []
        allowed = CliRunner().invoke(cli.app, [*arguments, "--allow-private"])
        assert allowed.exit_code == 0
        assert served.paths == ["/robots.txt", PATH]


class TestTls:
    """Certificates are verified for the host of the URL."""

    @pytest.fixture
    def secure(self, tmp_path: Path) -> Iterator[Site]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(tmp_path / "one.pem", "pages.example"))
        with run_local_server(context) as served:
            served.pages[PATH] = respond_with_page(b"secured")
            yield served

    def test_an_unknown_issuer_is_refused(self, secure: Site) -> None:
        assert (
            "certificate verify failed"
            in refusal_reason(secure.url(PATH, "pages.example"), resolve=_resolve_to_local_host).lower()
        )

    def test_a_trusted_certificate_is_valid_for_its_name_only(
        self, secure: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "one.pem"))
        found = make_fetcher(resolve=_resolve_to_local_host).fetch(secure.url(PATH, "pages.example"))
        assert (found.data, found.validators) == (b"secured", Validators())
        assert (
            "certificate" in refusal_reason(secure.url(PATH, "other.example"), resolve=_resolve_to_local_host).lower()
        )


def _resolve_to_local_host(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def _certificate(file: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file
