"""A request is answered in the same way whether it takes the direct path or not: status, headers, body and log."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from ipaddress import ip_network
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from ogpgraph.domain.commitment import revise_commitment
from ogpgraph.domain.event import Facts
from ogpgraph.domain.member import register_member
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.host import parse_host_pattern
from ogpgraph.server import SystemLifespan, create_app
from ogpgraph.settings import Settings
from ogpgraph.storage.waiting import WouldWait, waiting, waiting_refused
from ogpgraph.system import System, open_system
from ogpgraph.web.app import Application
from ogpgraph.web.deadline import Deadline
from ogpgraph.web.direct_path import BODY_SECONDS
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.header_sets import MAX_HEADER_SETS, HeaderSet, HeaderSets
from ogpgraph.web.loop_shares import SHARE_SECONDS, LoopShares
from ogpgraph.web.task import Lane
from tests.auth.client import issue_token
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.example_log import record_example
from tests.graphql.mutations.client import open_account

pytestmark = [pytest.mark.anyio, pytest.mark.compiled]

REQUESTS: Final = 40
REPETITIONS: Final = 5
"""The first one is learned from, the second response is sent through the middleware, those after it past it."""
UNLIMITED: Final = 10**12

DOCUMENTS: Final = (
    "{ meta { position root } }",
    "query Q($first: Int) { commitments(first: $first) { nodes { code title history(first: 2) { totalCount } } } }",
    "query Q { members(first: 3) { nodes { name } } } query Other { meta { schemaVersion } }",
    '{ commitment(code: "nothing") { title } }',
    "{ commitments(first: 50) { nodes { code title description commitmentText milestones { title status } } } }",
    "{ at(position: 3) { members(first: 2) { nodes { id name } } } }",
    "{ meta { projector { position } } }",
    "query Q($at: Position!) { at(position: $at) { meta { position } } }",
    "{ at(position: 999999) { meta { position } } }",  # an error of a field
    "{ nothing }",
    "{ meta {",
    'mutation { registerMember(input: {code: "ZZ", name: "Z", idempotencyKey: "k"}) { errors { code } } }',
    "subscription { entryRecorded { position } }",
    "{ __schema { queryType { name } } }",
)
VARIABLES: Final[tuple[Any, ...]] = (None, {}, {"first": 2}, {"first": "x"}, {"at": 4}, {"at": 10**9}, [], {"more": 1})
HEADERS: Final[Mapping[str, tuple[bytes | None, ...]]] = {
    "host": (b"localhost:8000", b"localhost:8000", b"ogp.example.org", b"other.example.org", b"bad host", None),
    "accept": (
        None,
        b"*/*",
        b"application/json",
        b"application/graphql-response+json",
        b"text/html",
        b"text/event-stream",
    ),
    "accept-encoding": (None, None, b"gzip", b"gzip;q=0", b"br"),
    "authorization": (None,) * 6 + (b"Bearer ogp_wrong", b"TOKEN", b"TOKEN", b"TOKEN"),
    "content-type": (b"application/json",) * 5 + (b"application/json; charset=latin-1", b"text/plain", None),
    "cookie": (None, None, b"a=b"),
    "if-none-match": (None, None, b"*", b'"0"', b"ETAG"),
    "origin": (None, None, b"https://ogp.example.org", b"https://other.example.org", b"null"),
    "x-at-least-position": (None,) * 6 + (b"3", b"999999", b"x"),
    "x-at-least-root": (None,) * 9 + (b"00000000", b"?"),
    "x-forwarded-for": (None, None, b"192.0.2.7", b"nobody", b"127.0.0.1, 192.0.2.8"),
    "x-request-id": (None, b"a-request-of-mine", b"short", b"not accepted!"),
    "x-other": (None, None, b" blanks "),
}


class SentRequest(NamedTuple):
    """A request as an application gets it."""

    method: str
    path: str
    query_string: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class SentResponse(NamedTuple):
    """What an application sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


