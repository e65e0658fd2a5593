"""What is stored of a session, and that it is stored once, whoever else writes at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ogpgraph.application.executor import MAX_ATTEMPTS, CommandExecutor
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.code import code_stream
from ogpgraph.domain.commitment import register_commitment, revise_commitment, withdraw_commitment
from ogpgraph.domain.errors import Conflict, Invalid, KeyReused, NotFound, StoredEventError
from ogpgraph.domain.event import Idempotency
from ogpgraph.domain.milestone import complete_milestone
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.storage.event_log import CorruptEvent, StoredEvent
from ogpgraph.storage.texts import TextReferencer
from ogpgraph.system import System
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, SystemFactory

pytestmark = BOTH_ENGINES

Command = Callable[[UnitOfWork], Any]


def register(code: str = "FR0001") -> Command:
    return lambda uow: register_commitment(uow, code, {"title/en": uow.text_value(f"About {code}")})


def with_key(key: str = "k", asked: str = "hash", **given: Any) -> CommandContext:
    return command_context(idempotency=Idempotency(key, asked), **given)


def stored(system: System) -> list[tuple[str, int]]:
    return [(event.name, event.save) for event in system.log.select_notifications(None, 1000)]


def stream_of(system: System, code: str = "FR0001") -> str:
    return system.executor.load(code_stream("commitment", code)).string("means") or ""


def areas_of(commitment: Aggregate) -> tuple[str, ...]:
    areas = commitment.value("policyAreas")
    return areas if isinstance(areas, tuple) else ()


def wordings_in(system: System) -> set[str]:
    with system.database.read() as transaction:
        return {row["content"] for row in transaction.fetch_all("select content from stored_text")}


# One session, one save


@BOTH_ENGINES
def test_a_session_is_one_save_of_events_and_wordings(system: System) -> None:
    receipt = system.executor.execute(command_context(reason="why"), register())
    assert stored(system) == [("CodeAssigned", 1), ("CommitmentRegistered", 1)]
    assert wordings_in(system) == {"About FR0001", "why"}
    assert len(receipt.events) == len(receipt.positions) == 2
    assert not receipt.repeated
    assert receipt.result
    assert receipt.result.revision == 1
    assert system.executor.load(receipt.result.id) == receipt.result


@BOTH_ENGINES
def test_a_session_that_says_nothing_stores_nothing_not_even_its_reason(system: System) -> None:
    receipt = system.executor.execute(command_context(reason="why"), lambda uow: uow.text_ref("words") and "answer")
    assert (receipt.result, receipt.events, receipt.positions) == ("answer", (), ())
    assert stored(system) == []
    assert wordings_in(system) == set()


@BOTH_ENGINES
def test_a_session_that_fails_stores_nothing(system: System) -> None:
    def command(uow: UnitOfWork) -> None:
        register()(uow)
        complete_milestone(uow, uow.require_by_code("commitment", "FR0001"), "9")

    with pytest.raises(NotFound):
        system.executor.execute(command_context(), command)
    assert stored(system) == []
    assert wordings_in(system) == set()


def test_one_correlation_is_on_all_events_of_a_session(system: System) -> None:
    system.executor.execute(command_context(correlation=None), register())
    system.executor.execute(command_context(correlation=None), register("FR0002"))
    events = [system.executor.events(e.stream)[-1] for e in system.log.select_notifications(None, 10)]
    correlations = [event.envelope.correlation for event in events]
    assert correlations[0] == correlations[1] != correlations[2] == correlations[3]
    assert all(correlations)


# The same request twice


@BOTH_ENGINES
def test_a_repeated_request_gets_the_first_receipt_and_stores_nothing(system: System) -> None:
    first = system.executor.execute(with_key(), register())
    again = system.executor.execute(with_key(), register())
    assert (again.events, again.positions) == (first.events, first.positions)
    assert again.repeated
    assert again.result is None
    assert len(stored(system)) == 2


@BOTH_ENGINES
def test_a_repeated_request_is_known_after_opening_again(make_system: SystemFactory) -> None:
    first = make_system().executor.execute(with_key(), register())
    assert make_system().executor.execute(with_key(), register()).events == first.events


@BOTH_ENGINES
def test_a_key_that_comes_back_with_another_request_is_refused(system: System) -> None:
    system.executor.execute(with_key(), register())
    with pytest.raises(KeyReused) as refusal:
        system.executor.execute(with_key(asked="another"), register("FR0002"))
    assert (refusal.value.code, refusal.value.path) == ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
    assert len(stored(system)) == 2


def test_keys_are_an_actor_s_own_whatever_their_letters(system: System) -> None:
    for number, (actor, key) in enumerate([("a", "k"), ("b", "k"), ("a/k", "k"), ("a", "k/k"), ("a%2Fk", "k")]):
        receipt = system.executor.execute(with_key(key, actor=actor), register(f"FR000{number}"))
        assert not receipt.repeated


def test_a_request_that_recorded_nothing_is_not_remembered(system: System) -> None:
    system.executor.execute(with_key(), lambda _: None)
    assert not system.executor.execute(with_key(), register()).repeated


@pytest.mark.parametrize("key", ["nul\x00", "half \ud800", "two\nlines"])
def test_a_key_that_cannot_be_stored_is_refused(system: System, key: str) -> None:
    with pytest.raises(Invalid) as refusal:
        system.executor.execute(with_key(key), register())
    assert refusal.value.path == "idempotencyKey"


@BOTH_ENGINES
def test_of_the_same_request_made_many_times_at_once_one_is_recorded(make_system: SystemFactory) -> None:
    systems = [make_system(), make_system()]
    start = threading.Barrier(6)

    def request(number: int) -> tuple[str, ...]:
        start.wait()
        return systems[number % 2].executor.execute(with_key(), register()).events

    with ThreadPoolExecutor(6) as threads:
        receipts = list(threads.map(request, range(6)))
    assert len(set(receipts)) == 1
    assert len(stored(systems[0])) == 2


# Others who write at the same moment


@BOTH_ENGINES
def test_a_session_runs_again_where_another_wrote_in_between(make_system: SystemFactory) -> None:
    mine, other = make_system(), make_system()
    mine.executor.execute(command_context(), register())
    stream = stream_of(mine)
    tries: list[tuple[str, ...]] = []

    def command(uow: UnitOfWork) -> None:
        before = areas_of(uow.aggregate(stream))
        if not tries:
            other.executor.execute(
                command_context(2),
                lambda uow: revise_commitment(uow, uow.aggregate(stream), {"policyAreas": ("Gender",)}),
            )
        tries.append(before)
        revise_commitment(uow, uow.aggregate(stream), {"policyAreas": (*before, "Tax")})

    mine.executor.execute(command_context(3), command)
    assert tries == [(), ("Gender",)]
    assert mine.executor.load(stream).value("policyAreas") == ("Gender", "Tax")
    assert [event.originator_version for event in mine.log.read_stream(stream)] == [1, 2, 3]


@BOTH_ENGINES
def test_of_two_that_take_a_code_at_once_one_is_refused(make_system: SystemFactory) -> None:
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
    assert len(stored(systems[0])) == 2


@BOTH_ENGINES
def test_everyone_who_adds_to_one_list_is_in_it_once(make_system: SystemFactory) -> None:
    systems = [make_system(), make_system()]
    systems[0].executor.execute(command_context(), register())
    stream = stream_of(systems[0])

    def add(number: int) -> None:
        def command(uow: UnitOfWork) -> None:
            areas = areas_of(uow.aggregate(stream))
            revise_commitment(uow, uow.aggregate(stream), {"policyAreas": (*areas, f"Area {number}")})

        while True:
            try:
                systems[number % 2].executor.execute(command_context(number), command)
            except Conflict:
                continue
            return

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(12)))
    areas = areas_of(systems[0].executor.load(stream))
    assert sorted(areas) == sorted(f"Area {number}" for number in range(12))


def test_who_is_always_overtaken_is_told_so_in_the_end(system: System) -> None:
    pauses: list[float] = []
    patient = CommandExecutor(system.log, TextReferencer(b"k" * 32), system.executor.new_id, pauses.append)
    system.executor.execute(command_context(), register())
    stream = stream_of(system)

    def overtaken(uow: UnitOfWork) -> None:
        status = uow.aggregate(stream).value("status")
        other = "ACTIVE" if status == "INACTIVE" else "INACTIVE"
        system.executor.execute(
            command_context(len(pauses)),
            lambda uow: revise_commitment(uow, uow.aggregate(stream), {"status": other}),
        )
        revise_commitment(uow, uow.aggregate(stream), {"endsOn": "2019"})

    with pytest.raises(Conflict, match="please try again"):
        patient.execute(command_context(), overtaken)
    assert len(pauses) == MAX_ATTEMPTS
    assert pauses == sorted(pauses)
    assert system.executor.load(stream).value("endsOn") is None


# What cannot be read


def test_a_command_on_a_corrupt_stream_fails_and_stores_nothing(system: System) -> None:
    system.executor.execute(command_context(), register())
    with system.database.write() as transaction:
        transaction.execute("update event set payload = :payload where revision = 1", payload=b"{}")
    with pytest.raises(CorruptEvent):
        system.executor.execute(
            command_context(),
            lambda uow: withdraw_commitment(uow, uow.require_by_code("commitment", "FR0001")),
        )


def test_a_command_on_a_newer_program_s_event_fails(system: System) -> None:
    system.log.append([StoredEvent("code-commitment-FR0001", 1, "CodeRetired.1", b"{}")], texts={}, command="c")
    with pytest.raises(StoredEventError, match="CodeRetired"):
        system.executor.execute(command_context(), register())
