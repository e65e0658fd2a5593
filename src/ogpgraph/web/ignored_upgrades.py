"""Requests that offer to go on in another protocol than WebSocket are answered as if they did not.

A client that prefers HTTP/2 offers `h2c` with its first request (curl's `--http2`, Java's HttpClient), and a server may
ignore that (RFC 9110, section 7.8). But the parser takes the offer for granted: it leaves what follows the header to
the other protocol. So the body would be missing, and, if it arrives later, be taken for the next request, which is how
requests are smuggled past a proxy.
"""

from __future__ import annotations

import sys

from httptools import HttpParserUpgrade

from ogpgraph.web.whole_response import WholeResponseProtocol


class IgnoredUpgradeProtocol(WholeResponseProtocol):
    """uvicorn's HTTP protocol, whose parser gets the header of such a request once more, without the offer."""

    _plain_header: bytes | None = None  # of the request whose offer is ignored, until it is parsed
    _header_end = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        while self._plain_header is not None:
            data, self._plain_header = self._plain_header + data[self._header_end :], None
            super().data_received(data)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and not self._should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._plain_header = self._format_plain_header()
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._plain_header is None:
            super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Note where the header ends, as the parser says by the error that is being handled."""
        error = sys.exception()
        if isinstance(error, HttpParserUpgrade):
            self._header_end = error.args[0]

    def _format_plain_header(self) -> bytes:
        first = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join((first, *lines, b"\r\n"))
