"""Tokens of an OpenID Connect issuer: its own, for us, now, signed as we allow; nothing else."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from ogpgraph.auth.oidc import Issuer, KeysUnavailable, TokenRejected, open_key_source
from ogpgraph.settings import Settings
from ogpgraph.system import System
from tests.auth.client import execute_mutation, post_mutation, run_server
from tests.conftest import DatabaseFactory
from tests.graphql.mutations.client import SampleSystem

ISSUER, AUDIENCE, SUBJECT = "https://id.example", "ogpgraph", "ana"
RSA_KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def claims(**other: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "exp": now + 60, "iat": now} | other
    return {name: value for name, value in said.items() if value is not None}


def signed(said: dict[str, Any], key: Any = RSA_KEYS[0], algorithm: str = "RS256", kid: str = "rsa-0") -> str:
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid})


def key_set(*which: int) -> str:
    keys = [
        json.loads(RSAAlgorithm.to_jwk(RSA_KEYS[n].public_key())) | {"kid": f"rsa-{n}", "use": "sig"} for n in which
    ]
    keys.append(json.loads(ECAlgorithm.to_jwk(EC_KEY.public_key())) | {"kid": "ec", "alg": "ES256"})
    return json.dumps({"keys": keys})


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    file.write_text(key_set(0))
    return file


@pytest.fixture
def issuer(key_file: Path) -> Issuer:
    keys = open_key_source(str(key_file))
    return Issuer(ISSUER, audience=AUDIENCE, keys=keys, algorithms=["RS256", "ES256"], skew_seconds=30)


def test_a_token_of_the_issuer_for_us_says_who_it_is(issuer: Issuer) -> None:
    assert issuer.verify(signed(claims())) == SUBJECT
    assert issuer.verify(signed(claims(aud=["other", AUDIENCE]))) == SUBJECT
    assert issuer.verify(signed(claims(), EC_KEY, "ES256", "ec")) == SUBJECT


def test_clocks_may_differ_by_the_skew_and_no_more(issuer: Issuer) -> None:
    now = int(time.time())
    assert issuer.verify(signed(claims(exp=now - 20))) == SUBJECT
    assert issuer.verify(signed(claims(nbf=now + 20))) == SUBJECT
    for wrong in (claims(exp=now - 40), claims(nbf=now + 60), claims(iat=now + 60)):
        with pytest.raises(TokenRejected):
            issuer.verify(signed(wrong))


def unsigned(said: dict[str, Any]) -> str:
    return jwt.encode(said, None, algorithm="none", headers={"kid": "rsa-0"})  # type: ignore[arg-type]  # none, truly


def as_secret(said: dict[str, Any]) -> str:
    """Signed with the public key as if it were a secret: the classic confusion of algorithms."""
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa-0"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=")
    signature = hmac.digest(key_set(0).encode(), header + b"." + body, "sha256")
    return b".".join((header, body, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()


WRONG: dict[str, Callable[[], str]] = {
    "another audience": lambda: signed(claims(aud="somebody")),
    "no audience": lambda: signed(claims(aud=None)),
    "another issuer": lambda: signed(claims(iss="https://id.example.evil")),
    "no issuer": lambda: signed(claims(iss=None)),
    "no expiry": lambda: signed(claims(exp=None)),
    "expired": lambda: signed(claims(exp=1)),
    "no subject": lambda: signed(claims(sub=None)),
    "none": lambda: unsigned(claims()),
    "a public key as a secret": lambda: as_secret(claims()),
    "an algorithm that is not allowed": lambda: signed(claims(), algorithm="RS512"),
    "somebody else's key": lambda: signed(claims(), RSA_KEYS[1]),
    "a key that is not there": lambda: signed(claims(), kid="rsa-9"),
    "an algorithm of another key": lambda: signed(claims(), EC_KEY, "ES256", "rsa-0"),
    "cut off": lambda: signed(claims())[:-4],
    "changed": lambda: ".".join(
        (signed(claims()).split(".")[0], signed(claims(sub="bob")).split(".")[1], signed(claims()).split(".")[2])
    ),
    "nonsense": lambda: "a.b.c",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_any_other_token_is_wrong(issuer: Issuer, wrong: str) -> None:
    with pytest.raises(TokenRejected):
        issuer.verify(WRONG[wrong]())


@pytest.mark.parametrize("algorithms", [[], ["none"], ["HS256"], ["RS256", "HS512"]])
def test_an_issuer_cannot_be_made_to_accept_secrets_or_nothing(key_file: Path, algorithms: list[str]) -> None:
    with pytest.raises(ValueError, match="only"):
        Issuer(ISSUER, audience=AUDIENCE, keys=open_key_source(str(key_file)), algorithms=algorithms, skew_seconds=0)


def test_a_key_file_may_change_while_we_run(issuer: Issuer, key_file: Path) -> None:
    rotated = signed(claims(), RSA_KEYS[1], kid="rsa-1")
    with pytest.raises(TokenRejected):
        issuer.verify(rotated)
    key_file.write_text(key_set(1))
    assert issuer.verify(rotated) == SUBJECT
    with pytest.raises(TokenRejected):
        issuer.verify(signed(claims()))
    key_file.unlink()
    with pytest.raises(KeysUnavailable):
        issuer.verify(rotated)


class KeyServer:
    """An issuer's address for its keys; it counts how often it is asked."""

    def __init__(self) -> None:
        self.keys, self.asked = key_set(0), 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(200)
                self.end_headers()
                self.wfile.write(outer.keys.encode())

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


