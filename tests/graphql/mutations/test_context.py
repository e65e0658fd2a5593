"""What all mutations have in common: payloads, sources, refusals, limits and their logs."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from graphql import GraphQLError
from structlog.testing import capture_logs

from ogpgraph.auth.authentication import RefusalLog
from ogpgraph.domain.commitment import revise_commitment
from ogpgraph.domain.event import Origin
from ogpgraph.domain.unit_of_work import CommandContext, Provenance
from ogpgraph.domain.values import Interval
from ogpgraph.graphql.context import Context, WriteAccess
from ogpgraph.rate_limit import RateLimiter
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.storage.head_file import HeadFile, RememberedHead
from ogpgraph.storage.sqlite import parse_sqlite_url
from ogpgraph.storage.texts import CorruptText
from ogpgraph.system import open_system
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE, SystemFactory
from tests.graphql.client import execute_operation, execute_query
from tests.graphql.mutations.client import MutationClient, SampleSystem, kinds_of, mutation_fields

pytestmark = BOTH_ENGINES

TITLE = {"commitment": "FR0001", "title": "Better"}


def test_a_mutation_whose_payload_cannot_be_read_is_executed_once(make_system: SystemFactory) -> None:
    sample = SampleSystem(make_system())
    with sample.system.database.write() as transaction:
        transaction.execute("update stored_text set content = 'changed'")
    other, before = MutationClient(make_system(), sample.admin.account), sample.position()
    document = """mutation { reviseCommitment(input: {commitment: "FR0001", endsOn: "2031"}) {
        commitment { endsOn title } errors { message } } }"""
    with pytest.raises(GraphQLError) as raised:
        other.execute(document)
    assert isinstance(raised.value.original_error, CorruptText)
    assert raised.value.path == ["reviseCommitment", "commitment", "title"]
    assert sample.position() == before + 1


def test_what_a_mutation_has_recorded_is_read_by_one_statement(sample: SampleSystem) -> None:
    document = """mutation { completeMilestone(input: {commitment: "FR0001", number: "1.1", report: "It is open."}) {
        entries { position kind } milestone { status } errors { message } } }"""
    with ExitStack() as sessions:
        session = sessions.enter_context(sample.system.read_session())
        limiter = RateLimiter(1_000, lambda: 0.0)
        access = WriteAccess(sample.system, sample.admin.caller, "request", limiter, RefusalLog(), sessions)
        context = Context(session, "1", access)
        result = execute_operation(document, {}, context)
        assert context.session.transaction.statements == 2  # the first one says whether the read model is that far
    payload = msgspec.json.decode(msgspec.json.encode(result.data))["completeMilestone"]
    assert kinds_of(payload) == ["MilestoneCompleted", "MilestoneReported"]
    assert payload["milestone"] == {"status": "COMPLETE"}


def test_of_several_mutations_each_is_executed_after_the_one_before(sample: SampleSystem) -> None:
    before = sample.position()
    document = """mutation {
        first: reviseCommitment(input: {commitment: "FR0001", endsOn: "2031"}) { position commitment { endsOn } }
        second: reviseCommitment(input: {commitment: "FR0001", endsOn: "2032"}) { position commitment { endsOn } } }"""
    assert sample.admin.execute(document) == {
        "first": {"position": before + 1, "commitment": {"endsOn": "2031"}},
        "second": {"position": before + 2, "commitment": {"endsOn": "2032"}},
    }


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


def test_stale_write_gets_the_net_changes_and_reads_no_entries(
    sample: SampleSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many revisions lie between; what was changed back is no change."""
    selection = "errors { code currentRevision changes { path before after } } commitment { revision }"
    started = sample.admin.mutate("reviseCommitment", commitment="FR0001", title="First", endsOn="2020")
    expected = started["commitment"]["revision"]
    for number in range(6):
        sample.admin.mutate("reviseCommitment", commitment="FR0001", endsOn=f"202{number + 1}", title=f"{number}")
    sample.admin.mutate("reviseCommitment", commitment="FR0001", title="First", startsOn="2019")
    monkeypatch.setattr(Snapshot, "find_entry_of_revision", lambda *_: pytest.fail("entries are read"))
    sent = {"commitment": "FR0001", "endsOn": "2029", "expectedRevision": expected}
    assert sample.admin.send("reviseCommitment", selection, **sent)["errors"] == [
        {
            "code": "STALE_REVISION",
            "currentRevision": expected + 7,
            "changes": [
                {"path": "endsOn", "before": "2020", "after": "2026"},
                {"path": "startsOn", "before": None, "after": "2019"},
            ],
        }
    ]
    sent["expectedRevision"] = expected + 99
    assert sample.admin.send("reviseCommitment", selection, **sent)["errors"][0]["changes"] == []


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


