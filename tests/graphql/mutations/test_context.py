"""What all mutations have in common: payloads, sources, refusals, limits and their logs."""

from __future__ import annotations

from datetime import UTC, datetime

from structlog.testing import capture_logs

from ogpgraph.domain.commitment import revise_commitment
from ogpgraph.domain.event import Origin
from ogpgraph.domain.unit_of_work import CommandContext, Provenance
from ogpgraph.domain.values import Interval
from ogpgraph.rate_limit import RateLimiter
from tests.conftest import BOTH_ENGINES
from tests.graphql.client import execute_query
from tests.graphql.mutations.client import MutationClient, SampleSystem, kinds_of, mutation_fields

pytestmark = BOTH_ENGINES

TITLE = {"commitment": "FR0001", "title": "Better"}


def test_every_description_names_the_permitted_roles_and_the_refusals() -> None:
    for name, field in mutation_fields().items():
        description = field.description or ""
        assert "\nPermitted to " in description, name
        assert "\nRefused with `" in description, name
        assert list(field.args) == ["input"], name


def test_payload_shows_the_changed_object_and_the_recorded_entries(sample: SampleSystem) -> None:
    payload = sample.reporter.mutate(
        "completeMilestone",
        commitment="fr0001",
        number="1.1",
        report="The portal is open.",
        source="https://data.example/portal.pdf",
        reason="Quarterly report",
        effectiveOn="2021-05",
    )
    assert payload["milestone"] == {
        "number": "1.1",
        "title": "A portal",
        "status": "COMPLETE",
        "endsOn": None,
        "updates": [{"text": "The portal is open."}],
    }
    assert kinds_of(payload) == ["SourceRegistered", "MilestoneCompleted", "MilestoneReported"]
    assert payload["entries"][-1]["position"] == sample.position()
    completed = payload["entries"][1]
    assert completed["actor"] == sample.reporter.account
    assert (completed["role"], completed["reason"], completed["effectiveOn"]) == (
        "reporter",
        "Quarterly report",
        "2021-05",
    )
    assert completed["changes"] == [{"path": "milestones/1.1/status", "before": None, "after": "COMPLETE"}]


def test_payload_says_whether_a_current_value_changed(sample: SampleSystem) -> None:
    sent = {"commitment": "FR0001", "endsOn": "2022", "idempotencyKey": "key"}
    selection = "changesPresent entries { position } errors { code }"
    assert sample.admin.send("reviseCommitment", selection, **sent)["changesPresent"]
    assert sample.admin.send("reviseCommitment", selection, **sent)["changesPresent"], "a repeated request"
    sent["idempotencyKey"] = "another"
    assert not sample.admin.send("reviseCommitment", selection, **sent)["changesPresent"], "recorded already"
    refused = sample.admin.send("reviseCommitment", selection, commitment="FR0001", number="")
    assert refused["errors"]
    assert not refused["changesPresent"]


def test_a_statement_that_is_not_the_current_claim_does_not_change_the_present(sample: SampleSystem) -> None:
    later = Provenance(
        origin=Origin.HEADER, source="source-page", changed_between=Interval(before=datetime(2999, 1, 1, tzinfo=UTC))
    )
    sample.system.execute(
        CommandContext(actor="importer", role="publisher", time=sample.system.clock()),
        lambda uow: revise_commitment(uow, uow.require_by_code("commitment", "FR0001"), {"endsOn": "2022"}, later),
    )
    payload = sample.admin.send(
        "reviseCommitment", "changesPresent entries { position }", commitment="FR0001", endsOn="2021"
    )
    assert len(payload["entries"]) == 1
    assert not payload["changesPresent"]


