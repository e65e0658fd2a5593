"""Requests on one event loop share readings of the head; each gets one that began after it asked."""

from __future__ import annotations

import asyncio
import threading
from itertools import count

import psycopg
import pytest

from ogpgraph.readmodel.read_model import MemoryView, ReadModel
from ogpgraph.storage.database import DatabaseError, VersionChannel
from ogpgraph.system import System
from ogpgraph.web.shared_confirmation import IterationMemo, SharedConfirmation
from tests.conftest import BOTH_ENGINES, ONLY_POSTGRES, SystemFactory
from tests.readmodel.sample_log import record_commitments
from tests.support.writers import change_title

pytestmark = pytest.mark.anyio
WAIT_SECONDS = 60


class Numbers:
    """Reads the number of the reading, once the test opens its gate; without a channel."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self.gates = [threading.Event() for _ in range(3)]

    def open_version_channel(self) -> VersionChannel | None:
        return None

    def recall_at(self, version: object) -> int | None:
        raise AssertionError(f"nobody was asked for {version}")

    def refresh(self) -> int:
        number = len(self.began)
        self.began.append(number)
        self.gates[number].wait(WAIT_SECONDS)
        return number


async def test_who_asks_for_a_confirmation_gets_one_that_began_afterwards() -> None:
    numbers = Numbers()
    shared = SharedConfirmation(lambda: numbers)
    first = asyncio.create_task(shared.get())
    while not numbers.began:  # noqa: ASYNC110 - by another thread
        await asyncio.sleep(0)
    others = [asyncio.create_task(shared.get()) for _ in range(5)]
    await asyncio.sleep(0)
    for gate in numbers.gates:
        gate.set()
    assert await first == 0
    assert await asyncio.gather(*others) == [1] * 5
    assert numbers.began == [0, 1]


async def test_what_is_read_once_for_an_iteration_of_the_event_loop_is_read_again_in_the_next() -> None:
    numbers = count(1)
    memo = IterationMemo(lambda: next(numbers))

    async def ask() -> int:
        return memo.get()

    assert list(await asyncio.gather(ask(), ask(), ask())) == [1, 1, 1]
    await asyncio.sleep(0)
    assert list(await asyncio.gather(ask(), ask())) == [2, 2]
    assert [memo.get(), memo.get()] == [3, 4], "the same task may have seen a write in between"


class CountedModel:
    """The read model of a system; `refreshed` counts how often it was read in a thread."""

    def __init__(self, model: ReadModel) -> None:
        self._model = model
        self.open_version_channel = model.open_version_channel
        self.recall_at = model.recall_at
        self.refreshed = 0

    def refresh(self) -> MemoryView:
        self.refreshed += 1
        return self._model.refresh()


@pytest.fixture
def model(make_system: SystemFactory) -> CountedModel:
    system = make_system()
    record_commitments(system, 3)
    system.model.warm(seconds=10, pause=lambda _seconds: False)
    return CountedModel(system.model)


@pytest.fixture
def shared(model: CountedModel) -> SharedConfirmation[MemoryView]:
    return SharedConfirmation(lambda: model)


@BOTH_ENGINES
async def test_every_request_sees_what_was_acknowledged_before(
    make_system: SystemFactory, shared: SharedConfirmation[MemoryView]
) -> None:
    system, other = make_system(), make_system()
    position = (await shared.get()).progress.position
    for number in range(10):
        change_title((system, other)[number % 2], "FR0001", f"Title {number}")
        views = await asyncio.gather(*(shared.get() for _ in range(3)))
        assert {each.progress.position for each in views} == {position + number + 1}
        assert all(each.state and each.state.position == position + number + 1 for each in views)
    shared.close()


@ONLY_POSTGRES
async def test_a_head_that_did_not_change_is_confirmed_without_a_thread(
    make_system: SystemFactory, model: CountedModel, shared: SharedConfirmation[MemoryView]
) -> None:
    before = await shared.get()
    assert await shared.get() == before  # once more, as the channel was opened after the first reading
    refreshed = model.refreshed
    for _ in range(10):
        assert await shared.get() == before
    assert model.refreshed == refreshed
    change_title(make_system(), "FR0001", "By another process")
    assert (await shared.get()).progress.position == before.progress.position + 1
    assert model.refreshed == refreshed + 1
    shared.close()


def end_channels(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
            "where application_name = 'ogpgraph version' and datname = current_database()"
        )


@ONLY_POSTGRES
async def test_a_channel_that_is_lost_is_replaced(
    url: str, model: CountedModel, shared: SharedConfirmation[MemoryView]
) -> None:
    before = await shared.get()
    for number in range(1, 4):
        asked = [asyncio.create_task(shared.get()) for _ in range(number - 1)]
        end_channels(url)
        assert [await each for each in asked] == [before] * len(asked)
        assert await shared.get() == before
        assert await shared.get() == before
    assert model.refreshed > 3
    shared.close()


@ONLY_POSTGRES
def test_another_event_loop_has_a_channel_of_its_own(shared: SharedConfirmation[MemoryView]) -> None:
    async def ask() -> int:
        return [await shared.get() for _ in range(3)][-1].progress.position

    assert asyncio.run(ask()) == asyncio.run(ask())
    shared.close()


@BOTH_ENGINES
async def test_a_failure_of_the_storage_is_that_of_the_request(system: System) -> None:
    record_commitments(system, 1)
    shared = SharedConfirmation(lambda: system.model)
    await shared.get()
    system.database.close()
    for _ in range(2):
        with pytest.raises(DatabaseError, match="is closed"):
            await shared.get()
    shared.close()
