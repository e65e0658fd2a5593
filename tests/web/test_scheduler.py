"""Operations take turns: cheap ones first, by client, within bounds, and never without an end."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from ogpgraph.storage.waiting import waiting
from ogpgraph.web.deadline import Deadline, OperationCancelled
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.scheduler import CHEAP_BYTES, CHEAP_COST, Scheduler, SchedulerLimits
from ogpgraph.web.waiting_tasks import WaitingLimits

pytestmark = pytest.mark.anyio

A, B, C = Client("a"), Client("b"), Client("c")
EXPENSIVE = CHEAP_COST + 1
FOREVER = 10**6
PATIENCE_SECONDS = 60  # a loaded machine may be slow; without what is tested it would be for ever


class Clock:
    """A clock that goes on by a step each time that somebody looks at it; 0 stops it."""

    def __init__(self, step: float = 0.0) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Operations:
    """Operations of a scheduler, which note when they run. The clock stands still unless a test moves it."""

    def __init__(self, limits: SchedulerLimits = SchedulerLimits(), step: float = 0.0) -> None:  # noqa: B008 - frozen
        self.clock = Clock(step)
        self.beside_expensive: list[bool] = []
        self.scheduler = Scheduler(limits, self.clock, self.beside_expensive.append)
        self.ran: list[str] = []
        self.gate = threading.Event()

    def start(
        self,
        client: Client,
        work: Callable[[Deadline], object] | None = None,
        *,
        seconds: float = FOREVER,
        **options: Any,
    ) -> asyncio.Task[Any]:
        """Start an operation that calls `work` with its deadline."""
        deadline = Deadline(seconds, self.clock)
        return asyncio.create_task(
            self.scheduler.run(client, self._work, client.network, work, deadline, deadline=deadline, **options)
        )

    async def hold_turn(self, client: Client = A) -> asyncio.Task[Any]:
        """Start an operation that has the turn until the gate is opened."""
        began = threading.Event()

        def wait(_deadline: Deadline) -> None:
            began.set()
            assert self.gate.wait(PATIENCE_SECONDS)

        task = self.start(client, wait)
        await asyncio.to_thread(began.wait, PATIENCE_SECONDS)
        return task

    async def wait_for_waiting(self, number: int) -> None:
        await wait_until(lambda: self.scheduler.waiting >= number)

    def _work(self, name: str, work: Callable[[Deadline], object] | None, deadline: Deadline) -> object:
        self.ran.append(name)
        return work(deadline) if work else None


def loop_until(event: threading.Event) -> Callable[[Deadline], None]:
    """An operation that reaches checkpoints until an event: for ever, if nobody else gets a turn."""

    def work(deadline: Deadline) -> None:
        while not event.is_set():
            deadline.check()

    return work


async def wait_until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110 - the scheduler has no event for it
            await asyncio.sleep(0.001)


async def within_patience(*tasks: Coroutine[Any, Any, Any] | asyncio.Task[Any]) -> list[Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asyncio.gather(*tasks)


async def rejection_of(task: asyncio.Task[Any]) -> RequestRejected:
    with pytest.raises(RequestRejected) as rejected:
        await within_patience(task)
    return rejected.value


async def test_results_and_exceptions_reach_the_caller() -> None:
    operations = Operations()
    assert await operations.start(A, lambda _deadline: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await operations.start(A, lambda _deadline: 1 / 0)


class Held:
    """What a request holds, such as its body; it may be referred to weakly."""


async def test_an_operation_that_has_ended_leaves_no_garbage() -> None:
    async def start(work: Callable[[Held], object]) -> weakref.ref[Held]:
        held, deadline = Held(), Deadline(FOREVER)
        with suppress(ZeroDivisionError):
            await Scheduler().run(A, work, held, deadline=deadline)
        return weakref.ref(held)

    gc.disable()
    try:
        ended = [await start(work) for work in (id, lambda _held: 1 // 0)]
        await wait_until(lambda: not any(each() for each in ended))  # its thread has the result for a moment
    finally:
        gc.enable()


async def test_clients_take_turns_however_much_one_of_them_sends() -> None:
    operations = Operations()
    tasks = [
        await operations.hold_turn(C),
        *(operations.start(A) for _ in range(4)),
        *(operations.start(B) for _ in range(2)),
    ]
    await operations.wait_for_waiting(6)
    operations.gate.set()
    await within_patience(*tasks)
    assert operations.ran == list("cababaa")


async def test_an_expensive_operation_hands_its_turn_over_to_a_cheap_one_at_its_next_checkpoint() -> None:
    operations, is_answered = Operations(), threading.Event()
    expensive = operations.start(A, loop_until(is_answered), cost=EXPENSIVE)
    await asyncio.sleep(0)
    cheap = operations.start(B, lambda _deadline: is_answered.set())
    await within_patience(expensive, cheap)


async def test_an_operation_that_is_found_to_be_expensive_waits_behind_cheap_ones() -> None:
    operations = Operations()
    is_declared = threading.Event()

    def work(deadline: Deadline) -> None:
        assert operations.gate.wait(PATIENCE_SECONDS)
        deadline.turn.declare_cost(EXPENSIVE)
        operations.ran.append("expensive part")
        is_declared.set()

    tasks = [operations.start(A, work)]
    await asyncio.sleep(0)
    tasks += [operations.start(A), operations.start(B)]
    await operations.wait_for_waiting(2)
    operations.gate.set()
    await within_patience(*tasks)
    assert operations.ran[0] == "a"
    assert operations.ran[-1] == "expensive part"


async def test_an_operation_whose_request_is_large_waits_behind_cheap_ones() -> None:
    operations = Operations()
    tasks = [await operations.hold_turn(C), operations.start(A, size=CHEAP_BYTES + 1), operations.start(B)]
    await operations.wait_for_waiting(2)
    operations.gate.set()
    await within_patience(*tasks)
    assert operations.ran == list("cba")


async def test_an_operation_said_to_be_cheap_that_runs_for_long_hands_its_turn_over() -> None:
    operations, is_answered = Operations(step=0.001), threading.Event()
    long = operations.start(A, loop_until(is_answered))
    await asyncio.sleep(0)
    other = operations.start(A, lambda _deadline: is_answered.set())
    await within_patience(long, other)


async def test_two_expensive_operations_of_different_clients_go_on_side_by_side() -> None:
    operations, first, second = Operations(step=0.001), threading.Event(), threading.Event()

    def set_and_wait(mine: threading.Event, other: threading.Event) -> Callable[[Deadline], None]:
        def work(deadline: Deadline) -> None:
            mine.set()
            loop_until(other)(deadline)

        return work

    await within_patience(
        operations.start(A, set_and_wait(first, second), cost=EXPENSIVE),
        operations.start(B, set_and_wait(second, first), cost=EXPENSIVE),
    )


async def test_cheap_operations_leave_a_part_of_the_time_to_an_expensive_one() -> None:
    operations, is_done = Operations(step=0.001), threading.Event()

    def check_often(deadline: Deadline) -> None:
        for _ in range(20):
            deadline.check()

    async def send_cheap_ones() -> None:
        while not is_done.is_set():
            await operations.start(B, check_often)

    def work(deadline: Deadline) -> None:
        for _ in range(200):
            deadline.check()
        is_done.set()

    senders = [send_cheap_ones() for _ in range(4)]
    await within_patience(*senders, operations.start(A, work, cost=EXPENSIVE))


async def test_only_so_many_expensive_operations_have_begun_at_a_time() -> None:
    operations = Operations(SchedulerLimits(expensive=2), step=0.001)
    counts: list[int] = []

    def work(deadline: Deadline) -> None:
        deadline.turn.declare_cost(EXPENSIVE)
        for _ in range(100):
            deadline.check()
            counts.append(operations.scheduler._begun_count)

    clients = [Client(str(number)) for number in range(8)]
    await within_patience(*(operations.start(client, work) for client in clients))
    assert max(counts) <= 2
    await wait_until(lambda: not operations.scheduler._begun_count)


async def test_it_is_told_when_the_first_expensive_operation_begins_and_the_last_has_ended() -> None:
    operations = Operations(step=0.001)
    await operations.start(A)
    assert operations.beside_expensive == []
    running = [operations.start(each, loop_until(operations.gate), cost=EXPENSIVE) for each in (A, B)]
    await wait_until(lambda: operations.ran.count("a") == 2 and "b" in operations.ran)
    assert operations.beside_expensive == [True]
    operations.gate.set()
    await within_patience(*running)
    await wait_until(lambda: operations.beside_expensive == [True, False])


async def test_one_that_waits_for_something_else_has_no_turn_meanwhile() -> None:
    operations, is_answered = Operations(), threading.Event()

    def work(deadline: Deadline) -> None:
        with deadline.turn.released():
            deadline.check()  # is no reason to wait for the turn
            assert is_answered.wait(PATIENCE_SECONDS)

    await within_patience(operations.start(A, work), operations.start(B, lambda _deadline: is_answered.set()))


async def test_one_that_reaches_no_checkpoint_stops_nobody() -> None:
    operations, is_answered = Operations(step=0.01), threading.Event()

    def work(deadline: Deadline) -> None:
        assert is_answered.wait(PATIENCE_SECONDS)
        deadline.check()

    tasks = [operations.start(A, work), *(operations.start(B) for _ in range(20))]
    tasks.append(operations.start(B, lambda _deadline: is_answered.set()))
    await within_patience(*tasks)
    assert operations.scheduler.waiting == 0


async def test_what_waits_is_bounded_for_each_client() -> None:
    operations = Operations(SchedulerLimits(waiting=WaitingLimits(tasks_each=3, bytes_each=100)))
    tasks = [await operations.hold_turn(), *(operations.start(A) for _ in range(3))]
    await operations.wait_for_waiting(3)
    rejected = await rejection_of(operations.start(A))
    assert (rejected.code, rejected.status, rejected.headers) == ("QUEUE_FULL", 503, {"Retry-After": "2"})
    tasks.append(operations.start(B, size=70))
    await operations.wait_for_waiting(4)
    assert (await rejection_of(operations.start(B, size=31))).code == "QUEUE_FULL"
    tasks.append(operations.start(A, is_bounded=False))
    operations.gate.set()
    await within_patience(*tasks)


async def test_whoever_has_most_waiting_makes_room_for_others() -> None:
    operations = Operations(SchedulerLimits(waiting=WaitingLimits(tasks=4)))
    held, *tasks = [await operations.hold_turn(C), *(operations.start(A) for _ in range(4))]
    await operations.wait_for_waiting(4)
    admitted = operations.start(B)
    assert (await rejection_of(tasks.pop())).code == "QUEUE_FULL"
    assert (await rejection_of(operations.start(A))).code == "QUEUE_FULL"
    operations.gate.set()
    await within_patience(held, admitted, *tasks)
    assert operations.ran == list("cabaa")


async def test_who_is_cancelled_leaves_the_queue_and_does_not_run() -> None:
    operations = Operations()
    held, leaving = await operations.hold_turn(), operations.start(B)
    await operations.wait_for_waiting(1)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert operations.scheduler.waiting == 0
    operations.gate.set()
    await within_patience(held)
    assert operations.ran == ["a"]


async def test_the_caller_of_an_operation_that_has_begun_waits_for_its_end_and_the_operation_is_stopped() -> None:
    operations, has_begun, ended = Operations(), threading.Event(), threading.Event()

    def work(deadline: Deadline) -> None:
        has_begun.set()
        try:
            loop_until(threading.Event())(deadline)
        finally:
            ended.set()

    task = operations.start(A, work)
    await asyncio.to_thread(has_begun.wait, PATIENCE_SECONDS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await within_patience(task)
    assert ended.is_set()


async def test_a_deadline_that_passes_in_the_queue_ends_the_operation_before_it_begins() -> None:
    operations = Operations()
    held, waiting = await operations.hold_turn(), operations.start(B, seconds=1)
    await operations.wait_for_waiting(1)
    operations.clock.now = 2.0
    assert (await rejection_of(waiting)).code == "DEADLINE_EXCEEDED"
    operations.gate.set()
    await within_patience(held)
    assert operations.ran == ["a"]


async def test_a_client_that_has_gone_leaves_the_queue() -> None:
    operations, deadline = Operations(), Deadline(FOREVER)
    held = await operations.hold_turn()
    waiting = asyncio.create_task(operations.scheduler.run(B, lambda: operations.ran.append("b"), deadline=deadline))
    await operations.wait_for_waiting(1)
    deadline.cancel()
    assert (await rejection_of(waiting)).code == "DEADLINE_EXCEEDED"
    operations.gate.set()
    await within_patience(held)
    assert operations.ran == ["a"]


async def test_an_operation_that_waits_in_its_middle_is_stopped_at_its_deadline() -> None:
    operations = Operations()
    is_paused, stopped = threading.Event(), threading.Event()

    def work(deadline: Deadline) -> None:
        is_paused.set()
        try:
            deadline.turn.declare_cost(EXPENSIVE)
            deadline.check()
        except OperationCancelled:
            stopped.set()

    held = operations.start(A, lambda _deadline: operations.gate.wait(PATIENCE_SECONDS))
    await asyncio.sleep(0)
    waiting = operations.start(B, work, seconds=1, cost=EXPENSIVE)
    operations.clock.now = 2.0
    with pytest.raises(RequestRejected):
        await within_patience(waiting)
    operations.gate.set()
    await within_patience(held)


async def test_threads_that_wait_in_the_middle_of_operations_are_bounded_for_each_client() -> None:
    operations, is_over = Operations(SchedulerLimits(threads_each=2), step=0.001), threading.Event()

    def work(deadline: Deadline) -> None:
        deadline.turn.declare_cost(EXPENSIVE)
        with deadline.turn.released():
            assert is_over.wait(PATIENCE_SECONDS)

    tasks = [operations.start(A, work) for _ in range(5)]
    await within_patience(operations.start(B))
    await wait_until(lambda: operations.ran.count("a") == 2 and operations.scheduler.waiting == 3)
    is_over.set()
    await within_patience(*tasks)


async def test_cheap_ones_that_wait_for_something_else_keep_no_others_of_their_client_waiting() -> None:
    limits = SchedulerLimits(threads_each=1, released_each=3)
    operations, is_over = Operations(limits, step=0.001), threading.Event()

    def work(deadline: Deadline) -> None:
        with deadline.turn.released():
            assert is_over.wait(PATIENCE_SECONDS)

    tasks = [operations.start(A, work) for _ in range(5)]
    await within_patience(operations.start(B))
    await wait_until(lambda: operations.ran.count("a") == 3)
    assert operations.scheduler.waiting == 2
    is_over.set()
    await within_patience(*tasks, *(operations.start(A) for _ in range(5)))
    assert operations.ran.count("a") == 10


async def test_a_delay_is_notified_of_once() -> None:
    operations, noticed = Operations(), []
    deadline = Deadline(FOREVER)
    deadline.on_delay = lambda: (noticed.append(1), operations.gate.set())  # type: ignore[func-returns-value, assignment]
    await within_patience(operations.scheduler.run(A, operations.gate.wait, PATIENCE_SECONDS, deadline=deadline))
    await within_patience(operations.start(A))
    assert noticed == [1]


async def test_what_waits_for_the_storage_has_no_turn_meanwhile_however_often_that_is_said() -> None:
    operations, is_answered = Operations(), threading.Event()

    def work(_deadline: Deadline) -> None:
        with waiting(), waiting():
            assert is_answered.wait(PATIENCE_SECONDS)

    await within_patience(operations.start(A, work), operations.start(B, lambda _deadline: is_answered.set()))
    with waiting():  # where there is no scheduler it means nothing
        pass


async def test_who_takes_a_turn_on_the_event_loop_waits_like_others_and_keeps_them_waiting_until_it_ends() -> None:
    operations = Operations()
    scheduler = operations.scheduler
    holder = await operations.hold_turn(A)
    taking = asyncio.create_task(scheduler.take_turn(B, Deadline(FOREVER, operations.clock)))
    await operations.wait_for_waiting(1)
    following = operations.start(C)
    await operations.wait_for_waiting(2)
    assert not taking.done()
    operations.gate.set()
    turn = (await within_patience(holder, taking))[1]
    assert operations.ran == ["a"]
    scheduler.end_turn(turn)
    await within_patience(following)
    assert operations.ran == ["a", "c"]
    assert scheduler.may_go_at_once(B)


async def test_who_is_cancelled_while_it_waits_for_a_turn_on_the_event_loop_takes_none() -> None:
    operations = Operations()
    holder = await operations.hold_turn(A)
    taking = asyncio.create_task(operations.scheduler.take_turn(B, Deadline(FOREVER, operations.clock)))
    await operations.wait_for_waiting(1)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    operations.gate.set()
    await within_patience(holder, operations.start(C))
    assert operations.ran == ["a", "c"]


async def test_who_has_too_much_waiting_gets_no_turn_on_the_event_loop() -> None:
    operations = Operations(SchedulerLimits(waiting=WaitingLimits(tasks_each=1)))
    holder = await operations.hold_turn(A)
    waiting_one = operations.start(B)
    await operations.wait_for_waiting(1)
    taking = asyncio.create_task(operations.scheduler.take_turn(B, Deadline(FOREVER, operations.clock)))
    assert (await rejection_of(taking)).status == 503
    operations.gate.set()
    await within_patience(holder, waiting_one)
