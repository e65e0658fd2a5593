"""Rights are granted and revoked, effective with the next request."""

from __future__ import annotations

from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import SampleSystem

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