def test_no_event_has_a_text_that_a_client_wrote_in_the_clear(sample: SampleSystem) -> None:
    sample.reporter.mutate(
        "reportMilestone",
        commitment="FR0001",
        number="1.1",
        report="Ask ann@example.org",
        reason="ann@example.org said so",
        source="https://data.example/ann@example.org",
        idempotencyKey="ann@example.org",
    )
    recorded = sample.system.log.select_notifications(1, 10_000)
    assert not [each for each in recorded if b"ann@" in each.state]
    guessed = sha256(b"DOCUMENT\nhttps://data.example/ann@example.org\n").hexdigest()[:32]
    rows = [str(dict(row)) for row in sample.system.database.query("select stream, topic, command from event")]
    assert len(rows) == len(recorded)
    assert not [row for row in rows if "ann@" in row or guessed in row]
    sources = execute_query(sample.system, '{ commitment(code: "FR0001") { sources { url } } }')
    assert sources == {"commitment": {"sources": [{"url": "https://data.example/███████████████"}]}}


@pytest.mark.parametrize("url", ["https://ann:s3cret@data.example/a", "https://data.example/\x07s3cret", "s3cret"])
def test_a_source_whose_url_is_secret_or_none_is_refused_without_repeating_it(sample: SampleSystem, url: str) -> None:
    sent = {"commitment": "FR0001", "title": "Open", "source": url}
    (error,) = sample.reporter.send("reviseCommitment", **sent)["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["input", "source"])
    assert "s3cret" not in error["message"]


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"startsOn": "2019-02-30"}, "startsOn", "there is no 2019-02-30"),
        ({"effectiveOn": "2019-06-31", "title": "Open"}, "effectiveOn", "there is no 2019-06-31"),
        ({"endsOn": "0001"}, "endsOn", "not in the years 1990 to 2100"),
        ({"startsOn": "2019", "endsOn": "2018-12-31"}, "endsOn", "endsOn: 2018-12-31 is before startsOn, 2019"),
        ({"title": "\u200b"}, "title", "no visible character"),
        ({"title": "\u0007"}, "title", "control character U+0007"),
        ({"reason": "\u2800", "title": "Open"}, "reason", "no visible character"),
        ({"leadInstitutions": ["Treasury", "\u3164"]}, "leadInstitutions", "no visible character"),
    ],
)
def test_what_no_calendar_and_no_reader_knows_is_refused_at_its_field(
    sample: SampleSystem, changed: dict[str, Any], field: str, message: str
) -> None:
    (error,) = sample.reporter.send("reviseCommitment", commitment="FR0001", **changed)["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["input", field])
    assert message in error["message"]


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


def test_too_many_mutations_of_an_account_are_refused_with_a_waiting_time(sample: SampleSystem) -> None:
    now = [0.0]
    rate_limiter = RateLimiter(2, lambda: now[0])
    client = MutationClient(sample.system, sample.reporter.account, rate_limiter)
    client.mutate("reviseCommitment", **TITLE)
    client.mutate("reviseCommitment", **TITLE)
    (error,) = client.send("reviseCommitment", **TITLE)["errors"]
    assert (error["code"], error["message"]) == (
        "RATE_LIMITED",
        "too many writes within a minute: please wait 30 seconds",
    )
    now[0] = 30.0
    client.mutate("reviseCommitment", **TITLE)


@ONLY_SQLITE
def test_a_log_of_another_history_refuses_every_mutation(sample: SampleSystem, url: str) -> None:
    path = parse_sqlite_url(url)
    file = HeadFile(path.with_name(path.name + ".head"))
    file.replace(RememberedHead(sample.system.model.log_identity.id, 1_000, "0" * 64))
    with open_system(url) as replaced:
        code, *_ = MutationClient(replaced, sample.reporter.account).expect_refusal("reviseCommitment", **TITLE)
    assert code == "READ_ONLY"


def test_anonymous_mutations_are_limited_by_address_and_take_nothing_from_accounts_there(sample: SampleSystem) -> None:
    rate_limiter = RateLimiter(1, lambda: 0.0)
    anonymous = MutationClient(sample.system, None, rate_limiter)
    assert anonymous.expect_refusal("reviseCommitment", **TITLE)[0] == "UNAUTHENTICATED"
    assert anonymous.expect_refusal("reviseCommitment", **TITLE)[0] == "RATE_LIMITED"
    MutationClient(sample.system, sample.reporter.account, rate_limiter).mutate("reviseCommitment", **TITLE)


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
