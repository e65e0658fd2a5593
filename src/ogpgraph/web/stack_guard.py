"""Call a function where Python's frames have room, away from the stack cliff of CPython 3.11 and 3.12.

CPython keeps Python frames in chunks of 16 KiB, maps a chunk when a call crosses into it and unmaps it when that call
returns. graphql-core goes up and down across such an edge for every field, if its caller's depth happens to put it
there. Measured with 1,050 fields from 65 depths: 4 ms, but up to 32 ms from 12 of them; through an oversized frame 4 to
5 ms from all. CPython mended it later (python/cpython#142183); 3.11 gets security fixes only.

A frame too large for a chunk gets a larger chunk of its own, and all deeper frames share what it leaves. So one call
through such a frame, which costs about 10 µs, takes a whole operation off the edge.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Final, Protocol, TypeVar, cast

T = TypeVar("T")

# CPython doubles the 16 KiB until the chunk holds the frame and 1,000 slots (of 8 bytes) more. With just over
# 2**15 - 1,000 slots that is 512 KiB, of which the frame leaves half: room for a thousand calls.
STACK_SLOTS: Final = 32_000


class StackGuard(Protocol):
    """Calls what it is given and returns what that returned."""

    def __call__(self, function: Callable[[], T], /) -> T: ...


def make_stack_guard() -> StackGuard:
    """A caller with an oversized frame. Errors of the function called pass through it."""
    # The size of the evaluation stack is enough, and nearly free: unlike 32,000 local variables it is never cleared.
    code = _call.__code__.replace(co_stacksize=STACK_SLOTS)
    return cast(StackGuard, FunctionType(code, {}, "roomy"))


def _call(function: Callable[[], T]) -> T:
    return function()
