"""Rights are granted and revoked, effective with the next request."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Barrier
from typing import Any

import pytest

from ogpgraph.domain.roles import Role
from ogpgraph.storage.append import LogAppend
from ogpgraph.storage.event_log import EventLog
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.mutations.client import MutationClient, SampleSystem, open_account

pytestmark = BOTH_ENGINES


def test_granted_and_revoked_rights_apply_to_the_next_request(sample: SampleSystem) -> None:
    client = sample.without_rights
    title = {"commitment": "FR0001", "title": "Better"}
    assert client.expect_refusal("reviseCommitment", **title)[0] == "FORBIDDEN"
    granted = sample.admin.mutate("grantRights", account=client.account, role="REPORTER", members=["FRA", "GBR"])
    assert granted["account"]["reporterOf"] == ["FRA", "GBR"]
    client.mutate("reviseCommitment", **title)
    sample.admin.mutate("revokeRights", account=client.account, role="REPORTER", members=["FRA"])
    assert client.expect_refusal("reviseCommitment", **title | {"title": "Best"})[0] == "FORBIDDEN"
    revoked = sample.admin.mutate("revokeRights", account=client.account)
    assert revoked["account"] == {
        "id": client.account,
        "roles": [],
        "reporterOf": [],
        "revision": revoked["account"]["revision"],
    }
    assert sample.admin.expect_refusal("grantRights", account=client.account, role="REPORTER")[0] == "INVALID"
    assert sample.admin.expect_refusal("grantRights", account="account-none", role="REVIEWER")[0] == "NOT_FOUND"


def test_the_last_administrator_keeps_the_role(sample: SampleSystem) -> None:
    admin = sample.admin
    for role in ({}, {"role": "ADMINISTRATOR"}):
        assert admin.expect_refusal("revokeRights", account=admin.account, **role) == ("CONFLICT", ["input", "role"])
    other = open_account(sample.system, Role.ADMINISTRATOR)
    admin.mutate("revokeRights", account=admin.account)
    assert other.expect_refusal("revokeRights", account=other.account)[0] == "CONFLICT"
    other.mutate("grantRights", account=other.account, role="REVIEWER")
    other.mutate("revokeRights", account=other.account, role="REVIEWER")


def test_of_administrators_who_revoke_each_other_at_once_one_is_left(
    sample: SampleSystem, make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each decides in a process of its own while both still are administrators."""
    other = make_system()
    admins = [sample.admin, MutationClient(other, open_account(sample.system, Role.ADMINISTRATOR).account)]
    both_decided, waited = Barrier(2), set[int]()

    def begin_after_both_decided(log: EventLog) -> AbstractContextManager[LogAppend]:
        if id(log) not in waited:
            waited.add(id(log))
            both_decided.wait(timeout=20)
        return begin_append(log)

    begin_append = EventLog.begin_append
    monkeypatch.setattr(EventLog, "begin_append", begin_after_both_decided)
    revoke: Callable[[int], Any] = lambda n: admins[n].send("revokeRights", account=admins[1 - n].account)  # noqa: E731
    with ThreadPoolExecutor(2) as threads:
        codes = [error["code"] for payload in threads.map(revoke, (0, 1)) for error in payload["errors"]]
    assert codes == ["FORBIDDEN"]  # the loser was no administrator any more when it decided again
