"""The command executor: one save for each unit of work, once for each request, whoever else writes at the same time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from ogpgraph.application.aggregate_loader import AggregateLoader
from ogpgraph.application.executor import FREE_ATTEMPTS, CommandExecutor
from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain import milestone as milestone_commands
from ogpgraph.domain.aggregate import FOLD_VERSION, Aggregate
from ogpgraph.domain.code import code_stream
from ogpgraph.domain.errors import Conflict, Invalid, KeyReused, NotFound, StoredEventError
from ogpgraph.domain.event import Idempotency
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.storage.aggregate_cache import AggregateCache
from ogpgraph.storage.logged_event import CorruptEvent
from ogpgraph.storage.texts import TextReferencer
from ogpgraph.system import System
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, SystemFactory

pytestmark = BOTH_ENGINES

Command = Callable[[UnitOfWork], Any]


def register(code: str = "FR0001") -> Command:
    return lambda uow: commitment_commands.register_commitment(uow, code, {"title/en": uow.text_value(f"About {code}")})


def with_key(key: str = "k", request_hash: str = "hash", **given: Any) -> CommandContext:
    return command_context(idempotency=Idempotency(key, request_hash), **given)


def stored_names(system: System) -> list[tuple[str, int]]:
    return [(event.name, event.save) for event in system.log.select_notifications(None, 1000)]


def stream_of(system: System, code: str = "FR0001") -> str:
    return system.executor.load(code_stream("commitment", code)).string("aggregate") or ""


def areas_of(commitment: Aggregate) -> tuple[str, ...]:
    areas = commitment.value("policyAreas")
    return areas if isinstance(areas, tuple) else ()


def stored_texts(system: System) -> set[str]:
    with system.database.read() as transaction:
        return {row["content"] for row in transaction.fetch_all("select content from stored_text")}


# One unit of work, one save


@BOTH_ENGINES
def test_a_unit_of_work_is_one_save_of_events_and_texts(system: System) -> None:
    receipt = system.executor.execute(command_context(reason="why"), register())
    assert stored_names(system) == [("CodeAssigned", 1), ("CommitmentRegistered", 1)]
    assert stored_texts(system) == {"About FR0001", "why"}
    assert len(receipt.events) == len(receipt.positions) == 2
    assert not receipt.repeated
    assert receipt.result
    assert receipt.result.revision == 1
    assert system.executor.load(receipt.result.id) == receipt.result


@BOTH_ENGINES
def test_a_unit_of_work_without_events_stores_nothing_not_even_its_reason(system: System) -> None:
    receipt = system.executor.execute(command_context(reason="why"), lambda uow: uow.text_ref("words") and "answer")
    assert (receipt.result, receipt.events, receipt.positions) == ("answer", (), ())
    assert stored_names(system) == []
    assert stored_texts(system) == set()


@BOTH_ENGINES
def test_a_failed_unit_of_work_stores_nothing(system: System) -> None:
    def command(uow: UnitOfWork) -> None:
        register()(uow)
        milestone_commands.complete_milestone(uow, uow.require_by_code("commitment", "FR0001"), "9")

    with pytest.raises(NotFound):
        system.executor.execute(command_context(), command)
    assert stored_names(system) == []
    assert stored_texts(system) == set()


def test_all_events_of_a_unit_of_work_have_one_correlation(system: System) -> None:
    system.executor.execute(command_context(correlation=None), register())
    system.executor.execute(command_context(correlation=None), register("FR0002"))
    events = [system.executor.events(e.stream)[-1] for e in system.log.select_notifications(None, 10)]
    correlations = [event.envelope.correlation for event in events]
    assert correlations[0] == correlations[1] != correlations[2] == correlations[3]
    assert all(correlations)


# Repeated requests


@BOTH_ENGINES
def test_a_repeated_request_gets_the_first_receipt_and_stores_nothing(system: System) -> None:
    first = system.executor.execute(with_key(), register())
    again = system.executor.execute(with_key(), register())
    assert (again.events, again.positions) == (first.events, first.positions)
    assert again.repeated
    assert again.result is None
    assert len(stored_names(system)) == 2


@BOTH_ENGINES
def test_a_repeated_request_is_recognised_after_a_restart(make_system: SystemFactory) -> None:
    first = make_system().executor.execute(with_key(), register())
    assert make_system().executor.execute(with_key(), register()).events == first.events


@BOTH_ENGINES
def test_a_reused_key_with_another_request_is_refused(system: System) -> None:
    system.executor.execute(with_key(), register())
    with pytest.raises(KeyReused) as refusal:
        system.executor.execute(with_key(request_hash="another"), register("FR0002"))
    assert (refusal.value.code, refusal.value.path) == ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
    assert len(stored_names(system)) == 2


def test_keys_of_different_actors_are_independent_whatever_characters_they_contain(system: System) -> None:
    for number, (actor, key) in enumerate([("a", "k"), ("b", "k"), ("a/k", "k"), ("a", "k/k"), ("a%2Fk", "k")]):
        receipt = system.executor.execute(with_key(key, actor=actor), register(f"FR000{number}"))
        assert not receipt.repeated


def test_the_key_of_a_request_without_events_can_be_used_again(system: System) -> None:
    system.executor.execute(with_key(), lambda _: None)
    assert not system.executor.execute(with_key(), register()).repeated


@pytest.mark.parametrize("key", ["nul\x00", "half \ud800", "two\nlines"])
def test_an_unprintable_key_is_refused(system: System, key: str) -> None:
    with pytest.raises(Invalid) as refusal:
        system.executor.execute(with_key(key), register())
    assert refusal.value.path == "idempotencyKey"


@BOTH_ENGINES
def test_a_request_sent_many_times_at_once_is_recorded_once(make_system: SystemFactory) -> None:
    systems = [make_system(), make_system()]
    start = threading.Barrier(6)

    def request(number: int) -> tuple[str, ...]:
        start.wait()
        return systems[number % 2].executor.execute(with_key(), register()).events

    with ThreadPoolExecutor(6) as threads:
        receipts = list(threads.map(request, range(6)))
    assert len(set(receipts)) == 1
    assert len(stored_names(systems[0])) == 2


# Concurrent writers


@BOTH_ENGINES
def test_commands_run_again_if_another_writer_came_in_between(make_system: SystemFactory) -> None:
    mine, other = make_system(), make_system()
    mine.executor.execute(command_context(), register())
    stream = stream_of(mine)
    tries: list[tuple[str, ...]] = []

    def command(uow: UnitOfWork) -> None:
        before = areas_of(uow.aggregate(stream))
        if not tries:
            other.executor.execute(
                command_context(2),
                lambda uow: commitment_commands.revise_commitment(
                    uow, uow.aggregate(stream), {"policyAreas": ("Gender",)}
                ),
            )
        tries.append(before)
        commitment_commands.revise_commitment(uow, uow.aggregate(stream), {"policyAreas": (*before, "Tax")})

    mine.executor.execute(command_context(3), command)
    assert tries == [(), ("Gender",)]
    assert mine.executor.load(stream).value("policyAreas") == ("Gender", "Tax")
    assert [event.originator_version for event in mine.log.read_stream(stream)] == [1, 2, 3]


@BOTH_ENGINES
def test_of_concurrent_registrations_of_one_code_one_succeeds(make_system: SystemFactory) -> None:
    systems = [make_system(), make_system()]
    start = threading.Barrier(4)

    def take(number: int) -> bool:
        start.wait()
        try:
            systems[number % 2].executor.execute(command_context(), register())
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        took = list(threads.map(take, range(4)))
    assert took.count(True) == 1
    assert len(stored_names(systems[0])) == 2


@BOTH_ENGINES
def test_concurrent_additions_to_one_list_are_all_recorded(make_system: SystemFactory) -> None:
    systems = [make_system(), make_system()]
    systems[0].executor.execute(command_context(), register())
    stream = stream_of(systems[0])

    def add(number: int) -> None:
        def command(uow: UnitOfWork) -> None:
            areas = areas_of(uow.aggregate(stream))
            commitment_commands.revise_commitment(
                uow, uow.aggregate(stream), {"policyAreas": (*areas, f"Area {number}")}
            )

        while True:
            try:
                systems[number % 2].executor.execute(command_context(), command)
            except Conflict:
                continue
            return

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(12)))
    areas = areas_of(systems[0].executor.load(stream))
    assert sorted(areas) == sorted(f"Area {number}" for number in range(12))


def test_commands_that_are_overtaken_at_each_attempt_are_decided_with_the_log_locked(system: System) -> None:
    delays: list[float] = []
    loader = AggregateLoader(system.log, AggregateCache(system.database, FOLD_VERSION))
    executor = CommandExecutor(system.log, loader, TextReferencer(b"k" * 32), system.executor.new_id, delays.append)
    system.executor.execute(command_context(), register())
    stream = stream_of(system)
    decided: list[object] = []

    def change_after_another(uow: UnitOfWork) -> None:
        status = uow.aggregate(stream).value("status")
        decided.append(status)
        if len(decided) <= FREE_ATTEMPTS + 1:  # afterwards the other writer would wait
            other = "ACTIVE" if status == "INACTIVE" else "INACTIVE"
            system.executor.execute(
                command_context(len(decided)),
                lambda uow: commitment_commands.revise_commitment(uow, uow.aggregate(stream), {"status": other}),
            )
        commitment_commands.revise_commitment(uow, uow.aggregate(stream), {"endsOn": "2019"})

    receipt = executor.execute(command_context(), change_after_another)
    assert delays == []
    assert decided == [None, "INACTIVE", "ACTIVE", "INACTIVE"]
    assert len(receipt.events) == 1
    changed = system.executor.load(stream)
    assert (changed.value("status"), str(changed.value("endsOn"))) == ("INACTIVE", "2019")


def test_commands_that_have_nothing_to_record_once_the_log_is_locked_record_nothing(system: System) -> None:
    loader = AggregateLoader(system.log, AggregateCache(system.database, FOLD_VERSION))
    executor = CommandExecutor(
        system.log, loader, TextReferencer(b"k" * 32), system.executor.new_id, lambda _seconds: None
    )
    system.executor.execute(command_context(), register())
    stream = stream_of(system)
    decided: list[int] = []

    def end_after_another(uow: UnitOfWork) -> None:
        number = len(decided)
        decided.append(number)
        year = str(2010 + number)
        if number <= FREE_ATTEMPTS:
            system.executor.execute(
                command_context(number),
                lambda uow: commitment_commands.revise_commitment(uow, uow.aggregate(stream), {"endsOn": year}),
            )
            commitment_commands.revise_commitment(uow, uow.aggregate(stream), {"endsOn": "2020"})

    receipt = executor.execute(command_context(), end_after_another)
    assert receipt.events == ()
    assert len(decided) == FREE_ATTEMPTS + 2
    assert str(system.executor.load(stream).value("endsOn")) == str(2010 + FREE_ATTEMPTS)


# Unreadable events


def test_a_command_on_a_corrupt_stream_fails_and_stores_nothing(system: System) -> None:
    system.executor.execute(command_context(), register())
    with system.database.write() as transaction:
        transaction.execute("update event set payload = :payload where revision = 1", payload=b"{}")
    with pytest.raises(CorruptEvent):
        system.executor.execute(
            command_context(),
            lambda uow: commitment_commands.withdraw_commitment(uow, uow.require_by_code("commitment", "FR0001")),
        )


def test_a_command_on_a_newer_program_s_event_fails(system: System) -> None:
    system.log.append([StoredEvent("code-commitment-FR0001", 1, "CodeRetired.1", b"{}")], texts={}, command="c")
    with pytest.raises(StoredEventError, match="CodeRetired"):
        system.executor.execute(command_context(), register())
