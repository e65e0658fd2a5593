"""Tokens of an OpenID Connect issuer: valid tokens identify their subject, all others are rejected."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from ogpgraph.auth.issuer_errors import KeysUnavailable, TokenRejected
from ogpgraph.auth.issuer_keys import open_key_source
from ogpgraph.auth.oidc import Issuer
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
    payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "exp": now + 60, "iat": now} | other
    return {name: value for name, value in payload.items() if value is not None}


def sign(payload: dict[str, Any], key: Any = RSA_KEYS[0], algorithm: str = "RS256", kid: str = "rsa-0") -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid})


def key_set(*numbers: int) -> str:
    keys = [
        json.loads(RSAAlgorithm.to_jwk(RSA_KEYS[n].public_key())) | {"kid": f"rsa-{n}", "use": "sig"} for n in numbers
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


def test_a_valid_token_identifies_its_subject(issuer: Issuer) -> None:
    assert issuer.verify(sign(claims())) == SUBJECT
    assert issuer.verify(sign(claims(aud=["other", AUDIENCE]))) == SUBJECT
    assert issuer.verify(sign(claims(), EC_KEY, "ES256", "ec")) == SUBJECT


def test_clocks_may_differ_by_the_skew(issuer: Issuer) -> None:
    now = int(time.time())
    assert issuer.verify(sign(claims(exp=now - 20))) == SUBJECT
    assert issuer.verify(sign(claims(nbf=now + 20))) == SUBJECT
    for invalid in (claims(exp=now - 40), claims(nbf=now + 60), claims(iat=now + 60)):
        with pytest.raises(TokenRejected):
            issuer.verify(sign(invalid))


def build_unsigned(payload: dict[str, Any]) -> str:
    return jwt.encode(payload, None, algorithm="none", headers={"kid": "rsa-0"})  # type: ignore[arg-type]  # none, truly


def sign_with_public_key(payload: dict[str, Any]) -> str:
    """Sign with the public key as if it were a shared secret, the classic algorithm confusion."""
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa-0"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
    signature = hmac.digest(key_set(0).encode(), header + b"." + body, "sha256")
    return b".".join((header, body, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()


INVALID_TOKENS: dict[str, Callable[[], str]] = {
    "another audience": lambda: sign(claims(aud="somebody")),
    "no audience": lambda: sign(claims(aud=None)),
    "another issuer": lambda: sign(claims(iss="https://id.example.evil")),
    "no issuer": lambda: sign(claims(iss=None)),
    "no expiry": lambda: sign(claims(exp=None)),
    "expired": lambda: sign(claims(exp=1)),
    "no subject": lambda: sign(claims(sub=None)),
    "none": lambda: build_unsigned(claims()),
    "a public key as a secret": lambda: sign_with_public_key(claims()),
    "an algorithm that is not allowed": lambda: sign(claims(), algorithm="RS512"),
    "somebody else's key": lambda: sign(claims(), RSA_KEYS[1]),
    "a key that is not there": lambda: sign(claims(), kid="rsa-9"),
    "an algorithm of another key": lambda: sign(claims(), EC_KEY, "ES256", "rsa-0"),
    "cut off": lambda: sign(claims())[:-4],
    "changed": lambda: ".".join(
        (sign(claims()).split(".")[0], sign(claims(sub="bob")).split(".")[1], sign(claims()).split(".")[2])
    ),
    "nonsense": lambda: "a.b.c",
}


@pytest.mark.parametrize("invalid", INVALID_TOKENS)
def test_every_other_token_is_rejected(issuer: Issuer, invalid: str) -> None:
    with pytest.raises(TokenRejected):
        issuer.verify(INVALID_TOKENS[invalid]())


@pytest.mark.parametrize("algorithms", [[], ["none"], ["HS256"], ["RS256", "HS512"]])
def test_an_issuer_accepts_asymmetric_algorithms_only(key_file: Path, algorithms: list[str]) -> None:
    with pytest.raises(ValueError, match="only"):
        Issuer(ISSUER, audience=AUDIENCE, keys=open_key_source(str(key_file)), algorithms=algorithms, skew_seconds=0)


def test_a_key_file_is_read_again_when_it_changes(issuer: Issuer, key_file: Path) -> None:
    rotated = sign(claims(), RSA_KEYS[1], kid="rsa-1")
    with pytest.raises(TokenRejected):
        issuer.verify(rotated)
    key_file.write_text(key_set(1))
    assert issuer.verify(rotated) == SUBJECT
    with pytest.raises(TokenRejected):
        issuer.verify(sign(claims()))
    key_file.unlink()
    with pytest.raises(KeysUnavailable):
        issuer.verify(rotated)


@pytest.mark.slow
def test_an_issuer_s_token_acts_as_the_account_that_is_linked_to_its_subject(
    system: System, new_database: DatabaseFactory, key_file: Path
) -> None:
    sample = SampleSystem(system)
    account = sample.reporter.account
    assert account is not None
    system.accounts.link(ISSUER, SUBJECT, account)
    settings = Settings(database=new_database(), oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks=str(key_file))
    sent = {"commitment": "FR0001", "title": "Signed in"}
    with run_server(settings) as client:
        written = execute_mutation(client, sign(claims()), "reviseCommitment", **sent)
        assert written["entries"][0]["actor"] == account
        unlinked = post_mutation(client, sign(claims(sub="bob")), "reviseCommitment", **sent)
        invalid = [post_mutation(client, make(), "reviseCommitment", **sent) for make in INVALID_TOKENS.values()]
        assert [response.status_code for response in invalid] == [401] * len(INVALID_TOKENS)
        # The response does not reveal whether an account is linked.
        assert {response.text for response in invalid} == {unlinked.text}
        key_file.unlink()
        unavailable = post_mutation(client, sign(claims()), "reviseCommitment", **sent)
    assert (unavailable.status_code, unavailable.headers["retry-after"]) == (503, "5")
    assert SUBJECT not in str(written)
