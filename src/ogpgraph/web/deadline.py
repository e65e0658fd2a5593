"""When an operation is stopped: at its deadline, and when whoever asked has gone."""

from __future__ import annotations

from collections.abc import Callable


class OperationCancelled(BaseException):
    """The operation is to stop. No mere Exception: resolvers and executor may catch those, and would go on."""


class Deadline:
    """Watches one operation, from its beginning: asked for each object, and by the database in long statements.

    `clock` gives seconds that never go back. Another thread may set `gone`. Once `patient`, it stops nothing.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.seconds = seconds
        self._until = clock() + seconds
        self.client_disconnected = False
        self.is_disabled = False
        self.object_count = 0

    def __call__(self) -> None:
        """Count an object; raises OperationCancelled where the operation is to stop."""
        self.object_count += 1
        if self.is_exceeded():
            raise OperationCancelled

    def is_exceeded(self) -> bool:
        """Tell whether the operation is to stop."""
        return (self.client_disconnected or self._clock() > self._until) and not self.is_disabled
