"""A property of one object is computed while that of another is, by another thread or by the same one."""

from __future__ import annotations

import threading

from ogpgraph.lazy import cached_property


class Slow:
    def __init__(self, gate: threading.Event) -> None:
        self.computed = 0
        self._gate = gate

    @cached_property
    def value(self) -> int:
        self.computed += 1
        assert self._gate.wait(60)
        return self.computed


def test_an_object_does_not_wait_for_the_property_of_another() -> None:
    gate = threading.Event()
    waiting, free = Slow(gate), Slow(threading.Event())
    thread = threading.Thread(target=lambda: waiting.value)
    thread.start()
    free._gate.set()
    assert [free.value, free.value, free.computed] == [1, 1, 1]
    gate.set()
    thread.join(60)
    assert waiting.value == 1