async def send(app: Application, request: SentRequest) -> SentResponse:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 40_000),
        "root_path": "",
        "method": request.method,
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query_string,
        "headers": list(request.headers),
    }
    sent: list[Any] = []
    pieces = [request.body[:100], request.body[100:]] if b"piecewise" in dict(request.headers) else [request.body]

    async def receive() -> dict[str, Any]:
        if not pieces:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def keep(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, keep)
    return SentResponse(sent[0]["status"], sent[0]["headers"], b"".join(each.get("body", b"") for each in sent[1:]))


def post(document: str, *headers: tuple[bytes, bytes], **variables: object) -> SentRequest:
    body = json.dumps({"query": document, "variables": variables}).encode()
    usual = ((b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)))
    return SentRequest("POST", "/graphql", b"", (*usual, *headers), body)


class Requests:
    """Random requests, some with a token; `etags` are those of responses so far."""

    def __init__(self, seed: int, token: str) -> None:
        self._chance = random.Random(seed)
        self._token = f"Bearer {token}".encode()
        self.etags = [b'"0"']

    def make(self) -> SentRequest:
        choose = self._chance.choice
        method = choose(("POST",) * 8 + ("GET",) * 5 + ("HEAD", "OPTIONS", "PUT"))
        document = choose(DOCUMENTS if choose((True, False, False)) else DOCUMENTS[:6])
        variables = choose(VARIABLES if choose((True, False)) else VARIABLES[:3])
        parameters: dict[str, Any] = {"query": document, "variables": variables}
        parameters |= {"operationName": choose(("Q", "Other", "Nothing", ""))} if "Other" in document else {}
        if choose((True,) + (False,) * 5):
            hash_ = sha256(document.encode()).hexdigest()
            parameters = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_}}}
        is_post = method == "POST"
        body = self._break(json.dumps(parameters).encode()) if is_post else b""
        texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in parameters.items()}
        query_string = b"" if is_post else urlencode(texts).encode()
        path = choose(("/graphql",) * 15 + ("/graphql/", "/nothing"))
        return SentRequest(method, path, query_string, self._headers(body if is_post else None), body)

    def _break(self, body: bytes) -> bytes:
        kind = self._chance.randint(0, 20)
        broken = {0: body[:-1], 1: b"", 2: b"[]", 3: body + b" " * 20_000, 4: body.replace(b"{", b"\xff", 1)}
        return broken.get(kind, body)

    def _headers(self, body: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
        found = []
        for name, values in HEADERS.items():
            # Most requests have a usual header for most names.
            value = self._chance.choice(values) if self._chance.random() < 0.2 else values[0]
            value = self._token if value == b"TOKEN" else value
            if value is not None:
                found.append((name.encode(), self._chance.choice(self.etags) if value == b"ETAG" else value))
        if body is not None and self._chance.random() < 0.95:
            found.append((b"content-length", b"%d" % len(body)))
        if self._chance.random() < 0.1:
            found.append((b"piecewise", b"yes"))
        return tuple(found)


SETTINGS: Final[Mapping[str, dict[str, Any]]] = {
    "defaults": {},
    "hosts": {"hosts": (parse_host_pattern("localhost"), parse_host_pattern("ogp.example.org"))},
    "origins": {"origins": ("https://ogp.example.org",)},
    "proxies": {"trusted_proxies": (ip_network("127.0.0.0/8"),), "max_body_bytes": 1_000, "max_response_bytes": 3_000},
}


@asynccontextmanager
async def two_apps(system: System, **settings: Any) -> AsyncIterator[tuple[Application, Application]]:
    """Two applications of a system, the second one without the direct path."""
    lifespan = SystemLifespan(lambda: open_system(system.database.name))
    lifespan._system = system  # it is open already
    made = [create_app(lifespan, Settings(**({"cost_per_minute": UNLIMITED} | settings))) for _ in "ab"]
    made[1].direct_path = None
    yield made[0], made[1]


@pytest.mark.slow
@BOTH_ENGINES
@pytest.mark.parametrize("name", SETTINGS)
async def test_the_direct_path_answers_as_the_application_does(system: System, name: str) -> None:
    record_example(system)
    system.model.warm(seconds=10, pause=lambda _seconds: False)
    requests = Requests(7, issue_token(system, open_account(system, Role.ADMINISTRATOR)))
    async with two_apps(system, **SETTINGS[name]) as (direct, other):
        for _ in range(REQUESTS):
            request = requests.make()
            for _ in range(REPETITIONS):
                one, two = await send(direct, request), await send(other, request)
                if not dict(request.headers).get(b"x-request-id", b"").startswith(b"a-request"):
                    one, two = without_id(one), without_id(two)
                assert one == two, request
                requests.etags += [value for name, value in one.headers if name == b"etag"]
        assert direct.direct_path
        assert direct.direct_path.answered > REQUESTS / 2


MUTATION: Final = "mutation M($code: String!) { registerMember(input: {code: $code, name: $code}) { errors { code } } }"


async def test_mutations_take_the_direct_path_and_are_recorded_once(system: System) -> None:
    record_example(system)
    token = issue_token(system, open_account(system, Role.ADMINISTRATOR))
    signed = (b"authorization", f"Bearer {token}".encode())
    async with two_apps(system) as (direct, other):
        for number in range(4):
            response = await send(direct, post(MUTATION, signed, code=f"DI{'ABCD'[number]}"))
            expected = await send(other, post(MUTATION, signed, code=f"OT{'ABCD'[number]}"))
            assert json.loads(response.body)["data"] == {"registerMember": {"errors": []}}
            positions = [int(dict(each.headers)[b"x-position"]) for each in (response, expected)]
            assert positions[1] - positions[0] == 2  # the member and its code
            assert varying(response) == varying(expected)
        assert direct.direct_path
        assert direct.direct_path.answered == 3


def varying(response: SentResponse) -> SentResponse:
    """A response without what depends on the position at which it was read."""
    names = (b"x-request-id", b"x-position", b"x-root")
    return response._replace(headers=[(name, b"" if name in names else value) for name, value in response.headers])


@BOTH_ENGINES
async def test_a_token_is_of_no_use_from_the_moment_of_its_revocation(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    record_example(system)
    account = open_account(system, Role.ADMINISTRATOR)
    token = issue_token(system, account)
    signed = (b"authorization", f"Bearer {token}".encode())
    documents = MUTATION, "{ meta { schemaVersion } }"
    async with two_apps(system) as (app, without):
        for number in range(4):
            for document in documents:
                assert (await send(app, post(document, signed, code=f"TK{'ABCD'[number]}"))).status == 200
        with system.read_session() as session:
            head = session.head
        assert account.account
        other.accounts.revoke_tokens(account.account, now=other.clock())
        for document in documents:
            with capture_logs() as logs:
                response = await send(app, post(document, signed, code="TKZ"))
            assert response.status == 401
            assert [each["event"] for each in logs] == ["refused"]
            assert without_id(response) == without_id(await send(without, post(document, signed, code="TKZ")))
        with system.read_session() as session:
            assert session.head == head


async def test_a_request_of_a_token_that_is_another_account_s_by_now_is_answered_as_that_account_s(
    system: System,
) -> None:
    record_example(system)
    accounts = open_account(system, Role.ADMINISTRATOR), open_account(system)
    token = issue_token(system, accounts[0])
    signed = (b"authorization", f"Bearer {token}".encode())
    async with two_apps(system) as (app, _):
        for number in range(3):
            await send(app, post(MUTATION, signed, code=f"AC{'ABCD'[number]}"))
        with system.database.write() as transaction:
            transaction.execute("update token set account = :account", account=accounts[1].account)
        response = await send(app, post(MUTATION, signed, code="ACZ"))
        assert json.loads(response.body)["data"] == {"registerMember": {"errors": [{"code": "FORBIDDEN"}]}}


async def test_a_write_of_another_process_is_in_the_next_response(make_system: SystemFactory) -> None:
    system, writer = make_system(), make_system()
    record_example(system)
    system.model.warm(seconds=10, pause=lambda _seconds: False)
    request = post("{ meta { position } }")
    async with two_apps(system) as (app, _):
        for letter in "ABCDEFGHIJ":
            write(writer, f"ZZZ{letter}")
            with writer.read_session() as session:
                head = session.head
            response = await send(app, request)
            assert json.loads(response.body)["data"] == {"meta": {"position": head}}
            assert dict(response.headers)[b"x-position"] == b"%d" % head
        assert app.direct_path
        assert app.direct_path.answered > 0


def write(system: System, code: str) -> None:
    context = CommandContext(actor="a", role="editor", time=datetime(2026, 1, 1, tzinfo=UTC), reason="r")
    system.execute(context, lambda uow: register_member(uow, code, {"type": "NATIONAL"}))


async def test_a_text_that_this_process_has_just_recorded_is_answered_from_memory(system: System) -> None:
    record_example(system)
    system.model.warm(seconds=10, pause=lambda _seconds: False)
    context = CommandContext(actor="a", role="editor", time=datetime(2026, 1, 1, tzinfo=UTC), reason="r")
    request = post('{ commitment(code: "UY0812") { title(language: "en") milestones { title } } }')
    async with two_apps(system) as (app, other):
        for _ in range(3):
            await send(app, request)
        for number in range(4):
            new = {"title/en": f"Title {number}"}
            system.execute(context, partial(revise, code="UY0812", texts=new))
            assert app.direct_path
            answered = app.direct_path.answered
            response = await send(app, request)
            assert app.direct_path.answered == answered + 1
            assert without_id(response) == without_id(await send(other, request))
            assert f"Title {number}".encode() in response.body


def revise(uow: UnitOfWork, code: str, texts: Mapping[str, str]) -> None:
    values: Facts = {path: uow.text_value(text) for path, text in texts.items()}
    revise_commitment(uow, uow.require_by_code("commitment", code), values)


async def test_a_query_that_needs_the_database_is_answered_by_the_application(system: System) -> None:
    """The entries that it lists were never read by this process."""
    record_example(system)
    request = post("{ entries(first: 5) { nodes { position actor } } }")
    async with two_apps(system) as (app, other):
        for _ in range(2):
            await send(app, post("{ meta { position } }"))
        response = await send(app, request)
        assert without_id(response) == without_id(await send(other, request))
        assert app.direct_path
        answered = app.direct_path.answered
        await send(app, request)
        await send(app, request)
        await send(app, request)
        assert app.direct_path.answered > answered


async def test_what_was_answered_before_waits_for_nobody_and_what_was_not_waits_for_its_turn(system: System) -> None:
    record_example(system)
    system.model.warm(seconds=10, pause=lambda _seconds: False)
    document = "query Q($first: Int) { commitments(first: $first) { nodes { code } } }"
    known, other = post(document, first=1), post(document, first=2)
    async with two_apps(system) as (app, _):
        for request in [known] * 4 + [post(document, first=3)]:
            await send(app, request)
        assert app.direct_path
        scheduler, gate = app.direct_path._answers._operations.scheduler, threading.Event()
        running = [
            asyncio.create_task(scheduler.run(Client(each), gate.wait, 60, deadline=Deadline(60))) for each in "ab"
        ]
        while not scheduler.waiting:  # noqa: ASYNC110 - the scheduler has no event for it
            await asyncio.sleep(0)
        scheduler._waiting.charge(Lane.CHEAP, Client("127.0.0.1"), 1.0)  # so that the other one would go first
        assert (await send(app, known)).status == 200
        waiting_one = asyncio.create_task(send(app, other))
        while scheduler.waiting < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        answered = app.direct_path.answered
        gate.set()
        assert (await waiting_one).status == 200
        assert app.direct_path.answered == answered + 1
        await asyncio.gather(*running)


async def test_an_operation_that_fails_is_not_tried_each_time(system: System) -> None:
    record_example(system)
    system.model.warm(seconds=10, pause=lambda _seconds: False)
    request = post("{ at(position: 999999) { meta { position } } }")
    async with two_apps(system) as (app, _):
        responses = [without_id(await send(app, request)) for _ in range(9)]
        assert {each.status for each in responses} == {200}
        assert app.direct_path
        assert app.direct_path.answered == 0


async def test_a_client_pays_the_same_whichever_way_it_is_answered(system: System) -> None:
    record_example(system)
    system.model.warm(seconds=10, pause=lambda _seconds: False)
    request = post("{ commitments(first: 50) { nodes { code milestones { title } } } }")
    async with two_apps(system, cost_per_minute=500) as apps:
        answered = []
        for app in apps:
            statuses = [(await send(app, request)).status for _ in range(200)]
            answered.append(statuses.index(429))
        assert answered[1] > 5
        assert abs(answered[0] - answered[1]) <= 1, "a little is given back with the time"


async def test_a_client_without_a_body_is_waited_for_by_the_application(system: System) -> None:
    async with two_apps(system) as (app, _):
        request = post("{ meta { position } }")
        for _ in range(3):
            await send(app, request)
        sent: list[Any] = []
        arrived = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await arrived.wait()
            arrived.clear()
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def keep(message: Any) -> None:
            sent.append(message)

        scope: dict[str, Any] = {"type": "http", "http_version": "1.1", "server": ("127.0.0.1", 8000)}
        scope |= {"client": ("127.0.0.1", 40_000)}
        scope |= {"method": "POST", "path": "/graphql", "query_string": b"", "headers": [*request.headers]}
        task = asyncio.create_task(app(scope, receive, keep))
        await asyncio.sleep(BODY_SECONDS * 2)
        arrived.set()
        await task
        assert sent[0]["status"] == 200


async def test_a_client_that_had_its_share_waits_until_the_event_loop_went_round() -> None:
    shares, order = LoopShares(), []

    async def ask(network: str) -> None:
        await shares.wait(network)
        order.append(network)

    asked = [asyncio.create_task(ask(each)) for each in "ab"]
    shares.add("a", SHARE_SECONDS * 2)
    await asyncio.gather(*asked)
    assert order == ["b", "a"]


def test_the_headers_of_so_many_clients_are_remembered_and_the_others_forgotten() -> None:
    sets = HeaderSets()
    known = HeaderSet(client=Client("a"), media_type="application/json", is_compressed=False)
    sets.put(-1, known)
    for number in range(MAX_HEADER_SETS):
        assert sets.get(-1)
        sets.put(number, known)
    assert sets.get(0) is None
    assert sets.get(MAX_HEADER_SETS - 1) is known


def test_what_was_learned_last_of_headers_is_known_of_all_requests_that_have_them() -> None:
    sets = HeaderSets()
    scope = {"method": "POST", "headers": [(b"accept", b"*/*"), (b"content-length", b"20")]}
    key = sets.examine(scope).key  # type: ignore[union-attr]  # the headers are usual
    for network in ("a", "b"):  # as after a client's right was revoked, and another was identified
        learned = HeaderSet(client=Client(network), media_type="application/json", is_compressed=False)
        sets.put(key, learned)
        for _ in range(2):  # the second time it is looked up by all headers at once
            assert (examined := sets.examine(scope)) is not None
            assert examined.header_set is learned


def test_what_may_not_wait_is_ended_where_it_would() -> None:
    with waiting_refused(), pytest.raises(WouldWait):
        waiting()
    with waiting():
        pass


def without_id(response: SentResponse) -> SentResponse:
    """A response without its id, which is another one each time; errors have it, too."""
    headers = [(name, b"" if name == b"x-request-id" else value) for name, value in response.headers]
    return response._replace(headers=headers)