def test_cited_document_becomes_one_source(sample: SampleSystem) -> None:
    report = {"commitment": "FR0001", "number": "1.1", "status": "LIMITED", "source": "https://data.example/a"}
    sample.reporter.mutate("reportMilestone", **report)
    again = sample.reporter.mutate("reportMilestone", **report | {"status": "SUBSTANTIAL"})
    assert kinds_of(again) == ["MilestoneReported"]
    sources = execute_query(sample.system, '{ commitment(code: "FR0001") { sources { type url } } }')
    assert sources == {"commitment": {"sources": [{"type": "DOCUMENT", "url": "https://data.example/a"}]}}


def test_unchanged_values_record_neither_entries_nor_their_source(sample: SampleSystem) -> None:
    unchanged = {"commitment": "FR0001", "title": "Commitment 1 of France", "source": "https://data.example/idle"}
    before = sample.position()
    payload = sample.reporter.mutate("reviseCommitment", **unchanged)
    assert payload["entries"] == []
    assert payload["commitment"]["code"] == "FR0001"
    assert sample.position() == before


def test_mutations_of_one_request_run_one_after_another(sample: SampleSystem) -> None:
    data = sample.reporter.execute(
        """mutation {
          a: addMilestone(input: {commitment: "FR0001", number: "1.2", title: "B"}) { commitment { revision } }
          b: addMilestone(input: {commitment: "FR0001", number: "1.2", title: "B"}) {
            errors { code } entries { position }
          }
          c: completeMilestone(input: {commitment: "FR0001", number: "1.2"}) {
            commitment { revision } milestone { status }
          }
        }"""
    )
    assert data["b"] == {"errors": [{"code": "CONFLICT"}], "entries": []}
    assert data["c"]["commitment"]["revision"] == data["a"]["commitment"]["revision"] + 1
    assert data["c"]["milestone"]["status"] == "COMPLETE"


def test_too_many_mutations_of_an_account_or_an_address_are_refused_with_a_waiting_time(sample: SampleSystem) -> None:
    now = [0.0]
    rate_limiter = RateLimiter(2, lambda: now[0])
    client = MutationClient(sample.system, sample.reporter.account, rate_limiter)
    other = MutationClient(sample.system, sample.reviewer.account, rate_limiter)
    client.mutate("reviseCommitment", **TITLE)
    client.mutate("reviseCommitment", **TITLE)
    assert client.expect_refusal("reviseCommitment", **TITLE)[0] == "RATE_LIMITED"
    # Another account at the same address: the limit of the address is reached.
    (error,) = other.send("reviseCommitment", **TITLE)["errors"]
    assert (error["code"], error["message"]) == (
        "RATE_LIMITED",
        "too many writes within a minute: please wait 30 seconds",
    )
    now[0] = 30.0
    client.mutate("reviseCommitment", **TITLE)


def test_anonymous_requests_count_against_their_address(sample: SampleSystem) -> None:
    anonymous = MutationClient(sample.system, None, RateLimiter(1, lambda: 0.0))
    assert anonymous.expect_refusal("reviseCommitment", **TITLE)[0] == "UNAUTHENTICATED"
    assert anonymous.expect_refusal("reviseCommitment", **TITLE)[0] == "RATE_LIMITED"


def test_refusals_are_logged_and_counted(sample: SampleSystem) -> None:
    with capture_logs() as logged_events:
        sample.reviewer.expect_refusal("reviseCommitment", **TITLE)
        sample.reviewer.expect_refusal("reviseCommitment", **TITLE)
        sample.reviewer.mutate("recordRating", commitment="FR0001", indicator="AMBITION", stage="DESIGN", value="HIGH")
    assert sample.reviewer.refusals.counts() == {("reviseCommitment", "FORBIDDEN"): 2}
    logged = str(logged_events)
    assert "FORBIDDEN" in logged
    assert "reviseCommitment" in logged
    assert str(sample.reviewer.account) in logged


def test_refusal_does_not_reveal_whether_an_account_exists(sample: SampleSystem) -> None:
    existing = sample.reporter.send("grantRights", account=sample.reviewer.account, role="REVIEWER")["errors"]
    missing = sample.reporter.send("grantRights", account="account-none", role="REVIEWER")["errors"]
    assert existing == missing
