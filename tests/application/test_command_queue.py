"""The queue of commands: groups are executed in order, and gathered beside busy readers."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from ogpgraph.application.command_queue import GATHER_SECONDS, READS_PER_COMMAND, CommandQueue


class Groups:
    """Executes groups beside readers who read a number of times meanwhile."""

    def __init__(self, reads_beside: int = 0) -> None:
        self.executed: list[Sequence[str]] = []
        self.slept: list[float] = []
        self.reads = 0
        self._reads_beside = reads_beside
        self.queue = CommandQueue[str](self.execute, lambda: self.reads, self.slept.append)

    def execute(self, group: Sequence[str]) -> None:
        self.executed.append(group)
        self.reads += self._reads_beside


def test_commands_are_gathered_once_readers_are_busy() -> None:
    groups = Groups(reads_beside=READS_PER_COMMAND + 1)
    groups.queue.execute("first")
    assert not groups.slept
    groups.queue.execute("second")
    assert groups.slept == [GATHER_SECONDS]


def test_commands_beside_few_reads_are_executed_at_once() -> None:
    groups = Groups(reads_beside=READS_PER_COMMAND)
    for command in ("first", "second", "third"):
        groups.queue.execute(command)
    assert not groups.slept
    assert groups.executed == [["first"], ["second"], ["third"]]


def test_readers_who_have_ended_delay_no_command_but_the_next() -> None:
    groups = Groups(reads_beside=100)
    groups.queue.execute("beside readers")
    groups._reads_beside = 0
    for command in ("gathered", "at once", "at once"):
        groups.queue.execute(command)
    assert groups.slept == [GATHER_SECONDS]


def test_what_comes_while_a_leader_gathers_is_in_its_group() -> None:
    executed: list[Sequence[str]] = []
    threads: list[threading.Thread] = []
    reads = 0

    def execute(group: Sequence[str]) -> None:
        nonlocal reads
        executed.append(group)
        reads += 100

    def gather(_seconds: float) -> None:
        other = threading.Thread(target=queue.execute, args=("other",))
        other.start()
        threads.append(other)
        while len(queue._waiting) < 2:
            pass

    queue = CommandQueue[str](execute, lambda: reads, gather)
    queue.execute("first")
    queue.execute("leader")
    for each in threads:
        each.join()
    assert executed == [["first"], ["leader", "other"]]


def test_a_group_cannot_execute_commands_of_its_own_queue() -> None:
    def execute(_group: Sequence[str]) -> None:
        queue.execute("inner")

    queue = CommandQueue[str](execute)
    with pytest.raises(RuntimeError, match="cannot execute commands"):
        queue.execute("outer")
