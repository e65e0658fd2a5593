"""The attacks, each by one client: everything that it sends comes from one address, unless its description says so.

An attack runs until it is cancelled. What the server answers is counted by its status and error code.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple, cast

from bench.attack.connections import Connection, encode_post
from bench.subscribers import encode_masked_frame

ATTACKER_ADDRESS = "127.0.0.2"
VICTIM_ADDRESS = "127.0.0.1"
ISSUER_PORT = 18_443
"""Where the silent issuer listens: it accepts connections, and answers nothing."""
ISSUER = f"https://127.0.0.1:{ISSUER_PORT}"
_CODE = re.compile(rb'"code": ?"([A-Z_]+)"')
_CHUNK_BYTES = 65_536
_ENDLESS_BYTES = 49_000_000
_WEBSOCKET_UPGRADE = (
    "GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
)
_POST_HEAD = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Attacker:
    """Sends requests from one address to a server, and counts the answers."""

    def __init__(self, port: int, address: str = ATTACKER_ADDRESS) -> None:
        self.port = port
        self.address = address
        self.answers: Counter[str] = Counter()

    async def repeat(self, requests: Iterable[bytes], connections: int, *, sources: int = 1) -> None:
        """Send requests in turn, over as many connections, which follow each other without a pause.

        They come from as many addresses as `sources` says, in turn.
        """
        endless = _cycle(list(requests))
        addresses = [f"127.0.0.{int(self.address.rpartition('.')[2]) + number}" for number in range(sources)]
        await asyncio.gather(*(self._repeat(endless, addresses[each % sources]) for each in range(connections)))

    async def send_endless(self, head: str, piece: bytes, connections: int = 1) -> None:
        """Send a head and then the same piece again and again, 49 MB of it or until the server ends it; repeatedly."""
        await asyncio.gather(*(self._send_endless(head.encode(), piece) for _ in range(connections)))

    async def open_socket(self) -> Connection:
        """Return a WebSocket whose connection is acknowledged."""
        connection = await Connection.open(self.port, self.address)
        connection.writer.write((_WEBSOCKET_UPGRADE + "\r\n").encode())
        await connection.reader.readuntil(b"\r\n\r\n")
        connection.writer.write(encode_masked_frame(b'{"type":"connection_init"}'))
        await connection.reader.readuntil(b"connection_ack")
        return connection

    async def _repeat(self, requests: Callable[[], bytes], source: str) -> None:
        while True:
            try:
                connection = await Connection.open(self.port, source)
                try:
                    while True:
                        answer = await connection.request(requests())
                        code = _CODE.search(answer.body, 0, 20_000)
                        self.answers[f"{answer.status} {code[1].decode()}" if code else str(answer.status)] += 1
                finally:
                    connection.close()
            except (OSError, EOFError, asyncio.LimitOverrunError):
                self.answers["closed"] += 1
                await asyncio.sleep(0.01)

    async def _send_endless(self, head: bytes, piece: bytes) -> None:
        block = piece * max(1, _CHUNK_BYTES // len(piece))
        while True:
            connection = await Connection.open(self.port, self.address)
            try:
                connection.writer.write(head)
                sent = 0
                while sent < _ENDLESS_BYTES and not connection.reader.at_eof():
                    connection.writer.write(block)
                    await connection.writer.drain()
                    sent += len(block)
                self.answers["sent whole" if sent >= _ENDLESS_BYTES else "ended by the server"] += 1
            except OSError:
                self.answers["ended by the server"] += 1
            finally:
                connection.close()
            await asyncio.sleep(0.01)


def _cycle(requests: list[bytes]) -> Callable[[], bytes]:
    number = -1

    def following() -> bytes:
        nonlocal number
        number += 1
        return requests[number % len(requests)]

    return following


class Attack(NamedTuple):
    """One attack; `environment` are the settings of the server that it is for."""

    description: str
    run: Callable[[Attacker], Awaitable[None]]
    address: str = ATTACKER_ADDRESS
    environment: Mapping[str, str] = {}


# ------------------------------------------------------------------------------------------------ expensive operations

_COUNT = "{ commitments(first: 1, where: %s) { totalCount } }"
_EXPENSIVE = """{ commitments(first: 100, where: {cycle: {in: [%d, %d]}}) { nodes { code title description
  actionPlan { title member { name } } milestones { number title status } ratings { indicator stage value statedAs }
  history(first: 9) { nodes { position kind changes { path before after } } } } } }"""
_HIGHEST_COST = """{ %s }"""
_HIGHEST_PART = """%s: members(first: 100, after: null) { nodes { name actionPlans(first: 12) { nodes { title
  commitments(first: %d) { nodes { code title milestones { number title } } } } } } }"""
_LARGE_PART = """%s: commitments(first: 100) { nodes { title description commitmentText
  claims { path value source { url } } } }"""


_EXPENSIVE_SUBSCRIPTION = """subscription { entries { position subject { ... on Commitment { n%d: code
  actionPlan { member { actionPlans(first: 7) { nodes { commitments(first: 90) {
    nodes { code title milestones { number title } } } } } } } } } } }"""


async def many_conditions(attacker: Attacker) -> None:
    conditions = ", ".join(f'{{title: "{number:x} re"}}' for number in range(390))
    await attacker.repeat([encode_post(_COUNT % f"{{or: [{conditions}]}}")], connections=9)


async def many_conditions_in_variables(attacker: Attacker) -> None:
    query = "query Q($w: CommitmentFilter) " + _COUNT % "$w"
    where = {"or": [{"title": f"{number:x} re"} for number in range(45_000)]}
    await attacker.repeat([encode_post(query, {"w": where})], connections=4)


async def many_ids(attacker: Attacker) -> None:
    query = "query Q($ids: [ID!]) { entries(first: 1, where: {subject: $ids}) { nodes { position } } }"
    ids = [f"commitment-{number:06x}" for number in range(48_000)]
    await attacker.repeat([encode_post(query, {"ids": ids})], connections=4)


async def many_dimensions(attacker: Attacker) -> None:
    query = "query Q($d: [CommitmentDimension!]!) { commitments { facets(dimensions: $d) { values { count } } } }"
    await attacker.repeat([encode_post(query, {"d": ["MEMBER"] * 5_000})], connections=4)


async def many_comparisons(attacker: Attacker) -> None:
    parts = (f"c{number}: compare(from: {number + 1}, first: 1) {{ totalCount }}" for number in range(90))
    await attacker.repeat([encode_post(f"{{ {' '.join(parts)} }}")], connections=4)


async def many_clients(attacker: Attacker) -> None:
    requests = [encode_post(_EXPENSIVE % (year, year + 2)) for year in range(2011, 2024, 2)]
    await attacker.repeat(requests, connections=16, sources=16)


async def highest_cost(attacker: Attacker) -> None:
    """Operations of the highest cost that is admitted, which is found by trying."""
    connection = await Connection.open(attacker.port, attacker.address)
    admitted = b""
    for commitments in (100, 80, 65, 50, 40, 30, 24, 18, 14, 10, 7, 5, 3, 2, 1):
        request = encode_post(_HIGHEST_COST % (_HIGHEST_PART % ("m", commitments)))
        with suppress(OSError, EOFError):
            if b"COST_EXCEEDED" not in (await connection.request(request)).body:
                admitted = request
                break
    connection.close()
    await attacker.repeat([admitted], connections=8)


async def large_responses(attacker: Attacker) -> None:
    """Sixteen at once of the largest responses that are admitted, also found by trying."""
    connection = await Connection.open(attacker.port, attacker.address)
    admitted = b""
    for parts in (60, 40, 28, 20, 14, 10, 7, 5, 4, 3, 2, 1):
        query = f"{{ {' '.join(_LARGE_PART % f'p{number}' for number in range(parts))} }}"
        with suppress(OSError, EOFError):
            if b"COST_EXCEEDED" not in (await connection.request(encode_post(query))).body:
                admitted = encode_post(query)
                break
    connection.close()
    await attacker.repeat([admitted], connections=16)


async def expensive_subscriptions(attacker: Attacker) -> None:
    socket = await attacker.open_socket()
    for number in range(100):
        query = _EXPENSIVE_SUBSCRIPTION % number
        message = {"id": str(number), "type": "subscribe", "payload": {"query": query}}
        socket.writer.write(encode_masked_frame(json.dumps(message).encode()))
    while received := await socket.reader.read(1 << 20):
        attacker.answers["next"] += received.count(b'"next"')
        attacker.answers["error"] += received.count(b'"error"')
    raise ConnectionError("the server closed the socket")


# ---------------------------------------------------------------------------------------------- endless and many bytes


async def endless_headers(attacker: Attacker) -> None:
    await attacker.send_endless("GET /health HTTP/1.1\r\nHost: localhost\r\n", b"x-a: b\r\n", connections=4)


async def endless_header(attacker: Attacker) -> None:
    await attacker.send_endless("GET /health HTTP/1.1\r\nHost: localhost\r\nx: ", b"a" * 100, connections=4)


async def endless_handshake(attacker: Attacker) -> None:
    await attacker.send_endless(_WEBSOCKET_UPGRADE, b"x-a: b\r\n", connections=4)


async def endless_chunk_extension(attacker: Attacker) -> None:
    await attacker.send_endless(_POST_HEAD + "Transfer-Encoding: chunked\r\n\r\n1;", b"extension=1;", connections=4)


async def endless_trailers(attacker: Attacker) -> None:
    await attacker.send_endless(_POST_HEAD + "Transfer-Encoding: chunked\r\n\r\n0\r\n", b"x-a: b\r\n", connections=4)


async def pipelined_requests(attacker: Attacker) -> None:
    request = encode_post("{ meta { position } }")
    await attacker.send_endless("", request, connections=4)


async def endless_message(attacker: Attacker) -> None:
    fragment = bytes((0x00, 0x80 | 100)) + b"\0\0\0\0" + b"a" * 100
    opening = bytes((0x01, 0x80 | 1)) + b"\0\0\0\0a"
    await attacker.send_endless(_WEBSOCKET_UPGRADE + "\r\n" + opening.decode("latin-1"), fragment, connections=4)


async def empty_fragments(attacker: Attacker) -> None:
    fragment = bytes((0x00, 0x80)) + b"\0\0\0\0"
    opening = bytes((0x01, 0x80)) + b"\0\0\0\0"
    await attacker.send_endless(_WEBSOCKET_UPGRADE + "\r\n" + opening.decode("latin-1"), fragment, connections=4)


async def unread_pongs(attacker: Attacker) -> None:
    """Pings whose answers nobody reads."""
    connections = [await attacker.open_socket() for _ in range(4)]
    ping = bytes((0x89, 0x80 | 125)) + b"\0\0\0\0" + b"a" * 125
    await asyncio.gather(*(_send_without_reading(attacker, connection, ping * 400) for connection in connections))


async def _send_without_reading(attacker: Attacker, connection: Connection, block: bytes) -> None:
    cast(asyncio.ReadTransport, connection.writer.transport).pause_reading()
    with suppress(OSError):
        while True:
            connection.writer.write(block)
            await connection.writer.drain()
            attacker.answers["pings"] += 400
    attacker.answers["ended by the server"] += 1
    await asyncio.sleep(3_600)


async def slow_bodies(attacker: Attacker) -> None:
    """Two hundred bodies of almost 1 MB that never end."""
    await asyncio.gather(*(_send_most_of_a_body(attacker) for _ in range(200)))


async def _send_most_of_a_body(attacker: Attacker) -> None:
    while True:
        try:
            connection = await Connection.open(attacker.port, attacker.address)
            connection.writer.write((_POST_HEAD + "Content-Length: 1000000\r\n\r\n").encode() + b" " * 990_000)
            answer = await connection.reader.read(1_000)
            attacker.answers[answer[9:12].decode() or "closed"] += 1
            connection.close()
        except OSError:
            attacker.answers["closed"] += 1


# ----------------------------------------------------------------------------------------------------------- who calls


def _bogus_token() -> str:
    def encode(value: Mapping[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    header = {"alg": "RS256", "typ": "JWT", "kid": secrets.token_hex(8)}
    claims = {"iss": ISSUER, "aud": "ogpgraph", "sub": "x", "exp": 4_000_000_000}
    return f"{encode(header)}.{encode(claims)}.{base64.urlsafe_b64encode(b's' * 256).rstrip(b'=').decode()}"


async def bogus_tokens(attacker: Attacker) -> None:
    async with await asyncio.start_server(_stay_silent, "127.0.0.1", ISSUER_PORT):
        requests = [encode_post("{ meta { position } }", token=_bogus_token()) for _ in range(1_000)]
        await attacker.repeat(requests, connections=12)


async def _stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.CancelledError):
        while await reader.read(65_536):
            pass
    writer.close()


async def anonymous_mutations(attacker: Attacker) -> None:
    part = 'm%d: reviseCommitment(input: {commitment: "AX0001", title: "x"}) { errors { code } }'
    mutation = f"mutation {{ {' '.join(part % number for number in range(95))} }}"
    await attacker.repeat([encode_post(mutation)], connections=2)


ATTACKS: Mapping[str, Attack] = {
    "S1": Attack("390 conditions in a document, nine at once", many_conditions),
    "S1v": Attack("45,000 conditions in variables", many_conditions_in_variables),
    "S2": Attack("48,000 ids", many_ids),
    "S3": Attack("5,000 times one dimension", many_dimensions),
    "S4": Attack("90 comparisons", many_comparisons),
    "S5": Attack("16 expensive clients of 16 addresses", many_clients),
    "S6": Attack("100 expensive subscriptions", expensive_subscriptions),
    "S7": Attack("49 MB of headers", endless_headers),
    "S7v": Attack("49 MB of one header", endless_header),
    "S7w": Attack("49 MB of headers of a handshake", endless_handshake),
    "S7c": Attack("49 MB of a chunk's extensions", endless_chunk_extension),
    "S7t": Attack("49 MB of trailers", endless_trailers),
    "S7p": Attack("49 MB of pipelined requests", pipelined_requests),
    "S7m": Attack("49 MB of one WebSocket message", endless_message),
    "S7f": Attack("49 MB of empty fragments", empty_fragments),
    "S7g": Attack("pings without reading the answers", unread_pongs),
    "S7b": Attack("200 bodies of 1 MB that never end", slow_bodies),
    "S9": Attack("16 large responses at once", large_responses),
    "S10": Attack(
        "bogus tokens of a silent issuer",
        bogus_tokens,
        environment={
            "OGPGRAPH_OIDC_ISSUER": ISSUER,
            "OGPGRAPH_OIDC_AUDIENCE": "ogpgraph",
            "OGPGRAPH_OIDC_JWKS": f"{ISSUER}/keys",
        },
    ),
    "S12": Attack("anonymous mutations, from the other client's address", anonymous_mutations, address=VICTIM_ADDRESS),
    "max": Attack("operations of the highest cost", highest_cost),
}
