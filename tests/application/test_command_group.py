"""Commands that wait together are saved in one transaction, and each is decided as if it were alone."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import pytest

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain.errors import Conflict, NotFound, Refusal
from ogpgraph.domain.event import Idempotency
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, UnitOfWork
from ogpgraph.storage import append
from ogpgraph.storage.append import LogAppend
from ogpgraph.storage.database import StorageUnavailable, Transaction
from ogpgraph.storage.event_log import AppendCheck
from ogpgraph.storage.payload import MAX_PAYLOAD_BYTES
from ogpgraph.system import System
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE, SystemFactory
from tests.support.waiting import wait_until

pytestmark = BOTH_ENGINES
Command = Callable[[UnitOfWork], Any]
CODES = ("FR0001", "FR0002", "FR0003")


def register(code: str) -> Command:
    return lambda uow: commitment_commands.register_commitment(uow, code, {"status": "ACTIVE"})


def revise(code: str, **facts: Any) -> Command:
    return lambda uow: commitment_commands.revise_commitment(uow, uow.require_by_code("commitment", code), facts)


def with_key(key: str, request: str = "a request") -> CommandContext:
    return command_context(idempotency=Idempotency(key, request))


class Group:
    """Commands that wait together: the first one of them is held until all others are in the queue."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._queue = system.executor._queue
        self._executed: list[tuple[CommandContext, Command, AppendCheck | None]] = []

    def add(
        self,
        command: Command,
        context: CommandContext | None = None,
        check: Callable[[Transaction], None] | None = None,
    ) -> None:
        self._executed.append((context or command_context(), command, check))

    def execute(self) -> list[Receipt[Any] | BaseException]:
        """Execute all of them, in their order; returns the receipt or error of each."""
        release = threading.Event()
        with ThreadPoolExecutor(len(self._executed) + 1) as threads:
            held = threads.submit(self._system.execute, command_context(), lambda _: release.wait(20))
            wait_until(lambda: self._queue._leader is not None)
            futures: list[Future[Receipt[Any]]] = []
            for number, (context, command, check) in enumerate(self._executed, start=1):
                futures.append(threads.submit(self._system.execute, context, command, check))
                wait_until(lambda number=number: len(self._queue._waiting) == number)  # type: ignore[misc]
            release.set()
            held.result()
        return [future.exception() or future.result() for future in futures]


@pytest.fixture
def group(system: System) -> Group:
    return Group(system)