@pytest.fixture
def server() -> Iterator[KeyServer]:
    made = KeyServer()
    yield made
    made.stop()


def test_keys_at_an_address_are_kept_and_fetched_again_for_a_new_key(server: KeyServer) -> None:
    keys = open_key_source(server.url, cooldown_seconds=0)
    issuer = Issuer(ISSUER, audience=AUDIENCE, keys=keys, algorithms=["RS256"], skew_seconds=0)
    for _ in range(3):
        assert issuer.verify(signed(claims())) == SUBJECT
    assert server.asked == 1
    server.keys = key_set(0, 1)
    assert issuer.verify(signed(claims(), RSA_KEYS[1], kid="rsa-1")) == SUBJECT
    assert server.asked == 2


def test_unknown_keys_do_not_make_us_ask_the_issuer_again_and_again(server: KeyServer) -> None:
    issuer = Issuer(ISSUER, audience=AUDIENCE, keys=open_key_source(server.url), algorithms=["RS256"], skew_seconds=0)
    for number in range(5):
        with pytest.raises(TokenRejected):
            issuer.verify(signed(claims(), kid=f"unknown-{number}"))
    assert server.asked == 1


@pytest.mark.parametrize("answer", ["no keys", "{}", '{"keys": []}', None])
def test_an_issuer_whose_keys_cannot_be_had_is_told_apart_from_a_wrong_token(
    server: KeyServer, answer: str | None
) -> None:
    issuer = Issuer(ISSUER, audience=AUDIENCE, keys=open_key_source(server.url), algorithms=["RS256"], skew_seconds=0)
    if answer is None:
        server.stop()
    else:
        server.keys = answer
    with pytest.raises(KeysUnavailable):
        issuer.verify(signed(claims()))


def test_an_issuers_token_acts_as_the_account_that_it_is_linked_to(
    system: System, new_database: DatabaseFactory, key_file: Path
) -> None:
    sample = SampleSystem(system)
    account = sample.reporter.account
    assert account is not None
    system.accounts.link(ISSUER, SUBJECT, account)
    settings = Settings(database=new_database(), oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks=str(key_file))
    sent = {"commitment": "FR0001", "title": "Signed in"}
    with run_server(settings) as client:
        written = execute_mutation(client, signed(claims()), "reviseCommitment", **sent)
        assert written["entries"][0]["actor"] == account
        unlinked = post_mutation(client, signed(claims(sub="bob")), "reviseCommitment", **sent)
        wrong = [post_mutation(client, make(), "reviseCommitment", **sent) for make in WRONG.values()]
        assert [response.status_code for response in wrong] == [401] * len(WRONG)
        # Whether an account is behind it is not told.
        assert {response.text for response in wrong} == {unlinked.text}
        key_file.unlink()
        unavailable = post_mutation(client, signed(claims()), "reviseCommitment", **sent)
    assert (unavailable.status_code, unavailable.headers["retry-after"]) == (503, "5")
    assert SUBJECT not in str(written)
