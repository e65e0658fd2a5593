"""Snapshots: codes, the past of an entry, texts, and how many statements a query takes."""

from __future__ import annotations

from datetime import date

import pytest

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain import lineage as lineage_commands
from ogpgraph.domain import review as review_commands
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue, Stage
from ogpgraph.readmodel.entry import change_text_refs, reason_text_refs
from ogpgraph.readmodel.entry_query import EntryQuery
from ogpgraph.readmodel.queries import AggregateQuery
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.readmodel.tables import dump_rows
from ogpgraph.readmodel.tags import code_of
from ogpgraph.storage import database
from ogpgraph.system import System
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.readmodel.sample_log import (
    ALL,
    COMMITMENTS,
    OF_PLAN,
    record_commitments,
    snapshot_at,
)
from tests.support.writers import register_commitment

pytestmark = BOTH_ENGINES


# Codes


def test_code_finds_its_present_owner_before_former_ones(system: System) -> None:
    system.execute(command_context(), lambda uow: commitment_commands.register_commitment(uow, "FR0001", {}))
    first = system.execute(
        command_context(),
        lambda uow: lineage_commands.recode_commitment(uow, uow.require_by_code("commitment", "FR0001"), "FR0101"),
    )
    assert first.events
    with snapshot_at(system) as snapshot:
        old = snapshot.find_by_code("commitment", "fr0001")
        assert old == snapshot.find_by_code("commitment", "FR0101")
        assert old
        assert snapshot.find_by_code("commitment", "FR9999") is None
        assert snapshot.find_by_code("plan", "FR0001") is None
    with snapshot_at(system, 2) as earlier:
        assert earlier.find_by_code("commitment", "FR0101") is None
        found = earlier.find_by_code("commitment", "FR0001")
        assert found
        assert found.id == old.id


# Tags and correlations


def test_ids_are_found_by_tag_at_the_snapshot_s_position(system: System) -> None:
    record_commitments(system, 7, plans=2)
    with snapshot_at(system) as snapshot:
        plans = [plan.id for _, plan in snapshot.page(AggregateQuery("plan"), ALL).items]
        of_first = snapshot.find_ids_by_tag("commitment", "actionPlan", plans[:1])
        of_all = snapshot.find_ids_by_tag("commitment", "actionPlan", [*(f"plan-{n}" for n in range(1200)), *plans])
        assert codes_of_ids(snapshot, of_first) == ["FR0002", "FR0004", "FR0006"]
        assert sorted(of_all) == sorted(each.id for _, each in snapshot.page(COMMITMENTS, ALL).items)
        assert snapshot.find_ids_by_tag("commitment", "actionPlan", []) == []
    with snapshot_at(system, 1) as earlier:
        assert earlier.find_ids_by_tag("commitment", "actionPlan", plans) == []


def codes_of_ids(snapshot: Snapshot, ids: list[str]) -> list[str]:
    return sorted(code_of(aggregate) for aggregate in snapshot.find_many(ids).values())


def test_events_of_a_correlation_are_found_by_stream_in_the_order_of_their_first_entry(system: System) -> None:
    record_commitments(system, 2)
    receipt = system.execute(
        command_context(1, correlation="an import"),
        lambda uow: commitment_commands.register_commitment(uow, "FR0003", {"status": "ACTIVE"}),
    )
    with snapshot_at(system) as snapshot:
        entries = [entry for _, entry in snapshot.page_entries(EntryQuery(), ALL).items]
        recorded = [entry for entry in entries if entry.position in receipt.positions]
        correlation = recorded[0].envelope.correlation
        events = {entry.stream: (entry.revision,) for entry in recorded}
        assert len(events) == 2
        assert snapshot.find_correlated_events(correlation) == events
        assert list(events) == list(snapshot.find_correlated_events(correlation, len(recorded)) or ())
        assert snapshot.find_correlated_events(correlation, len(recorded) - 1) is None
        assert snapshot.find_correlated_events("unknown") == {}


# The past of an entry


def test_aggregate_of_an_entry_is_as_it_was_then(system: System) -> None:
    record_commitments(system, 2)
    system.execute(
        command_context(1),
        lambda uow: commitment_commands.withdraw_commitment(uow, uow.require_by_code("commitment", "FR0001")),
    )
    with snapshot_at(system) as snapshot:
        commitment = snapshot.find_by_code("commitment", "FR0001")
        assert commitment
        entries = [entry for _, entry in snapshot.page_history(commitment, ALL).items]
        found = [snapshot.as_of_entry(entry, lambda e: e.stream) for entry in entries]
        assert [(then.position, each.revision) for then, each in found if each] == [
            (entry.position, entry.revision) for entry in entries
        ]
        assert [each.value("status") for _, each in found if each] == [None, "WITHDRAWN"]
        assert snapshot.find_entry_by_event(entries[0].event_id) == entries[0]
        assert snapshot.find_entry_of_revision(commitment, 2) == entries[1]
    with snapshot_at(system, entries[1].position - 1) as earlier:
        assert earlier.find_entry_by_event(entries[1].event_id) is None
        assert earlier.find_entry(entries[1].position) is None


# Pinned snapshots