@contextmanager
def counted_transactions(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Count the transactions in which something is appended."""
    counted: list[int] = []
    begin_append = system.log.begin_append

    def count() -> AbstractContextManager[LogAppend]:
        counted.append(1)
        return begin_append()

    with monkeypatch.context() as patched:
        patched.setattr(system.log, "begin_append", count)
        yield counted


def stored(system: System) -> list[tuple[str, int]]:
    """Return name and save of each event."""
    return [(event.name, event.save) for event in system.log.select_notifications(None, 10_000)]


def count_news(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return a list that gets longer whenever what others have appended is read under the log's lock."""
    reads: list[None] = []
    read = append._read_news

    def count(*arguments: Any) -> Any:
        reads.append(None)
        return read(*arguments)

    monkeypatch.setattr(append, "_read_news", count)
    return reads


# One transaction


@ONLY_SQLITE
def test_the_head_of_the_log_is_read_only_where_others_may_have_moved_it(
    make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, other = make_system(), make_system()
    system.execute(command_context(), register("FR0001"))
    reads = count_news(monkeypatch)
    for year in range(2030, 2035):
        system.execute(command_context(), revise("FR0001", endsOn=str(year)))
    assert not reads
    other.execute(command_context(), revise("FR0001", endsOn="2040"))
    before = len(reads)
    receipt = system.execute(command_context(), revise("FR0001", startsOn="2029"))
    assert len(reads) > before
    assert receipt.positions == (system.log.max_notification_id(),)
    with system.database.write() as transaction:
        transaction.execute("delete from event where position = :position", position=receipt.positions[0])
    before = len(reads)
    with suppress(Exception):
        system.execute(command_context(), revise("FR0001", startsOn="2028"))
    assert len(reads) > before


def test_commands_that_wait_are_saved_in_one_transaction_each_as_a_save_of_its_own(
    system: System, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code in CODES:
        group.add(register(code))
    with counted_transactions(system, monkeypatch) as transactions:
        receipts = group.execute()
    assert len(transactions) == 1
    assert [(save, name) for name, save in stored(system)] == [
        (number, name) for number in (1, 2, 3) for name in ("CodeAssigned", "CommitmentRegistered")
    ]
    assert [each.positions for each in receipts if isinstance(each, Receipt)] == [(1, 2), (3, 4), (5, 6)]
    times = [event.recorded_at for event in system.log.select_notifications(None, 10)]
    assert times == sorted(set(times))
    with system.read_session() as session:
        assert session.head == 6
        assert all(session.at_head().find_by_code("commitment", code) for code in CODES)


def test_each_command_finds_what_those_before_it_in_the_group_have_appended(system: System, group: Group) -> None:
    def add_area(uow: UnitOfWork) -> None:
        commitment = uow.require_by_code("commitment", "FR0001")
        areas = commitment.value("policyAreas")
        added = (*(areas if isinstance(areas, tuple) else ()), f"Area {commitment.revision}")
        commitment_commands.revise_commitment(uow, commitment, {"policyAreas": added})

    group.add(register("FR0001"))
    for _ in range(3):
        group.add(add_area)
    assert all(isinstance(each, Receipt) for each in group.execute())
    found = UnitOfWork(system.executor, command_context(), {}).require_by_code("commitment", "FR0001")
    assert found.value("policyAreas") == ("Area 1", "Area 2", "Area 3")
    assert found == system.executor.load(found.id)


# One fails


def refuse(_: Transaction) -> None:
    raise PermissionError("revoked meanwhile")


def fail(_: UnitOfWork) -> None:
    raise ZeroDivisionError


def write_too_much(uow: UnitOfWork) -> None:
    areas = tuple(f"{number:0100}" for number in range(MAX_PAYLOAD_BYTES // 100 + 1))
    uow.append("commitment-long", "CommitmentRegistered", {"policyAreas": areas})


@pytest.mark.parametrize(
    ("command", "check", "error"),
    [
        (revise("FR0009", status="ACTIVE"), None, NotFound),
        (register("FR0001"), None, Conflict),
        (register("FR0009"), refuse, PermissionError),
        (fail, None, ZeroDivisionError),
        (write_too_much, None, Exception),
    ],
    ids=["refused", "refused for another of the group", "check", "error", "too long"],
)
def test_a_command_that_fails_fails_alone(
    system: System, group: Group, command: Command, check: Any, error: type[BaseException]
) -> None:
    group.add(register("FR0001"))
    group.add(command, check=check)
    group.add(register("FR0002"))
    first, failed, last = group.execute()
    assert isinstance(first, Receipt)
    assert isinstance(failed, error)
    assert isinstance(last, Receipt)
    assert [name for name, _ in stored(system)] == ["CodeAssigned", "CommitmentRegistered"] * 2
    assert (first.positions, last.positions) == ((1, 2), (3, 4))


def test_what_rests_on_a_command_that_is_not_stored_is_decided_without_it(system: System, group: Group) -> None:
    group.add(register("FR0001"), check=refuse)
    group.add(register("FR0001"))
    group.add(revise("FR0001", status="WITHDRAWN"))
    first, second, third = group.execute()
    assert isinstance(first, PermissionError)
    assert isinstance(second, Receipt)
    assert isinstance(third, Receipt)
    assert [name for name, _ in stored(system)] == ["CodeAssigned", "CommitmentRegistered", "CommitmentRevised"]


def test_a_save_that_the_database_rejects_keeps_no_other_one_from_being_stored(
    system: System, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reject_the_second(append: LogAppend, head: Any, saves: Sequence[Any]) -> Any:
        if any(save.command == "tester/rejected" for save in saves):
            append.transaction.execute("insert into event (stream) values (:stream)", stream=None)
        return store(append, head, saves)

    store = LogAppend.store
    monkeypatch.setattr(LogAppend, "store", reject_the_second)
    for code, key in zip(CODES, ("first", "rejected", "last"), strict=True):
        group.add(register(code), command_context(actor="tester", idempotency=Idempotency(key, "r")))
    first, rejected, last = group.execute()
    assert isinstance(first, Receipt)
    assert isinstance(rejected, Exception)
    assert isinstance(last, Receipt)
    assert first.positions < last.positions
    assert [name for name, _ in stored(system)] == ["CodeAssigned", "CommitmentRegistered"] * 2


def test_a_failure_of_the_storage_fails_every_command_of_the_group_at_once(
    system: System, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_to_begin() -> AbstractContextManager[LogAppend]:
        raise StorageUnavailable("the disk fails")

    group.add(register("FR0001"))
    group.add(register("FR0002"))
    with monkeypatch.context() as patched:
        patched.setattr(system.log, "begin_append", fail_to_begin)
        assert all(isinstance(each, StorageUnavailable) for each in group.execute())
    assert stored(system) == []
    group.add(register("FR0003"))
    assert [type(each) for each in group.execute()] == [Receipt, Receipt, Receipt]


# Repeated requests


def test_a_request_that_is_repeated_in_a_group_is_recorded_once(system: System, group: Group) -> None:
    group.add(register("FR0001"), with_key("k"))
    group.add(register("FR0001"), with_key("k"))
    group.add(register("FR0002"), with_key("k", "another request"))
    first, repeated, reused = group.execute()
    assert isinstance(first, Receipt)
    assert isinstance(repeated, Receipt)
    assert (repeated.events, repeated.positions, repeated.repeated) == (first.events, first.positions, True)
    assert isinstance(reused, Refusal)
    assert reused.code == "IDEMPOTENCY_KEY_REUSED"
    assert [name for name, _ in stored(system)] == ["CodeAssigned", "CommitmentRegistered"]


def test_a_request_whose_first_attempt_fails_in_its_group_is_recorded_by_the_second(
    system: System, group: Group
) -> None:
    group.add(register("FR0001"), with_key("k"), refuse)
    group.add(register("FR0001"), with_key("k"))
    first, repeated = group.execute()
    assert isinstance(first, PermissionError)
    assert isinstance(repeated, Receipt)
    assert not repeated.repeated
    assert len(stored(system)) == 2


# Other processes


def test_commands_run_again_if_another_process_changed_what_they_have_only_read(make_system: SystemFactory) -> None:
    mine, other = make_system(), make_system()
    for code in ("FR0001", "FR0002"):
        mine.execute(command_context(), register(code))
    read: list[object] = []

    def follow(uow: UnitOfWork) -> None:
        status = uow.require_by_code("commitment", "FR0001").value("status")
        if not read:
            other.execute(command_context(1), revise("FR0001", status="WITHDRAWN"))
        read.append(status)
        commitment_commands.revise_commitment(
            uow, uow.require_by_code("commitment", "FR0002"), {"endsOn": "2019", "status": str(status)}
        )

    mine.execute(command_context(2), follow)
    assert read == ["ACTIVE", "WITHDRAWN"]


def test_a_refusal_rests_on_what_other_processes_have_recorded_meanwhile(make_system: SystemFactory) -> None:
    mine, other = make_system(), make_system()
    with pytest.raises(NotFound):
        mine.execute(command_context(), revise("FR0001", status="WITHDRAWN"))
    other.execute(command_context(), register("FR0001"))
    assert mine.execute(command_context(1), revise("FR0001", status="WITHDRAWN")).events
    with pytest.raises(Conflict):
        other.execute(command_context(), register("FR0001"))


def test_a_command_does_not_execute_another_one_of_the_same_system(system: System) -> None:
    with pytest.raises(RuntimeError, match="cannot execute commands"):
        system.execute(command_context(), lambda _: system.execute(command_context(), register("FR0001")))


# Any commands in any number of threads


class Journal:
    """Random commands, and in which order they were decided last."""

    def __init__(self, seed: int, number: int) -> None:
        rng = random.Random(seed)
        self.contexts = [with_key(f"k{rng.randrange(number // 2)}", f"r{rng.randrange(3)}") for _ in range(number)]
        self._commands = [self._choose(rng) for _ in range(number)]
        self.order: list[int] = []
        self._lock = threading.Lock()

    @staticmethod
    def _choose(rng: random.Random) -> Command:
        code = rng.choice(CODES)
        if rng.random() < 0.3:
            return register(code)
        facts = {"status": rng.choice(["ACTIVE", "INACTIVE", "WITHDRAWN"]), "endsOn": f"20{rng.randrange(10, 14)}"}
        return revise(code, **{rng.choice(list(facts)): facts["status"], "endsOn": facts["endsOn"]} | facts)

    def run(self, number: int) -> Command:
        """Return a command that notes when it is decided."""

        def command(uow: UnitOfWork) -> Any:
            with self._lock:
                self.order = [each for each in self.order if each != number] + [number]
            return self._commands[number](uow)

        return command

    def outcome(self, system: System, number: int) -> tuple[str, int]:
        """Execute a command; returns what became of it: the refusal, or how many events it has, and if it is new."""
        try:
            receipt = system.execute(self.contexts[number], self.run(number))
        except Refusal as refusal:
            return f"{refusal.code} {refusal.message}", 0
        return "repeated" if receipt.repeated else "recorded", len(receipt.events)


def history(system: System) -> list[tuple[str, dict[str, Any], str | None]]:
    """Return name, facts and idempotency key of each event, in the order of the log; ids by the order of their use."""
    ids: dict[str, str] = {}
    events = []
    for logged in system.log.select_notifications(None, 10_000):
        ids.setdefault(logged.stream, f"stream {len(ids)}")
        event = next(each for each in system.executor.events(logged.stream) if each.revision == logged.revision)
        key = event.envelope.idempotency.key if event.envelope.idempotency else None
        facts = {
            path: ids.setdefault(str(v), f"stream {len(ids)}") if path == "aggregate" else v
            for path, v in event.facts.items()
        }
        events.append((f"{ids[logged.stream]} {event.name}", facts, key))
    return events


def check_serial(make_system: SystemFactory, seed: int, number: int, threads: int) -> None:
    """Execute random commands in threads; the log and all outcomes are those of the same commands one by one."""
    concurrent, serial = make_system(f"concurrent {seed}"), make_system(f"serial {seed}")
    journal = Journal(seed, number)
    with ThreadPoolExecutor(threads) as pool:
        outcomes = list(pool.map(lambda each: journal.outcome(concurrent, each), range(number)))
    order = list(journal.order)
    expected = {each: journal.outcome(serial, each) for each in order}
    assert history(concurrent) == history(serial)
    # Repetitions of a request that was recorded do not run, so that they have no place in the order.
    for each, outcome in enumerate(outcomes):
        assert outcome == expected.get(each, outcome)
        if each not in expected:
            assert outcome[0] == "repeated" or "IDEMPOTENCY_KEY_REUSED" in outcome[0]
    keys = Counter(save for _, save in stored(concurrent))
    assert sum(1 for outcome in outcomes if outcome[0] == "recorded" and outcome[1]) == len(keys)
    with concurrent.read_session() as session:
        assert session.head == sum(keys.values())
    digest = concurrent.digest()
    concurrent.rebuild()
    assert concurrent.digest() == digest


@pytest.mark.parametrize("seed", range(2))
def test_commands_of_many_threads_are_as_if_executed_one_by_one(make_system: SystemFactory, seed: int) -> None:
    check_serial(make_system, seed, number=40, threads=8)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 40))
def test_many_commands_of_many_threads_are_as_if_executed_one_by_one(make_system: SystemFactory, seed: int) -> None:
    check_serial(make_system, seed, number=300, threads=16)
