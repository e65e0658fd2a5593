"""What is known of requests with the same headers: that all middleware let them pass, and what it adds to responses.

Both are learned from the middleware itself: from a request that came through, and from the responses that were sent
through it. So no rule of the middleware is written a second time for the requests that go past it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Final, NamedTuple

import msgspec
from starlette.types import Scope

from ogpgraph.auth.authentication import Caller
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.middleware import (
    AT_LEAST_POSITION_HEADER,
    AT_LEAST_ROOT_HEADER,
    POSITION_HEADER,
    REQUEST_ID_HEADER,
    ROOT_HEADER,
)

RawHeaders = list[tuple[bytes, bytes]]

MAX_HEADER_SETS: Final = 1_024
MAX_SET_BYTES: Final = 4_096
"""The headers of most requests have less; larger ones are not remembered."""
MAX_TEMPLATES: Final = 16
"""So many kinds of responses are remembered for each set; a kind has a status, a media type and a rule for caches."""


def _raw(name: str) -> bytes:
    return name.lower().encode()


LENGTH: Final = b"content-length"
ETAG: Final = b"etag"
IF_NONE_MATCH: Final = b"if-none-match"
REQUEST_ID: Final = _raw(REQUEST_ID_HEADER)
POSITION: Final = _raw(POSITION_HEADER)
ROOT: Final = _raw(ROOT_HEADER)
AT_LEAST: Final = frozenset({_raw(AT_LEAST_POSITION_HEADER), _raw(AT_LEAST_ROOT_HEADER)})
_OF_ONE_REQUEST: Final = frozenset({LENGTH, IF_NONE_MATCH, REQUEST_ID, *AT_LEAST, b"traceparent", b"tracestate"})
"""Headers that differ from request to request. Nothing depends on them before the endpoint, except for the id."""
_REPEATED: Final = frozenset({LENGTH, IF_NONE_MATCH})
"""Those of the former that many requests have in common."""
_OF_ONE_RESPONSE: Final = (LENGTH, ETAG, REQUEST_ID, POSITION, ROOT)


class ResponseTemplate:
    """The headers of responses of one kind, as the middleware sent the first of them."""

    def __init__(self, sent: RawHeaders) -> None:
        self._headers = sent
        self._slots = [(index, name) for index, (name, _) in enumerate(sent) if name in _OF_ONE_RESPONSE]
        self._names = [name for _, name in self._slots]
        values = (b"%s" if name in _OF_ONE_RESPONSE else value.replace(b"%", b"%%") for name, value in sent)
        self._lines = b"".join(b"%s: %s\r\n" % (name, value) for (name, _), value in zip(sent, values, strict=True))

    def fill(self, values: Mapping[bytes, bytes]) -> RawHeaders:
        """Return the headers of a response with its own values."""
        headers = self._headers.copy()
        for index, name in self._slots:
            headers[index] = name, values[name]
        return headers

    def format(self, values: Mapping[bytes, bytes]) -> bytes:
        """Return the same headers as lines."""
        return self._lines % tuple([values[name] for name in self._names])


class HeaderSet(msgspec.Struct, frozen=True, kw_only=True):
    """What requests with the same headers have in common: their client, the media type of the response, templates.

    `is_compressed` tells whether large responses are. `caller` is who was identified by the Authorization header, None
    where there is none.
    """

    client: Client
    caller: Caller | None = None
    authorization: str = ""
    media_type: str
    is_compressed: bool
    templates: dict[Hashable, ResponseTemplate] = {}

    def add_template(self, kind: Hashable, sent: RawHeaders) -> None:
        """Remember how a response of a kind was sent."""
        if len(self.templates) < MAX_TEMPLATES:
            self.templates[kind] = ResponseTemplate(sent)


class ExaminedHeaders(NamedTuple):
    """The headers of a request: the key of those that it shares with others, those of its own, and what is known."""

    key: Hashable
    own: Mapping[bytes, bytes]
    header_set: HeaderSet | None


class HeaderSets:
    """The header sets of the requests that came last. Used on one event loop."""

    def __init__(self) -> None:
        self._sets: OrderedDict[Hashable, HeaderSet] = OrderedDict()
        self._examined: dict[Hashable, ExaminedHeaders] = {}
        """By all headers: most clients send the same again and again, with bodies of the same lengths."""

    def examine(self, scope: Scope) -> ExaminedHeaders | None:
        """Return the headers of a request; None if they are unusual, so that the middleware has to deal with them."""
        # The address and the protocol decide, too, which client it is, and which host.
        client, server = scope.get("client"), scope.get("server")
        around = (
            scope["method"],
            client[0] if client else None,
            tuple(server) if server else None,
            scope.get("http_version"),
        )
        exact = tuple(scope["headers"]), around
        examined = self._examined.get(exact)
        if examined is None and (examined := self._examine(scope["headers"], around)) is not None:
            self._remember(exact, examined)
        return examined

    def get(self, key: Hashable) -> HeaderSet | None:
        """Return what is known of requests with the headers of a key."""
        found = self._sets.get(key)
        if found is not None:
            self._sets.move_to_end(key)
        return found

    def put(self, key: Hashable, header_set: HeaderSet) -> None:
        """Remember a header set, and forget the one that was used least recently if there are too many."""
        if key in self._sets:
            self._examined.clear()  # they have the former one
        self._sets[key] = header_set
        if len(self._sets) > MAX_HEADER_SETS:
            self._sets.popitem(last=False)

    def _examine(self, headers: RawHeaders, around: Hashable) -> ExaminedHeaders | None:
        shared, own, size = [], {}, 0
        for header in headers:
            name, value = header
            size += len(name) + len(value)
            if name not in _OF_ONE_REQUEST:
                shared.append(header)
            elif name in own or value != value.strip():
                return None
            else:
                own[name] = value
        if size > MAX_SET_BYTES:
            return None
        key = tuple(shared), around
        return ExaminedHeaders(key, own, self.get(key))

    def _remember(self, exact: Hashable, examined: ExaminedHeaders) -> None:
        if examined.header_set is None or not examined.own.keys() <= _REPEATED:
            return
        if len(self._examined) >= MAX_HEADER_SETS:
            self._examined.clear()
        self._examined[exact] = examined
