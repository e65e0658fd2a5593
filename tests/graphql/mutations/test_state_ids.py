"""Mutations change the present: what they take and what they show has plain ids."""

from __future__ import annotations

from typing import Any

from tests.graphql.client import execute_query
from tests.graphql.mutations.client import SampleSystem


def test_the_id_of_a_state_is_refused_where_the_present_is_changed(sample: SampleSystem) -> None:
    found = execute_query(sample.system, '{ commitment(code: "FR0001") { actionPlan { id } } }')
    plan = found["commitment"]["actionPlan"]["id"]
    refused = (
        ("reviseActionPlan", {"actionPlan": f"{plan}@3", "title": "Other"}, "actionPlan"),
        ("reviseActionPlan", {"actionPlan": plan, "title": "Other", "source": "source-1@3"}, "source"),
        ("grantRights", {"account": "account-1@3", "role": "REVIEWER"}, "account"),
    )
    for mutation, fields, field in refused:
        (error,) = sample.admin.send(mutation, **fields)["errors"]
        assert (error["code"], error["path"]) == ("INVALID", ["input", field])
        assert "is the id of a state" in error["message"]


def test_a_payload_has_plain_ids_unless_it_repeats_a_result_that_may_be_the_past_by_now(sample: SampleSystem) -> None:
    def rename() -> Any:
        return sample.admin.send(
            "reviseCommitment",
            "position commitment { id stableId title } entries { subject { id } }",
            commitment="FR0001",
            title="Renamed",
            idempotencyKey="1",
        )

    first = rename()
    assert first["commitment"]["id"] == first["commitment"]["stableId"]
    assert first["entries"][0]["subject"]["id"] == f"{first['commitment']['id']}@{first['position']}"
    assert rename() == first
    sample.admin.mutate("reviseCommitment", commitment="FR0001", title="Renamed again")
    repeated = rename()
    assert repeated["commitment"] == first["commitment"] | {"id": f"{first['commitment']['id']}@{first['position']}"}