def test_a_pinned_snapshot_shares_what_is_loaded_and_nothing_else(system: System) -> None:
    record_commitments(system, 2)
    with system.read_session() as session:
        plain = session.at_head()
        commitment = plain.find_by_code("commitment", "FR0001")
        assert commitment
        before = session.transaction.statements
        pinned = plain.pinned
        assert pinned.find(commitment.id) is commitment
        assert session.transaction.statements == before
        other = pinned.find_by_code("commitment", "FR0002")
        assert other
        loaded = session.transaction.statements
        assert plain.find(other.id) is other
        assert session.transaction.statements == loaded
        assert (plain.is_pinned, pinned.is_pinned) == (False, True)
        assert session.at_head() is plain
        assert pinned.pinned is pinned


def test_the_identity_of_a_state_has_the_position_and_the_day_that_were_asked_for(system: System) -> None:
    record_commitments(system, 1)
    with system.read_session() as session:
        plain, day = session.at_head(), date(2020, 2, 29)
        dated = plain.as_of(day.toordinal())
        ids = [each.state_id("x", "a") for each in (plain, plain.pinned, dated, plain.pinned.as_of(dated.day))]
        head = session.head
    assert [str(each) for each in ids] == ["x/a", f"x@{head}/a", "x~2020-02-29/a", f"x@{head}~2020-02-29/a"]


# Statements


def read_everything(snapshot: Snapshot) -> None:
    """Read what a nested query reads: nested lists, related aggregates, texts, sources, histories and blame."""
    for _, plan in snapshot.page(AggregateQuery("plan"), ALL).items:
        snapshot.find_related(plan, "member")
        snapshot.text(plan, "title/en", plan.value("title/en").text)  # type: ignore[union-attr]
        for _, commitment in snapshot.page_for_parent(plan, OF_PLAN, ALL).items:
            snapshot.find_related(commitment, "member")
            snapshot.last_observed_at(commitment)
            for path, claim in commitment.claims_under("title/"):
                snapshot.text(commitment, path, claim.value.text)  # type: ignore[union-attr]
                snapshot.find_entry_of_revision(commitment, claim.revision)
            for _, entry in snapshot.page_history(commitment, ALL).items:
                snapshot.as_of_entry(entry, lambda e: e.stream)
                for reference in (*reason_text_refs(entry), *change_text_refs(entry)):
                    snapshot.entry_text(reference, change_text_refs)
        snapshot.count(OF_PLAN, plan)


def statements_for(system: System, commitments: int, plans: int) -> int:
    record_commitments(system, commitments, plans)
    with system.read_session() as session:
        session.shared.texts.cache.clear()  # a process has the texts that it recorded last
        before = session.transaction.statements
        read_everything(session.at_head())
        return session.transaction.statements - before


def test_number_of_statements_does_not_depend_on_the_number_of_aggregates(make_system: SystemFactory) -> None:
    few, many = statements_for(make_system("few"), 4, 2), statements_for(make_system("many"), 90, 30)
    assert few == many
    assert many < 25


def test_more_aggregates_than_one_statement_takes_are_fetched_in_a_few(
    make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CHUNK_SIZE", 10)
    record_commitments(make_system(), 30)
    with make_system().read_session() as session:
        ids = [f"commitment-{n:06}" for n in range(1200)]
        found = session.at_head().find_many(ids)
        assert len(found) == 30
        statements = session.transaction.statements
        assert statements == 1 + 3  # the first one confirms that the transaction has the head
        assert session.at_head().find_many(ids) == found
        assert session.transaction.statements == statements
        requested = [(session.at(position), each) for position in range(1, 50) for each in ids[:30]]
        session.load(requested)


# Texts


def test_rows_have_references_and_no_texts(system: System) -> None:
    record_commitments(system, 5)
    rating = Rating(RatingState.RATED, RatingValue.COMPLETE, stated_as=None)

    def commands(uow: UnitOfWork) -> None:
        quoted = Rating(rating.state, rating.value, uow.text_ref("Fully complete"))
        review_commands.record_rating(
            uow, uow.require_by_code("commitment", "FR0001"), Indicator.COMPLETION, Stage.RESULTS, quoted
        )

    system.execute(command_context(reason="a particular reason"), commands)
    with system.database.read() as transaction:
        texts = [row["content"] for row in transaction.fetch_all("select content from stored_text")]
        rows = b"".join(dump_rows(transaction)).decode()
    assert "a particular reason" in texts
    assert "Fully complete" in texts
    assert len(texts) > 15
    for text in texts:
        assert text not in rows


def test_removed_text_is_none(system: System) -> None:
    record_commitments(system, 2)
    with system.database.write() as transaction:
        transaction.execute("delete from stored_text where content = 'Commitment 1'")
        transaction.execute("update log set redaction_version = redaction_version + 1")
    with snapshot_at(system) as snapshot:
        texts = [
            snapshot.text(each, "title/en", each.value("title/en").text)  # type: ignore[union-attr]
            for _, each in snapshot.page(COMMITMENTS, ALL).items
        ]
    assert texts == [None, "Commitment 2"]


def test_a_text_is_counted_as_often_as_it_is_read(system: System) -> None:
    register_commitment(system, "FR0001")
    counted: list[int] = []
    with system.read_session() as session:
        session.count_characters = counted.append
        snapshot = session.at_head()
        commitment = snapshot.find_by_code("commitment", "FR0001")
        assert commitment
        reference = commitment.value("title/en").text  # type: ignore[union-attr]
        titles = [snapshot.text(commitment, "title/en", reference) for _ in range(3)]
    assert all(titles)
    assert counted == [len(title or "") for title in titles]
